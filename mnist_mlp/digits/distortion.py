"""Random affine and elastic distortions of batches of images, as one sparse matrix for a group of images.

A map that says for each pixel where in the image it is read, with bilinear interpolation, is linear in the
image: a sparse 784 x 784 matrix with four entries a row. To draw a map costs more than to apply it, so each
serves a group of images; samples are shuffled before each epoch, so that groups are never the same again.

The displacement fields are those of Simard, Steinkraus and Platt, "Best practices for convolutional neural
networks applied to visual document analysis", 2003: uniform noise, smoothed by a Gaussian and scaled.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.floating[Any]]

SIDE = 28
GROUP = 64  # images that share one map
_CENTER = (SIDE - 1) / 2
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

    def draw(self, rng: np.random.Generator) -> csr_array:
        """Draw one map, as a (784, 784) matrix that takes flattened images to distorted ones."""
        angle, shear, stretch_y, stretch_x, shift_y, shift_x = rng.uniform(-1, 1, 6)
        angle, shear = np.radians(self.rotation) * angle, self.shear * shear
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        lean = np.array([[1, 0], [shear, 1]])
        stretch = np.diag([1 + self.scale * stretch_y, 1 + self.scale * stretch_x])
        (yy, yx), (xy, xx) = (turn @ lean @ stretch).astype(np.float32)
        y, x = _ROWS - _CENTER, _COLUMNS - _CENTER
        source_y = yy * y + yx * x + np.float32(_CENTER + self.shift * shift_y)
        source_x = xy * y + xx * x + np.float32(_CENTER + self.shift * shift_x)
        if self.elastic:
            smooth = _gaussian(self.elastic_sigma)
            noise = rng.uniform(-self.elastic, self.elastic, (2, SIDE, SIDE)).astype(np.float32)
            move_y, move_x = smooth @ noise @ smooth.T
            source_y += move_y
            source_x += move_x
        return interpolation_matrix(source_y, source_x)

    def apply(self, images: NDArray[np.uint8], rng: np.random.Generator) -> Floats:
        """Distort images (n, 784), a new map for every 64 of them.

        Returns:
            (n, 784) float32 in Fortran order, pixels from 0 to 255, background where a map reaches outside.
        """
        columns = np.empty((SIDE * SIDE, len(images)), np.float32)
        for first in range(0, len(images), GROUP):
            group = images[first : first + GROUP].T.astype(np.float32, order="C")
            columns[:, first : first + GROUP] = self.draw(rng) @ group
        return columns.T


@cache
def _gaussian(sigma: float) -> Floats:
    """The (28, 28) matrix that smooths a column by a Gaussian; outside the column there are zeros."""
    distance = np.arange(SIDE)[:, None] - np.arange(SIDE)
    kernel_sum = np.exp(-0.5 * (np.arange(-4 * SIDE, 4 * SIDE + 1) / sigma) ** 2).sum()
    matrix: Floats = (np.exp(-0.5 * (distance / sigma) ** 2) / kernel_sum).astype(np.float32)
    return matrix


def interpolation_matrix(source_y: Floats, source_x: Floats) -> csr_array:
    """The matrix that reads each pixel of a new image at a place in the old one.

    Args:
        source_y: (28, 28) float32: the row in the old image, fractions included, of each new pixel.
        source_x: likewise the column.

    Returns:
        (784, 784) float32 with four entries a row, the bilinear weights; places outside read as zero.
    """
    # One pixel of margin on each side holds the zeros outside, so that clipped places need no special case.
    y = np.clip(source_y, -1, SIDE).ravel()
    x = np.clip(source_x, -1, SIDE).ravel()
    top, left = np.floor(y), np.floor(x)
    down, right = y - top, x - left
    rows = np.stack([top, top, top + 1, top + 1], axis=1)
    columns = np.stack([left, left + 1, left, left + 1], axis=1)
    up, to_left = 1 - down, 1 - right
    weights = np.stack([up * to_left, up * right, down * to_left, down * right], axis=1)
    weights *= (rows >= 0) & (rows < SIDE) & (columns >= 0) & (columns < SIDE)
    indices = np.clip(rows, 0, SIDE - 1) * SIDE + np.clip(columns, 0, SIDE - 1)
    row_starts = np.arange(0, weights.size + 1, 4, dtype=np.int32)
    entries = weights.ravel(), indices.ravel().astype(np.int32), row_starts
    return csr_array(entries, shape=(SIDE * SIDE, SIDE * SIDE))
