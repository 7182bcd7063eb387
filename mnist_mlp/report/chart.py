"""The learning curve as SVG text, drawn by hand because a page needs no plotting library for two lines."""

import math
from collections.abc import Sequence
from typing import Protocol

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 112, 14, 34  # margins
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


def learning_curve(history: Sequence[Epoch]) -> str:
    """The share of right answers after each epoch, the share of wrong ones on a logarithmic scale.

    Args:
        history: at least one epoch; with a validation accuracy in each, a second line is drawn.
    """
    lines = {"training": [record.accuracy for record in history]}
    held_out = [r.validation_accuracy for r in history if r.validation_accuracy is not None]
    if len(held_out) == len(history):
        lines["held out"] = held_out
    wrong = [max(1 - value, _SMALLEST) for values in lines.values() for value in values]
    low = min(next((tick for tick in _TICKS if tick <= min(wrong)), _SMALLEST), max(wrong) / 2)
    high = min((tick for tick in (1.0, *_TICKS) if tick >= max(wrong)), default=1.0)

    def x(i: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (i / (len(history) - 1) if len(history) > 1 else 0.5)

    def y(share_wrong: float) -> float:
        depth = math.log(high / max(share_wrong, _SMALLEST)) / math.log(high / low)
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - depth)

    parts = []
    for tick in _TICKS:
        if low <= tick <= high:
            parts.append(f'<path class="grid" d="M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}"/>')
            label = f"{100 - 100 * tick:g} %"
            parts.append(f'<text class="tick end" x="{_LEFT - 8}" y="{y(tick) + 4:.1f}">{label}</text>')
    step = max(1, round(len(history) / 6))
    for i in [*range(0, len(history) - step // 2 - 1, step), len(history) - 1]:
        text = f"epoch {history[i].epoch}" if i == 0 else history[i].epoch
        parts.append(f'<text class="tick middle" x="{x(i):.1f}" y="{_HEIGHT - 8}">{text}</text>')
    heights = _apart([y(1 - values[-1]) for values in lines.values()])
    for name, height in zip(lines, heights, strict=True):
        values, kind = lines[name], name.replace(" ", "-")
        points = " ".join(f"{x(i):.1f},{y(1 - value):.1f}" for i, value in enumerate(values))
        end = f'cx="{x(len(values) - 1):.1f}" cy="{y(1 - values[-1]):.1f}"'
        parts.append(
            f'<polyline class="line {kind}" points="{points}"/><circle class="{kind}" {end} r="3.5"/>'
        )
        label = f'{name} <tspan class="value">{values[-1]:.2%}</tspan>'.replace("%", " %")
        start = x(len(values) - 1) + 10
        parts.append(f'<text class="name {kind}" x="{start:.1f}" y="{height + 4:.1f}">{label}</text>')
    told = ", ".join(f"{name} from {values[0]:.2%} to {values[-1]:.2%}" for name, values in lines.items())
    told = f"Right answers over {len(history)} epochs: {told}"
    return (
        f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{told}">'
        f"{''.join(parts)}</svg>"
    )


def _apart(heights: list[float]) -> list[float]:
    """The heights of at most two labels, moved until they do not overlap."""
    if len(heights) == 2 and abs(heights[0] - heights[1]) < _LINE_HEIGHT:
        middle, sign = sum(heights) / 2, 1 if heights[0] >= heights[1] else -1
        return [middle + sign * _LINE_HEIGHT / 2, middle - sign * _LINE_HEIGHT / 2]
    return heights
