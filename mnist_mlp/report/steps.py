"""Pictures of how handwriting was read: the sheet with its answers, and each digit's way to 28 x 28."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass

from mnist_mlp.digits.glyph import Glyph
from mnist_mlp.digits.photo import Sheet
from mnist_mlp.report.figures import BLUE, GRAY, INK, VERMILION, save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Answer = tuple[int | None, float]
"""A digit, or None for no digit, and the largest output of the network."""

_COLUMNS = {
    "cut out": "cut out",
    "cleaned": "cleaned",
    "fitted": "fitted into 20 x 20",
    "centered": "centered in 28 x 28",
}
_PITCH = 1.25  # from one picture to the next, of 1


def save_steps(folder: str | Path, sheet: Sheet, answers: Sequence[Answer]) -> list[Path]:
    """Write sheet.png, and line-1.png, line-2.png, ... with a row of pictures for each digit.

    There is an answer for each of `sheet.glyphs`, and the folder exists. Returns the files; raises
    StorageError if one cannot be written.
    """
    paths = [Path(folder) / "sheet.png"]
    height = min(9.0, max(2.5, 8 * sheet.size[1] / sheet.size[0]))
    save_picture(paths[0], partial(draw_sheet, sheet=sheet, answers=answers), size=(8, height))
    done = 0
    for number, line in enumerate(sheet.lines, start=1):
        paths.append(Path(folder) / f"line-{number}.png")
        draw = partial(draw_steps, glyphs=line, answers=answers[done : done + len(line)])
        save_picture(paths[-1], draw, size=(8, 0.6 + 1.35 * len(line)))
        done += len(line)
    return paths


def draw_sheet(axes: "Axes", sheet: Sheet, answers: Sequence[Answer]) -> "Axes":
    """Draw a sheet with a frame around each digit, and above it what was read (? where it is no digit)."""
    width, height = sheet.size
    axes.imshow(sheet.picture, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
    for glyph, (digit, _) in zip(sheet.glyphs, answers, strict=True):
        left, top, right, bottom = glyph.box
        color = GRAY if digit is None else BLUE
        x, y = [left, right, right, left, left], [top, top, bottom, bottom, top]
        axes.plot(x, y, color=color, linewidth=1.2)
        label = {"facecolor": color, "edgecolor": "none", "boxstyle": "square,pad=0.15"}
        axes.text(left, top, _shown(digit), color="white", ha="left", va="bottom", bbox=label, fontsize=10)
    axes.axis("off")
    return axes


def draw_steps(axes: "Axes", glyphs: Sequence[Glyph], answers: Sequence[Answer]) -> "Axes":
    """Draw a row for each digit: the pictures of its steps, and what the network reads of the last."""
    for column, (step, title) in enumerate(_COLUMNS.items()):
        axes.text(column * _PITCH + 0.5, -0.08, title, ha="center", va="bottom", color=GRAY, fontsize=9)
        for row, glyph in enumerate(glyphs):
            _draw_step(axes, step, glyph.steps[step], column * _PITCH, row * _PITCH)
    for row, (digit, output) in enumerate(answers):
        x, y = len(_COLUMNS) * _PITCH, row * _PITCH
        color = GRAY if digit is None else INK
        axes.text(x + 0.1, y + 0.45, _shown(digit), ha="left", va="center", color=color, fontsize=34)
        axes.text(x + 0.1, y + 0.85, f"output {output:.2f}", ha="left", va="center", color=GRAY, fontsize=8)
    axes.set_xlim(-0.02, len(_COLUMNS) * _PITCH + 0.7)
    axes.set_ylim(len(glyphs) * _PITCH - 0.2, -0.3)
    axes.set_aspect("equal")
    axes.axis("off")
    return axes


def _draw_step(axes: "Axes", step: str, picture: NDArray[np.uint8], x: float, y: float) -> None:
    """Draw one picture into the unit square at (x, y); with the center of mass, where that is the point."""
    h, w = np.array(picture.shape) / max(picture.shape)
    left, top = x + (1 - w) / 2, y + (1 - h) / 2
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(left, left + w, top + h, top))
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
    paper = "white" if step == "cut out" else "black"
    axes.fill(*np.add(square, (x, y)).T, facecolor=paper, edgecolor=GRAY, linewidth=0.6, zorder=-1)
    if step in {"fitted", "centered"} and picture.any():
        row, column = (np.array(center_of_mass(picture)) + 0.5) / max(picture.shape)
        axes.plot(left + column, top + row, "+", color=VERMILION, markersize=9)
    if step == "centered":
        inner = square * 20 / 28 + 4 / 28
        axes.plot(*np.add(inner, (x, y)).T, color=VERMILION, linewidth=0.6, linestyle=":")


def _shown(digit: int | None) -> str:
    return "?" if digit is None else str(digit)
