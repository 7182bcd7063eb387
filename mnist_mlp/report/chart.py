"""The learning curve as SVG text, drawn by hand because a page needs no plotting library for two lines."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

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


def learning_curve(history: Sequence[Epoch], test_accuracy: float) -> str:
    """The share of right answers after each epoch, the share of wrong ones on a logarithmic scale.

    Args:
        history: at least one epoch; with a validation accuracy in each, a second line is drawn.
        test_accuracy: of the trained network, 0 to 1; a point at the end.
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
    for (name, values), height in zip(curves.items(), heights, strict=True):
        points = " ".join(f"{x(i):.1f},{axis.y(value):.1f}" for i, value in enumerate(values))
        if len(values) > 1:
            parts.append(f'<polyline class="{name}" points="{points}"/>')
        label = f'{name} <tspan class="value">{_percent(values[-1])}</tspan>'
        parts.append(f'<circle class="{name}" cx="{x(last):.1f}" cy="{axis.y(values[-1]):.1f}" r="3.5"/>')
        parts.append(f'<text class="{name}" x="{x(last) + 10:.1f}" y="{height + 4:.1f}">{label}</text>')
    told = ", ".join(
        f"{name} {_percent(values[0])}" + (f" to {_percent(values[-1])}" if len(values) > 1 else "")
        for name, values in curves.items()
    )
    told = f"Right answers over the epochs, {len(history)} in all: {told}"
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
