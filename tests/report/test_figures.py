"""The pictures: what is drawn where and in which color, and that a PNG is whole and the same each time."""

import copy
import logging
import os
import re
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
from numpy.typing import NDArray
from pictures import points, texts
from PIL import Image

from mnist_mlp.report import curves, figures
from mnist_mlp.report.figures import BLUE, FAINT, GRAY, INK, VERMILION, picture_bytes, save_picture
from mnist_mlp.report.scorecard import Mistake, percent
from mnist_mlp.training.history import EpochRecord

DIGITS = list("0123456789")


@pytest.fixture
def axes() -> Axes:
    return Figure().add_subplot()


def epochs(training: list[float], held_out: Sequence[float] = ()) -> list[EpochRecord]:
    """A history with these accuracies."""
    pairs = zip_longest(training, held_out)
    return [EpochRecord(i, 0.3, 0.1, known, None, new, 1.0) for i, (known, new) in enumerate(pairs, 1)]


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

    assert points(axes.lines) == [[[1, 10], [2, 2], [3, 3]], [[1, 7], [2, 4], [3, 3.5]], [[3, 4.17]]]
    assert [line.get_color() for line in axes.lines] == [GRAY, BLUE, VERMILION]
    legend: Any = axes.get_legend()
    assert texts(legend.get_texts()) == ["training 97.00 %", "held out 96.50 %", "test 95.83 %"]
    assert [text.get_color() for text in legend.get_texts()] == [GRAY, BLUE, VERMILION]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "accuracy")
    assert axes.get_yscale() == "log"  # each halving of the mistakes is as high as the next
    assert axes.get_title("left") == "Accuracy by epoch"
    assert texts(axes.texts) == ["training: before each update; the scale is wider toward 100 %"]


@pytest.mark.parametrize(("kept", "side"), [(1, "left"), (2, "left"), (3, "right")])
def test_a_learning_curve_marks_the_epoch_that_is_kept(axes: Axes, kept: int, side: str) -> None:
    history = epochs([0.9, 0.98, 0.97, 0.99], [0.93, 0.97, 0.96, 0.0])
    curves.draw_learning_curve(axes, history, 0.95, kept=kept)

    record = history[kept - 1]
    shares = {"training": record.accuracy, "held out": record.validation_accuracy, "test": 0.95}
    legend: Any = axes.get_legend()
    assert texts(legend.get_texts()) == [f"{name} {percent(share)}" for name, share in shares.items()]
    held_out = [[1, 7], [2, 3], [3, 4], [4, 100]]
    assert points(axes.lines)[1:] == [held_out, [[kept, 5]], [[kept, 0], [kept, 1]]]
    text = axes.texts[0]  # beside the line, where there is more room
    assert (text.get_text(), text.get_horizontalalignment()) == (f" epoch {kept} is kept ", side)
    assert (text.get_position(), text.get_transform()) == ((kept, 0.02), axes.get_xaxis_transform())


@pytest.mark.parametrize(
    ("accuracies", "top", "ticks"),  # the best wrong answers / 1.25, and right answers
    [
        ([0.9, 0.98], 1.6, [90, 93, 95, 97, 98]),
        ([0.1, 0.993], 0.56, [0, 50, 80, 90, 95, 98, 99]),
        ([0.9412, 0.9711], 2.312, [94, 95, 96, 97, 97.5]),
        ([1.0], 0.008, [99.98, 99.985, 99.988, 99.99]),
        ([0.9, 1.0], 0.008, [90, 99, 99.9, 99.99]),
        ([0.0, 1.0], 0.008, [0, 90, 99, 99.9, 99.99]),
        ([0.0], 80, [0, 10, 20]),
    ],
    ids=str,
)
def test_a_learning_curve_has_round_ticks(
    axes: Axes, accuracies: list[float], top: float, ticks: list[float]
) -> None:
    curves.draw_learning_curve(axes, epochs(accuracies), accuracies[-1])

    assert texts(axes.get_yticklabels()) == [f"{tick} %" for tick in ticks]
    assert axes.get_yticks() == pytest.approx([100 - tick for tick in ticks])
    assert axes.get_ylim() == pytest.approx((100 - ticks[0], top))  # a line of the grid at the bottom
    assert list(axes.get_yticks(minor=True)) == []


