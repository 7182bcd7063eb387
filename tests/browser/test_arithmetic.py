"""The page's arithmetic beside Python's: pixels to the last bit, outputs to the fourth decimal."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from browser.conftest import Run, opened
from browser.handwriting import digits_by_hand, sloppy
from browser.marionette import Firefox
from browser.strokes import draw_strokes
from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network
from mnist_mlp.report.page import render_page
from mnist_mlp.report.scorecard import Scorecard

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

# Bytes travel as text in base64, which takes a browser a hundredth of the time of as many numbers.
DRAW = """
    const pixels = argument.map((strokes) => String.fromCharCode(...pixelsOf(strokes)));
    return btoa(pixels.join(""));
"""
ANSWER = """
    const facts = JSON.parse(document.getElementById("facts").textContent);
    const { network } = unpackNetwork(facts.layers, await unpacked(facts.payload));
    const bytes = Uint8Array.from(atob(argument), (letter) => letter.charCodeAt(0));
    const texts = [];
    for (let i = 0; i < bytes.length; i += 784) {
        const outputs = Float64Array.from(forward(network, bytes.subarray(i, i + 784)).at(-1));
        texts.push(String.fromCharCode(...new Uint8Array(outputs.buffer)));
    }
    return btoa(texts.join(""));
"""


def evaluate(browser: "Browser | Firefox", run: Run, script: str, argument: object) -> Any:
    """Run the body of an async function of `argument` in the page of a run and return what it returns."""
    if isinstance(browser, Firefox):
        browser.open(run.page)
        return browser.run(script, argument)
    with opened(browser, run) as page:
        return page.evaluate(f"async (argument) => {{ {script} }}", argument)


@pytest.fixture(params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest) -> "Browser | Firefox":
    """One browser after the other."""
    found: Browser | Firefox = request.getfixturevalue(request.param)
    return found


def shapes() -> list[list[list[list[float]]]]:
    """Five hundred: digits by hand, scribbles, dots, and points that repeat."""
    rng = np.random.default_rng(7)
    digits = [strokes for _, strokes in digits_by_hand(250, sloppy, rng)]
    scribbles = [
        [rng.uniform(0, 280, (rng.integers(1, 12), 2)) for _ in range(rng.integers(1, 4))] for _ in range(200)
    ]
    dots = [[np.repeat(rng.uniform(0, 280, (1, 2)), 3, axis=0)] for _ in range(25)]
    dashes = [[rng.uniform(130, 150, (2, 2))] for _ in range(25)]
    drawn: list[Any] = [*digits, *scribbles, *dots, *dashes]
    return [[stroke.tolist() for stroke in strokes] for strokes in drawn]


def test_pixels_are_those_of_python(browser: "Browser | Firefox", fast: Run) -> None:
    drawn = shapes()
    text = evaluate(browser, fast, DRAW, drawn)
    assert len(drawn) == 500
    assert base64.b64decode(text) == b"".join(draw_strokes(strokes).tobytes() for strokes in drawn)


def check_answers(browser: "Browser | Firefox", run: Run, digits: Digits) -> None:
    text = evaluate(browser, run, ANSWER, base64.b64encode(digits.images.tobytes()).decode())
    found = np.frombuffer(base64.b64decode(text)).reshape(-1, 10)
    expected = run.network.forward(scale_pixels(digits.images))
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert np.abs(found - expected).max() <= 5e-4


def test_answers_are_those_of_python(browser: "Browser | Firefox", fast: Run, mnist_test: Digits) -> None:
    check_answers(browser, fast, mnist_test[:1000])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("recipe", ["tutorial", "book", "fast", "best"])
def test_answers_to_all_test_digits(
    chromium: "Browser", mnist_test: Digits, recipe: str, trained: Callable[[str], Run]
) -> None:
    check_answers(chromium, trained(recipe), mnist_test)


def test_other_layers_and_activations(chromium: "Browser", few_test_digits: Digits, tmp_path: Path) -> None:
    network = Network(
        [784, 30, 20, 15, 10], ["tanh", "relu", "linear", "softmax"], init="normal-fan-in", biases=True, rng=1
    )
    for b in network.biases or []:
        b[:] = np.linspace(-1, 1, len(b))
    outputs = network.forward(scale_pixels(few_test_digits.images))
    card = Scorecard.from_outputs(few_test_digits.labels, outputs)
    file = tmp_path / "report.html"
    file.write_text(render_page(card=card, network=network, digits=few_test_digits), "utf-8")
    check_answers(chromium, Run(network, card, file), few_test_digits)


BREAK = """
    const pixels = new Uint8Array(784);
    pixels[4 * 28 + 14] = 255;
    const whole = { turn: 0, right: 0, down: 0, thicken: 0, noise: 0 };
    return argument.map((change) => btoa(String.fromCharCode(...broken(pixels, { ...whole, ...change }))));
"""


def test_breaking_a_picture_of_one_pixel(chromium: "Browser", fast: Run) -> None:
    """Its pixel lies ten above the middle, which is pixel 14."""
    changes = [{}, {"turn": 90}, {"turn": -90}, {"right": 3, "down": 2}, {"thicken": 1}, {"thicken": -1}]
    texts = evaluate(chromium, fast, BREAK, changes)
    pictures = [np.frombuffer(base64.b64decode(text), np.uint8).reshape(28, 28) for text in texts]
    ink = [np.argwhere(picture).tolist() for picture in pictures]  # row, column
    assert ink[:4] == [[[4, 14]], [[14, 24]], [[14, 4]], [[6, 17]]]  # +90 degrees: clockwise
    cross = [[3, 14], [4, 13], [4, 14], [4, 15], [5, 14]]
    assert [place for place in ink[4] if pictures[4][tuple(place)] == 255] == cross
    assert ink[5] == []  # nothing is left of a line thinner than a pixel
