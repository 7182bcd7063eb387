"""Pictures of digits and of answers: each `draw_...` draws on a given Matplotlib `Axes`, and returns it.

Matplotlib itself is imported when a picture is saved, since that takes a third of a second.
"""

import io
import logging
import math
import re
import tempfile
import textwrap
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_mlp.errors import printable
from mnist_mlp.files.atomic import write_bytes
from mnist_mlp.report.scorecard import Mistake, most_confident

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Blue and vermilion of the palette that Okabe and Ito (2008) made for all kinds of color vision.
BLUE, VERMILION = "#0072b2", "#d55e00"
INK, GRAY, FAINT = "#222222", "#767676", "#e4e4e0"

_SVG_TAG = re.compile(rb"<[^>]+>")
_SIZE, _GAP = 28, 5  # pixels of a digit, each way, and between digits


def save_picture(
    path: str | Path, *draws: Callable[["Axes"], object], size: tuple[float, float] = (7.2, 4.8)
) -> None:
    """Write a PNG file of 150 pixels an inch, see `picture_bytes`; StorageError if that cannot be done."""
    try:
        tempfile.gettempdir()
    except OSError:  # no folder for temporary files can be written; Matplotlib would give up
        tempfile.tempdir = str(Path(path).parent)
    write_bytes(path, picture_bytes(*draws, size=size, kind="png"))


def picture_bytes(
    *draws: Callable[["Axes"], object], size: tuple[float, float], kind: Literal["png", "svg"]
) -> bytes:
    """The content of a picture file; the same drawing gives the same bytes.

    Args:
        *draws: each draws on an `Axes` of its own; they stand side by side.
        size: the greatest width and height in inches; blank margins are cut off.
        kind: a PNG is white where nothing is drawn, an SVG transparent.
    """
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)  # no word where it cannot keep its list of fonts for the next time
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    logger.setLevel(level)
    figure = Figure(size, dpi=150, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.12)
    for number, draw in enumerate(draws, start=1):
        draw(figure.add_subplot(1, len(draws), number))
    buffer = io.BytesIO()
    told = {"Software": None} if kind == "png" else {"Date": None}  # which would differ from time to time
    with warnings.catch_warnings(), rc_context({"svg.hashsalt": "mnist-mlp", "svg.fonttype": "none"}):
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a file's name may be in any script
        edges: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.12}
        figure.savefig(buffer, format=kind, transparent=kind == "svg", metadata=told, **edges)
    return buffer.getvalue() if kind == "png" else _SVG_TAG.sub(_shorten, buffer.getvalue())


def _shorten(tag: re.Match[bytes]) -> bytes:
    """Matplotlib writes six decimals of a 72nd of an inch; one is enough, and makes a third of the bytes."""
    return re.sub(rb"(\.\d)\d+", rb"\1", tag[0])


def draw_confusion(axes: "Axes", confusion: ArrayLike) -> "Axes":
    """Draw a confusion matrix: (10, 10) counts; row: the true digit, column: the answer.

    It is colored by its mistakes alone, so that the right answers do not hide them.
    """
    counts = np.asarray(confusion)
    mistakes = np.ma.masked_array(counts, np.eye(10, dtype=bool) | (counts == 0))
    most = max(1, counts[~np.eye(10, dtype=bool)].max())
    colors = np.sqrt(mistakes / most)  # by the square root, so that a single mistake shows
    grid = axes.pcolormesh(range(10), range(10), colors, cmap="Oranges", vmin=0, vmax=1.3)
    grid.set(edgecolor=FAINT, linewidth=0.8)
    for label, answer in np.argwhere(counts):
        count = counts[label, answer]
        color = GRAY if label == answer else "white" if count > most / 2 else INK
        text = axes.text(answer, label, f"{count}", ha="center", va="center", fontsize=9, color=color)
        text.set_in_layout(False)  # saves half the time
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("answer", color=GRAY, labelpad=8)
    axes.set_ylabel("true digit", color=GRAY)
    total, right = int(counts.sum()), int(counts.trace())
    write_title(axes, f"Which digit was taken for which ({total - right:,} of {total:,} answers wrong)")
    return make_plain(axes)


