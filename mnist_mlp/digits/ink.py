"""Tells ink from paper: what is darker than the paper around it, or lighter where all of it is dark."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mnist_mlp.digits.picture import Gray, resized

Contrast = NDArray[np.floating[Any]]
"""(h, w): how far each pixel is from the paper around it: 0 for paper, near 1 for black ink on white."""
Ink = NDArray[np.bool_]
"""(h, w): which pixels are ink."""

_LEAST_CONTRAST = 0.08  # fainter is no ink


def ink_contrast(gray: Gray) -> Contrast:
    """How much darker each pixel is than the paper around it, as a fraction; light ink on dark likewise."""
    light = is_light_on_dark(gray)
    if light:
        gray = 255 - gray
    paper = paper_of(gray)
    # Light falls unevenly on paper and ink alike, so that their ratio stays; in a drawing black paper is 0.
    contrast = (paper - gray) / np.maximum(255 - paper if light else paper, 20)
    return contrast - np.percentile(contrast, 30)  # paper, even where half of a small picture is ink


def is_light_on_dark(gray: Gray) -> bool:
    """Whether the ink is light: strokes are thin, so they stand out one-sidedly from what is around them.

    Only the middle counts, since the edges of a table around the paper stand out, too.
    """
    small = _shrunk(gray)
    down, right = (round(n / 10) for n in small.shape)
    middle = small[down : len(small) - down, right : len(small.T) - right]
    detail = middle - ndimage.gaussian_filter(middle, 0.1 * min(middle.shape), mode="nearest")
    if np.abs(detail).max() < 3:  # a drawing without ink there
        return bool(middle.mean() < 128)
    return bool((detail**3).mean() > 0)


def paper_of(gray: Gray) -> Gray:
    """The brightness of the paper under the ink: a gray closing wider than any stroke."""
    small = _shrunk(gray)
    window = max(3, round(0.4 * min(small.shape)))
    edge = window // 4 + 1  # so that a ramp of light goes on beyond the border
    around = np.pad(ndimage.gaussian_filter(small, 1), edge, mode="edge")
    paper = ndimage.grey_closing(around, window, mode="nearest")[edge:-edge, edge:-edge]
    return np.asarray(Image.fromarray(paper).resize(gray.shape[::-1], Image.Resampling.BILINEAR))


def _shrunk(gray: Gray) -> Gray:
    return np.asarray(resized(Image.fromarray(gray), min(1.0, 200 / max(gray.shape))), np.float32)


def ink_of(contrast: Contrast) -> Ink:
    """The pixels that are ink: those above a threshold between paper and ink, by Otsu's method."""
    smooth = ndimage.gaussian_filter(contrast, 0.5)
    low, middle = np.percentile(smooth, (5, 30))  # of the paper's pixels, if up to half of all is ink
    noise = (middle - low) / 1.12  # the standard deviation, if it is normal
    least = middle + max(4.5 * noise, _LEAST_CONTRAST)
    above = smooth[smooth > least]
    if not len(above):
        return np.zeros(contrast.shape, bool)
    return np.asarray(smooth > max(min(otsu_threshold(above), 0.5 * float(np.percentile(above, 95))), least))


def otsu_threshold(values: Contrast) -> float:
    """The value that parts the values into two classes with the largest variance between them.

    Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    counts, edges = np.histogram(values, 128)
    middles = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    total, sum_below = below[-1] + counts[-1], np.cumsum(counts * middles)[:-1]
    above, sum_above = total - below, (counts * middles).sum() - sum_below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.nan_to_num(below * above * (sum_below / below - sum_above / above) ** 2)
    return float(edges[int(between.argmax()) + 1])
