"""The results as a Markdown table and as a picture."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.results import Comparison, Figure, Result, number, spread
from benchmarks.rivals import BOOK, PYTORCH, SKLEARN
from mnist_mlp.report.figures import BLUE, FAINT, GRAY, INK, VERMILION, save_picture

_COLOURS = {
    BOOK: VERMILION,
    PYTORCH: BLUE,
    SKLEARN: "#009e73",
}  # the palette of mnist_mlp.report.figures
_OTHER = "#999999"
_TIMES = "\N{MULTIPLICATION SIGN}"


def markdown(results: Sequence[Result], machine: Sequence[str], remarks: Sequence[str]) -> str:
    """The whole report."""
    comparisons = [result for result in results if isinstance(result, Comparison)]
    figures = [result for result in results if isinstance(result, Figure)]
    lines = [*(f"- {line}" for line in machine), "", *remarks]
    if comparisons:
        lines += [
            "",
            "| | mnist-mlp | other | | faster, times |",
            "|---|--:|--:|---|--:|",
            *(_row(comparison) for comparison in comparisons),
        ]
    if figures:
        lines += ["", "| | |", "|---|--:|", *(f"| {figure.what} | {figure.value} |" for figure in figures)]
    return "\n".join(lines) + "\n"


def _row(comparison: Comparison) -> str:
    ours, theirs = (
        f"{number(median(values))} {comparison.unit}" for values in (comparison.ours, comparison.theirs)
    )
    return f"| {comparison.what} | {ours} | {theirs} | {comparison.rival} | {spread(comparison.ratios)} |"


def draw(axes: Axes, comparisons: Sequence[Comparison]) -> Axes:
    """Draw how many times faster ours is, as bars on a logarithmic axis; thin lines are the spread."""
    for height, comparison in enumerate(comparisons):
        ratios = comparison.ratios
        ratio, colour = median(ratios), _COLOURS.get(comparison.rival, _OTHER)
        axes.barh(height, ratio - 1, left=1, height=0.6, color=colour)
        axes.plot([min(ratios), max(ratios)], [height, height], color=INK, linewidth=1.2)
        ours, theirs = (number(median(values)) for values in (comparison.ours, comparison.theirs))
        _write(axes, f"{number(ratio)} {_TIMES}", (max(*ratios, 1), height), color=INK, weight="bold")
        note = f"{ours} {comparison.unit}; {comparison.rival} {theirs} {comparison.unit}"
        axes_end = axes.get_yaxis_transform()
        _write(axes, note, (1, height), xycoords=axes_end, color=GRAY if colour == _OTHER else colour)
    everything = [1.0, *(ratio for comparison in comparisons for ratio in comparison.ratios)]
    low, high = min(everything), max(everything)
    axes.set_xscale("log")
    axes.set_xlim(low / 1.05, high * (high / low) ** 0.2)  # room for the last label
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
    axes.xaxis.set_major_formatter(f"{{x:g}} {_TIMES}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(1, color=INK, linewidth=1)
    names = [comparison.what.replace("`", "") for comparison in comparisons]
    axes.set_yticks(range(len(names)), [n if n != last else "" for last, n in pairwise(["", *names])])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_title("How many times faster than others", loc="left", color=INK, fontsize=12, pad=10)
    axes.annotate(
        "mnist-mlp; the other", (1, 1), (7, 11), "axes fraction", "offset points", color=INK, fontsize=9
    )
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", length=0, labelcolor=INK)
    axes.tick_params(axis="x", labelcolor=GRAY)
    return axes


def _write(axes: Axes, text: str, place: tuple[float, float], **style: Any) -> None:
    axes.annotate(text, place, (7, 0), textcoords="offset points", va="center", fontsize=9, **style)


def save_plot(path: Path, results: Sequence[Result]) -> None:
    """Write the picture of all comparisons as a PNG file."""
    comparisons = [result for result in results if isinstance(result, Comparison)]
    save_picture(path, partial(draw, comparisons=comparisons), size=(10, 1.2 + 0.36 * len(comparisons)))
