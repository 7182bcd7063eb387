"""The pictures: what is drawn where and in which color, and that a PNG is whole and the same each time."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cards import MORE
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.typing import NDArray

from mnist_mlp.report import curves, figures
from mnist_mlp.report.figures import BLUE, FAINT, GRAY, INK, VERMILION, save_picture
from mnist_mlp.report.scorecard import Mistake
from mnist_mlp.training.history import EpochRecord

DIGITS = list("0123456789")


@pytest.fixture
def axes() -> Axes:
    return Figure().add_subplot()


def epochs(training: list[float], held_out: Sequence[float] = ()) -> list[EpochRecord]:
    """A history with these accuracies."""
    pairs = zip_longest(training, held_out)
    return [EpochRecord(i, 0.3, 0.1, known, None, new, 1.0) for i, (known, new) in enumerate(pairs, 1)]


def texts(found: Any) -> list[str]:
    return [text.get_text() for text in found if text.get_text()]


def ramps(count: int) -> NDArray[np.uint8]:
    """Images whose pixels are all different from their neighbors, and each image from the next."""
    pixels = np.arange(784) + np.arange(count)[:, None]
    return (pixels % 256).astype(np.uint8).reshape(-1, 28, 28)


def tile(axes: Axes, row: int, column: int, height: int) -> NDArray[np.uint8]:
    """The pixels of one tile of a mosaic, whose tiles are `height` and 33 apart."""
    mosaic: Any = axes.images[0].get_array()
    tile = mosaic[row * height : row * height + 28, column * 33 : column * 33 + 28]
    assert not np.ma.getmaskarray(tile).any()
    return np.asarray(tile)


def test_a_learning_curve_shows_the_wrong_answers_of_each_epoch_named_by_the_right(axes: Axes) -> None:
    assert curves.draw_learning_curve(axes, epochs([0.9, 0.98, 0.97], [0.93, 0.96, 0.965]), 0.9583) is axes

    points = [np.asarray(line.get_xydata()) for line in axes.lines]
    assert points[0] == pytest.approx(np.array([[1, 10], [2, 2], [3, 3]]))
    assert points[1] == pytest.approx(np.array([[1, 7], [2, 4], [3, 3.5]]))
    assert points[2] == pytest.approx(np.array([[3, 4.17]]))
    assert [line.get_color() for line in axes.lines] == [GRAY, BLUE, VERMILION]
    legend: Any = axes.get_legend()
    assert texts(legend.get_texts()) == ["training 97.00 %", "held out 96.50 %", "test 95.83 %"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "accuracy")
    assert axes.get_yscale() == "log"  # each halving of the mistakes is as high as the next
    assert axes.get_title("left") == "Accuracy by epoch"
    assert texts(axes.texts) == ["training: before each update; the scale is wider toward 100 %"]


def test_a_learning_curve_marks_the_epoch_that_is_kept(axes: Axes) -> None:
    curves.draw_learning_curve(axes, epochs([0.9, 0.98, 0.97], [0.93, 0.97, 0.96]), 0.95, kept=2)

    legend: Any = axes.get_legend()
    assert texts(legend.get_texts()) == ["training 98.00 %", "held out 97.00 %", "test 95.00 %"]
    assert np.asarray(axes.lines[2].get_xydata()) == pytest.approx(np.array([[2, 5]]))
    assert np.asarray(axes.lines[3].get_xdata()).tolist() == [2, 2]
    assert " epoch 2 is kept " in texts(axes.texts)


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
    curves.draw_learning_curve(axes, epochs(accuracies), accuracies[-1])

    shown = texts(axes.get_yticklabels())
    assert set(expected) <= set(shown)
    assert 4 <= len(shown) <= 9
    bottom, top = axes.get_ylim()
    assert bottom == max(axes.get_yticks()) >= 100 - 100 * min(accuracies)  # a line of the grid at the bottom
    assert top < max(100 - 100 * max(accuracies), 0.01)


@pytest.mark.parametrize(
    ("last", "ticks"), [(1, [0, 1]), (5, [1, 2, 3, 4, 5]), (600, [100, 200, 300, 400, 500, 600])]
)
def test_a_learning_curve_names_whole_epochs(axes: Axes, last: int, ticks: list[int]) -> None:
    curves.draw_learning_curve(axes, epochs([0.9] * last), 0.9)

    first, end = axes.get_xlim()
    assert (first, end) == (min(ticks[0], 1), last)
    assert [tick for tick in axes.get_xticks() if first <= tick <= end] == ticks
    assert axes.lines[0].get_marker() == ("None" if last == 600 else "o")


def test_a_reliability_curve_has_a_point_for_each_group_with_answers(axes: Axes) -> None:
    assert curves.draw_reliability(axes, MORE["calibration"]) is axes

    *intervals, diagonal, points = [np.asarray(line.get_xydata()) for line in axes.lines]
    assert points == pytest.approx(np.array([[0.4375, 1 / 3], [0.95, 0.75]]))
    assert diagonal.tolist() == [[0, 0], [1, 1]]
    # Wilson's interval of 1 in 3: (1/3 + z^2/6 +- z sqrt(2/27 + z^2/36)) / (1 + z^2/3), with z = 1.96
    assert intervals[0] == pytest.approx(np.array([[0.4375, 0.0615], [0.4375, 0.7923]]), abs=1e-4)
    assert len(intervals) == 2
    assert texts(axes.texts)[:11] == [*"0000300004", "answers"]
    assert "off by 6.25 % on average" in texts(axes.texts)[-1]
    assert axes.get_xlim() == axes.get_ylim() == (0, 1)


def test_robustness_is_a_small_curve_for_each_change_on_the_same_scale(axes: Axes) -> None:
    assert curves.draw_robustness(axes, MORE["robustness"], 0.95) is axes

    panels: list[Any] = axes.child_axes
    rotated, blurred = panels
    assert [panel.get_title("left") for panel in (rotated, blurred)] == [
        "rotated, degrees",
        "blurred, pixels",
    ]
    unchanged, curve = rotated.lines
    assert np.asarray(unchanged.get_ydata()).tolist() == [0.95, 0.95]
    assert np.asarray(curve.get_xydata()).tolist() == [[0, 0.9], [1, 0.8]]
    assert texts(rotated.get_xticklabels()) == ["5", "10"]
    assert texts(rotated.texts)[:2] == ["90.0", "80.0"]
    assert rotated.get_ylim() == blurred.get_ylim() == (0, 1)
    assert texts(axes.texts) == [
        "percent right after each change; gray line: 95.00 % on the digits as they are"
    ]


def test_a_confusion_matrix_is_colored_by_its_mistakes_alone(axes: Axes) -> None:
    confusion = np.diag([1000] * 10)
    confusion[4, 9], confusion[7, 2], confusion[1, 0] = 8, 2, 4

    assert figures.draw_confusion(axes, confusion) is axes

    cells: Any = axes.collections[0]
    colored = cells.get_array().reshape(10, 10)
    assert np.argwhere(~np.ma.getmaskarray(colored)).tolist() == [[1, 0], [4, 9], [7, 2]]
    assert (colored[4, 9], colored[7, 2]) == (1, 0.5)  # by the square root
    darkest, lighter = (np.mean(cells.to_rgba(colored[place])[:3]) for place in ((4, 9), (7, 2)))
    assert darkest < 0.4 < lighter
    found = {text.get_position(): (text.get_text(), text.get_color()) for text in axes.texts}
    assert (found[9, 4], found[0, 1], found[2, 7]) == (("8", "white"), ("4", INK), ("2", INK))  # column, row
    assert found[3, 3] == ("1000", GRAY)
    assert (0, 2) not in found
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("answer", "true digit")
    assert texts(axes.get_xticklabels()) == texts(axes.get_yticklabels()) == DIGITS
    assert axes.yaxis_inverted()  # 0 on top
    assert axes.get_title("left") == "Which digit was taken for which (14 of 10,014 answers wrong)"


def test_no_mistakes_are_drawn_too(axes: Axes) -> None:
    figures.draw_confusion(axes, np.diag([5] * 10))
    assert axes.get_title("left").endswith("(0 of 50 answers wrong)")

    sheet = figures.draw_mistakes(Figure().add_subplot(), ramps(0), [])
    assert (sheet.get_title("left"), texts(sheet.texts)) == ("No mistakes", [])


def test_mistakes_are_drawn_with_the_most_confident_first(axes: Axes) -> None:
    images = ramps(20)

    assert figures.draw_mistakes(axes, images, [Mistake(3, 4, 9, 0.512), Mistake(11, 7, 2, 0.987)]) is axes

    assert np.array_equal(tile(axes, 0, 0, 44), images[11])
    assert np.array_equal(tile(axes, 0, 1, 44), images[3])
    *captions, note = texts(axes.texts)
    assert captions == ["7 → 2", "0.99", "11", "4 → 9", "0.51", "3"]
    assert [text.get_position()[0] for text in axes.texts[:6]] == [-0.5, 27.5, -0.5, 32.5, 60.5, 32.5]
    assert all(27.5 < text.get_position()[1] < 40 for text in axes.texts[:6])  # between digit and next row
    assert [text.get_horizontalalignment() for text in axes.texts[:3]] == ["left", "right", "left"]
    assert note == "true digit → answer, the output for that answer; below: the digit's index"
    assert axes.get_title("left") == "All mistakes (2), the most confident first"


def test_no_more_than_forty_mistakes_are_drawn(axes: Axes) -> None:
    images = ramps(50)

    figures.draw_mistakes(axes, images, [Mistake(i, 1, 7, 1 - i / 100) for i in range(50)])

    assert np.array_equal(tile(axes, 4, 7, 44), images[39])
    assert axes.get_title("left") == "The 40 most confident of 50 mistakes"
    assert texts(axes.texts).count("1 → 7") == 40


def test_a_digit_is_dark_ink_on_light_paper(axes: Axes) -> None:
    assert figures.draw_digits(axes, [ramps(1)[0]], "test digit 0, label 7") is axes

    assert np.array_equal(tile(axes, 0, 0, 28), ramps(1)[0])
    paper, ink = axes.images[0].to_rgba(np.array([[0, 255]]))[0, :, 0]
    assert 0.9 < paper < 1  # so that its edge is seen
    assert ink < 0.1
    assert axes.get_title("left") == "test digit 0, label 7"
    assert not axes.lines


@pytest.mark.parametrize(("size", "columns"), [((9, 4.8), 5), ((4.5, 4.8), 4)])
def test_digits_suit_the_shape_and_the_first_is_framed(size: tuple[float, float], columns: int) -> None:
    axes, images = Figure(figsize=size).add_subplot(), ramps(15)

    figures.draw_digits(axes, list(images), "copies")

    assert np.asarray(axes.images[0].get_array()).shape[1] == columns * 33 - 5
    assert np.array_equal(tile(axes, 0, 0, 33), images[0])
    assert np.array_equal(tile(axes, 1, 1, 33), images[columns + 1])
    (frame,) = axes.lines
    corners = {tuple(corner) for corner in np.asarray(frame.get_xydata())}
    assert corners == {(-0.5, -0.5), (27.5, -0.5), (27.5, 27.5), (-0.5, 27.5)}


def test_outputs_are_bars_from_0_to_1_with_answer_and_true_digit_marked(axes: Axes) -> None:
    outputs = [0.01, 0.02, 0.0, 0.3, 0.04, 0.05, 0.06, 0.07, 0.08, 0.51]

    assert figures.draw_outputs(axes, outputs, label=3) is axes

    bars: list[Any] = list(axes.patches)
    assert [bar.get_width() for bar in bars] == outputs
    assert [bar.get_y() + bar.get_height() / 2 for bar in bars] == pytest.approx(list(range(10)))
    assert axes.get_xlim() == (0, 1)
    assert axes.yaxis_inverted()  # 0 on top
    assert texts(axes.get_yticklabels()) == DIGITS
    assert texts(axes.texts)[:4] == ["0.010", "0.020", "0.000", "0.300  true digit"]
    assert texts(axes.texts)[9] == "0.510  answer"


@pytest.mark.parametrize(
    ("label", "color", "note"),
    [(3, BLUE, "answer, true digit"), (None, BLUE, "answer"), (5, VERMILION, "answer")],
)
def test_the_answer_is_blue_unless_it_is_wrong(axes: Axes, label: int | None, color: str, note: str) -> None:
    figures.draw_outputs(axes, np.eye(10)[3], label)

    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [FAINT] * 3 + [color] + [FAINT] * 6
    assert texts(axes.texts)[3] == f"1.000  {note}"


DRAWINGS: list[Callable[[Axes], Axes]] = [
    lambda axes: curves.draw_learning_curve(axes, epochs([0.9, 0.95], [0.88, 0.94]), 0.97),
    lambda axes: figures.draw_confusion(axes, np.arange(100).reshape(10, 10)),
    lambda axes: figures.draw_mistakes(axes, ramps(1), [Mistake(0, 1, 7, 0.9)] * 40),
    lambda axes: figures.draw_digits(axes, list(ramps(15)), "digits"),
    lambda axes: figures.draw_outputs(axes, np.linspace(0, 1, 10)),
    lambda axes: curves.draw_robustness(axes, MORE["robustness"] * 2, 0.95),
]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_picture_is_the_same_each_time_without_blank_margins(
    tmp_path: Path, draw: Callable[[Axes], Axes]
) -> None:
    save_picture(tmp_path / "first.png", draw)
    save_picture(tmp_path / "second.png", draw)

    picture = imread(tmp_path / "first.png")[..., :3].min(axis=2)
    assert 600 < picture.shape[1] < 1200  # 7.2 inches of 150 pixels at most, and what stands out of them
    rows, columns = np.flatnonzero((picture < 1).any(axis=1)), np.flatnonzero((picture < 1).any(axis=0))
    assert max(rows[0], columns[0]) < 30
    assert max(picture.shape[0] - rows[-1], picture.shape[1] - columns[-1]) < 60
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    assert b"Software" not in (tmp_path / "first.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.png", "second.png"]


def test_titles_of_drawings_side_by_side_do_not_collide(tmp_path: Path) -> None:
    drawn: list[Any] = []

    def digits(axes: Axes) -> None:
        drawn.append(figures.draw_digits(axes, list(ramps(15)), "a very long name of a file.csv, " * 3))

    save_picture(tmp_path / "both.png", digits, lambda axes: drawn.append(DRAWINGS[4](axes)), size=(9, 4.8))

    left, right = (axes._left_title.get_window_extent() for axes in drawn)
    assert left.x1 < right.x0
    assert drawn[0].get_position().x1 < drawn[1].get_position().x0


@pytest.mark.parametrize("title", ["$\\frac$", "\x1b[31m\udcff", "数字", "x" * 10_000], ids="mect")
def test_a_title_may_be_the_name_of_any_file(tmp_path: Path, title: str) -> None:
    drawn: list[Axes] = []
    save_picture(
        tmp_path / "p.png", lambda axes: drawn.append(figures.draw_digits(axes, list(ramps(1)), title))
    )
    shown = drawn[0].get_title("left")
    assert shown.replace("\n", "").isprintable()
    assert shown[:1] in {title[:1], "'"}
    assert len(shown) < 100


def test_without_a_home_a_picture_is_saved_without_a_word(tmp_path: Path) -> None:
    program = (
        "from mnist_mlp.report.figures import draw_outputs, save_picture\n"
        f"save_picture({str(tmp_path / 'p.png')!r}, lambda axes: draw_outputs(axes, [0.5] * 10))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR"}
    environment |= {"HOME": os.devnull, "XDG_CONFIG_HOME": os.devnull, "XDG_CACHE_HOME": os.devnull}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]
