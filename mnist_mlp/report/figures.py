"""Pictures of a training run and of digits, each drawn on a given `Axes`, and the way to save them."""

import io
import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from mnist_mlp.errors import printable
from mnist_mlp.files.atomic import write_bytes
from mnist_mlp.report.scorecard import Mistake, most_confident

# Blue and vermilion of the palette that Okabe and Ito (2008) made for all kinds of colour vision.
BLUE, VERMILION = "#0072b2", "#d55e00"
INK, GREY, FAINT = "#222222", "#767676", "#e4e4e0"
_PAPER = LinearSegmentedColormap.from_list("paper", ["#f4f4f0", "#111111"]).with_extremes(bad="white")
_MISTAKES = LinearSegmentedColormap.from_list("mistakes", ["#ffffff", "#f7c6a3", VERMILION]).with_extremes(
    bad="#f2f2ef"
)

_SIZE = 28  # pixels of a digit, each way
_DOTS_PER_INCH = 150
_MARGIN = 0.12  # inches around a drawing


class Epoch(Protocol):
    """What a picture needs of one row of a training history; shares of right answers are from 0 to 1."""

    @property
    def epoch(self) -> int: ...  # noqa: D102
    @property
    def accuracy(self) -> float: ...  # noqa: D102
    @property
    def validation_accuracy(self) -> float | None: ...  # noqa: D102


def save_picture(
    path: str | Path, *draws: Callable[[Axes], object], size: tuple[float, float] = (7.2, 4.8)
) -> None:
    """Write a PNG file; the same drawing gives the same bytes.

    Args:
        path: the file, which is written whole or not at all.
        *draws: each draws on an `Axes` of its own; they stand side by side.
        size: width and greatest height in inches of 150 pixels; paper left blank at the bottom is cut off.

    Raises:
        StorageError: the file cannot be written.
    """
    figure = Figure(figsize=size, dpi=_DOTS_PER_INCH, facecolor="white")
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=_MARGIN, h_pad=_MARGIN))
    canvas = FigureCanvasAgg(figure)
    for number, draw in enumerate(draws, start=1):
        draw(figure.add_subplot(1, len(draws), number))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a file's name may be in any script
        canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]  # type: ignore[no-untyped-call]
    lowest_inked = len(pixels) - 1 - np.flatnonzero((pixels < 255).any(axis=(1, 2)))[-1]
    used = len(pixels) - math.floor(min(lowest_inked, *(axes.bbox.y0 for axes in figure.axes)))
    # A margin of what is inked is a little narrower than that of letters, which may reach below the line.
    paper = pixels[: used + round(1.25 * _MARGIN * _DOTS_PER_INCH)]
    buffer = io.BytesIO()
    imsave(buffer, paper, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})  # type: ignore[dict-item]
    write_bytes(path, buffer.getvalue())


def draw_learning_curve(axes: Axes, history: Sequence[Epoch], test_accuracy: float | None = None) -> Axes:
    """Draw the accuracy after each epoch.

    The axis is linear in the logarithm of the share of wrong answers, so that 98 to 99 % takes as much room
    as 96 to 98 %: each halves the mistakes.

    Args:
        axes: where to draw.
        history: one record for each epoch.
        test_accuracy: 0 to 1, marked at the end where given.
    """
    curves = [("training", GREY, [100 * record.accuracy for record in history])]
    validation = [100 * r.validation_accuracy for r in history if r.validation_accuracy is not None]
    if len(validation) == len(history):
        curves.append(("validation", BLUE, validation))
    if test_accuracy is not None:
        curves.append(("test", VERMILION, [100 * test_accuracy]))

    epochs = [record.epoch for record in history]
    values = [value for _, _, curve in curves for value in curve]
    high = min(_stretch(max(values)) + 0.1, _stretch(100))
    ticks = _accuracy_ticks(min(_stretch(min(values)) - 0.05, high - 0.3), high)
    low = _stretch(ticks[0])
    axes.set_yscale("function", functions=(_stretch, _squeeze))
    axes.set_ylim(*_squeeze([low, high]))
    axes.set_yticks(ticks, minor=False)
    axes.yaxis.set_major_formatter("{x:g} %")
    for _, colour, curve in curves:
        marker = "o" if len(curve) <= 30 else "None"
        axes.plot(epochs[-len(curve) :], curve, marker=marker, color=colour, markersize=5, clip_on=False)
    heights = _apart([(_stretch(curve[-1]) - low) / (high - low) for _, _, curve in curves], gap=0.06)
    for (name, colour, curve), height in zip(curves, heights, strict=True):
        label = f"   {name} {curve[-1]:.2f} %"
        axes.text(epochs[-1], height, label, transform=axes.get_xaxis_transform(), color=colour, va="center")
    first, last = epochs[0], epochs[-1]
    axes.set_xlim(first - (0.02 * (last - first) or 1), last)  # the first marker stays off the tick labels
    axes.set_xticks(_epoch_ticks(first, last))
    axes.set_xlabel("epoch", color=GREY)
    _title(
        axes,
        "Right answers, epoch by epoch",
        "training: while learning, before each update; the scale widens towards 100 %",
    )
    axes.grid(axis="y", color=FAINT)
    return _plain(axes)


