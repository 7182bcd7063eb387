"""The pictures: what is drawn where and in which color, and that a PNG is whole and the same each time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from numpy.typing import NDArray

from mnist_mlp.files.atomic import StorageError
from mnist_mlp.report.figures import (
    BLUE,
    FAINT,
    GRAY,
    INK,
    VERMILION,
    draw_confusion,
    draw_digits,
    draw_learning_curve,
    draw_mistakes,
    draw_outputs,
    save_picture,
)
from mnist_mlp.report.scorecard import Mistake


@pytest.fixture
def axes() -> Axes:
    return Figure().add_subplot()


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_text()]


def labels(texts: list[Text]) -> list[str]:
    return [text.get_text() for text in texts]


def ramp(start: int) -> NDArray[np.uint8]:
    """An image whose pixels are all different from their neighbors."""
    return ((np.arange(784) + start) % 256).astype(np.uint8).reshape(28, 28)


def tile(axes: Axes, row: int, column: int, height: int) -> NDArray[np.uint8]:
    """The pixels of one tile of a mosaic, whose tiles are `height` and 33 apart."""
    mosaic = axes.images[0].get_array()
    assert mosaic is not None
    tile = mosaic[row * height : row * height + 28, column * 33 : column * 33 + 28]
    assert not np.ma.getmaskarray(tile).any()
    return np.asarray(tile)


def test_a_learning_curve_shows_the_wrong_answers_of_each_epoch_named_by_the_right(axes: Axes) -> None:
    assert draw_learning_curve(axes, [0.9, 0.98, 0.97], [0.93, 0.96, 0.965], 0.9583) is axes

    training, held_out, test = axes.lines
    assert np.asarray(training.get_xydata()) == pytest.approx(np.array([[1, 10], [2, 2], [3, 3]]))
    assert np.asarray(held_out.get_xydata()) == pytest.approx(np.array([[1, 7], [2, 4], [3, 3.5]]))
    assert np.asarray(test.get_xydata()) == pytest.approx(np.array([[3, 4.17]]))
    assert [line.get_color() for line in axes.lines] == [GRAY, BLUE, VERMILION]
    legend = axes.get_legend()
    assert legend is not None
    assert labels(legend.get_texts()) == ["training 97.00 %", "held out 96.50 %", "test 95.83 %"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "accuracy")
    assert axes.get_title("left") == "Accuracy by epoch"
    assert texts(axes) == ["training: before each update; the scale is wider toward 100 %"]


def test_a_learning_curve_rises_and_gives_each_halving_of_the_mistakes_the_same_room(axes: Axes) -> None:
    draw_learning_curve(axes, [0.96, 0.98, 0.99])

    heights = axes.transData.transform(axes.lines[0].get_xydata())[:, 1]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1])
    assert heights[1] > heights[0]


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([0.9, 0.98], ["90 %", "95 %", "98 %"]),
        ([0.1, 0.993], ["0 %", "50 %", "80 %", "90 %", "95 %", "98 %", "99 %"]),
        ([0.9412, 0.9711], ["94 %", "95 %", "96 %", "97 %", "97.5 %"]),
        ([1.0], ["99.98 %", "99.985 %", "99.99 %"]),
        ([0.0, 1.0], ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"]),
    ],
    ids=str,
)
def test_a_learning_curve_has_round_ticks(axes: Axes, accuracies: list[float], expected: list[str]) -> None:
    draw_learning_curve(axes, accuracies)

    shown = labels(axes.get_yticklabels())
    assert set(expected) <= set(shown)
    assert 4 <= len(shown) <= 9
    bottom, top = axes.get_ylim()
    assert bottom == max(axes.get_yticks()) >= 100 - 100 * min(accuracies)  # a line of the grid at the bottom
    assert top < max(100 - 100 * max(accuracies), 0.01)


@pytest.mark.parametrize(
    ("epochs", "first", "ticks"),
    [(1, 0, [0, 1]), (5, 1, [1, 2, 3, 4, 5]), (600, 1, [100, 200, 300, 400, 500, 600])],
)
def test_a_learning_curve_names_whole_epochs(axes: Axes, epochs: int, first: int, ticks: list[int]) -> None:
    draw_learning_curve(axes, [0.9] * epochs)

    assert axes.get_xlim() == (first, epochs)
    assert [tick for tick in axes.get_xticks() if first <= tick <= epochs] == ticks
    assert axes.lines[0].get_marker() == ("None" if epochs > 30 else "o")


def test_a_confusion_matrix_is_colored_by_its_mistakes_alone(axes: Axes) -> None:
    confusion = np.diag([1000] * 10)
    confusion[4, 9], confusion[7, 2], confusion[1, 0] = 8, 2, 4

    assert draw_confusion(axes, confusion) is axes

    drawn: Any = axes.collections[0].get_array()
    drawn = drawn.reshape(10, 10)
    assert {(row, column) for row, column in np.argwhere(~np.ma.getmaskarray(drawn))} == {
        (4, 9),
        (7, 2),
        (1, 0),
    }
    assert (drawn[4, 9], drawn[7, 2]) == (1, 0.5)  # by the square root
    found = {text.get_position(): (text.get_text(), text.get_color()) for text in axes.texts}
    assert found[9, 4] == ("8", "white")  # column and row; light on dark
    assert found[2, 7] == ("2", INK)
    assert found[0, 1] == ("4", INK)
    assert found[3, 3] == ("1000", GRAY)
    assert (0, 2) not in found
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("answer", "true digit")
    assert labels(axes.get_xticklabels()) == labels(axes.get_yticklabels()) == list("0123456789")
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # 0 on top
    assert axes.get_title("left") == "Which digit was taken for which (14 of 10,014 answers wrong)"


def test_no_mistakes_are_drawn_too(axes: Axes) -> None:
    draw_confusion(axes, np.diag([5] * 10))
    assert axes.get_title("left").endswith("(0 of 50 answers wrong)")

    axes = Figure().add_subplot()
    draw_mistakes(axes, np.zeros((0, 28, 28), dtype=np.uint8), [])
    assert axes.get_title("left") == "No mistakes"
    assert texts(axes) == []


def test_mistakes_are_drawn_with_the_most_confident_first(axes: Axes) -> None:
    images = np.stack([ramp(7 * i) for i in range(20)])

    assert draw_mistakes(axes, images, [Mistake(3, 4, 9, 0.512), Mistake(11, 7, 2, 0.987)]) is axes

    assert np.array_equal(tile(axes, 0, 0, 44), images[11])
    assert np.array_equal(tile(axes, 0, 1, 44), images[3])
    *captions, note = texts(axes)
    assert captions == ["7 → 2", "0.99", "11", "4 → 9", "0.51", "3"]
    places = [text.get_position() for text in axes.texts]
    assert [x for x, _ in places[:6]] == [-0.5, 27.5, -0.5, 32.5, 60.5, 32.5]
    assert all(28 < y < 44 for _, y in places[:6])
    assert note == "true digit → answer, the output for that answer; below: the digit's index"
    assert axes.get_title("left") == "All mistakes (2), the most confident first"


def test_no_more_than_forty_mistakes_are_drawn(axes: Axes) -> None:
    images = np.stack([ramp(i) for i in range(50)])

    draw_mistakes(axes, images, [Mistake(i, 1, 7, 1 - i / 100) for i in range(50)])

    assert np.array_equal(tile(axes, 4, 7, 44), images[39])
    assert axes.get_title("left") == "The 40 most confident of 50 mistakes"
    assert texts(axes).count("1 → 7") == 40


def test_a_digit_is_dark_ink_on_light_paper(axes: Axes) -> None:
    assert draw_digits(axes, [ramp(0)], "test digit 0, label 7") is axes

    image = axes.images[0]
    assert np.array_equal(np.asarray(image.get_array()), ramp(0))
    paper, ink = (image.to_rgba(np.array([[pixel]]))[0, 0, 0] for pixel in (0, 255))
    assert paper > 0.9
    assert ink < 0.1
    assert axes.get_title("left") == "test digit 0, label 7"
    assert not axes.lines


@pytest.mark.parametrize(("size", "columns"), [((9, 4.8), 5), ((4.5, 4.8), 4)])
def test_several_digits_suit_the_shape_and_the_first_is_framed(
    size: tuple[float, float], columns: int
) -> None:
    axes, images = Figure(figsize=size).add_subplot(), [ramp(i) for i in range(15)]

    draw_digits(axes, images, "copies")

    assert np.asarray(axes.images[0].get_array()).shape[1] == columns * 33 - 5
    assert np.array_equal(tile(axes, 0, 0, 33), images[0])
    assert np.array_equal(tile(axes, 1, 1, 33), images[columns + 1])
    (frame,) = axes.lines
    assert {tuple(corner) for corner in np.asarray(frame.get_xydata())} == {
        (-0.5, -0.5), (27.5, -0.5), (27.5, 27.5), (-0.5, 27.5)
    }  # fmt: skip


def test_outputs_are_bars_from_0_to_1_with_answer_and_true_digit_marked(axes: Axes) -> None:
    outputs = [0.01, 0.02, 0.0, 0.3, 0.04, 0.05, 0.06, 0.07, 0.08, 0.51]

    assert draw_outputs(axes, outputs, label=3) is axes

    bars = axes.containers[0].patches  # type: ignore[attr-defined]
    assert [bar.get_width() for bar in bars] == outputs
    assert [bar.get_y() + bar.get_height() / 2 for bar in bars] == pytest.approx(list(range(10)))
    assert axes.get_xlim() == (0, 1)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # 0 on top
    assert labels(axes.get_yticklabels()) == list("0123456789")
    assert texts(axes)[:4] == ["0.010", "0.020", "0.000", "0.300  true digit"]
    assert texts(axes)[9] == "0.510  answer"


@pytest.mark.parametrize(("label", "color", "note"), [
    (3, BLUE, "1.000  answer, true digit"), (None, BLUE, "1.000  answer"), (5, VERMILION, "1.000  answer")
])  # fmt: skip
def test_the_answer_is_blue_unless_it_is_wrong(axes: Axes, label: int | None, color: str, note: str) -> None:
    draw_outputs(axes, np.eye(10)[3], label)

    colors = [to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colors == [color if digit == 3 else FAINT for digit in range(10)]
    assert texts(axes)[3] == note


DRAWINGS: list[Callable[[Axes], Axes]] = [
    lambda axes: draw_learning_curve(axes, [0.9, 0.95], [0.88, 0.94], 0.97),
    lambda axes: draw_confusion(axes, np.arange(100).reshape(10, 10)),
    lambda axes: draw_mistakes(axes, np.stack([ramp(0)]), [Mistake(0, 1, 7, 0.9)] * 40),
    lambda axes: draw_digits(axes, [ramp(i) for i in range(15)], "digits"),
    lambda axes: draw_outputs(axes, np.linspace(0, 1, 10)),
]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_picture_is_a_whole_png_and_the_same_each_time(
    tmp_path: Path, draw: Callable[[Axes], Axes]
) -> None:
    save_picture(tmp_path / "first.png", draw)
    save_picture(tmp_path / "second.png", draw)

    height, width, _ = imread(tmp_path / "first.png").shape
    assert 600 < width < 1200  # 150 pixels an inch, margins cut off
    assert 450 < height < 800
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.png", "second.png"]


def test_titles_of_drawings_side_by_side_do_not_collide(tmp_path: Path) -> None:
    drawn: list[Axes] = []

    def digits(axes: Axes) -> None:
        drawn.append(draw_digits(axes, [ramp(i) for i in range(15)], "a very long name of a file.csv, " * 3))

    save_picture(
        tmp_path / "p.png", digits, lambda axes: drawn.append(draw_outputs(axes, [0.5] * 10)), size=(9, 4.8)
    )

    left, right = (axes.title.axes._left_title.get_window_extent() for axes in drawn)  # type: ignore[union-attr]
    assert left.x1 < right.x0
    assert drawn[0].get_position().x1 < drawn[1].get_position().x0


def test_a_picture_that_cannot_be_written_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="missing"):
        save_picture(tmp_path / "missing" / "picture.png", DRAWINGS[3])


TITLES = {
    "mathematics": "$\\frac",
    "escapes": "\x1b[31m\udcff",
    "another script": "数字",
    "long": "x" * 10_000,
}


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
def test_a_title_may_be_the_name_of_any_file(tmp_path: Path, title: str) -> None:
    drawn: list[Axes] = []
    save_picture(tmp_path / "p.png", lambda axes: drawn.append(draw_digits(axes, [ramp(0)], title)))
    shown = drawn[0].get_title("left")
    assert shown.replace("\n", "").isprintable()
    assert shown[:1] in {title[:1], "'"}
    assert len(shown) < 100
