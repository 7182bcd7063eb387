"""What a sweep found: settings summed up, as tables and pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from mnist_mlp.report.figures import VERMILION
from mnist_mlp.report.sweep_figures import draw_curves, draw_dots, draw_map, draw_ranking, save_sweep_picture
from mnist_mlp.report.sweeps import Entry, Row, label, summarize, table, to_csv


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
    assert not Row({}, [0.980], 0, 1).as_good_as(best)  # nothing is known of its deviation
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
    constant = summarize(
        entries({"epochs": 3, "momentum": 0.5}, 90) + entries({"epochs": 3, "momentum": 1}, None)
    )
    assert table(constant)[0][:2] == ["momentum", "mean"]
    assert [row[-2:] for row in table(constant)[1]] == [["2.0 s", "best"], ["0.0 s", "1 failed"]]


def test_settings_of_different_names_share_a_column() -> None:
    rows = summarize(
        [*entries({}, 98), *entries({"scale": 0.0, "shear": 0.0}, 97), *entries({"hidden": (9, 8)}, 96)]
    )
    headings, cells = table(rows)
    assert headings[:2] == ["setting", "mean"]
    assert [row[0] for row in cells] == ["recipe", "scale=0,shear=0", "hidden=9x8"]


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
    assert label({"learning_rate": 0.1, "hidden": (300, 100), "biases": False}) == (
        "learning_rate=0.1,hidden=300x100,biases=false"
    )
    assert label({"learning_rate": 1.0, "momentum": 1e-05}) == "learning_rate=1,momentum=1e-05"
    assert label({}) == "recipe"


# Pictures


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_text()]


def test_a_map_has_the_settings_at_their_places_and_frames_the_best(axes: Axes) -> None:
    draw_map(axes, summarize(GRID), "note")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "hidden units")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.1", "0.5"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["50", "200"]
    places = {text.get_text(): (int(x), int(y)) for text in axes.texts for x, y in [text.get_position()]}
    assert (places["97.90"], places["95.77"]) == ((1, 1), (0, 0))
    assert "± 0.10" in texts(axes)
    (frame,) = axes.patches
    assert (frame.get_x(), frame.get_y()) == (1, 1)  # type: ignore[attr-defined]
    (dot,) = axes.lines  # as good as the best
    assert np.array([dot.get_xdata(), dot.get_ydata()], dtype=int).tolist() == [[1], [0]]
    (mesh,) = axes.collections
    wrong = np.asarray(mesh.get_array())
    np.testing.assert_allclose(wrong, [[100 - 95.766667, 100 - 97.8], [100 - 96.3, 100 - 97.9]], rtol=1e-6)


def test_a_map_tells_what_failed(axes: Axes) -> None:
    found = [entry for entry in GRID if entry.settings != {"learning_rate": 0.1, "hidden": 50}]
    draw_map(axes, summarize([*found, *entries({"learning_rate": 0.1, "hidden": 50}, None)]), "note")
    assert "failed" in texts(axes)


def test_one_setting_is_a_curve_of_means_with_deviations(axes: Axes) -> None:
    rows = summarize(
        [entry for rate in (0.1, 1, 0.01) for entry in entries({"learning_rate": rate}, 96 + rate, 97)]
    )
    draw_curves(axes, rows, "learning_rate", "note")
    assert axes.get_xscale() == "log"
    curve = next(line for line in axes.lines if line.get_linestyle() == "-")
    points = np.array([curve.get_xdata(), curve.get_ydata()], dtype=float)
    np.testing.assert_allclose(points, [[0.01, 0.1, 1], [3.495, 3.45, 3.0]])  # wrong answers in percent
    assert texts(axes) == ["97.00 %", "note; the scale is wider toward 100 %"]
    assert axes.get_legend() is None


def test_epochs_are_learning_curves_one_for_each_other_value(axes: Axes) -> None:
    found = [
        entry
        for rate in (0.1, 0.2)
        for epochs in (1, 2, 3)
        for entry in entries({"epochs": epochs, "learning_rate": rate}, 90 + epochs + rate)
    ]
    draw_curves(axes, summarize(found), "epochs", "note")
    assert axes.get_xscale() == "linear"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["learning rate 0.2", "learning rate 0.1"]


def test_the_best_of_several_settings_stands_out(axes: Axes) -> None:
    draw_dots(axes, summarize(GRID), "hidden")
    assert [line.get_color() == VERMILION for line in axes.lines] == [False, False, False, True]
    assert list(axes.lines[-1].get_xdata()) == [200]  # type: ignore[arg-type]


def test_settings_that_are_no_numbers_are_ranked(axes: Axes) -> None:
    draw_ranking(axes, summarize([*entries({"loss": "a"}, 90), *entries({"loss": "b"}, 91)]), "note")
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["loss=b", "loss=a"]
    assert texts(axes)[:2] == ["91.00 %", "90.00 %"]


@pytest.mark.parametrize(
    "found",
    [
        entries({}, 90, 91),
        entries({"hidden": 5}, 90) + entries({"hidden": 10}, None),
        entries({"hidden": 5}, 99, 100) + entries({"hidden": 10}, 90, 91),  # 0.7 around 0.5 percent wrong
        GRID,
        entries({"hidden": 5, "epochs": 1}, 50) + entries({"hidden": 5, "epochs": 2}, 60),
        entries({"loss": "a"}, 100) + entries({"loss": "b"}, 0),
        entries({"hidden": 5}, 90) + entries({"hidden": (3, 4)}, 91),
        entries({}, 98) + entries({"scale": 0.0}, 97),
        [
            e
            for i in range(30)
            for e in entries({"a": i, "b": i * i % 7, "c": i / 7, "d": 1.0 * i, "e": -i}, 90 + i / 9)
        ],
        [e for i in range(30) for e in entries({"hidden": i + 1, "momentum": 0.1}, 90)],
    ],
)
def test_each_kind_of_sweep_has_a_picture(found: list[Entry], tmp_path: Path) -> None:
    save_sweep_picture(tmp_path / "sweep.png", summarize(found), 1000)
    height, width, _ = imread(tmp_path / "sweep.png").shape
    assert 150 < height < 3000
    assert 500 < width < 3000
