"""Drawing on the page with mouse, finger and keys, in a real browser."""

import re
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from browser.conftest import Run, opened
from browser.handwriting import Stroke, careful, digits_by_hand, sloppy, template
from browser.strokes import draw_strokes
from mnist_mlp.digits.images import scale_pixels
from mnist_mlp.digits.mnist import read_csv

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "device_scale_factor": 3}


def draw_with_mouse(page: "Page", strokes: Sequence[Stroke]) -> None:
    for stroke in strokes:
        first, *others = points_on_screen(page, stroke)
        page.mouse.move(*first)
        page.mouse.down()
        for point in others:
            page.mouse.move(*point)
        page.mouse.up()


def draw_with_finger(page: "Page", strokes: Sequence[Stroke]) -> None:
    client = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y} for x, y in points]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    for stroke in strokes:
        first, *others = points_on_screen(page, stroke)
        touch("touchStart", first)
        for point in others:
            touch("touchMove", point)
        touch("touchEnd")
    client.detach()


def points_on_screen(page: "Page", stroke: Stroke) -> list[tuple[float, float]]:
    page.evaluate("document.getElementById('paper').scrollIntoView({ block: 'center' })")
    box = page.locator("#paper").bounding_box()
    assert box
    scale = box["width"] / 280
    return [(box["x"] + float(x) * scale, box["y"] + float(y) * scale) for x, y in thinned(stroke)]


def thinned(stroke: Stroke) -> Stroke:
    """Every third point and the last, since the browser takes one a frame, 60 a second."""
    return np.concatenate([stroke[:-1:3], stroke[-1:]])


def answer(page: "Page") -> str:
    return page.locator("#answer .digit").inner_text()


def share_right(page: "Page", hand: Callable[..., list[Stroke]], count: int, *, touch: bool) -> float:
    draw = draw_with_finger if touch else draw_with_mouse
    right = 0
    for digit, strokes in digits_by_hand(count, hand, np.random.default_rng(1)):
        page.evaluate("document.getElementById('clear').click()")
        draw(page, strokes)
        right += answer(page) == str(digit)
    return right / count


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["mouse", "touch"])
def test_drawn_digits_are_read(chromium: "Browser", fast: Run, device: dict[str, object]) -> None:
    with opened(chromium, fast, **device) as page:
        assert share_right(page, careful, 10, touch="has_touch" in device) >= 0.9


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["mouse", "touch"])
@pytest.mark.parametrize(("recipe", "at_least"), [("fast", (0.97, 0.88)), ("best", (0.98, 0.93))])
def test_many_drawn_digits_are_read(
    chromium: "Browser",
    trained: Callable[[str], Run],
    device: dict[str, object],
    recipe: str,
    at_least: tuple[float, float],
) -> None:
    with opened(chromium, trained(recipe), **device) as page:
        for hand, limit in zip((careful, sloppy), at_least, strict=True):
            assert share_right(page, hand, 100, touch="has_touch" in device) >= limit


def test_what_is_kept_is_what_was_answered(
    chromium: "Browser", fast: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The downloaded CSV file, read by the program, gives the answers that stood on the screen."""
    answers, labels = [], cycle("7310")
    with opened(chromium, fast, **DESKTOP) as page:
        for i, (_, strokes) in enumerate(digits_by_hand(12, sloppy, np.random.default_rng(2))):
            page.click("#clear")
            draw_with_mouse(page, strokes)
            page.locator("[name=turn]").fill(str(15 * i - 90))
            page.locator("[name=noise]").fill(str(i % 4 * 0.1))
            answers.append(int(answer(page)))
            page.locator("#labels button", has_text=next(labels)).click()
        with page.expect_download() as download:
            page.click("#download")
        file = tmp_path_factory.mktemp("download") / download.value.suggested_filename
        download.value.save_as(file)
    digits = read_csv(file)
    assert file.name == "drawn.csv"
    assert digits.labels.tolist() == [7, 3, 1, 0] * 3
    assert fast.network.predict(scale_pixels(digits.images)).tolist() == answers
    assert set(answers) != set(digits.labels)  # some are wrong, so that the labels cannot pass for answers


def test_strokes_are_seen_as_python_draws_them(chromium: "Browser", fast: Run) -> None:
    """The mouse's positions arrive rounded to the canvas, so that a few pixels differ by a little."""
    strokes = template(2, 0)
    with opened(chromium, fast, **DESKTOP) as page:
        draw_with_mouse(page, [stroke * 2 + 40 for stroke in strokes])
        page.locator("#labels button").first.click()
        with page.expect_download() as download:
            page.click("#download")
        text = download.value.path().read_text()
    seen = np.array(text.split(","), int)[1:].reshape(28, 28)
    assert np.abs(seen - draw_strokes([thinned(stroke) for stroke in strokes]).astype(int)).max() <= 3


def test_keyboard_draws_a_one(chromium: "Browser", fast: Run) -> None:
    with opened(chromium, fast, **DESKTOP) as page:
        page.locator("#paper").focus()
        for key in ["ArrowUp"] * 9 + [" "] + ["ArrowDown"] * 18 + [" "]:
            page.keyboard.press(key)
        page.locator("#answer .digit", has_text="1").wait_for()
        page.keyboard.press("Backspace")
        assert answer(page) == ""


def test_undo_takes_back_one_stroke_and_clear_all(chromium: "Browser", fast: Run) -> None:
    one, bar = np.linspace((140, 40), (140, 240), 9), np.linspace((60, 140), (220, 140), 9)
    with opened(chromium, fast, **DESKTOP) as page:
        draw_with_mouse(page, [one])
        before = page.locator("#outputs").inner_text()
        draw_with_mouse(page, [bar])
        assert page.locator("#outputs").inner_text() != before
        page.click("#undo")
        assert page.locator("#outputs").inner_text() == before
        page.click("#clear")
        assert answer(page) == ""


def test_below_the_threshold_there_is_no_answer(chromium: "Browser", fast: Run) -> None:
    with opened(chromium, fast, **DESKTOP) as page:
        page.locator("#mistake-tiles button").last.click()
        assert answer(page).isdigit()
        page.locator("#threshold").fill("0.99")
        assert answer(page) == "?"
        words = page.locator("#answer .words").inner_text()
        assert re.fullmatch(r"not sure: its largest output, 0\.\d\d for \d, is below 0\.99", words)


def test_a_mistake_can_be_put_on_the_paper(chromium: "Browser", fast: Run) -> None:
    surest = max(fast.card.mistakes, key=lambda mistake: mistake.output)
    with opened(chromium, fast, **DESKTOP) as page:
        page.locator("#mistake-tiles button").first.click()
        assert answer(page) == str(surest.predicted)


def test_a_cell_of_the_confusion_matrix_shows_its_digits(chromium: "Browser", fast: Run) -> None:
    mistake = fast.card.mistakes[0]
    alike = [m for m in fast.card.mistakes if (m.label, m.predicted) == (mistake.label, mistake.predicted)]
    with opened(chromium, fast, **DESKTOP) as page:
        page.click(f"td[data-label='{mistake.label}'][data-answer='{mistake.predicted}'] button")
        assert page.locator("#cell .tile").count() == len(alike)
        page.locator("#cell .tile").first.click()
        assert answer(page) == str(mistake.predicted)
