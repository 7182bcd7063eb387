"""The results: two programs compared in turn, or figures of our own; as a Markdown table and as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from mnist_mlp.report.figures import BLUE, FAINT, INK, VERMILION, save_picture
from scripts.benchmark.rivals import BOOK, PYTORCH, SKLEARN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = {BOOK: VERMILION, PYTORCH: BLUE, SKLEARN: "#009e73"}  # the palette of mnist_mlp.report.figures
_TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Comparison:
    """One thing that two programs do, measured in turn, so that neighbors make a pair.

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

    def medians(self) -> tuple[str, str]:
        """The medians of ours and of theirs, with their unit."""
        ours, theirs = (f"{number(median(values))} {self.unit}" for values in (self.ours, self.theirs))
        return ours, theirs


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


def markdown(results: Sequence[Result]) -> str:
    """All results as two tables."""
    lines = []
    if comparisons := [result for result in results if isinstance(result, Comparison)]:
        lines += ["| | mnist-mlp | other | | faster, times |", "|---|--:|--:|---|--:|"]
        for c in comparisons:
            ours, theirs = c.medians()
            lines.append(f"| {c.what} | {ours} | {theirs} | {c.rival} | {spread(c.ratios)} |")
        lines.append("")
    if figures := [result for result in results if isinstance(result, Figure)]:
        lines += ["| | |", "|---|--:|", *(f"| {figure.what} | {figure.value} |" for figure in figures), ""]
    return "\n".join(lines)


def draw(axes: "Axes", comparisons: Sequence[Comparison]) -> "Axes":
    """Draw how many times faster ours is, as bars on a logarithmic axis; thin lines are the spread."""
    from matplotlib.ticker import LogLocator, NullLocator  # noqa: PLC0415 - 20 MB, in each measured worker too

    beside: Any = {"textcoords": "offset points", "va": "center", "fontsize": 9, "color": INK}
    for height, comparison in enumerate(comparisons):
        ratios, (ours, theirs) = comparison.ratios, comparison.medians()
        axes.barh(height, median(ratios) - 1, left=1, color=_COLORS.get(comparison.rival, "#999999"))
        axes.plot([min(ratios), max(ratios)], [height, height], color=INK, linewidth=1.2)
        ratio = f"{number(median(ratios))} {_TIMES}"
        axes.annotate(ratio, (max(*ratios, 1), height), (7, 0), weight="bold", **beside)
        note, end = f"{ours}; {comparison.rival} {theirs}", axes.get_yaxis_transform()
        axes.annotate(note, (1, height), (7, 0), end, **beside)
    everything = [1.0, *(ratio for comparison in comparisons for ratio in comparison.ratios)]
    low, high = min(everything), max(everything)
    axes.set_xscale("log")
    axes.set_xlim(low / 1.05, high * (high / low) ** 0.2)  # room for the last label
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
    axes.xaxis.set_major_formatter(f"{{x:g}} {_TIMES}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_yticks(range(len(comparisons)), [comparison.what.replace("`", "") for comparison in comparisons])
    axes.set_ylim(len(comparisons) - 0.5, -0.5)
    axes.set_title("How many times faster than others; right: mnist-mlp; the other", color=INK, fontsize=12)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", length=0, labelcolor=INK)
    return axes


def save_plot(path: Path, results: Sequence[Result]) -> None:
    """Write the picture of all comparisons, if there are any, as a PNG file."""
    if comparisons := [result for result in results if isinstance(result, Comparison)]:
        size = (10, 1.2 + 0.36 * len(comparisons))
        save_picture(path, partial(draw, comparisons=comparisons), size=size)