def draw_mistakes(axes: "Axes", images: NDArray[np.uint8], mistakes: Sequence[Mistake]) -> "Axes":
    """Draw up to 40 mistakes, the most confident first, each with its label, answer, output and index.

    The indices are those of `images` (n, 28, 28), all that were scored.
    """
    shown = most_confident(mistakes, 40)
    corners = _draw_tiles(axes, [images[mistake.index] for mistake in shown], columns=8, room_below=11)
    for (x, y), mistake in zip(corners, shown, strict=True):
        line = y + _SIZE + 1.5
        answer = f"{mistake.label} \N{RIGHTWARDS ARROW} {mistake.predicted}"
        write = partial(axes.text, va="top", in_layout=False)  # the layout would ask for each text's size
        write(x, line, answer, fontsize=9, color=INK)
        write(x + _SIZE, line, f"{mistake.output:.2f}", ha="right", fontsize=8, color=GRAY)
        write(x, line + 5.5, f"{mistake.index}", fontsize=7, color=GRAY)
    if len(shown) < len(mistakes):
        title = f"The {len(shown)} most confident of {len(mistakes):,} mistakes"
    else:
        title = f"All mistakes ({len(mistakes)}), the most confident first" if shown else "No mistakes"
    note = "true digit \N{RIGHTWARDS ARROW} answer, the output for that answer; below: the digit's index"
    write_title(axes, title, note if shown else "")
    return axes


def draw_digits(axes: "Axes", images: Sequence[NDArray[np.uint8]], title: str) -> "Axes":
    """Draw a digit; or several, the first in a frame, in as many columns as suit the shape of the `Axes`.

    Images are (28, 28) each, 0 is paper and 255 is ink. A long title is broken into lines; of a very long
    one, the middle is left out.
    """
    columns = max(1, round(math.sqrt(len(images) * axes.bbox.width / axes.bbox.height)))
    _draw_tiles(axes, images, columns)
    if len(images) > 1:
        x, y = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]).T * _SIZE - 0.5
        axes.plot(x, y, color=BLUE, linewidth=2, clip_on=False, scalex=False, scaley=False)
    write_title(axes, textwrap.fill(printable(title, 90), 36))
    return axes


def draw_outputs(axes: "Axes", outputs: ArrayLike, label: int | None = None) -> "Axes":
    """Draw a network's outputs (10,) for one digit as bars; its answer and the label are marked."""
    values = np.asarray(outputs, dtype=np.float64)
    answer = int(values.argmax())
    colors = [FAINT] * 10
    colors[answer] = BLUE if label in (None, answer) else VERMILION
    bars = axes.barh(range(10), values, color=colors, height=0.75)
    notes = [f"{value:.3f}" for value in values]
    notes[answer] += "  answer"
    if label is not None:
        notes[label] += ", true digit" if label == answer else "  true digit"
    axes.bar_label(bars, notes, padding=5, fontsize=9, color=INK)
    axes.set_yticks(range(10))
    axes.invert_yaxis()
    axes.set_xlim(min(0, values.min()), max(1, values.max()))
    axes.set_xticks([])
    write_title(axes, "The ten outputs")
    return make_plain(axes)


def _draw_tiles(
    axes: "Axes", images: Sequence[NDArray[np.uint8]], columns: int, room_below: int = 0
) -> list[tuple[float, float]]:
    """Draw images in rows on one `Axes`, with white gaps; the left upper corner of each is returned."""
    width, height = _SIZE + _GAP, _SIZE + _GAP + room_below
    rows = math.ceil(len(images) / columns)
    shape = max(1, rows * height - _GAP), columns * width - _GAP
    mosaic = np.ma.masked_array(np.zeros(shape, np.uint8), mask=True)
    corners = []
    for number, image in enumerate(images):
        y, x = number // columns * height, number % columns * width
        mosaic[y : y + _SIZE, x : x + _SIZE] = image
        corners.append((x - 0.5, y - 0.5))
    axes.imshow(
        mosaic, cmap="gray_r", vmin=-15, vmax=255, interpolation="nearest"
    )  # paper is not quite white
    axes.set_axis_off()
    axes.set_anchor("N")
    return corners


def write_title(axes: "Axes", title: str, subtitle: str = "") -> None:
    """Write a title above an `Axes`, and a smaller line below it."""
    axes.set_title(title, loc="left", color=INK, fontsize=12, pad=26 if subtitle else 10, parse_math=False)
    axes.annotate(subtitle, (0, 1), (0, 11), "axes fraction", "offset points", color=GRAY, fontsize=9)


def make_plain(axes: "Axes") -> "Axes":
    """Leave only what carries information: no frame, no tick marks."""
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", length=0, pad=7, labelcolor=GRAY)
    axes.set_axisbelow(True)
    return axes
