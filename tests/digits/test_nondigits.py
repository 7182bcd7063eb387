"""Images that are no digits: each kind against a slow drawing by the same random numbers."""

from collections.abc import Callable
from itertools import pairwise
from math import cos, pi, sin
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from mnist_mlp.digits.nondigits import HELD_OUT, TRAINED, draw_nondigits
from mnist_mlp.errors import MnistMlpError

Array = NDArray[Any]
Rng = np.random.Generator

LABELS = np.arange(10, dtype=np.uint8).repeat(3)
DIGITS = np.zeros((30, 28, 28), np.uint8)  # blots in the middle 20 x 20, where MNIST has ink
DIGITS[:, 4:24, 4:24] = 255 * (
    gaussian_filter(np.random.default_rng(1).random((30, 20, 20)), (0, 2, 2)) > 0.5
)


def draw(count: int, digits: Array = DIGITS, labels: Array = LABELS, **kinds: Any) -> Array:
    return draw_nondigits(count, digits, labels, np.random.default_rng(5), **kinds)


def some(rng: Rng, n: int, fitting: Array = LABELS >= 0) -> Array:
    return np.asarray(DIGITS[rng.choice(np.flatnonzero(fitting), n)] / 255)


def pieces(rng: Rng, n: int) -> list[Array]:
    angles, offsets = rng.uniform(0, 2 * pi, n), rng.uniform(-2, 3, n)
    y, x = np.mgrid[:28, :28] - 13.5
    images = zip(some(rng, n, LABELS != 1), angles, offsets, strict=True)
    return [image * (cos(angle) * x + sin(angle) * y > offset) for image, angle, offset in images]


def turned(rng: Rng, n: int, fitting: Array = LABELS != 0) -> list[Array]:
    images = some(rng, n, fitting)
    return [
        np.rot90(image, 1 if chance < 0.5 else 3) for image, chance in zip(images, rng.random(n), strict=True)
    ]


def mixtures(rng: Rng, n: int) -> list[Array]:
    move, images = rng.integers(-4, 5, 2), some(rng, n)
    others = turned(rng, n, LABELS >= 0)
    return [np.maximum(one, np.roll(two, move, (0, 1))) for one, two in zip(images, others, strict=True)]


def pairs(rng: Rng, n: int) -> list[Array]:
    images = zip(some(rng, n), some(rng, n), rng.random(n), strict=True)
    joined = [
        (np.hstack if chance < 0.7 else np.vstack)([a[4:24, 4:24], b[4:24, 4:24]]) for a, b, chance in images
    ]
    return [np.pad(image, 4) for image in joined]


def blurred(image: Array, sigma: float) -> Array:
    """By a Gaussian of which only the part within the image counts."""
    part = gaussian_filter(np.ones((28, 28)), sigma, mode="constant", truncate=200)
    return gaussian_filter(image, sigma, mode="constant", truncate=200, output=float) / part


def noise(rng: Rng, n: int) -> list[Array]:
    rough, sigma = rng.random((n, 28, 28), np.float32) - 0.5, rng.choice([0.1, 0.8, 1.5, 2.5])
    blots, limits = [blurred(image, sigma) for image in rough], rng.uniform(-0.5, 3, n)
    return [np.clip(2 * (blot / blot.std() - limit), 0, 1) for blot, limit in zip(blots, limits, strict=True)]


def by_pens(rng: Rng, lines: list[Array]) -> list[Array]:
    """Lines of points (x, y), each with its longer side brought to 20 pixels."""
    images = []
    for points, thinness in zip(lines, rng.uniform(0.1, 0.3, len(lines)), strict=True):
        low, high = np.min(points, axis=0), np.max(points, axis=0)
        grid = np.zeros((28, 28))
        for x, y in (points - low) / max(high - low):
            grid[round(4 + 19 * y), round(4 + 19 * x)] = 1
        images.append(np.clip(4 * (blurred(grid, 0.9) - thinness), 0, 1))
    return images


def scribbles(rng: Rng, n: int) -> list[Array]:
    ends = rng.uniform(2, 6.3, n)
    waves = [(k, rng.normal(0, k**-0.7, (n, 2)), rng.uniform(0, 6.3, (n, 2))) for k in range(1, 6)]
    lines = [
        sum(size[i] * np.cos(k * t[:, None] + phase[i]) for k, size, phase in waves)
        for i, t in enumerate(np.linspace(0, ends, 200).T)
    ]
    return by_pens(rng, lines)


def symbols(rng: Rng, n: int) -> list[Array]:
    starts, ends = rng.uniform(0, 1, (2, n, 4, 2))
    bends = rng.normal(0, 0.4, (n, 4, 2)) * (rng.random((n, 4, 1)) < 0.5)
    t = np.linspace(0, 1, 60)[:, None, None, None]
    strokes = (starts * (1 - t) + ends * t + bends * 4 * t * (1 - t)).transpose(1, 2, 0, 3)
    counts = rng.integers(2, 5, n)
    return by_pens(rng, [np.concatenate(some[:count]) for some, count in zip(strokes, counts, strict=True)])