def _stretch(percent: ArrayLike) -> Any:
    """Minus the logarithm of the share of wrong answers, with a floor of 0.01 % so that 100 % has a place."""
    return -np.log10(np.maximum(np.subtract(100, percent), 0.01))


def _squeeze(stretched: ArrayLike) -> Any:
    return 100 - np.power(10, np.negative(stretched))


def _accuracy_ticks(low: float, high: float) -> list[float]:
    """Round percentages from one at or below `low` up to `high`, both of them stretched.

    There are at least four if tenths of a decade give as many.
    """
    ticks: list[float] = []
    for steps in ([1], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9]):
        below = [h for h in _round_heights({1, 1.5, 2, 3, 5, 7, *steps}) if h <= low] or [_stretch(0)]
        within = [h for h in _round_heights(steps) if max(low, below[-1]) < h <= high]
        ticks = [round(float(_squeeze(height)), 4) for height in (below[-1], *within)]
        if len(ticks) >= 4:
            break
    return ticks


def _round_heights(steps: Iterable[float]) -> list[float]:
    """Where the share of wrong answers is a step times a power of ten, stretched, from the bottom."""
    wrong = [step * 10.0**power for power in range(-2, 3) for step in steps]
    return sorted(-math.log10(w) for w in wrong if w <= 100)


def _epoch_ticks(first: int, last: int) -> list[int]:
    """The first epoch, and round numbers up to the last."""
    if first == last:
        return [first]
    locator = MaxNLocator(7, integer=True, steps=[1, 2, 5, 10])
    numbers = [int(number) for number in locator.tick_values(0, last)]
    second = first + (numbers[1] - numbers[0]) / 2  # closer to the first, its label would touch
    return [first, *(number for number in numbers if second <= number <= last)]


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """The heights, moved up where they are closer to the next one below than the gap."""
    moved = list(heights)
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved


def draw_confusion(axes: Axes, confusion: ArrayLike) -> Axes:
    """Draw a confusion matrix, coloured by its mistakes alone, so that the right answers do not drown them.

    Args:
        axes: where to draw.
        confusion: (10, 10) counts; row: the true digit, column: the answer.
    """
    counts = np.asarray(confusion)
    mistakes = np.ma.masked_array(counts, np.eye(10, dtype=bool))
    norm = PowerNorm(0.5, vmin=0, vmax=max(1, mistakes.max()))
    axes.imshow(mistakes, cmap=_MISTAKES, norm=norm)
    for label, answer in np.argwhere(counts):
        right = label == answer
        axes.text(
            answer,
            label,
            f"{counts[label, answer]}",
            ha="center",
            va="center",
            fontsize=9,
            color=GREY if right else "white" if norm(counts[label, answer]) > 0.8 else INK,
            in_layout=False,
        )
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("answer", color=GREY, labelpad=8)
    axes.set_ylabel("true digit", color=GREY)
    edges = np.arange(-0.5, 10)
    axes.hlines(edges, -0.5, 9.5, color=FAINT, linewidth=0.8, zorder=0.5)
    axes.vlines(edges, -0.5, 9.5, color=FAINT, linewidth=0.8, zorder=0.5)
    total, right = int(counts.sum()), int(counts.trace())
    _title(axes, f"Which digit was taken for which ({total - right:,} of {total:,} answers wrong)")
    return _plain(axes)


