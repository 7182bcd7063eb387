"""`mnist-mlp show-digit`: a digit in the terminal, and what a network makes of it."""

import json
import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from commands import ROOT, call

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.digits.mnist import write_csv
from mnist_mlp.nn.network import Network

pytestmark = pytest.mark.usefixtures("alone")


def test_the_answer_is_that_of_the_network(run: Path, test_csv: Path, few_test_digits: Digits) -> None:
    network, images = Network.load(run / "model.safetensors"), few_test_digits.images
    expected = network.forward(scale_pixels(images[3:4]))[0]
    facts = json.loads(call("show-digit", 3, "--csv", test_csv, "--model", run, "--json").out)
    np.testing.assert_allclose(facts["outputs"], expected, rtol=1e-6)
    assert (facts["index"], facts["label"], facts["answer"]) == (3, 0, expected.argmax())
    assert facts["pixels"] == images[3].tolist()
    shown = call("show-digit", 3, "--csv", test_csv, "--model", run)
    assert shown.out.startswith(f"{test_csv} 3, label 0\n")
    bars = re.findall(r"(?m)\b([0-9])  .* (-?\d\.\d\d\d)(?:  (.*))?$", shown.out)
    assert [float(value) for _, value, _ in bars] == pytest.approx(expected, abs=0.0006)
    assert [(digit, note) for digit, _, note in bars if note] == [("0", "answer, true digit")]


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
    for number in (200, 10**30):
        line = call("show-digit", number, "--csv", test_csv).line
        assert line == f"there is no digit {number:,}; choose an index from 0 to 199"


def test_the_newest_run_answers_where_no_model_is_named(run: Path, test_csv: Path) -> None:
    assert "answer" not in call("show-digit", 3, "--csv", test_csv).out
    Path("runs").mkdir()
    Path("runs", "one").symlink_to(run)
    shown = call("show-digit", 3, "--csv", test_csv)
    assert shown.err == f"model {Path('runs/one/model.safetensors')}\n"
    assert shown.out == call("show-digit", 3, "--csv", test_csv, "--model", run).out


def test_a_digit_at_random_is_another_each_time(test_csv: Path) -> None:
    first_lines = [call("show-digit", "--csv", test_csv).out.splitlines()[0] for _ in range(8)]
    assert len(set(first_lines)) > 1
    number = first_lines[0].removeprefix(f"{test_csv} ").split(",")[0]
    assert call("show-digit", number, "--csv", test_csv).out.splitlines()[0] == first_lines[0]


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


def test_the_picture_shows_the_digit_the_answer_and_the_true_digit(
    run: Path, few_test_digits: Digits
) -> None:
    write_csv(Digits(few_test_digits.images[[0, 0]], np.array([7, 2], np.uint8)), "twice.csv")
    for index in (0, 1):
        shown = call("show-digit", index, "--csv", "twice.csv", "--model", run, "--save", f"{index}.png")
        assert (shown.code, shown.err) == (0, f"written to {index}.png\n")
    seven, two = (matplotlib.image.imread(f"{index}.png") for index in (0, 1))
    outputs = slice(seven.shape[1] // 2, None)  # the right half
    assert (seven[:, outputs] != two[:, outputs]).any()  # though all but the true digit is the same
    for name, option in (("plain.png", []), ("distorted.png", ["--distort"])):
        assert call("show-digit", 0, "--csv", "twice.csv", *option, "--save", name).code == 0
    assert Path("plain.png").read_bytes() != Path("distorted.png").read_bytes()
    Path("folder.png").mkdir()
    for path in ("folder.png", "no/picture.png"):
        shown = call("show-digit", 0, "--csv", "twice.csv", "--save", path)
        assert (shown.code, shown.err.startswith(f"mnist-mlp: {path}: cannot be written")) == (1, True)