def polylines(kinds: int, known: int, corners: str) -> Callable[[Rng, int], list[Array | None]]:
    """Of so many kinds of lines one is known: its corners, x and y from 0 to 9."""
    places = np.array([[*map(int, corner)] for corner in corners.split()]) / 10
    times = np.linspace(0, 1, 300 // (len(places) - 1))[:, None]
    line = np.concatenate([a + (b - a) * times for a, b in pairwise(places)])

    def drawn(rng: Rng, n: int) -> list[Array | None]:
        is_known, leans = rng.integers(kinds, size=n) == known, np.eye(2) + rng.normal(0, 0.15, (n, 2, 2))
        bends, phases = rng.normal(0, 0.05, (n, 2)), rng.uniform(0, 6.3, (n, 2))
        waves = [bends[i] * np.sin(5 * line[:, ::-1] + phases[i]) for i in range(n)]
        images = by_pens(rng, [line @ lean + wave for lean, wave in zip(leans, waves, strict=True)])
        return [image if is_it else None for image, is_it in zip(images, is_known, strict=True)]

    return drawn


def in_mnist_form(image: Array) -> Array:
    """Its longer side brought to 20 pixels, or at most doubled, and its center of mass to pixel 14."""
    inked = [where if len(where) else [0, 27] for where in np.nonzero(image > 0.2)]
    factor = max(10, *(1 + max(where) - min(where) for where in inked)) / 20
    places = [(min(where) + max(where)) / 2 + factor * (np.arange(28) - 13.5) for where in inked]
    fitted = map_coordinates(image, np.meshgrid(*places, indexing="ij"), order=1, mode="grid-constant")
    middle = [fitted.sum(axis=other) @ np.arange(28) / (fitted.sum() + 1e-9) for other in (1, 0)]
    down, right = np.clip(np.rint(14 - np.array(middle)), -4, 4).astype(int)
    return 255 * np.pad(fitted, 4)[4 - down : 32 - down, 4 - right : 32 - right]


SLOWLY: dict[str, Callable[[Rng, int], Any]] = {
    "pieces": pieces,  # a piece of a 1 would be a 1
    "mixtures": mixtures,
    "pairs": pairs,
    "turned": turned,  # but no 0, which would be a 0
    "scribbles": scribbles,
    "shapes": polylines(20, 0, "00 90 99 09 00"),
    "letters": polylines(22, 1, "90 30 04 06 39 99"),
    "noise": noise,
    "symbols": symbols,
    "other letters": polylines(14, 0, "09 50 99 09"),
    "upside down": lambda rng, n: some(rng, n, np.isin(LABELS, (3, 4, 7)))[:, ::-1, ::-1],
}


@pytest.mark.parametrize("kind", TRAINED + HELD_OUT)
def test_each_kind_is_as_drawn_slowly(kind: str) -> None:
    found, rng = draw(80, kinds=(kind,)), np.random.default_rng(5)
    rng.integers(1, size=80)  # the kind of each
    slow = SLOWLY[kind](rng, 80)
    pairs = zip(found, slow, strict=True)
    differences = [abs(image - in_mnist_form(raw)).max() for image, raw in pairs if raw is not None]
    assert np.quantile(differences, 0.95) < 0.6  # of 255; in a few images rounding decides on a whole pixel


def test_kinds_to_train_with_and_kinds_to_test_with_and_all_of_both() -> None:
    assert HELD_OUT == ("symbols", "other letters", "upside down")
    assert sorted(TRAINED + HELD_OUT) == sorted(SLOWLY)
    np.testing.assert_array_equal(draw(50), draw(50, kinds=TRAINED))


def test_each_image_is_of_a_random_kind() -> None:
    square = np.pad(np.full((20, 20), 255, np.uint8), 4)
    images = draw(600, np.stack([square] * 30), kinds=("letters", "upside down"))
    is_square = (images == square).all(axis=(1, 2))
    np.testing.assert_array_equal(is_square, np.random.default_rng(5).integers(2, size=600))


def test_none_are_drawn_where_none_are_asked_for() -> None:
    images = draw(0)
    assert (images.shape, str(images.dtype)) == ((0, 28, 28), "uint8")


@pytest.mark.parametrize("labels", [[], [0], [1], [0, 1, 2, 5, 6, 8, 9]])
def test_they_need_digits(labels: list[int]) -> None:
    with pytest.raises(MnistMlpError, match=r"^non-digits are made from digits: give digits of all labels$"):
        draw(5, DIGITS[: len(labels)], np.array(labels, np.uint8))
