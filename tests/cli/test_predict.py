"""`mnist-mlp predict`: digits read from pictures."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from commands import Outcome, call
from folders import files
from numpy.typing import NDArray
from PIL import Image

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.digits.mnist import read_csv
from mnist_mlp.digits.photo import read_image
from mnist_mlp.nn.network import Network
from mnist_mlp.report.steps import save_steps
from mnist_mlp.report.text import Terminal, digit_with_bars

pytestmark = pytest.mark.usefixtures("alone")

PLACES = [(20, 20), (20, 180), (200, 60)]  # row and column of three digits, in two lines of writing
SIZE = 84


@pytest.fixture(scope="module")
def page(few_test_digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of the test digits 1 to 3, which are 2, 1 and 0, three times as large."""
    paper = np.full((320, 300), 255, np.uint8)
    for (row, column), image in zip(PLACES, few_test_digits.images[1:4], strict=True):
        paper[row : row + SIZE, column : column + SIZE] -= np.kron(image, np.ones((3, 3), np.uint8))
    path = tmp_path_factory.mktemp("pictures") / "page.png"
    Image.fromarray(paper).save(path)
    return path


@pytest.fixture(scope="module")
def outputs(page: Path, run: Path) -> NDArray[np.float32]:
    """What the network of the run answers to the three digits."""
    return Network.load(run / "model.safetensors").forward(scale_pixels(read_image(page).images))


def with_threshold(run: Path, threshold: float) -> Path:
    """The same network with another threshold."""
    Network.load(run / "model.safetensors").save(Path("model.safetensors"), {"threshold": threshold})
    return Path("model.safetensors")


def test_json_has_lines_digits_outputs_and_boxes(page: Path, run: Path, outputs: NDArray[np.float32]) -> None:
    (facts,) = json.loads(call("predict", page, "--model", with_threshold(run, 0.0), "--json").out)
    assert facts.keys() == {"image", "lines", "digits"}
    assert facts["image"] == str(page)
    a, b, c = (str(answer) for answer in outputs.argmax(axis=1))
    assert facts["lines"] == [a + b, c]
    assert c == "0"
    assert [len(line) for line in facts["digits"]] == [2, 1]
    digits = [digit for line in facts["digits"] for digit in line]
    for digit, row, (top, left) in zip(digits, outputs, PLACES, strict=True):
        assert digit.keys() == {"digit", "output", "outputs", "box"}
        np.testing.assert_allclose(digit["outputs"], row, atol=1e-6)
        assert digit["digit"] == row.argmax()
        assert digit["output"] == max(digit["outputs"])
        x0, y0, x1, y1 = digit["box"]
        assert left <= x0 < x1 <= left + SIZE
        assert top <= y0 < y1 <= top + SIZE


def test_what_is_below_the_threshold_is_no_digit(page: Path, run: Path) -> None:
    def read(threshold: float, *options: str) -> Outcome:
        return call("predict", page, "--model", with_threshold(run, threshold), *options)

    outputs = [digit["output"] for line in json.loads(read(0.0, "--json").out)[0]["digits"] for digit in line]
    middle = sorted(outputs)[1]  # which is not below itself
    (facts,) = json.loads(read(middle, "--json").out)
    found = [digit["digit"] for line in facts["digits"] for digit in line]
    assert [digit is None for digit in found] == [output < middle for output in outputs]
    texts = ["?" if digit is None else str(digit) for digit in found]
    assert facts["lines"] == [texts[0] + texts[1], texts[2]]
    shown = read(middle).out
    assert shown.startswith(f"{texts[0]}{texts[1]}\n{texts[2]}\n\n")
    assert shown.count(f"\nno digit: its largest output is below {middle:.2f}\n") == 1


def test_without_a_threshold_every_part_is_a_digit(page: Path, run: Path) -> None:
    weights = Network.load(run / "model.safetensors").weights
    low = [np.zeros(30), np.full(10, -6.0)]  # all outputs are near 0, and the largest stays the largest
    Network.from_arrays(weights, low).save("low.safetensors")
    shown = [call("predict", page, "--model", model).out[:4] for model in ("low.safetensors", run)]
    assert shown[0] == shown[1]
    assert "?" not in shown[0]


def test_few_digits_are_shown_with_their_bars_and_many_are_not(
    page: Path, run: Path, outputs: NDArray[np.float32]
) -> None:
    terminal = Terminal(80, "blocks")
    bars = [
        digit_with_bars(image, row, None, terminal)
        for image, row in zip(read_image(page).images, outputs, strict=True)
    ]
    a, b, c = outputs.argmax(axis=1)
    shown = call("predict", page, "--model", with_threshold(run, 0.0)).out
    assert shown == "\n\n".join([f"{a}{b}\n{c}", *bars]) + "\n"
    row = np.asarray(Image.open(page))[:140]
    Image.fromarray(np.hstack([row, row])).save("four.png")
    assert call("predict", "four.png", "--model", "model.safetensors").out == f"{a}{b}{a}{b}\n"


