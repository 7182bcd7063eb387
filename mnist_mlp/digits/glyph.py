"""One digit brought into the form that MNIST's makers used: 20 x 20, centered by mass in 28 x 28.

MNIST's digits were fitted into a box of 20 x 20 pixels and placed by their center of mass in one of 28 x 28
(LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998, III.A).
A network that reads MNIST well reads other digits only if they are treated alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mnist_mlp.digits.ink import Contrast
from mnist_mlp.digits.picture import resized

SIDE, FITTED = 28, 20
LEAST_STROKE = 2.2  # pixels of 28: a tenth of MNIST's training digits have thinner strokes
_SIDES = 80, 240  # digits are brought to a longest side between these: edges can be told, and it is fast


@dataclass(frozen=True, eq=False)
class Glyph:
    """One digit, or what may be one.

    Attributes:
        box: (left, top, right, bottom) in the pixels of the picture.
        image: (28, 28) uint8, 0 for paper and 255 for ink, as in MNIST.
        steps: how it came about: a gray picture, (h, w) uint8, for each of "cut out", "cleaned", "fitted" and
            "centered"; the first shows ink dark, the others light.
    """

    box: tuple[int, int, int, int]
    image: NDArray[np.uint8] = field(repr=False)
    steps: Mapping[str, NDArray[np.uint8]] = field(repr=False)


def bring_to_mnist(contrast: Contrast) -> dict[str, NDArray[np.uint8]]:
    """Take one digit through all steps.

    Args:
        contrast: (h, w), the digit alone with paper around it.

    Returns:
        The pictures of the steps "cleaned", "fitted" and "centered", uint8, the last (28, 28).
    """
    cleaned = thicken(clean(contrast))
    fitted = fit(cleaned)
    return {"cleaned": to_gray(cleaned), "fitted": fitted, "centered": center(fitted)}


def to_gray(values: Contrast) -> NDArray[np.uint8]:
    """Values from 0 to 1 as gray levels from 0 to 255."""
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def clean(contrast: Contrast) -> Contrast:
    """Make ink 1 and paper 0, with a ramp between, at a size at which strokes have smooth edges."""
    factor = np.clip(max(contrast.shape), *_SIDES) / max(contrast.shape)
    contrast = np.asarray(resized(Image.fromarray(contrast), factor))
    if contrast.max() <= 0:
        return np.zeros_like(contrast)
    full = np.percentile(contrast[contrast > 0.5 * contrast.max()], 70)
    return np.asarray(np.clip((contrast / full - 0.2) / 0.6, 0, 1))


def thicken(ink: Contrast) -> Contrast:
    """Grow thin strokes to the least width that MNIST has, with the digit fitted into 20."""
    ink = np.pad(ink, max(ink.shape) // 8 + 2)
    inside = ndimage.distance_transform_edt(ink > 0.5)
    if not inside.any():
        return ink
    # Across a stroke of width w the distance to its edge is w / 4 on average.
    width = 4 * float(inside[inside > 0].mean()) - 1
    longest = max(np.ptp(where) + 1 for where in np.nonzero(inside))
    grow = (LEAST_STROKE * longest - FITTED * width) / (FITTED - LEAST_STROKE)  # what grows also gets longer
    if grow < 0.02 * longest:
        return ink
    return np.clip(grow / 2 + 0.5 - ndimage.distance_transform_edt(ink <= 0.5), 0, 1).astype(np.float32)


def fit(ink: Contrast) -> NDArray[np.uint8]:
    """Cut the ink out and bring its longest side to 20 pixels, each the mean of the area it covers."""
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.5), np.flatnonzero(ink.max(axis=0) > 0.5)
    if not len(rows):
        return np.zeros((1, 1), np.uint8)
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return to_gray(np.asarray(resized(Image.fromarray(cut), FITTED / max(cut.shape))))


def center(fitted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Place a fitted digit so that its center of mass falls on pixel 14 (from 0) of 28 x 28, rounded."""
    middle = ndimage.center_of_mass(fitted) if fitted.any() else (0, 0)
    free = SIDE - np.array(fitted.shape)
    before = np.clip(np.rint(SIDE / 2 - np.array(middle)), 0, free).astype(int)
    return np.pad(fitted, np.stack([before, free - before], axis=1))
