"""The pictures: what is drawn, and that a PNG is whole, of its size, and the same each time."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from mnist_mlp.files.atomic import StorageError
from mnist_mlp.report.figures import (
    draw_confusion,
    draw_digit,
    draw_digit_grid,
    draw_learning_curve,
    draw_mistakes,
    draw_outputs,
    save_picture,
)
from mnist_mlp.report.scorecard import Mistake


@dataclass
class Record:
    """One row of a history."""

    epoch: int
    accuracy: float
    validation_accuracy: float | None = None


@pytest.fixture
def axes() -> Axes:
    return Figure().add_subplot()


def texts(axes: Axes) -> list[str]:
    return [text.get_text().strip() for text in axes.texts if text.get_text()]


def ramp(start: int) -> np.ndarray:
    """An image whose pixels are all different from their neighbours."""
    return ((np.arange(784) + start) % 256).astype(np.uint8).reshape(28, 28)


def tile(axes: Axes, row: int, column: int, height: int) -> np.ndarray:
    """The pixels of one tile of a mosaic, whose tiles are `height` and 33 apart."""
    mosaic = axes.images[0].get_array()
    assert mosaic is not None
    tile = mosaic[row * height : row * height + 28, column * 33 : column * 33 + 28]
    assert not np.ma.getmaskarray(tile).any()
    return np.asarray(tile)


def test_learning_curve_shows_percentages_of_each_epoch(axes: Axes) -> None:
    history = [Record(1, 0.9, 0.93), Record(2, 0.95, 0.96), Record(3, 0.97, 0.965)]

    assert draw_learning_curve(axes, history, test_accuracy=0.9583) is axes

    training, validation, test = axes.lines
    assert np.asarray(training.get_xydata()) == pytest.approx(np.array([[1, 90], [2, 95], [3, 97]]))
    assert np.asarray(validation.get_xydata()) == pytest.approx(np.array([[1, 93], [2, 96], [3, 96.5]]))
    assert np.asarray(test.get_xydata()) == pytest.approx(np.array([[3, 95.83]]))
    for label in ("training 97.00 %", "validation 96.50 %", "test 95.83 %"):
        assert label in texts(axes)


def test_learning_curve_gives_each_halving_of_the_mistakes_the_same_room(axes: Axes) -> None:
    draw_learning_curve(axes, [Record(1, 0.96), Record(2, 0.98), Record(3, 0.99)])

    heights = axes.transData.transform(axes.lines[0].get_xydata())[:, 1]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1])


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([0.9], 4),
        ([0.9, 0.98], 4),
        ([0.1, 0.993], 4),
        ([0.9901, 0.9902], 4),
        ([1.0], 4),
        ([0.0, 1.0], 4),
    ],
)
def test_learning_curve_has_round_ticks_within_its_limits(
    axes: Axes, accuracies: list[float], expected: int
) -> None:
    draw_learning_curve(axes, [Record(epoch, accuracy) for epoch, accuracy in enumerate(accuracies, start=1)])

    ticks = axes.get_yticks()
    low, high = axes.get_ylim()
    assert expected <= len(ticks) <= 9
    assert low == pytest.approx(min(ticks))  # a line of the grid lies under the lowest point
    assert low <= 100 * min(accuracies)
    assert max(ticks) <= high


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (1, [1]),
        (2, [1, 2]),
        (5, [1, 2, 3, 4, 5]),
        (12, [1, 2, 4, 6, 8, 10, 12]),
        (600, [1, 100, 200, 300, 400, 500, 600]),
    ],
)
def test_learning_curve_names_the_first_epoch_and_round_ones(
    axes: Axes, epochs: int, expected: list[int]
) -> None:
    draw_learning_curve(axes, [Record(epoch, 0.9) for epoch in range(1, epochs + 1)])

    left, right = axes.get_xlim()
    assert list(axes.get_xticks()) == expected
    assert left < 1  # so that the first marker stands clear of the tick labels
    assert right == epochs


def test_learning_curve_of_one_epoch_has_its_label_beside_the_grid(axes: Axes) -> None:
    draw_learning_curve(axes, [Record(1, 0.94)])

    assert axes.get_xlim() == (0, 1)
    assert [text.get_position()[0] for text in axes.texts if "94.00" in text.get_text()] == [1]
    assert axes.lines[0].get_marker() == "o"


def test_labels_of_curves_that_end_together_stay_apart(axes: Axes) -> None:
    draw_learning_curve(axes, [Record(1, 0.8, 0.8), Record(2, 0.98, 0.98)], test_accuracy=0.98)

    heights = sorted(text.get_position()[1] for text in axes.texts if "98.00" in text.get_text())
    assert np.diff(heights) == pytest.approx([0.06, 0.06])


def test_confusion_is_coloured_by_its_mistakes_alone(axes: Axes) -> None:
    confusion = np.diag([1000] * 10)
    confusion[4, 9] = 8
    confusion[7, 2] = 3

    assert draw_confusion(axes, confusion) is axes

    image = axes.images[0]
    drawn = image.get_array()
    assert isinstance(drawn, np.ma.MaskedArray)
    assert drawn[4, 9] == 8  # row: the true digit
    assert np.array_equal(np.ma.getmaskarray(drawn), np.eye(10, dtype=bool))
    assert image.norm.vmax == 8
    found = {text.get_position(): text.get_text() for text in axes.texts}
    assert found[(9, 4)] == "8"
    assert found[(2, 7)] == "3"
    assert found[(0, 0)] == "1000"
    assert (0, 1) not in found
    assert axes.get_title("left") == "Which digit was taken for which (11 of 10,011 answers wrong)"


def test_confusion_without_mistakes_is_drawn(axes: Axes) -> None:
    draw_confusion(axes, np.diag([5] * 10))

    assert axes.get_title("left").endswith("(0 of 50 answers wrong)")


def test_mistakes_are_drawn_with_the_most_confident_first(axes: Axes) -> None:
    images = np.stack([ramp(7 * i) for i in range(20)])
    mistakes = [Mistake(3, 4, 9, 0.512), Mistake(11, 7, 2, 0.987)]

    assert draw_mistakes(axes, images, mistakes) is axes

    assert np.array_equal(tile(axes, 0, 0, 44), images[11])
    assert np.array_equal(tile(axes, 0, 1, 44), images[3])
    captions = [text for text in texts(axes) if "answer" not in text]
    assert captions == ["7 → 2", "0.99", "11", "4 → 9", "0.51", "3"]
    assert axes.get_title("left") == "Every mistake (2), the most confident first"


def test_no_more_than_forty_mistakes_are_drawn(axes: Axes) -> None:
    images = np.stack([ramp(i) for i in range(50)])

    draw_mistakes(axes, images, [Mistake(i, 1, 7, 1 - i / 100) for i in range(50)])

    assert np.array_equal(tile(axes, 4, 7, 44), images[39])
    assert axes.get_title("left") == "The 40 most confident of 50 mistakes"
    assert len([text for text in texts(axes) if text == "1 → 7"]) == 40


def test_no_mistakes_are_said_to_be_none(axes: Axes) -> None:
    draw_mistakes(axes, np.zeros((0, 28, 28), dtype=np.uint8), [])

    assert axes.get_title("left") == "No mistakes"


def test_a_digit_is_drawn_pixel_by_pixel(axes: Axes) -> None:
    assert draw_digit(axes, ramp(0), title="Test digit 0: a 7") is axes

    drawn = axes.images[0].get_array()
    assert drawn is not None
    assert np.array_equal(drawn, ramp(0))
    assert axes.get_title("left") == "Test digit 0: a 7"


def test_the_grid_marks_the_original(axes: Axes) -> None:
    images = [ramp(i) for i in range(6)]

    assert draw_digit_grid(axes, images) is axes

    assert np.array_equal(tile(axes, 0, 0, 33), images[0])
    assert np.array_equal(tile(axes, 1, 2, 33), images[5])
    frame: Any = axes.patches[0]
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((-0.5, -0.5), 28, 28)
    assert axes.get_title("left") == "A digit, framed, and 5 distorted versions of it"


@pytest.mark.parametrize(("size", "columns"), [((9, 4.8), 5), ((4.5, 4.8), 4)])
def test_the_grid_suits_the_shape_of_its_axes(size: tuple[float, float], columns: int) -> None:
    axes = Figure(figsize=size).add_subplot()

    draw_digit_grid(axes, [ramp(i) for i in range(15)])

    drawn = axes.images[0].get_array()
    assert drawn is not None
    assert drawn.shape[1] == columns * 33 - 5


def test_outputs_are_bars_with_answer_and_true_digit_marked(axes: Axes) -> None:
    outputs = [0.01, 0.02, 0.0, 0.3, 0.04, 0.05, 0.06, 0.07, 0.08, 0.91]

    assert draw_outputs(axes, outputs, label=3) is axes

    bars: list[Any] = list(axes.patches)
    assert [bar.get_width() for bar in bars] == outputs
    assert [bar.get_y() + bar.get_height() / 2 for bar in bars] == pytest.approx(list(range(10)))
    assert "0.910  answer" in texts(axes)
    assert "0.300  true digit" in texts(axes)


def test_a_right_answer_has_another_colour_than_a_wrong_one() -> None:
    outputs = np.eye(10)[3]
    right, wrong = Figure().add_subplot(), Figure().add_subplot()
    draw_outputs(right, outputs, label=3)
    draw_outputs(wrong, outputs, label=5)

    assert "1.000  answer  true digit" in texts(right)
    assert right.patches[3].get_facecolor() != wrong.patches[3].get_facecolor()


HISTORY = [Record(epoch, 1 - 0.1 / epoch, 1 - 0.12 / epoch) for epoch in range(1, 6)]
DRAWINGS: list[Callable[[Axes], Axes]] = [
    lambda axes: draw_learning_curve(axes, HISTORY, 0.97),
    lambda axes: draw_confusion(axes, np.arange(100).reshape(10, 10)),
    lambda axes: draw_mistakes(axes, np.stack([ramp(0)]), [Mistake(0, 1, 7, 0.9)] * 40),
    lambda axes: draw_digit(axes, ramp(0)),
    lambda axes: draw_digit_grid(axes, [ramp(i) for i in range(15)]),
    lambda axes: draw_outputs(axes, np.linspace(0, 1, 10)),
]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_picture_is_a_png_of_its_size_and_the_same_each_time(
    tmp_path: Path, draw: Callable[[Axes], Axes]
) -> None:
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    save_picture(first, draw, size=(4, 3))
    save_picture(second, draw, size=(4, 3))

    data = first.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (600, 450)  # 150 pixels an inch
    assert data[-12:] == b"\0\0\0\0IEND\xaeB`\x82"
    assert data == second.read_bytes()
    assert b"Software" not in data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.png", "second.png"]


@pytest.mark.parametrize("count", [8, 9, 40])
def test_a_sheet_is_as_high_as_its_rows(tmp_path: Path, count: int) -> None:
    images = np.full((1, 28, 28), 255, np.uint8)
    mistakes = [Mistake(0, 1, 7, 0.9)] * count
    save_picture(tmp_path / "sheet.png", lambda axes: draw_mistakes(axes, images, mistakes), size=(7.2, 7.2))

    sheet = imread(tmp_path / "sheet.png")[..., :3].min(axis=2)
    assert sheet.shape[1] == 1080
    assert (sheet[-1] == 1).all()  # a margin
    assert (sheet[-30:] < 1).any()  # and no more


def test_two_drawings_stand_side_by_side(tmp_path: Path) -> None:
    drawn: list[Axes] = []

    save_picture(tmp_path / "both.png", drawn.append, drawn.append)

    left, right = (axes.get_position() for axes in drawn)
    assert left.x1 < right.x0
    assert (left.y0, left.y1) == pytest.approx((right.y0, right.y1))


def test_a_picture_that_cannot_be_written_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="missing"):
        save_picture(tmp_path / "missing" / "picture.png", lambda axes: draw_digit(axes, ramp(0)))


@pytest.mark.parametrize("title", ["$\\frac", "\x1b[31m\udcff", "数字", "x" * 10_000], ids=ascii)
def test_a_title_may_be_the_name_of_any_file(tmp_path: Path, title: str) -> None:
    image = np.zeros((28, 28), np.uint8)
    save_picture(tmp_path / "digit.png", lambda axes: draw_digit(axes, image, title), size=(4.8, 4.8))
    assert (tmp_path / "digit.png").exists()
