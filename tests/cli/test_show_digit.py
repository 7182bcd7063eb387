"""`mnist-mlp show-digit`: a digit in the terminal, and what a network makes of it."""

import json
import re
from functools import partial
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from commands import ROOT, call

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.digits.mnist import write_csv
from mnist_mlp.nn.network import Network
from mnist_mlp.report.figures import draw_digits, draw_outputs, save_picture
from mnist_mlp.report.text import Terminal, digit_text, digit_with_bars

pytestmark = pytest.mark.usefixtures("alone")


def test_the_answer_is_that_of_the_network(run: Path, test_csv: Path, few_test_digits: Digits) -> None:
    image = few_test_digits.images[3]
    outputs = Network.load(run / "model.safetensors").forward(scale_pixels(image[None]))[0]
    facts = json.loads(call("show-digit", 3, "--csv", test_csv, "--model", run, "--json").out)
    np.testing.assert_allclose(facts.pop("outputs"), outputs, rtol=1e-6)
    sure = facts.pop("sure")
    assert facts == {"index": 3, "label": 0, "pixels": image.tolist(), "answer": outputs.argmax()}
    shown = call("show-digit", 3, "--csv", test_csv, "--model", run).out
    terminal = Terminal(80, "blocks")
    assert shown.startswith(f"{test_csv} 3, label 0\n{digit_with_bars(image, outputs, 0, terminal)}\n")
    assert ("not sure" in shown) is not sure
    alone = ["show-digit", 3, "--csv", test_csv]
    assert call(*alone).out == f"{test_csv} 3, label 0\n{digit_text(image, terminal)}\n"
    assert json.loads(call(*alone, "--json").out) == {"index": 3, "label": 0, "pixels": image.tolist()}


def test_below_the_threshold_the_network_is_not_sure(run: Path, test_csv: Path) -> None:
    network, show = Network.load(run / "model.safetensors"), ["show-digit", 3, "--csv", test_csv]
    largest = max(json.loads(call(*show, "--model", run, "--json").out)["outputs"])
    for threshold, sure in ((largest - 0.01, True), (largest, True), (largest + 0.01, False), (None, True)):
        network.save("model.safetensors", {} if threshold is None else {"threshold": threshold})
        words = f"\nnot sure: its largest output is below {threshold or 0:.2f}\n"
        assert (words in call(*show, "--model", "model.safetensors").out) is not sure
        assert json.loads(call(*show, "--model", "model.safetensors", "--json").out)["sure"] is sure


def test_the_digits_of_mnist_are_known_by_number(test_csv: Path) -> None:
    for split, number, label in (("test", 0, 7), ("train", 0, 5), ("train", 59_999, 8)):
        shown = call("show-digit", number, "--split", split, "--data-dir", ROOT / "data")
        assert shown.out.startswith(f"{split} digit {number}, label {label}\n")
    assert call("show-digit", 199, "--csv", test_csv).code == 0
    for number in (200, 10**30, -1):
        line = call("show-digit", "--csv", test_csv, "--", number).line
        assert line == f"there is no digit {number:,}; choose an index from 0 to 199"


def test_the_newest_run_answers_where_no_model_is_named(run: Path, test_csv: Path) -> None:
    assert "answer" not in call("show-digit", 3, "--csv", test_csv).out
    Path("runs").mkdir()
    Path("runs", "one").symlink_to(run)
    shown = call("show-digit", 3, "--csv", test_csv)
    assert shown.err == f"model {Path('runs/one/model.safetensors')}\n"
    assert shown.out == call("show-digit", 3, "--csv", test_csv, "--model", run).out


def test_a_digit_at_random_may_be_any(few_test_digits: Digits) -> None:
    write_csv(few_test_digits[:2], "two.csv")
    first_lines = {call("show-digit", "--csv", "two.csv").out.splitlines()[0] for _ in range(25)}
    assert first_lines == {"two.csv 0, label 7", "two.csv 1, label 2"}


