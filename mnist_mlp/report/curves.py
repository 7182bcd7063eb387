"""Curves, drawn on a given `Axes`: how a network learned, what its outputs are worth, what it withstands."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from mnist_mlp.report.figures import BLUE, FAINT, GRAY, INK, VERMILION, make_plain, write_title
from mnist_mlp.report.scorecard import percent, wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 3  # of small curves


class Epoch(Protocol):
    """What a learning curve needs of one epoch; accuracies are from 0 to 1."""

    @property
    def epoch(self) -> int:
        """Counted from 1."""

    @property
    def accuracy(self) -> float:
        """On the training digits."""

    @property
    def validation_accuracy(self) -> float | None:
        """On the held-out digits, if there are any."""


def draw_learning_curve(
    axes: "Axes", history: Sequence[Epoch], test: float, kept: int | None = None
) -> "Axes":
    """Draw accuracies by epoch.

    The axis is logarithmic in the wrong answers: from 96 to 98 % is as far as from 98 to 99 %.

    Args:
        axes: where to draw.
        history: at least one epoch.
        test: the accuracy on the test digits, 0 to 1, with the weights that are kept.
        kept: the epoch whose weights are kept, and marked; None for the last.
    """
    last = history[-1].epoch
    shown = kept or last
    curves = {
        "training": {record.epoch: record.accuracy for record in history},
        "held out": {r.epoch: r.validation_accuracy for r in history if r.validation_accuracy is not None},
        "test": {shown: test},
    }
    for (name, shares), color in zip(curves.items(), (GRAY, BLUE, VERMILION), strict=True):
        if not shares:
            continue
        wrong = [wrong_percent(share) for share in shares.values()]
        style = "-" if len(wrong) > 30 else "o" if len(wrong) == 1 else "o-"
        label = f"{name} {percent(shares[shown])}"
        axes.plot(list(shares), wrong, style, color=color, markersize=5, clip_on=False, label=label)
    if kept:
        axes.axvline(kept, color=GRAY, linestyle=":", linewidth=1.2)
        side = "left" if kept <= last / 2 else "right"
        text = f" epoch {kept} is kept "
        axes.text(kept, 0.02, text, transform=axes.get_xaxis_transform(), ha=side, color=GRAY)
    scale_by_mistakes(axes, [share for shares in curves.values() for share in shares.values()])
    axes.set_xlim(min(1, last - 1), last)
    axes.locator_params(axis="x", nbins=8, integer=True)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, labelcolor="linecolor")
    axes.set_xlabel("epoch", color=GRAY)
    axes.set_ylabel("accuracy", color=GRAY)
    axes.grid(axis="y", color=FAINT)
    write_title(axes, "Accuracy by epoch", "training: before each update; the scale is wider toward 100 %")
    return make_plain(axes)


def wrong_percent(accuracy: float) -> float:
    """The percentage of wrong answers, at least 0.01, since 0 has no place on a logarithmic axis."""
    return max(100 - 100 * accuracy, 0.01)


def scale_by_mistakes(axes: "Axes", accuracies: Sequence[float]) -> None:
    """Make the axis logarithmic in the percentages of wrong answers, and label it by right ones."""
    least = wrong_percent(max(accuracies)) / 1.25
    ticks = _ticks(least, max(wrong_percent(min(accuracies)), 2 * least))
    axes.set_yscale("log")
    axes.set_ylim(ticks[0], least)
    axes.set_yticks(ticks, [f"{100 - wrong:g} %" for wrong in ticks])
    axes.minorticks_off()


def _ticks(least: float, greatest: float) -> list[float]:
    """Round percentages of wrong answers from one not below `greatest` down, if possible four or more."""
    ticks: list[float] = []
    for steps in ([1], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9]):
        numbers = sorted({min(step * 10.0**power, 100) for power in range(-2, 3) for step in steps})
        first = next(number for number in numbers if number >= min(greatest, 100))
        ticks = [number for number in reversed(numbers) if least <= number <= first]
        if len(ticks) >= 4:
            break
    return ticks


def draw_reliability(axes: "Axes", calibration: Mapping[str, Any]) -> "Axes":
    """Draw how often answers are right by how large their output is, and how many answers there are.

    The calibration is as `mnist_mlp.report.trust.calibration_of` tells it.
    """
    points = []
    for number, one in enumerate(calibration["bins"]):
        axes.text(number / 10 + 0.05, 0.015, f"{one['answers']:,}", ha="center", fontsize=8, color=GRAY)
        if one["answers"]:
            low, high = wilson_interval(round(one["accuracy"] * one["answers"]), one["answers"])
            axes.plot([one["output"]] * 2, [low, high], color=BLUE, linewidth=6, alpha=0.2, clip_on=False)
            points.append((one["output"], one["accuracy"]))
    axes.plot([0, 1], [0, 1], "--", color=GRAY, linewidth=1)
    axes.plot(*zip(*points, strict=True), "o-", color=BLUE, markersize=5, clip_on=False)
    axes.text(-0.015, 0.015, "answers", ha="right", fontsize=8, color=GRAY)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    ticks = [tick / 10 for tick in range(0, 11, 2)]
    axes.set_xticks(ticks)
    axes.set_yticks(ticks[1:], [f"{100 * tick:.0f} %" for tick in ticks[1:]])
    axes.grid(color=FAINT)
    axes.set_xlabel("output of the answer", color=GRAY)
    axes.set_ylabel("right answers", color=GRAY)
    error = percent(calibration["expected_calibration_error"])
    note = f"dashed: as often right as the output says; off by {error} on average"
    write_title(axes, "What an output is worth", note)
    return make_plain(axes)


def draw_robustness(axes: "Axes", robustness: Sequence[Mapping[str, Any]], unchanged: float) -> "Axes":
    """Draw the accuracy on changed digits, one small curve for each kind of change.

    Robustness is as in scorecard.json, those of a kind one after the other; the accuracy on the digits as
    they are is from 0 to 1.
    """
    kinds = groupby(robustness, key=lambda row: (row["change"], row["unit"]))
    curves = [(kind, [(row["amount"], row["accuracy"]) for row in rows]) for kind, rows in kinds]
    rows = -(-len(curves) // _COLUMNS)
    width, height = 1 / (_COLUMNS - 0.16), 1 / (rows - 0.2)  # with the gap after each but the last
    for number, ((change, unit), points) in enumerate(curves):
        row, column = divmod(number, _COLUMNS)
        place = (column * width, 1 - (row + 0.8) * height, 0.84 * width, 0.55 * height)
        _draw_change(axes.inset_axes(place), points, unchanged, f"{change}, {unit}")
    axes.set_axis_off()
    note = f"percent right after each change; gray line: {percent(unchanged)} on the digits as they are"
    write_title(axes, "What it withstands", note)
    return axes


def _draw_change(axes: "Axes", points: Sequence[tuple[float, float]], unchanged: float, title: str) -> None:
    amounts, accuracies = zip(*points, strict=True)
    places = range(len(points))
    axes.axhline(unchanged, color=FAINT, linewidth=1.5)
    axes.fill_between(places, accuracies, color=BLUE, alpha=0.08, linewidth=0)
    axes.plot(places, accuracies, "o-", color=BLUE, markersize=3.5, linewidth=1.5, clip_on=False)
    for place, accuracy in zip(places, accuracies, strict=True):
        axes.text(place, accuracy + 0.06, f"{100 * accuracy:.1f}", ha="center", fontsize=7.5, color=INK)
    axes.set_xlim(-0.4, len(points) - 0.6)
    axes.set_ylim(0, 1)
    axes.set_xticks(places, [f"{amount:g}" for amount in amounts])
    axes.set_yticks([])
    axes.set_title(title, loc="left", fontsize=9, color=INK, pad=19)
    make_plain(axes)
    axes.tick_params(labelsize=8, pad=3)