def draw_mistakes(axes: Axes, images: NDArray[np.uint8], mistakes: Sequence[Mistake]) -> Axes:
    """Draw up to 40 mistakes, the most confident first, each with its label, answer, output and index.

    Args:
        axes: where to draw.
        images: (n, 28, 28), every image that was scored.
        mistakes: the wrong answers; their indices are rows of `images`.
    """
    shown = most_confident(mistakes, 40)
    corners = _draw_tiles(axes, [images[mistake.index] for mistake in shown], columns=8, room_below=11)
    for (x, y), mistake in zip(corners, shown, strict=True):
        line = y + _SIZE + 1.5
        axes.text(
            x,
            line,
            f"{mistake.label} \N{RIGHTWARDS ARROW} {mistake.predicted}",
            va="top",
            fontsize=9,
            color=INK,
        )
        axes.text(x + _SIZE, line, f"{mistake.output:.2f}", va="top", ha="right", fontsize=8, color=GREY)
        axes.text(x, line + 5.5, f"{mistake.index}", va="top", fontsize=7, color=GREY)
    if not shown:
        title = "No mistakes"
    elif len(shown) < len(mistakes):
        title = f"The {len(shown)} most confident of {len(mistakes):,} mistakes"
    else:
        title = f"Every mistake ({len(mistakes)}), the most confident first"
    note = "true digit \N{RIGHTWARDS ARROW} answer, the output for that answer, and below the digit's index"
    _title(axes, title, note if shown else "")
    return axes


def draw_digit(axes: Axes, image: NDArray[np.uint8], title: str = "") -> Axes:
    """Draw one digit, (28, 28), as ink on paper; a long title loses its middle."""
    _draw_tiles(axes, [image], columns=1)
    _title(axes, printable(title, 50))
    return axes


def draw_digit_grid(axes: Axes, images: Sequence[NDArray[np.uint8]]) -> Axes:
    """Draw a digit and distorted versions of it, in as many columns as suit the shape of the `Axes`.

    Args:
        axes: where to draw.
        images: (28, 28) each, the original first.
    """
    columns = max(1, round(math.sqrt(len(images) * axes.bbox.width / axes.bbox.height)))
    x, y = _draw_tiles(axes, images, columns)[0]
    axes.add_patch(Rectangle((x, y), _SIZE, _SIZE, fill=False, edgecolor=BLUE, linewidth=2, clip_on=False))
    _title(axes, f"A digit, framed, and {len(images) - 1} distorted versions of it")
    return axes


def draw_outputs(axes: Axes, outputs: ArrayLike, label: int | None = None) -> Axes:
    """Draw a network's ten outputs for one digit as bars; the largest is its answer.

    Args:
        axes: where to draw.
        outputs: (10,).
        label: the true digit, marked where given.
    """
    values = np.asarray(outputs, dtype=np.float64)
    answer = int(values.argmax())
    colours = [FAINT] * 10
    colours[answer] = BLUE if label in (None, answer) else VERMILION
    axes.barh(range(10), values, color=colours, height=0.75)
    for digit, value in enumerate(values):
        note = [f"{value:.3f}"] + ["answer"] * (digit == answer) + ["true digit"] * (digit == label)
        axes.annotate(
            "  ".join(note),
            (max(value, 0), digit),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK if len(note) > 1 else GREY,
        )
    axes.set_yticks(range(10))
    axes.invert_yaxis()
    axes.set_xlim(min(0, values.min()), max(1, values.max()))
    axes.set_xticks([])
    _title(axes, "The ten outputs")
    return _plain(axes)


def _draw_tiles(
    axes: Axes, images: Sequence[NDArray[np.uint8]], columns: int, room_below: int = 0
) -> list[tuple[float, float]]:
    """Draw images in rows on one `Axes`, with white gaps; the left upper corner of each is returned."""
    width, height = _SIZE + 5, _SIZE + 5 + room_below
    rows = math.ceil(len(images) / columns)
    shape = max(1, rows * height - 5), columns * width - 5
    mosaic = np.ma.masked_array(np.zeros(shape, dtype=np.uint8), np.ones(shape, dtype=bool))
    corners = []
    for number, image in enumerate(images):
        y, x = number // columns * height, number % columns * width
        mosaic[y : y + _SIZE, x : x + _SIZE] = image
        corners.append((x - 0.5, y - 0.5))
    axes.imshow(mosaic, cmap=_PAPER, vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()
    axes.set_anchor("N")
    return corners


def _title(axes: Axes, title: str, subtitle: str = "") -> None:
    axes.set_title(title, loc="left", color=INK, fontsize=12, pad=26 if subtitle else 10, parse_math=False)
    note = axes.annotate(subtitle, (0, 1), (0, 11), "axes fraction", "offset points", color=GREY, fontsize=9)
    note.set_in_layout(False)  # its width must not push the axes aside; the title's padding keeps its height


def _plain(axes: Axes) -> Axes:
    """Leave only what carries information: no frame, no tick marks."""
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", length=0, labelcolor=GREY)
    axes.set_axisbelow(True)
    return axes
