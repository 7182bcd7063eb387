"""Digits changed in known ways and by known amounts, to see what a network withstands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from mnist_mlp.digits.distortion import SIDE, interpolation_matrices

Images = NDArray[np.uint8]
Apply = Callable[[Images, float, np.random.Generator], Images]
_CENTER = (SIDE - 1) / 2
_Y, _X = np.mgrid[:SIDE, :SIDE].astype(np.float32) - np.float32(_CENTER)


@dataclass(frozen=True)
class Change:
    """A kind of change, with the amounts that are tried.

    Attributes:
        name: as in tables.
        unit: of the amounts.
        amounts: from weak to strong.
        apply: from images (n, 28, 28) uint8, an amount and a Generator to the changed images.
    """

    name: str
    unit: str
    amounts: tuple[float, ...]
    apply: Apply


def changed(images: Images, rng: np.random.Generator) -> Iterator[tuple[Change, float, Images]]:
    """The images after every change by every amount, one after the other."""
    for change in CHANGES:
        for amount in change.amounts:
            yield change, amount, change.apply(images, amount, rng)


def _mapped(images: Images, maps: list[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> Images:
    """Read each pixel from another place, by bilinear interpolation; the maps take turns over the images.

    Args:
        images: (n, 28, 28).
        maps: for each new pixel the row and column, from the center of the image, that it is read from.
    """
    result = np.empty_like(images)
    y, x = np.stack(maps, axis=1, dtype=np.float32) + np.float32(_CENTER)
    for i, matrix in enumerate(interpolation_matrices(y, x)):
        flat = images[i :: len(maps)].reshape(-1, SIDE * SIDE).astype(np.float32)
        result[i :: len(maps)] = np.rint(matrix @ flat.T).T.reshape(-1, SIDE, SIDE)
    return result


def _shifted(*directions: tuple[int, int]) -> Apply:
    return lambda images, pixels, _: _mapped(
        images, [(_Y + dy * pixels, _X + dx * pixels) for dy, dx in directions]
    )


def _rotated(images: Images, degrees: float, _: np.random.Generator) -> Images:
    angles = [radians(degrees), -radians(degrees)]
    return _mapped(images, [(cos(a) * _Y - sin(a) * _X, sin(a) * _Y + cos(a) * _X) for a in angles])


def _scaled(images: Images, percent: float, _: np.random.Generator) -> Images:
    return _mapped(images, [(_Y * (100 / percent), _X * (100 / percent))])


def _sheared(images: Images, percent: float, _: np.random.Generator) -> Images:
    return _mapped(images, [(_Y, _X + sign * percent / 100 * _Y) for sign in (1, -1)])


def _thickened(images: Images, pixels: float, _: np.random.Generator) -> Images:
    return np.asarray(scipy.ndimage.grey_dilation(images, footprint=_disk(pixels)[None]))


def _thinned(images: Images, pixels: float, _: np.random.Generator) -> Images:
    return np.asarray(scipy.ndimage.grey_erosion(images, footprint=_disk(pixels)[None]))


def _disk(pixels: float) -> NDArray[np.bool_]:
    """The pixels whose centers are at most this far from the middle one."""
    y, x = np.mgrid[-3:4, -3:4]
    near = y**2 + x**2 <= pixels**2
    return np.asarray(near[near.any(1)][:, near.any(0)])


def _noisy(images: Images, deviation: float, rng: np.random.Generator) -> Images:
    noise = rng.normal(0, deviation, images.shape).astype(np.float32)
    return np.asarray(np.clip(np.rint(images + noise), 0, 255), np.uint8)


def _blurred(images: Images, sigma: float, _: np.random.Generator) -> Images:
    blurred = scipy.ndimage.gaussian_filter(images.astype(np.float32), (0, sigma, sigma), mode="constant")
    return np.asarray(np.rint(blurred), np.uint8)


def _faded(images: Images, percent: float, _: np.random.Generator) -> Images:
    return np.asarray(np.rint(images * np.float32(percent / 100)), np.uint8)


def _covered(images: Images, side: float, rng: np.random.Generator) -> Images:
    """A blank square hides a part of the middle 20 x 20 pixels."""
    result, n = images.copy(), int(side)
    corners = rng.integers(4, 24 - n + 1, (len(images), 2))
    for image, (top, left) in zip(result, corners.tolist(), strict=True):
        image[top : top + n, left : left + n] = 0
    return result


CHANGES = (
    Change("shifted along an axis", "pixels", (1, 2, 3, 4), _shifted((0, 1), (1, 0), (0, -1), (-1, 0))),
    Change("shifted diagonally", "pixels", (1, 2, 3, 4), _shifted((1, 1), (1, -1), (-1, 1), (-1, -1))),
    Change("rotated", "degrees", (5, 10, 15, 20, 25, 30), _rotated),
    Change("smaller", "percent", (90, 80, 70, 60), _scaled),
    Change("larger", "percent", (110, 120, 130), _scaled),
    Change("sheared", "percent", (10, 20, 30, 40), _sheared),
    Change("thicker strokes", "pixels", (1, 1.5, 2), _thickened),
    Change("thinner strokes", "pixels", (1, 1.5), _thinned),
    Change("noisy", "of 255", (30, 60, 90, 120), _noisy),
    Change("blurred", "pixels", (0.5, 1, 1.5, 2), _blurred),
    Change("lower contrast", "percent", (75, 50, 25), _faded),
    Change("partly covered", "pixels", (4, 6, 8, 10), _covered),
)
