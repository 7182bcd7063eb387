"""Curves as SVG text, drawn by hand because a page needs no plotting library for a few lines."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

from mnist_mlp.report.scorecard import wilson_interval

_WIDTH, _HEIGHT = 560, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 126, 14, 34  # margins
_TICKS = (0.9, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)  # shares wrong
_SMALLEST = 0.00005  # drawn for a share of 0, which has no place on a logarithmic scale
_LINE_HEIGHT = 16


class Epoch(Protocol):
    """What the curve needs of one epoch; shares of right answers are from 0 to 1."""

    @property
    def epoch(self) -> int:
        """Counted from 1."""

    @property
    def accuracy(self) -> float:
        """On the training digits."""

    @property
    def validation_accuracy(self) -> float | None:
        """On the validation digits."""


def learning_curve(history: Sequence[Epoch], test_accuracy: float, kept: int | None = None) -> str:
    """The share of right answers after each epoch, the share of wrong ones on a logarithmic scale.

    Args:
        history: at least one epoch; with a validation accuracy in each, a second line is drawn.
        test_accuracy: of the trained network, 0 to 1; a point at the end.
        kept: the epoch whose weights are kept, and marked; None for the last.
    """
    curves = {"training": [record.accuracy for record in history]}
    held_out = [r.validation_accuracy for r in history if r.validation_accuracy is not None]
    if len(held_out) == len(history):
        curves["held-out"] = held_out
    curves["test"] = [test_accuracy]
    axis = _Axis([value for values in curves.values() for value in values])
    last = len(history) - 1

    def x(i: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (i / last if last else 0.5)

    parts = [axis.grid(), *_epoch_labels(history, x)]
    heights = _apart([axis.y(values[-1]) for values in curves.values()])
    if kept:
        parts.append(f'<path class="dashed" d="M{x(kept - 1):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
    for (name, values), height in zip(curves.items(), heights, strict=True):
        points = " ".join(f"{x(i):.1f},{axis.y(value):.1f}" for i, value in enumerate(values))
        if len(values) > 1:
            parts.append(f'<polyline class="{name}" points="{points}"/>')
        label = f'{name} <tspan class="value">{_percent(values[-1])}</tspan>'
        end = x(kept - 1) if kept and name == "test" else x(last)
        parts.append(f'<circle class="{name}" cx="{end:.1f}" cy="{axis.y(values[-1]):.1f}" r="3.5"/>')
        parts.append(f'<text class="{name}" x="{x(last) + 10:.1f}" y="{height + 4:.1f}">{label}</text>')
    told = ", ".join(
        f"{name} {_percent(values[0])}" + (f" to {_percent(values[-1])}" if len(values) > 1 else "")
        for name, values in curves.items()
    )
    told = f"Right answers over the epochs, {len(history)} in all: {told}"
    told += f"; the weights of epoch {kept} are kept" if kept else ""
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    return f'<svg class="curve" viewBox="{box}" role="img" aria-label="{told}">{"".join(parts)}</svg>'


class _Axis:
    """From shares of right answers to heights."""

    def __init__(self, shares: Sequence[float]) -> None:
        least, most = (max(1 - share, _SMALLEST) for share in (max(shares), min(shares)))
        self._low = max((tick for tick in _TICKS if tick < least), default=_SMALLEST)
        self._high = min((tick for tick in _TICKS if tick > most), default=1.0)

    def y(self, share: float) -> float:
        wrong = max(1 - share, _SMALLEST)
        depth = math.log(self._high / wrong) / math.log(self._high / self._low)
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - depth)

    def grid(self) -> str:
        lines = []
        for tick in _TICKS:
            if self._low <= tick <= self._high:
                y, label = self.y(1 - tick), f"{100 - 100 * tick:g} %"
                lines.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
                lines.append(f'<text class="tick end" x="{_LEFT - 8}" y="{y + 4:.1f}">{label}</text>')
        return "".join(lines)


def _epoch_labels(history: Sequence[Epoch], x: Callable[[int], float]) -> list[str]:
    last = len(history) - 1
    step = max(1, round(len(history) / 6))
    texts = {i: str(history[i].epoch) for i in [*range(0, last - step // 2, step), last]}
    texts[0] = f"epoch {texts[0]}"
    height = _HEIGHT - 8
    return [
        f'<text class="tick middle" x="{x(i):.1f}" y="{height}">{text}</text>' for i, text in texts.items()
    ]


def reliability_curve(calibration: Mapping[str, Any]) -> str:
    """How often answers are right by how large their output is; the diagonal is where both agree.

    Args:
        calibration: as `mnist_mlp.report.trust.calibration_of` tells it.
    """
    size = _HEIGHT - _TOP - _BOTTOM
    known = [one for one in calibration["bins"] if one["answers"]]

    def x(output: float) -> float:
        return _LEFT + size * output

    def y(share: float) -> float:
        return _TOP + size * (1 - share)

    parts = []
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(f'<path class="grid" d="M{_LEFT} {y(tick):.1f}H{x(1):.1f}"/>')
        parts.append(f'<text class="tick end" x="{_LEFT - 8}" y="{y(tick) + 4:.1f}">{100 * tick:g} %</text>')
        parts.append(f'<text class="tick middle" x="{x(tick):.1f}" y="{_HEIGHT - 8}">{tick:g}</text>')
    parts.append(f'<path class="dashed" d="M{x(0):.1f} {y(0):.1f}L{x(1):.1f} {y(1):.1f}"/>')
    for one in known:
        low, high = wilson_interval(round(one["accuracy"] * one["answers"]), one["answers"])
        parts.append(f'<path class="interval" d="M{x(one["output"]):.1f} {y(low):.1f}V{y(high):.1f}"/>')
    points = [(x(one["output"]), y(one["accuracy"])) for one in known]
    line = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
    parts.append(f'<polyline class="training" points="{line}"/>')
    parts += [f'<circle class="training" cx="{a:.1f}" cy="{d:.1f}" r="3.5"/>' for a, d in points]
    told = ", ".join(f"at {one['output']:.2f} {_percent(one['accuracy'])}" for one in known)
    box = f"0 0 {_LEFT + size + 24} {_HEIGHT}"
    label = f"Right answers by their output: {told}"
    return f'<svg class="curve" viewBox="{box}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def change_curve(points: Sequence[tuple[float, float]], unchanged: float) -> str:
    """The accuracy on digits changed by growing amounts, each written at its point.

    Args:
        points: amount and accuracy, 0 to 1, of at least one.
        unchanged: the accuracy on the digits as they are.
    """
    width, height, top, bottom = 200, 110, 24, 22
    step, depth = width / len(points), height - top - bottom
    places = [(step * (i + 0.5), top + depth * (1 - share)) for i, (_, share) in enumerate(points)]
    parts = [f'<path class="grid" d="M0 {top + depth * (1 - unchanged):.1f}H{width}"/>']
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    base = height - bottom
    parts.append(f'<polygon points="{places[0][0]:.1f},{base} {line} {places[-1][0]:.1f},{base}"/>')
    parts.append(f'<polyline class="training" points="{line}"/>')
    for (amount, share), (x, y) in zip(points, places, strict=True):
        parts.append(f'<circle class="training" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
        parts.append(f'<text class="middle" x="{x:.1f}" y="{y - 8:.1f}">{100 * share:.1f}</text>')
        parts.append(f'<text class="tick middle" x="{x:.1f}" y="{height - 4}">{amount:g}</text>')
    told = ", ".join(f"{amount:g}: {_percent(share)}" for amount, share in points)
    box = f"0 0 {width} {height}"
    return f'<svg class="curve" viewBox="{box}" role="img" aria-label="{told}">{"".join(parts)}</svg>'


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _apart(heights: Sequence[float]) -> list[float]:
    """The heights of labels, moved until none overlaps the next."""
    placed = list(heights)
    order = sorted(range(len(placed)), key=lambda i: placed[i])
    for above, below in pairwise(order):
        placed[below] = max(placed[below], placed[above] + _LINE_HEIGHT)
    overhang = max(0, max(placed) - (_HEIGHT - _BOTTOM))
    return [height - overhang for height in placed]
