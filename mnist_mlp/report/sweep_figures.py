"""The picture of a sweep: accuracy by a setting, curves, a map of two settings, or a ranking.

Each `draw_...` draws settings, the best first, on a given `Axes`; its note says what the numbers are.
"""

from collections.abc import Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_mlp.report.curves import scale_by_mistakes, wrong_percent
from mnist_mlp.report.figures import BLUE, FAINT, GRAY, INK, VERMILION, make_plain, save_picture, write_title
from mnist_mlp.report.scorecard import percent
from mnist_mlp.report.sweeps import Row, label, value_label, varied

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More of the palette of Okabe and Ito (2008), see `figures`; its yellow is too light for lines.
_LINES = (BLUE, VERMILION, "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK)
_MAP = ("#022c47", "#04436b", BLUE, "#3d93c6", "#a9cfe6", "#f1f3f3")
_MOST_PANELS, _MOST_RANKS, _MOST_COLUMNS = 4, 20, 12


def save_sweep_picture(path: Path, rows: Sequence[Row], digits: int) -> None:
    """Write the picture that suits what a sweep varied.

    Args:
        path: the PNG file.
        rows: the settings, the best first; at least one of them has a network.
        digits: how many held-out digits judged them.
    """
    names = varied([row.settings for row in rows])
    networks = max(len(row.scores) for row in rows)
    mean = f"mean ± standard deviation of {networks} networks, " if networks > 1 else ""
    note = f"{mean}{digits:,} held-out digits"
    values = {name: _values(rows, name) for name in names}
    numbers = [name for name in names if all(type(row.settings.get(name)) in (int, float) for row in rows)]
    everywhere = all(row.settings.keys() >= set(names) for row in rows)
    complete = everywhere and len(names) == 2 and len(rows) == prod(map(len, values.values()))
    if len(names) == 1 and numbers:
        save_picture(path, partial(draw_curves, rows=rows, across=names[0], note=note))
    elif complete and "epochs" in names:
        save_picture(path, partial(draw_curves, rows=rows, across="epochs", note=note))
    elif complete and len(values[names[0]]) <= _MOST_COLUMNS:
        size = max(6, 1.6 + 1.05 * len(values[names[0]])), max(3, 1.6 + 0.7 * len(values[names[1]]))
        save_picture(path, partial(draw_map, rows=rows, note=note), size=size)
    elif numbers and everywhere:
        panels = [partial(draw_dots, rows=rows, across=name) for name in numbers[:_MOST_PANELS]]
        panels[0] = partial(panels[0], title=f"{len(rows)} settings, the best in orange", note=note)
        save_picture(path, *panels, size=(1 + 3 * len(panels), 4))
    else:
        size = 7.2, 1.2 + 0.36 * min(len(rows), _MOST_RANKS)
        save_picture(path, partial(draw_ranking, rows=rows, note=note), size=size)


def draw_curves(axes: "Axes", rows: Sequence[Row], across: str, note: str) -> "Axes":
    """Draw mean and deviation against a setting of numbers, one curve for each value of another setting."""
    others = [name for name in varied([row.settings for row in rows]) if name != across]
    curves: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: float(row.settings[across])):
        if row.scores:
            name = ", ".join(f"{_words(name)} {value_label(row.settings[name])}" for name in others)
            curves.setdefault(name, []).append(row)
    for i, (name, curve) in enumerate(curves.items()):
        x, y = [row.settings[across] for row in curve], [wrong_percent(row.mean) for row in curve]
        worse = [100 * (row.deviation or 0.0) for row in curve]
        better = np.minimum(worse, np.subtract(y, wrong_percent(1)))  # the scale has no place for 0
        look: dict[str, Any] = {"fmt": "o-", "markersize": 5, "capsize": 3, "clip_on": False}
        axes.errorbar(x, y, np.stack([better, worse]), color=_LINES[i % len(_LINES)], label=name, **look)
    _scale(axes, rows, across)
    best = rows[0]
    place, wrong = best.settings[across], wrong_percent(best.mean)
    axes.plot(place, wrong, "o", markersize=11, markerfacecolor="none", markeredgecolor=INK, clip_on=False)
    end = place, wrong_percent(best.mean + (best.deviation or 0))
    axes.annotate(percent(best.mean), end, (0, 9), textcoords="offset points", ha="center", color=INK)
    if others:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, labelcolor="linecolor")
    write_title(axes, f"Accuracy by {_words(across)}", f"{note}; the scale is wider toward 100 %")
    return make_plain(axes)


def draw_dots(axes: "Axes", rows: Sequence[Row], across: str, title: str = "", note: str = "") -> "Axes":
    """Draw the mean of each setting as a dot against one of several settings, the best in another color."""
    for row in (row for row in rows[::-1] if row.scores):
        color = VERMILION if row is rows[0] else BLUE
        axes.plot(row.settings[across], wrong_percent(row.mean), "o", color=color, clip_on=False)
    _scale(axes, rows, across)
    write_title(axes, title, note)
    return make_plain(axes)