@pytest.mark.parametrize(
    ("last", "style", "ticks"),
    [(1, "o", [0, 1]), (5, "o-", range(1, 6)), (30, "o-", range(5, 31, 5)), (31, "-", range(5, 31, 5))],
)
def test_a_learning_curve_names_whole_epochs(axes: Axes, last: int, style: str, ticks: list[int]) -> None:
    curves.draw_learning_curve(axes, epochs([0.9] * last), 0.9)

    first, end = axes.get_xlim()
    assert (first, end) == (min(ticks[0], 1), last)
    assert [tick for tick in axes.get_xticks() if first <= tick <= end] == list(ticks)
    line = axes.lines[0]
    assert f"{line.get_marker()}{line.get_linestyle()}".replace("None", "") == style


def test_a_reliability_curve_has_a_point_for_each_group_with_answers(axes: Axes) -> None:
    calibration = copy.deepcopy(MORE["calibration"])
    calibration["bins"][4] |= {"answers": 100, "accuracy": 0.29}
    assert curves.draw_reliability(axes, calibration) is axes

    # Wilson's interval of 29 in 100: (0.29 + z^2/200 +- z sqrt(0.002059 + z^2/40000)) / (1 + z^2/100), with
    # z = 1.96; and of 3 in 4: (3/4 + z^2/8 +- z sqrt(3/64 + z^2/64)) / (1 + z^2/4)
    assert points(axes.lines) == [
        *([[0.4375, 0.2101], [0.4375, 0.3854]], [[0.95, 0.3006], [0.95, 0.9544]]),
        [[0, 0], [1, 1]],
        [[0.4375, 0.29], [0.95, 0.75]],
    ]
    counts = [(text.get_text(), *text.get_position()) for text in axes.texts[:11]]
    expected = [
        (count, pytest.approx((2 * i + 1) / 20), 0.015) for i, count in enumerate([*"0000", "100", *"00004"])
    ]
    assert counts == [*expected, ("answers", -0.015, 0.015)]
    assert texts(axes.texts)[11:] == ["dashed: as often right as the output says; off by 6.25 % on average"]
    assert axes.get_title("left") == "What an output is worth"
    assert axes.get_xlim() == axes.get_ylim() == (0, 1)
    assert axes.get_aspect() == 1
    assert axes.get_xticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert axes.get_yticks() == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])
    assert texts(axes.get_yticklabels()) == ["20 %", "40 %", "60 %", "80 %", "100 %"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("output of the answer", "right answers")


def test_robustness_is_a_small_curve_for_each_change_on_the_same_scale(axes: Axes) -> None:
    more = [{"change": change, "amount": 1, "unit": "px", "accuracy": 0.5} for change in ("moved", "thinned")]
    assert curves.draw_robustness(axes, MORE["robustness"] + more, 0.95) is axes

    panels: list[Any] = axes.child_axes
    titles = ["rotated, degrees", "blurred, pixels", "moved, px", "thinned, px"]
    assert [panel.get_title("left") for panel in panels] == titles
    rotated = panels[0]
    assert points(rotated.lines) == [[[0, 0.95], [1, 0.95]], [[0, 0.9], [1, 0.8]]]
    assert [line.get_color() for line in rotated.lines] == [FAINT, BLUE]
    assert texts(rotated.get_xticklabels()) == ["5", "10"]
    numbers = [(text.get_text(), *text.get_position()) for text in rotated.texts[:2]]
    assert numbers == [("90.0", 0, pytest.approx(0.96)), ("80.0", 1, pytest.approx(0.86))]
    assert (rotated.get_xlim(), list(rotated.get_yticks())) == ((-0.4, 1.4), [])
    assert {panel.get_ylim() for panel in panels} == {(0, 1)}
    # Three in a row, with gaps of 0.16 of the pitch between them, and from one row to the next 0.45 of it.
    places = axes.figure.transFigure + axes.transAxes.inverted()
    found = [places.transform_bbox(panel.get_position()).bounds for panel in panels]
    x, y = 1 / 2.84, 1 / 1.8
    lefts, bottoms = [0, x, 2 * x, 0], [y, y, y, 0]
    assert found == [pytest.approx((*at, 0.84 * x, 0.55 * y)) for at in zip(lefts, bottoms, strict=True)]
    assert texts(axes.texts) == [
        "percent right after each change; gray line: 95.00 % on the digits as they are"
    ]
    assert axes.get_title("left") == "What it withstands"


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
    mistakes = {(9, 4): ("8", "white"), (0, 1): ("4", INK), (2, 7): ("2", INK)}  # column, row
    diagonal = {(digit, digit): ("1000", GRAY) for digit in range(10)}
    assert found == {**mistakes, **diagonal, (0, 11): ("", GRAY)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("answer", "true digit")
    assert axes.xaxis.get_label_position() == axes.xaxis.get_ticks_position() == "top"
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
    *captions, note = axes.texts
    assert [(text.get_text(), *text.get_position(), text.get_horizontalalignment()) for text in captions] == [
        *(("7 → 2", -0.5, 29, "left"), ("0.99", 27.5, 29, "right"), ("11", -0.5, 34.5, "left")),
        *(("4 → 9", 32.5, 29, "left"), ("0.51", 60.5, 29, "right"), ("3", 32.5, 34.5, "left")),
    ]  # between a digit and the next row
    assert {text.get_verticalalignment() for text in captions} == {"top"}
    assert note.get_text() == "true digit → answer, the output for that answer; below: the digit's index"
    assert axes.get_title("left") == "All mistakes (2), the most confident first"


def test_no_more_than_forty_mistakes_are_points(axes: Axes) -> None:
    images = ramps(50)

    mistakes = [Mistake(i, 1, 7, 1 - i / 9999) for i in range(1050)]
    figures.draw_mistakes(axes, images, mistakes)

    assert np.array_equal(tile(axes, 4, 7, 44), images[39])
    assert axes.get_title("left") == "The 40 most confident of 1,050 mistakes"
    assert texts(axes.texts).count("1 → 7") == 40
    figures.draw_mistakes(axes, images, mistakes[:40])
    assert axes.get_title("left") == "All mistakes (40), the most confident first"


def test_a_digit_is_dark_ink_on_light_paper(axes: Axes) -> None:
    assert figures.draw_digits(axes, [ramps(1)[0]], "test digit 0, label 7") is axes

    assert np.array_equal(tile(axes, 0, 0, 28), ramps(1)[0])
    paper, ink = axes.images[0].to_rgba(np.array([[0, 255]]))[0, :, 0]
    assert 0.9 < paper < 1  # so that its edge is seen
    assert ink < 0.1
    assert axes.get_title("left") == "test digit 0, label 7"
    assert not axes.lines
    assert axes.get_anchor() == "N"  # at the height of what stands beside it


@pytest.mark.parametrize(("size", "columns"), [((9, 4.8), 5), ((4.5, 4.8), 4)])
def test_digits_suit_the_shape_and_the_first_is_framed(size: tuple[float, float], columns: int) -> None:
    axes, images = Figure(figsize=size).add_subplot(), ramps(15)

    figures.draw_digits(axes, list(images), "copies")

    mosaic: Any = axes.images[0].get_array()
    assert mosaic.shape == (-(-15 // columns) * 33 - 5, columns * 33 - 5)
    assert np.array_equal(tile(axes, 0, 0, 33), images[0])
    assert np.array_equal(tile(axes, 1, 1, 33), images[columns + 1])
    (frame,) = axes.lines
    corners = [[-0.5, -0.5], [27.5, -0.5], [27.5, 27.5], [-0.5, 27.5], [-0.5, -0.5]]
    assert (points([frame]), frame.get_color()) == ([corners], BLUE)
    assert mosaic.mask[28:33, 28:33].all()  # nothing in between
    narrow: Any = figures.draw_digits(Figure(figsize=(1, 9)).add_subplot(), list(images[:2]), "").images[0]
    assert narrow.get_array().shape == (61, 28)


def test_outputs_are_bars_from_0_to_1_with_answer_and_true_digit_marked(axes: Axes) -> None:
    outputs = [0.01, 0.02, 0.0, 0.3, 0.04, 0.05, 0.06, 0.07, 0.08, 0.51]

    assert figures.draw_outputs(axes, outputs, label=3) is axes

    bars: list[Any] = list(axes.patches)
    assert [bar.get_width() for bar in bars] == outputs
    assert [bar.get_y() + bar.get_height() / 2 for bar in bars] == pytest.approx(list(range(10)))
    assert axes.get_xlim() == (0, 1)
    assert axes.yaxis_inverted()  # 0 on top
    assert texts(axes.get_yticklabels()) == DIGITS
    notes = [f"{output:.3f}" for output in outputs]
    assert texts(axes.texts) == [*notes[:3], "0.300  true digit", *notes[4:9], "0.510  answer"]
    assert axes.get_title("left") == "The ten outputs"
    figures.draw_outputs(axes, [-0.5, *[0] * 8, 1.5], label=0)
    assert axes.get_xlim() == (-0.5, 1.5)
    assert texts(axes.texts)[-10] == "-0.500  true digit"


@pytest.mark.parametrize(
    ("label", "color", "note"),
    [(3, BLUE, "answer, true digit"), (None, BLUE, "answer"), (0, VERMILION, "answer")],
)
def test_the_answer_is_blue_unless_it_is_wrong(axes: Axes, label: int | None, color: str, note: str) -> None:
    figures.draw_outputs(axes, np.eye(10)[3], label)

    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [FAINT] * 3 + [color] + [FAINT] * 6
    assert texts(axes.texts)[3] == f"1.000  {note}"
    assert texts(axes.texts)[0] == ("0.000  true digit" if label == 0 else "0.000")


DRAWINGS: list[Callable[[Axes], Axes]] = [
    lambda axes: curves.draw_learning_curve(axes, epochs([0.9, 0.95], [0.88, 0.94]), 0.97),
    lambda axes: figures.draw_confusion(axes, np.arange(100).reshape(10, 10)),
    lambda axes: figures.draw_mistakes(axes, ramps(1), [Mistake(0, 1, 7, 0.9)] * 40),
]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_picture_is_the_same_each_time_without_blank_margins(
    tmp_path: Path, draw: Callable[[Axes], Axes]
) -> None:
    axes, level = list[Axes](), logging.getLogger("matplotlib").level
    save_picture(tmp_path / "first.png", lambda given: axes.append(draw(given)))
    assert logging.getLogger("matplotlib").level == level
    save_picture(tmp_path / "second.png", draw)

    with Image.open(tmp_path / "first.png") as image:
        assert image.info == {"dpi": pytest.approx((150, 150), abs=0.02)}
        picture = np.asarray(image)[..., :3].min(axis=2)
    assert 600 < picture.shape[1] < 1200  # 7.2 inches of 150 pixels at most, and what stands out of them
    rows, columns = np.flatnonzero((picture < 255).any(axis=1)), np.flatnonzero((picture < 255).any(axis=0))
    assert 10 < min(rows[0], columns[0]) <= max(rows[0], columns[0]) < 30
    assert max(picture.shape[0] - rows[-1], picture.shape[1] - columns[-1]) < 60
    assert not axes[0].axison or not any(spine.get_visible() for spine in axes[0].spines.values())
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.png", "second.png"]


def test_an_svg_is_transparent_and_short_and_keeps_its_text() -> None:
    first, second = (picture_bytes(DRAWINGS[0], size=(6, 4), kind="svg") for _ in range(2))
    assert first == second
    assert b">test 97.00 %</text>" in first
    assert not re.search(rb"<[^>]*\.\d\d[^>]*>", first)  # a tenth of a 72nd of an inch
    assert b"<dc:date>" not in first
    assert b"#ffffff" not in first


def test_titles_of_drawings_side_by_side_do_not_collide(tmp_path: Path) -> None:
    drawn: list[Any] = []

    def digits(axes: Axes) -> None:
        drawn.append(figures.draw_digits(axes, list(ramps(15)), "a very long name of a file.csv, " * 3))

    save_picture(
        tmp_path / "both.png",
        digits,
        lambda axes: drawn.append(figures.draw_outputs(axes, [0.5] * 10)),
        size=(9, 4.8),
    )

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
    assert max(map(len, shown.split("\n"))) <= 36


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