def test_digits_that_touch_are_parted_where_the_network_is_surer_of_the_halves(
    run: Path, few_test_digits: Digits
) -> None:
    paper = np.full((140, 200), 255)
    for image, left in zip(few_test_digits.images[[1, 3]], (20, 68), strict=True):
        paper[20 : 20 + SIZE, left : left + SIZE] -= np.kron(image, np.ones((3, 3), np.uint8))
    Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8)).save("two.png")
    assert len(read_image("two.png").glyphs) == 1  # without a network
    (facts,) = json.loads(call("predict", "two.png", "--model", run, "--json").out)
    assert [len(line) for line in facts["digits"]] == [2]


def test_several_pictures_are_read_one_after_the_other(page: Path, run: Path) -> None:
    Image.new("L", (50, 50), 255).save("blank.png")
    shown = call("predict", page, "blank.png", "--model", run)
    alone = call("predict", page, "--model", run).out
    assert (shown.code, shown.out) == (0, f"{page}:\n{alone}blank.png:\nnothing to read\n")
    facts = json.loads(call("predict", "blank.png", page, "--model", run, "--json").out)
    assert facts == [{"image": "blank.png", "lines": [], "digits": []}, *facts[1:]]
    assert facts[1:] == json.loads(call("predict", page, "--model", run, "--json").out)


def test_a_hyphen_reads_standard_input(page: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(page.read_bytes())))
    assert call("predict", "-", "--model", run).out == call("predict", page, "--model", run).out


def test_digits_are_written_with_the_labels_given_or_the_answers(
    page: Path, run: Path, outputs: NDArray[np.float32]
) -> None:
    answers = outputs.argmax(axis=1).tolist()
    for number, (labels, expected, what) in enumerate(
        [
            (["--labels", "210012"], [2, 1, 0, 0, 1, 2], "the labels given"),
            ([], answers * 2, "the network's answers as labels; correct them"),
        ]
    ):
        shown = call("predict", page, page, "--model", run, "--csv", f"{number}.csv", *labels)
        assert " ".join(shown.err.split()) == f"{number}.csv: 6 digits, with {what}"
        digits = read_csv(Path(f"{number}.csv"))
        assert digits.labels.tolist() == expected
        np.testing.assert_array_equal(digits.images, np.tile(read_image(page).images, (2, 1, 1)))
    for few in ("21", "2103"):
        line = call("predict", page, "--model", run, "--csv", "other.csv", "--labels", few).line
        assert line == f"--labels names {len(few)} digits, but 3 were found; look at --steps"
    assert not Path("other.csv").exists()


def test_the_steps_of_each_picture_have_a_folder_of_their_own(
    page: Path, run: Path, outputs: NDArray[np.float32]
) -> None:
    names = ("sheet.png", "line-1.png", "line-2.png")
    model = with_threshold(run, float(outputs.max(axis=1).min()) + 1e-6)
    sure = outputs.max(axis=1) > outputs.max(axis=1).min()
    answers = [
        (int(row.argmax()) if known else None, float(row.max()))
        for row, known in zip(outputs, sure, strict=True)
    ]
    Path("expected").mkdir()
    save_steps("expected", read_image(page), answers)
    each = [f"{number}-page/{name}" for number in (1, 2) for name in names]
    for folder, pictures, expected in (("one", [page], names), ("two", [page, page], each)):
        shown = call("predict", *pictures, "--model", model, "--steps", folder)
        assert (shown.code, files(Path(folder))) == (0, set(expected))
        assert shown.err.splitlines() == [f"written to {Path(folder, name)}" for name in expected]
        for name in expected:
            assert Path(folder, name).read_bytes() == Path("expected", Path(name).name).read_bytes()
        line = call("predict", page, "--model", run, "--steps", folder).line
        assert line == (f"{folder}: holds the steps of another picture; choose another folder, or delete it")


def test_a_file_of_digits_is_not_replaced(page: Path, run: Path) -> None:
    Path("mine.csv").write_text("corrected")
    line = call("predict", page, "--model", run, "--csv", "mine.csv").line
    assert line == "mine.csv: is there already; choose another name, or delete it"
    assert Path("mine.csv").read_text() == "corrected"


def test_what_is_no_picture_is_one_line(page: Path, run: Path) -> None:
    Path("text.png").write_text("no picture")
    Path("folder").mkdir()
    for name in ("text.png", "folder", "missing.png"):
        assert call("predict", page, name, "--model", run, "--csv", "mine.csv").line.startswith(f"{name}: ")
    assert files() == {"text.png"}
    assert "cannot be read: File name too long" in call("predict", "a" * 300, "--model", run).line
    assert call("predict", page, run).line == f"{run}: is a run; name it with --model {run}"
    Path("text.png").rename("my text.png")
    assert call("predict", "my", "text.png").line == 'my: put the name in quotes: "my text.png"'
