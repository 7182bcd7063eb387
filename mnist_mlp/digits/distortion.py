"""Random affine and elastic distortions of batches of images, as one sparse matrix for a group of images.

A map that says for each pixel where in the image it is read, with bilinear interpolation, is linear in the
image: a sparse 784 x 784 matrix with four entries a row. To draw a map costs more than to apply it, so each
serves a group of images; samples are shuffled before each epoch, so that groups are never the same again.

The displacement fields are those of Simard, Steinkraus and Platt, "Best practices for convolutional neural
networks applied to visual document analysis", 2003: uniform noise, smoothed by a Gaussian and scaled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.floating[Any]]

SIDE = 28
GROUP = 64  # images that share one map
_CENTER = np.float32((SIDE - 1) / 2)
_ROWS, _COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float32)


@dataclass(frozen=True)
class Distortion:
    """How far images are distorted; each map is drawn anew within these bounds.

    Attributes:
        rotation: largest angle, in degrees, either way.
        scale: largest change of width and of height, each by itself, as a fraction.
        shear: largest sideways shift, as a fraction of the distance from the middle row.
        shift: largest move along each axis, in pixels.
        elastic: the factor of the smoothed noise field, in pixels (Simard et al.'s alpha).
        elastic_sigma: standard deviation of the smoothing Gaussian, in pixels.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    elastic_sigma: float = 5.0

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw maps: the row and the column in the old image, each (count, 28, 28), of each new pixel."""
        angle, shear, height, width, down, right = rng.uniform(-1, 1, (6, count, 1, 1)).astype(np.float32)
        y = (1 + self.scale * height) * (_ROWS - _CENTER)
        x = (1 + self.scale * width) * (_COLUMNS - _CENTER)
        x = x + self.shear * shear * y
        angle = angle * np.float32(np.radians(self.rotation))
        cos, sin = np.cos(angle), np.sin(angle)
        y, x = cos * y - sin * x, sin * y + cos * x
        y = y + (_CENTER + self.shift * down)
        x = x + (_CENTER + self.shift * right)
        if self.elastic:
            smooth = _gaussian(self.elastic_sigma)
            noise = rng.uniform(-self.elastic, self.elastic, (2, count, SIDE, SIDE)).astype(np.float32)
            move_y, move_x = smooth @ noise @ smooth.T
            y, x = y + move_y, x + move_x
        return y, x

    def apply(self, images: NDArray[np.uint8], rng: np.random.Generator) -> Floats:
        """Distort images (n, 784), a new map for every 64 of them.

        Returns:
            (n, 784) float32, pixels from 0 to 255, background where a map reaches outside.
        """
        distorted = np.empty(images.shape, np.float32)
        maps = interpolation_matrices(*self.draw(ceil(len(images) / GROUP), rng))
        for i, matrix in enumerate(maps):
            group = slice(i * GROUP, (i + 1) * GROUP)
            distorted[group] = (matrix @ images[group].T.astype(np.float32, order="C")).T
        return distorted


@cache
def _gaussian(sigma: float) -> Floats:
    """The (28, 28) matrix that smooths a column by a Gaussian; outside the column there are zeros."""
    distance = np.arange(SIDE)[:, None] - np.arange(SIDE)
    kernel_sum = np.exp(-0.5 * (np.arange(-4 * SIDE, 4 * SIDE + 1) / sigma) ** 2).sum()
    matrix: Floats = (np.exp(-0.5 * (distance / sigma) ** 2) / kernel_sum).astype(np.float32)
    return matrix


def interpolation_matrices(source_y: Floats, source_x: Floats) -> Iterator[csr_array]:
    """The matrices that read each pixel of new images at a place in old ones, one matrix for each map.

    Args:
        source_y: (n, 28, 28) float32: the row in the old image, fractions included, of each new pixel.
        source_x: likewise the column.

    Yields:
        (784, 784) float32 with four entries a row, the bilinear weights; places outside read as zero.
    """
    # One pixel of margin on each side holds the zeros outside, so that clipped places need no special case.
    y, x = (np.clip(source, -1, SIDE).reshape(-1, SIDE * SIDE) for source in (source_y, source_x))
    rows, columns = (np.stack([np.floor(place), np.floor(place) + 1]) for place in (y, x))
    near_y = (1 - np.abs(rows - y)) * ((rows >= 0) & (rows < SIDE))
    near_x = (1 - np.abs(columns - x)) * ((columns >= 0) & (columns < SIDE))
    rows, columns = (np.clip(places, 0, SIDE - 1).astype(np.int32) for places in (rows, columns))
    # From (2, 2, n, 784), above and below by left and right, to the four entries of each row.
    weights = (near_y[:, None] * near_x).transpose(2, 3, 0, 1).reshape(len(y), -1)
    indices = (SIDE * rows[:, None] + columns).transpose(2, 3, 0, 1).reshape(len(y), -1)
    row_starts = np.arange(0, weights.shape[1] + 1, 4, dtype=np.int32)
    for entries in zip(weights, indices, strict=True):
        yield csr_array((*entries, row_starts), shape=(SIDE * SIDE, SIDE * SIDE))