def test_a_digit_stands_beside_distorted_ones(
    test_csv: Path, few_test_digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = ["show-digit", 0, "--csv", test_csv, "--distort"]
    assert max(map(len, call(*show).out.splitlines()[1:])) <= 80
    monkeypatch.setenv("COLUMNS", "1000")
    lines = call(*show).out.splitlines()[1:]
    # Two rows of pixels a line; a half block shows a third of full ink or more. All 15 have the same columns.
    drawn = np.array([[char in half for char in line] for line in lines for half in ("▀█", "▄█")])
    width = (drawn.shape[1] + 2) // 15 - 2
    versions = [drawn[:, i * (width + 2) : i * (width + 2) + width] for i in range(15)]
    upright, seven = versions[0], few_test_digits.images[0] >= 85
    inked, shown = (np.argwhere(pixels) for pixels in (seven, upright))
    np.testing.assert_array_equal(shown - shown.min(axis=0), inked - inked.min(axis=0))
    assert len({version.tobytes() for version in versions}) == 15
    alike = [(version & upright).sum() / (version | upright).sum() for version in versions[1:]]
    assert np.mean(alike) > 0.25  # of many draws 0.40 at least; transposed, 0.14 at most


def test_the_answer_beside_distorted_ones_is_that_to_the_digit_itself(
    run: Path, few_test_digits: Digits
) -> None:
    answer = Network.load(run / "model.safetensors").predict(scale_pixels(few_test_digits.images[:1]))[0]
    images, labels = few_test_digits.images[[0, 0]], np.array([answer, 9 - answer], np.uint8)
    write_csv(Digits(images, labels), "twice.csv")
    for index, wrong in enumerate(("", f"; wrong, it is {9 - answer}")):
        shown = call("show-digit", index, "--csv", "twice.csv", "--model", run, "--distort")
        last = shown.out.splitlines()[-1]
        assert re.fullmatch(rf"the first, not distorted: answer {answer}, output 0\.\d+{wrong}", last)


def test_colors_are_for_terminals_that_want_them(
    run: Path, test_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    show = ["show-digit", 3, "--csv", test_csv, "--model", run]
    assert "\x1b[38;5;" in call(*show, terminal=True).out
    assert "\x1b" not in call(*show).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*m", call(*show, terminal=True).out)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")  # of 16 colors, too few for shades of gray
    assert "\x1b" not in call(*show, terminal=True).out


def test_the_picture_shows_the_digit_the_answer_and_the_true_digit(
    run: Path, few_test_digits: Digits
) -> None:
    write_csv(Digits(few_test_digits.images[[0, 0]], np.array([7, 2], np.uint8)), "twice.csv")
    image = few_test_digits.images[0]
    outputs = Network.load(run / "model.safetensors").forward(scale_pixels(image[None]))[0]
    for index, label, model in ((0, 7, ["--model", run]), (1, 2, ["--model", run]), (1, 2, [])):
        shown = call("show-digit", index, "--csv", "twice.csv", *model, "--save", "shown.PNG")
        assert (shown.code, shown.err) == (0, "written to shown.PNG\n")
        draws = [partial(draw_digits, images=[image], title=f"digit {index}, label {label}")]
        draws += [partial(draw_outputs, outputs=outputs, label=label)] * bool(model)
        save_picture(Path("expected.png"), *draws, size=(9.0 if model else 4.8, 4.8))
        assert Path("shown.PNG").read_bytes() == Path("expected.png").read_bytes()
    for name in ("one.png", "another.png"):
        shown = call("show-digit", 0, "--csv", "twice.csv", "--distort", "--save", name, "--json")
        assert json.loads(shown.out) == {"index": 0, "label": 7, "pixels": image.tolist()}
    assert Path("one.png").read_bytes() != Path("another.png").read_bytes()
    title = "digit 0, label 7, in a frame, and 14 distorted copies"
    digits = partial(draw_digits, images=[image] * 15, title=title)
    save_picture(Path("expected.png"), digits, size=(9.0, 4.8))
    expected, one = (matplotlib.image.imread(name) for name in ("expected.png", "one.png"))
    assert one.shape == expected.shape
    np.testing.assert_array_equal(one[:40], expected[:40])  # the title
    Path("folder.png").mkdir()
    for path in ("folder.png", "no/picture.png"):
        shown = call("show-digit", 0, "--csv", "twice.csv", "--save", path)
        assert (shown.code, shown.err.startswith(f"mnist-mlp: {path}: cannot be written")) == (1, True)
