"""Draws images that are no digits, so that a network can learn to answer them with ten small outputs.

All come in MNIST's form: fitted into 20 x 20 and centered by mass. Whole arrays are drawn at once, at some
tens of microseconds an image.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.errors import MnistMlpError

Images = NDArray[np.floating[Any]]
"""(n, h, w): ink from 0 to 1."""
Digits = tuple[NDArray[np.uint8], NDArray[np.intp]]
"""(m, 28, 28), and which of them may be used: to copy those would take much memory."""
Draw = Callable[[np.random.Generator, int, Digits], Images]

TRAINED = ("pieces", "mixtures", "pairs", "turned", "scribbles", "shapes", "letters", "noise")
"""The kinds that networks are trained with."""
HELD_OUT = ("symbols", "other letters", "upside down")
"""The kinds that only test: a network must not have been trained with them."""

# Polylines on a grid of 10 x 10, each point its column and row, strokes parted by "/".
_SHAPES = (
    "00 90 99 09 00", "50 99 09 50", "00 90 49 00", "50 95 59 05 50", "50 59/05 95", "00 99/90 09",
    "20 80 95 79 29 05 20", "00 90 99 09 00/09 90", "00 90 99 09 00/50 59/05 95", "50 79 03 93 29 50",
    "05 95/70 95 79", "50 59/30 50 70", "00 90/05 95/09 99", "00 09/50 59/90 99", "09 00 99 90",
    "54 45 34 43 56 75 62 31 14 36 69 97 80 40", "49 04 02 10 30 43 60 80 92 94 49",
    "20 60 92 96 69 29 05 03 20/32 33/62 63/26 47 66", "00 33 06 39 09", "25 45 45 65 65 25 25",
)  # fmt: skip
_LETTERS = (
    "09 50 99/26 76", "90 30 04 06 39 99", "00 09 69 96 93 60 00", "90 00 09 99/05 75", "90 00 09/05 75",
    "00 09/90 99/05 95", "00 09/90 05 99", "00 09 99", "09 00 55 90 99", "09 00 99 90", "09 00 70 93 65 05",
    "09 00 70 92 65 05/55 99", "90 97 69 29 07 00", "00 59 90", "00 29 50 79 90", "00 99/90 09",
    "80 88 59 19 06/50 99", "09 04 20 60 95/55 09 99/99 95", "00 09/05 40 80 95 99", "50 58 79/20 80/00 00",
    "09 03/05 30 53 59/55 80 93 99", "00 06 28 68 96/90 99",
)  # fmt: skip
_OTHER_LETTERS = (
    "09 50 99 09", "00 90 55 99 09", "09 00 90 99", "00 90 45 09 99/00 09", "50 59/02 05 47 65 95 92",
    "29 09 35 03 30 60 93 65 99 79", "50 00 90/50 59/09 99", "00 09 99 90/59 50",
    "00 09/00 00/05 35 40 80 94 95 79 49 35", "90 40 02 15 95/90 99/45 09", "00 09/04 64 99/95 60",
    "00 99/35 09/64 90", "00 20 99/45 09", "10 14 35 75/90 10/75 99 09",
)  # fmt: skip


def draw_nondigits(
    count: int,
    digits: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    rng: np.random.Generator,
    kinds: Sequence[str] = TRAINED,
) -> NDArray[np.uint8]:
    """Draw images that are no digits, each of a random kind.

    Args:
        count: how many.
        digits: (m, 28, 28), uint8: digits whose pieces, mixtures and turned copies are among what is drawn.
        labels: (m,), uint8: what they show.
        rng: all randomness.
        kinds: of `TRAINED` or `HELD_OUT`.

    Returns:
        (count, 28, 28), uint8, 0 for paper and 255 for ink.

    Raises:
        MnistMlpError: there are not digits of all labels.
    """
    # A piece of a 1 and a turned 0 are still a 1 and a 0; upside down only these are nothing.
    fit = {
        "pieces": np.flatnonzero(labels != 1),
        "turned": np.flatnonzero(labels != 0),
        "upside down": np.flatnonzero(np.isin(labels, (3, 4, 7))),
    }
    everything = np.arange(len(labels))
    if not all(map(len, fit.values())):
        raise MnistMlpError("non-digits are made from digits: give digits of all labels")
    images = np.empty((count, 28, 28), np.uint8)
    which = rng.integers(len(kinds), size=count)
    for i, kind in enumerate(kinds):
        rows = np.flatnonzero(which == i)
        for chunk in np.array_split(rows, len(rows) // 256 + 1):  # of a size that stays in the cache
            drawn = _KINDS[kind](rng, len(chunk), (digits, fit.get(kind, everything)))
            images[chunk] = _centered(_fitted(drawn))
    return images


def _some(rng: np.random.Generator, count: int, digits: Digits) -> Images:
    images, fitting = digits
    return np.asarray(images[fitting[rng.integers(len(fitting), size=count)]], np.float32) / 255


def _pieces(rng: np.random.Generator, count: int, digits: Digits) -> Images:
    """Digits of which a straight cut has left about a half."""
    angle, offset = rng.uniform(0, 2 * np.pi, (count, 1, 1)), rng.uniform(-2, 3, (count, 1, 1))
    y, x = np.mgrid[-13.5:14, -13.5:14]
    kept = np.cos(angle) * x + np.sin(angle) * y > offset
    return np.asarray(np.where(kept, _some(rng, count, digits), 0))


def _mixtures(rng: np.random.Generator, count: int, digits: Digits) -> Images:
    """Two digits written over each other, one of them turned."""
    move = (int(rng.integers(-4, 5)), int(rng.integers(-4, 5)))
    return np.maximum(_some(rng, count, digits), np.roll(_turned(rng, count, digits), move, (1, 2)))


def _turned(rng: np.random.Generator, count: int, digits: Digits) -> Images:
    """Digits turned by a quarter, either way."""
    images = np.rot90(_some(rng, count, digits), axes=(1, 2))
    return np.where(rng.random((count, 1, 1)) < 0.5, images, images[:, ::-1, ::-1])


def _pairs(rng: np.random.Generator, count: int, digits: Digits) -> Images:
    """Two digits side by side or one above the other, close together, as if they were one."""
    one, two = (_some(rng, count, digits)[:, :, 4:24] for _ in range(2))
    beside = np.zeros((count, 40, 40), np.float32)
    beside[:, 6:34, :20], beside[:, 6:34, 20:] = one, two
    above = np.zeros((count, 40, 40), np.float32)
    above[:, :20, 10:30], above[:, 20:, 10:30] = one[:, 4:24], two[:, 4:24]
    return np.where(rng.random((count, 1, 1)) < 0.7, beside, above)


def _upside_down(rng: np.random.Generator, count: int, digits: Digits) -> Images:
    return _some(rng, count, digits)[:, ::-1, ::-1]


def _noise(rng: np.random.Generator, count: int, _digits: Digits) -> Images:
    """Blots: noise, smoothed or not, above a threshold; some are all blank."""
    rough = rng.random((count, 28, 28), np.float32)
    sigma = rng.choice([0.1, 0.8, 1.5, 2.5])
    blots = _blurred(rough - 0.5, sigma)
    blots /= blots.std(axis=(1, 2), keepdims=True) + 1e-6
    return np.clip(2 * (blots - rng.uniform(-0.5, 3, (count, 1, 1))), 0, 1).astype(np.float32)


def _scribbles(rng: np.random.Generator, count: int, _digits: Digits) -> Images:
    """One smooth line without a plan: a few terms of a random Fourier series."""
    t = np.linspace(0, 1, 200) * rng.uniform(2, 6.3, (count, 1))
    path = np.zeros((count, 200, 2))
    for k in range(1, 6):
        size, phase = rng.normal(0, 1 / k**0.7, (count, 1, 2)), rng.uniform(0, 6.3, (count, 1, 2))
        path += size * np.cos(k * t[..., None] + phase)
    return _drawn(rng, path)


def _symbols(rng: np.random.Generator, count: int, _digits: Digits) -> Images:
    """Two to four strokes, each straight or an arc, as the letters of an unknown script."""
    start, end = rng.uniform(0, 1, (2, count, 4, 1, 2))
    bend = rng.normal(0, 0.4, (count, 4, 1, 2)) * (rng.random((count, 4, 1, 1)) < 0.5)
    t = np.linspace(0, 1, 60)[:, None]
    strokes = start * (1 - t) + end * t + bend * 4 * t * (1 - t)
    strokes[np.arange(4) >= rng.integers(2, 5, (count, 1))] = np.nan
    return _drawn(rng, strokes.reshape(count, -1, 2))


def _from(templates: Sequence[str]) -> Draw:
    """A kind that draws polylines by templates, each bent, leaning and stretched anew."""
    paths = np.stack([_path(template) for template in templates])

    def draw(rng: np.random.Generator, count: int, _digits: Digits) -> Images:
        path = paths[rng.integers(len(paths), size=count)]
        lean = np.eye(2) + rng.normal(0, 0.15, (count, 2, 2))
        bend, phase = rng.normal(0, 0.05, (count, 1, 2)), rng.uniform(0, 6.3, (count, 1, 2))
        return _drawn(rng, path @ lean + bend * np.sin(5 * path[..., ::-1] + phase))

    return draw


def _path(template: str) -> NDArray[np.float64]:
    """(300, 2): points along all strokes of a template, x and y from 0 to 0.9."""
    strokes = [np.array([[int(c) / 10 for c in point] for point in s.split()]) for s in template.split("/")]
    pieces = [piece for stroke in strokes for piece in pairwise(stroke)]
    t = np.linspace(0, 1, 300 // len(pieces))[:, None]
    points = np.concatenate([a * (1 - t) + b * t for a, b in pieces])
    return np.pad(points, ((0, 300 - len(points)), (0, 0)), mode="edge")


def _drawn(rng: np.random.Generator, path: NDArray[np.float64]) -> Images:
    """Draw paths (n, m, 2), x and y in any unit, with pens of different width; NaN points are left out."""
    low, high = np.nanmin(path, axis=1, keepdims=True), np.nanmax(path, axis=1, keepdims=True)
    spots = 4 + 19 * (path - low) / ((high - low).max(axis=2, keepdims=True) + 1e-9)
    rows, places = np.nonzero(np.isfinite(spots[..., 0]))
    x, y = (spots[rows, places] + 0.5).astype(int).T
    grid = np.zeros((len(path), 28, 28), np.float32)
    grid[rows, y, x] = 1
    return np.clip(4 * (_blurred(grid, 0.9) - rng.uniform(0.1, 0.3, (len(path), 1, 1))), 0, 1).astype(
        np.float32
    )


def _blurred(images: Images, sigma: float) -> Images:
    distance = np.arange(28)[:, None] - np.arange(28)
    smooth = np.exp(-0.5 * (distance / sigma) ** 2).astype(np.float32)
    smooth /= smooth.sum(axis=1, keepdims=True)
    return np.asarray(smooth @ images @ smooth.T)


def _fitted(images: Images) -> Images:
    """Bring the ink's longest side to 20 pixels, in the middle of 28 x 28, by bilinear interpolation."""
    _, h, w = images.shape
    inked: NDArray[np.bool_] = images > 0.2
    by_row, by_column = np.asarray(inked.any(axis=2)), np.asarray(inked.any(axis=1))
    top, bottom = by_row.argmax(axis=1), by_row[:, ::-1].argmax(axis=1)
    left, right = by_column.argmax(axis=1), by_column[:, ::-1].argmax(axis=1)
    height, width = h - bottom - top, w - right - left
    factor = np.maximum(np.maximum(height, width), 10) / 20  # nothing is more than doubled
    grid = np.arange(28) - 13.5
    y = (top + (height - 1) / 2)[:, None] + grid * factor[:, None]
    x = (left + (width - 1) / 2)[:, None] + grid * factor[:, None]
    rows, columns = _weights(y, h), _weights(x, w)
    return np.asarray(rows @ images @ columns.transpose(0, 2, 1))


