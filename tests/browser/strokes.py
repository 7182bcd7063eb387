"""Drawn strokes as 28 x 28 pixels: what `pixelsOf` in `digit.js` must give, to the last bit."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

_FINE = 5  # cells of the fine grid per pixel, in each direction
_GRID = 28 * _FINE
_PEN = 6  # radius of the pen in cells: 2.4 pixels wide
_REACH = 20 * _FINE - 2 * _PEN  # the longest side of the strokes in cells: with the pen, 20 pixels
_SMALLEST = 28  # strokes shorter than this (the paper has 280) are not enlarged to full size
_CENTER = 72  # the cell in the middle of pixel 14, where MNIST has the center of mass


def draw_strokes(strokes: Sequence[ArrayLike]) -> NDArray[np.uint8]:
    """The picture of strokes, as the page draws it: enlarged to 20 pixels, the center of mass on pixel 14.

    Only + - * / and the square root are used, which IEEE 754 defines to the last bit, so that Python and
    every browser give the same bytes.

    Args:
        strokes: each an array (n, 2) of at least one point (x, y), on a paper of 280 x 280.

    Returns:
        (28, 28), uint8, 255 for ink; no ink for no strokes.
    """
    if not strokes:
        return np.zeros((28, 28), np.uint8)
    lines = [np.asarray(stroke, np.float64).reshape(-1, 2) for stroke in strokes]
    points = np.concatenate(lines)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = _REACH / max(*(high - low), _SMALLEST)
    middle = (low + high) / 2
    cells = np.zeros((_GRID, _GRID), np.int64)
    for line in lines:
        fitted = (line - middle) * scale + _GRID / 2
        for a, b in pairwise([fitted[0], *fitted]):
            _ink_line(cells, a, b)
    fine = _shifted(cells).reshape(28, _FINE, 28, _FINE)
    pixels: NDArray[np.uint8] = ((fine.sum(axis=(1, 3)) + 12) // 25).astype(np.uint8)
    return pixels


def _ink_line(cells: NDArray[np.int64], a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    """Raise the cells around the line from a to b to how much of each is ink, 0 to 255."""
    first = np.floor(np.minimum(a, b)).astype(int) - _PEN - 1
    last = np.floor(np.maximum(a, b)).astype(int) + _PEN + 2
    window = cells[first[1] : last[1], first[0] : last[0]]
    px = np.arange(first[0], last[0]) + 0.5 - a[0]
    py = (np.arange(first[1], last[1]) + 0.5 - a[1])[:, None]
    dx, dy = b - a
    squared = dx * dx + dy * dy
    along = np.clip((px * dx + py * dy) / squared, 0, 1) if squared > 0 else np.zeros_like(px + py)
    ex, ey = px - along * dx, py - along * dy
    cover = np.clip(_PEN + 0.5 - np.sqrt(ex * ex + ey * ey), 0, 1)
    np.maximum(window, np.floor(cover * 255 + 0.5).astype(np.int64), out=window)


def _shifted(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cells moved so that the center of mass is on pixel 14; what leaves the grid is lost."""
    positions = np.arange(_GRID)
    mass = int(cells.sum())
    right = int(np.floor(_CENTER - int(cells.sum(axis=0) @ positions) / mass + 0.5))
    down = int(np.floor(_CENTER - int(cells.sum(axis=1) @ positions) / mass + 0.5))
    room = np.pad(cells, _GRID)
    return room[_GRID - down : 2 * _GRID - down, _GRID - right : 2 * _GRID - right]
