"""What a sweep found: settings summed up, as tables and pictures."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from pictures import points, texts

from mnist_mlp.report.figures import BLUE, GRAY, INK, VERMILION, save_picture
from mnist_mlp.report.sweep_figures import draw_curves, draw_dots, draw_map, draw_ranking, save_sweep_picture
from mnist_mlp.report.sweeps import Entry, Row, Settings, label, summarize, table, to_csv, value_label


def entries(settings: dict[str, Any], *scores: float | None) -> list[Entry]:
    """The networks of a setting, in percent."""
    return [
        Entry(settings, seed, None, None, f"{seed}", "why")
        if score is None
        else Entry(settings, seed, score / 100, 2.0 * seed, f"{seed}")
        for seed, score in enumerate(scores, 1)
    ]


GRID = [
    *entries({"learning_rate": 0.5, "hidden": 200}, 97.9, 97.8, 98.0),
    *entries({"learning_rate": 0.1, "hidden": 200}, 96.3, 96.4, 96.2),
    *entries({"learning_rate": 0.1, "hidden": 50}, 95.8, 95.9, 95.6),
    *entries({"learning_rate": 0.5, "hidden": 50}, 97.8, 97.95, 97.65),
]


@pytest.fixture
def axes() -> Axes:
    return Figure().add_subplot()


def test_settings_are_summed_up_the_best_first_and_failures_last() -> None:
    rows = summarize(
        [
            *entries({"momentum": 0.1}, 90, 92),
            *entries({"momentum": 0.2}, 99, None),
            *entries({"momentum": 0.3}, 95, 96),
            *entries({"momentum": 0.4}, None, None),
        ]
    )
    assert [row.settings["momentum"] for row in rows] == [0.3, 0.1, 0.2, 0.4]
    best = rows[0]
    assert best.mean == pytest.approx(0.955)
    assert best.deviation == pytest.approx(0.01 / 2**0.5)  # of two: half the difference, times the root of 2
    assert (best.failed, best.seconds) == (0, 3.0)
    assert (rows[2].scores, rows[2].deviation, rows[2].failed) == ([0.99], None, 1)
    assert (rows[3].scores, rows[3].failed) == ([], 2)


def test_as_good_is_what_is_less_than_two_standard_errors_below() -> None:
    # Three networks with a deviation of 0.1 each: a standard error of 0.1 x sqrt(2 / 3) = 0.0816 points.
    best = Row({}, [0.979, 0.980, 0.981], 0, 1)
    near, far = (Row({}, [0.979 - less, 0.980 - less, 0.981 - less], 0, 1) for less in (0.0016, 0.0017))
    assert near.as_good_as(best)
    assert not far.as_good_as(best)
    assert best.as_good_as(best)
    assert Row({}, [0.98, 0.98], 0, 1).as_good_as(Row({}, [0.98, 0.98], 0, 1))  # without any deviation
    single = Row({}, [0.980], 0, 1)  # nothing is known of its deviation
    assert not single.as_good_as(best)
    assert not best.as_good_as(single)
    assert not Row({}, [0.979, 0.981], 1, 1).as_good_as(best)


def test_a_table_has_a_column_for_each_setting_that_differs() -> None:
    headings, cells = table(summarize(GRID))
    assert headings == ["learning_rate", "hidden", "mean", "deviation", "networks", "time", ""]
    assert cells == [
        ["0.5", "200", "97.90 %", "0.10 %", "3", "4.0 s", "best"],
        ["0.5", "50", "97.80 %", "0.15 %", "3", "4.0 s", "as good"],
        ["0.1", "200", "96.30 %", "0.10 %", "3", "4.0 s", ""],
        ["0.1", "50", "95.77 %", "0.15 %", "3", "4.0 s", ""],
    ]
    constant = entries({"epochs": 3, "momentum": 0.5}, 90) + entries({"epochs": 3, "momentum": 1}, None)
    assert table(summarize(constant)) == (
        ["momentum", "mean", "deviation", "networks", "time", ""],
        [["0.5", "90.00 %", "-", "1", "2.0 s", "best"], ["1", "-", "-", "0", "0.0 s", "1 failed"]],
    )
    four, five = ([dict.fromkeys(names, i) for i in (1, 2)] for names in ("abcd", "abcde"))
    assert table([Row(one, [0.9], 0, 1) for one in four])[0][:5] == [*"abcd", "mean"]
    assert table([Row(one, [0.9], 0, 1) for one in five])[0][:2] == ["setting", "mean"]  # too many


def test_settings_of_different_names_share_a_column() -> None:
    several: list[Settings] = [{"scale": 0.0, "shear": 0.0}, {"hidden": (9, 8)}]
    headings, cells = table([Row(settings, [0.9], 0, 1) for settings in several])
    assert headings[:2] == ["setting", "mean"]
    assert [row[0] for row in cells] == ["scale=0,shear=0", "hidden=9x8"]


def test_the_csv_has_a_line_for_each_network() -> None:
    found = [
        *entries({"hidden": (9, 8), "biases": True}, 97.5),
        *entries({"hidden": 5, "momentum": 0.5}, None),
    ]
    assert to_csv(found) == (
        "hidden,biases,momentum,seed,held_out,seconds,folder,failed\n"
        "9x8,true,,1,0.975,2.0,1,\n"
        "5,,0.5,1,,,1,why\n"
    )


def test_settings_are_spelled_as_they_are_typed() -> None:
    settings = {"learning_rate": 1.0, "momentum": 1e-05, "hidden": (300, 100), "biases": False}
    assert label(settings) == "learning_rate=1,momentum=1e-05,hidden=300x100,biases=false"
    assert (label({}), label({}, "none")) == ("recipe", "none")
    assert [value_label(value, ",") for value in ([300, 100], "a.0b", 100)] == ["300,100", "a.0b", "100"]


# Pictures


def written(axes: Axes) -> list[tuple[object, ...]]:
    """Each text with its place and its color."""
    found = (text for text in axes.texts if text.get_text())
    return [(text.get_text(), *np.round(text.get_position(), 9), text.get_color()) for text in found]


def bars(axes: Axes) -> list[list[list[list[float]]]]:
    """The ends of each error bar of each curve."""
    curves: list[Any] = list(axes.containers)
    return [[np.round(bar, 4).tolist() for bar in curve.lines[2][0].get_segments()] for curve in curves]


def test_a_map_has_the_settings_at_their_places_and_frames_the_best(axes: Axes) -> None:
    assert draw_map(axes, summarize(GRID), "note") is axes
    assert (axes.get_xlabel(), texts(axes.get_xticklabels())) == ("learning rate", ["0.1", "0.5"])
    assert (axes.get_ylabel(), texts(axes.get_yticklabels())) == ("hidden units", ["50", "200"])
    assert written(axes) == [
        *(("97.90", 1.5, 1.6, "white"), ("± 0.10", 1.5, 1.3, "white")),
        *(("97.80", 1.5, 0.6, "white"), ("± 0.15", 1.5, 0.3, "white")),
        *(("96.30", 0.5, 1.6, INK), ("± 0.10", 0.5, 1.3, INK)),
        *(("95.77", 0.5, 0.6, INK), ("± 0.15", 0.5, 0.3, INK)),
        ("note", 0, 11, GRAY),
    ]
    assert [text.get_text() for text in axes.texts if text.get_fontweight() == "bold"] == ["97.90"]
    frames: list[Any] = list(axes.patches)
    assert [(frame.get_bbox().bounds, frame.get_fill()) for frame in frames] == [((1, 1, 1, 1), False)]
    assert points(axes.lines) == [[[1.88, 0.82]]]  # as good as the best
    assert axes.get_title("left") == "Accuracy in percent; framed: best, dot: as good"
    cells: Any = axes.collections[0]
    np.testing.assert_allclose(cells.get_array(), [[100 - 95.766667, 2.2], [3.7, 2.1]], rtol=1e-6)
    assert [cells.norm(wrong) for wrong in (2.1, (2.1 * 4.233333) ** 0.5, 4.3)] == pytest.approx([0, 0.5, 1])
    assert [to_hex(color) for color in cells.to_rgba(np.array([2.1, 4.3]))] == ["#022c47", "#f1f3f3"]


@pytest.mark.parametrize(("worst", "lightest"), [(97.9, 3), (95, 5), (80, 8)])  # 1.5 to 4 times the best's 2
def test_a_map_tells_what_failed_and_what_is_far_worse(axes: Axes, worst: float, lightest: float) -> None:
    scores = {(1, True): worst, (1, False): None, (2, True): 98, (2, False): 97.9}
    found = [entry for (a, b), score in scores.items() for entry in entries({"a": a, "b": b}, score)]
    draw_map(axes, summarize(found), "")
    assert [text[:3] for text in written(axes)][-1] == ("failed", 0.5, 1.5)
    assert axes.get_title("left") == "Accuracy in percent; framed: best"  # of single networks
    assert texts(axes.get_yticklabels()) == ["true", "false"]  # as they come
    cells: Any = axes.collections[0]
    assert (cells.norm.vmin, cells.norm.vmax) == pytest.approx((2, lightest))
    assert to_hex(cells.to_rgba(cells.get_array())[1, 0]) == "#e9e9e6"


def test_one_setting_is_a_curve_of_means_with_deviations(axes: Axes) -> None:
    # Two scores deviate by their difference / root of 2; no bar ends above 99.99 %.
    found = {0.1: (96.1, 97), 1: (99, 100), 0.01: (96.01, 97), 10: (None, None)}
    rows = summarize([entry for rate, scores in found.items() for entry in entries({"rate": rate}, *scores)])
    assert draw_curves(axes, rows, "rate", "note") is axes
    *_, best = points(axes.lines)
    assert (points(axes.lines)[0], best) == ([[0.01, 3.495], [0.1, 3.45], [1, 0.5]], [[1, 0.5]])
    assert bars(axes) == [
        [[[0.01, 2.795], [0.01, 4.195]], [[0.1, 2.8136], [0.1, 4.0864]], [[1, 0.01], [1, 1.2071]]]
    ]
    assert written(axes) == [("99.50 %", 0, 9, INK), ("note; the scale is wider toward 100 %", 0, 11, GRAY)]
    assert axes.get_title("left") == "Accuracy by rate"
    assert axes.get_legend() is None


def test_another_setting_gives_several_curves(axes: Axes) -> None:
    draw_curves(axes, summarize(GRID), "learning_rate", "note")
    many, few = (curve.lines[0] for curve in axes.containers)  # type: ignore[attr-defined]
    assert points([many, few]) == [[[0.1, 3.7], [0.5, 2.1]], [[0.1, 4.2333], [0.5, 2.2]]]
    legend: Any = axes.get_legend()
    for drawn in ((many, few), legend.get_texts()):
        assert [to_hex(one.get_color()) for one in drawn] == [BLUE, VERMILION]
    assert texts(legend.get_texts()) == ["hidden units 200", "hidden units 50"]
    assert (axes.get_title("left"), axes.get_ylabel()) == ("Accuracy by learning rate", "accuracy")
    best: Any = axes.texts[0]
    assert (best.get_text(), *best.xy) == ("97.90 %", 0.5, pytest.approx(2.0))  # above its error bar


def test_the_best_of_several_settings_stands_out(axes: Axes) -> None:
    rows = summarize([*GRID, *entries({"learning_rate": 0.9, "hidden": 300}, None)])
    assert draw_dots(axes, rows, "hidden", "title", "note") is axes
    assert points(axes.lines) == [[[50, 4.2333]], [[200, 3.7]], [[50, 2.2]], [[200, 2.1]]]
    assert [line.get_color() for line in axes.lines] == [BLUE, BLUE, BLUE, VERMILION]
    assert (axes.get_title("left"), axes.get_xlabel()) == ("title", "hidden units")
    assert written(axes) == [("note", 0, 11, GRAY)]
    assert axes.get_ylim() == pytest.approx((5, 2 / 1.25))  # around 95.6 to 98 % of single networks


@pytest.mark.parametrize(
    ("name", "values", "scale", "shown"),
    [
        ("rate", [0.1, 1], "log", ["0.1", "1"]),
        ("rate", [0.11, 1], "linear", ["0.11", "1"]),
        ("rate", [0, 0.9], "linear", ["0", "0.9"]),
        ("epochs", [1, 10], "linear", ["1", "10"]),
        ("rate", range(1, 11), "log", ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]),
        ("rate", range(1, 12), "log", ["0.1", "1", "10", "100"]),  # too many to name each
    ],
)
def test_a_setting_of_numbers_has_an_axis_that_suits_it(
    axes: Axes, name: str, values: Sequence[float], scale: str, shown: list[str]
) -> None:
    draw_dots(axes, summarize([entry for value in values for entry in entries({name: value}, 90)]), name)
    assert (axes.get_xscale(), texts(axes.get_xticklabels())) == (scale, shown)
    assert list(axes.get_xticks(minor=True)) == []


def test_settings_that_are_no_numbers_are_ranked(axes: Axes) -> None:
    found = [entry for i in range(22) for entry in entries({"loss": f"{i}"}, 90 - i, 92 - i)]
    assert draw_ranking(axes, summarize([*found, *entries({"loss": "a"}, None)]), "note") is axes
    assert texts(axes.get_yticklabels()) == [f"loss={i}" for i in range(20)]
    assert [text[:1] for text in written(axes)] == [*((f"{91 - i}.00 %",) for i in range(20)), ("note",)]
    places: list[Any] = list(axes.texts[:20])
    assert [text.xy for text in places] == [(1, i) for i in range(20)]
    assert bars(axes)[1] == [[[88.5858, 1], [91.4142, 1]]]  # 89 and 91: 90 with the deviation root of 2
    colors = [curve.lines[0].get_color() for curve in axes.containers]  # type: ignore[attr-defined]
    assert colors == [VERMILION] + [BLUE] * 19
    assert (axes.get_ylim(), axes.get_xlabel()) == ((19.5, -0.5), "accuracy in percent")
    assert axes.get_title("left") == "Settings, the best first"


def product(**values: Sequence[Any]) -> list[Entry]:
    """A network for each combination of the values."""
    combinations = [dict(zip(values, one, strict=True)) for one in itertools.product(*values.values())]
    return [entry for i, one in enumerate(combinations) for entry in entries(one, 90 + i / 9)]


NOTE = "1,000 held-out digits"
CURVES, MAP, RANKING = (partial(draw, note=NOTE) for draw in (draw_curves, draw_map, draw_ranking))
DOTS, DOTS_OF_THREE = (
    partial(draw_dots, across="a", title=f"{count} settings, the best in orange", note=NOTE)
    for count in (26, 3)
)
NOTE_OF_THREE = f"mean ± standard deviation of 3 networks, {NOTE}"


@pytest.mark.parametrize(
    ("found", "draws", "size"),
    [
        (entries({}, 90), [RANKING], (7.2, 1.56)),
        (product(a=[1, 2]) + entries({"a": 3}, None), [partial(CURVES, across="a")], (7.2, 4.8)),
        (product(loss="xy", a=[1, 2])[:3], [DOTS_OF_THREE], (4, 4)),
        (product(hidden=[5, (3, 4)]), [RANKING], (7.2, 1.92)),
        (product(biases=[True, False]), [RANKING], (7.2, 1.92)),
        (product(loss=[f"{i}" for i in range(21)]), [RANKING], (7.2, 8.4)),
        (entries({"a": 1, "b": 2}, 98) + entries({"a": 2}, 97), [RANKING], (7.2, 1.92)),
        (product(epochs=[1, 2], a=range(8)), [partial(CURVES, across="epochs")], (7.2, 4.8)),
        (GRID[:-1], [partial(draw_map, note=NOTE_OF_THREE)], (6, 3)),
        (product(a=range(12), loss="abc"), [MAP], (14.2, 3.7)),
        (product(a=range(13), b=[1, 2]), [DOTS, partial(draw_dots, across="b")], (7, 4)),
        (
            [e for i in range(26) for e in entries(dict.fromkeys("abcde", i), 90 + i / 9)],
            [DOTS, *(partial(draw_dots, across=name) for name in "bcd")],
            (13, 4),
        ),
    ],
)
def test_each_kind_of_sweep_has_a_picture(
    found: list[Entry], draws: list[Callable[..., Axes]], size: tuple[float, float], tmp_path: Path
) -> None:
    rows = summarize(found)
    save_sweep_picture(tmp_path / "sweep.png", rows, 1000)
    save_picture(tmp_path / "same.png", *(partial(draw, rows=rows) for draw in draws), size=size)
    assert (tmp_path / "sweep.png").read_bytes() == (tmp_path / "same.png").read_bytes()