def draw_map(axes: "Axes", rows: Sequence[Row], note: str) -> "Axes":
    """Draw all combinations of two settings as colored cells; the best has a frame, those as good a dot."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm  # noqa: PLC0415
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    across, up = varied([row.settings for row in rows])
    xs, ys = _values(rows, across), _values(rows, up)
    wrong = np.ma.masked_invalid(np.full((len(ys), len(xs)), np.nan))
    places = [(ys.index(row.settings[up]), xs.index(row.settings[across])) for row in rows]
    for place, row in zip(places, rows, strict=True):
        if row.scores:
            wrong[place] = wrong_percent(row.mean)
    # As on the axis of a curve, 98 % is as far from 99 % as 96 % from 98 %.
    # Settings that are far worse all have the lightest color, so that the others can be told apart.
    norm = LogNorm(wrong.min(), min(max(wrong.max(), 1.5 * wrong.min()), 4 * wrong.min()), clip=True)
    colors = LinearSegmentedColormap.from_list("mistakes", _MAP).with_extremes(bad="#e9e9e6")
    axes.pcolormesh(wrong, cmap=colors, norm=norm, edgecolors="white", linewidth=2)
    for (y, x), row in zip(places, rows, strict=True):
        dark = row.scores and norm(wrong_percent(row.mean)) < 0.6
        color = "white" if dark else INK
        weight = "bold" if row is rows[0] else "normal"
        mean = f"{100 * row.mean:.2f}" if row.scores else "failed"
        small = "" if row.deviation is None else f"± {100 * row.deviation:.2f}"
        middle = 0.5 if small == "" else 0.6
        axes.text(x + 0.5, y + middle, mean, ha="center", va="center", color=color, weight=weight)
        axes.text(x + 0.5, y + 0.3, small, ha="center", va="center", color=color, fontsize=8)
        if row is not rows[0] and row.as_good_as(rows[0]):
            axes.plot(x + 0.88, y + 0.82, "o", markersize=4, color=color)
    y, x = places[0]
    frame = Rectangle((x, y), 1, 1, fill=False, edgecolor=VERMILION, linewidth=3, clip_on=False, zorder=3)
    axes.add_patch(frame)
    axes.set_xticks(np.arange(len(xs)) + 0.5, [value_label(x) for x in xs])
    axes.set_yticks(np.arange(len(ys)) + 0.5, [value_label(y) for y in ys])
    axes.set_xlabel(_words(across), color=GRAY)
    axes.set_ylabel(_words(up), color=GRAY)
    dots = ", dot: as good" * bool(axes.lines)
    write_title(axes, f"Accuracy in percent; framed: best{dots}", note)
    return make_plain(axes)


def draw_ranking(axes: "Axes", rows: Sequence[Row], note: str) -> "Axes":
    """Draw the best settings one below the other, with mean and deviation."""
    shown = [row for row in rows if row.scores][:_MOST_RANKS]
    for i, row in enumerate(shown):
        color = VERMILION if i == 0 else BLUE
        axes.errorbar(100 * row.mean, i, xerr=100 * (row.deviation or 0), fmt="o", color=color, capsize=3)
        axes.annotate(
            percent(row.mean), (1, i), (8, 0), axes.get_yaxis_transform(), "offset points", va="center"
        )
    axes.set_yticks(range(len(shown)), [label(row.settings) for row in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel("accuracy in percent", color=GRAY)
    axes.grid(axis="both", color=FAINT)
    write_title(axes, "Settings, the best first", note)
    return make_plain(axes)


def _scale(axes: "Axes", rows: Sequence[Row], across: str) -> None:
    """Scale and name the axes of a setting of numbers, and of the accuracy."""
    values = _values(rows, across)
    if across != "epochs" and values[0] > 0 and values[-1] >= 10 * values[0]:
        axes.set_xscale("log")
    if len(values) <= 10:
        axes.set_xticks(values, [value_label(value) for value in values])
    else:
        axes.xaxis.set_major_formatter("{x:g}")
    scale_by_mistakes(axes, [score for row in rows for score in row.scores])
    axes.set_xlabel(_words(across), color=GRAY)
    axes.set_ylabel("accuracy", color=GRAY)
    axes.grid(axis="y", color=FAINT)


def _values(rows: Sequence[Row], name: str) -> list[Any]:
    """The values of a setting: numbers in order, others as they come."""
    values = list(dict.fromkeys(row.settings[name] for row in rows if name in row.settings))
    return sorted(values) if all(type(value) in (int, float) for value in values) else values


def _words(name: str) -> str:
    return "hidden units" if name == "hidden" else name.replace("_", " ")
