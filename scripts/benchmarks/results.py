"""What the benchmark finds: two programs compared in turn, or a figure of our own."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Comparison:
    """One thing that two programs do, measured in turn, so that neighbours make a pair.

    Attributes:
        what: the thing.
        unit: of all measurements; less is better.
        ours: one measurement a round.
        rival: the other program.
        theirs: its measurements, in the same rounds.
    """

    what: str
    unit: str
    ours: Sequence[float]
    rival: str
    theirs: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours was, round by round."""
        return [b / a for a, b in zip(self.ours, self.theirs, strict=True)]


@dataclass(frozen=True)
class Figure:
    """A measurement that nothing is compared with; the value is text with its unit and spread."""

    what: str
    value: str


Result = Comparison | Figure


def number(value: float) -> str:
    """Three significant digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(values: Sequence[float]) -> str:
    """The median, with the least and the greatest where there are several."""
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} ({number(min(values))} to {number(max(values))})"