def _weights(places: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """(n, 28, size): the weights that read columns of a size at places (n, 28), linearly interpolated."""
    return np.asarray(np.maximum(0, 1 - np.abs(places[..., None] - np.arange(size))), np.float32)


def _centered(images: Images) -> NDArray[np.uint8]:
    """Move each image so that its center of mass falls on pixel 14, rounded, and make bytes of it."""
    mass = images.sum(axis=(1, 2)) + 1e-9
    steps = np.arange(28)
    down, right = (
        np.clip(np.round(14 - images.sum(axis=other) @ steps / mass), -4, 4).astype(int) for other in (2, 1)
    )
    padded = np.pad(np.clip(images, 0, 1) * 255 + 0.5, ((0, 0), (4, 4), (4, 4))).astype(np.uint8)
    rows, columns = 4 + steps - down[:, None], 4 + steps - right[:, None]
    which = np.arange(len(images))[:, None, None]
    return np.asarray(padded[which, rows[:, :, None], columns[:, None, :]])


_KINDS: dict[str, Draw] = {
    "pieces": _pieces,
    "mixtures": _mixtures,
    "pairs": _pairs,
    "turned": _turned,
    "scribbles": _scribbles,
    "shapes": _from(_SHAPES),
    "letters": _from(_LETTERS),
    "noise": _noise,
    "symbols": _symbols,
    "other letters": _from(_OTHER_LETTERS),
    "upside down": _upside_down,
}
