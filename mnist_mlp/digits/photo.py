"""Finds handwritten digits in a picture: a drawing, a scan or a photo of a digit, a row or a page."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mnist_mlp.digits.glyph import Glyph, bring_to_mnist, to_gray
from mnist_mlp.digits.ink import Contrast, Ink, ink_contrast, ink_of
from mnist_mlp.digits.picture import PhotoError, read_gray

__all__ = ["PhotoError", "Sheet", "read_image"]

Score = Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]]
"""How sure a network is of images (n, 28, 28): (n,), larger is surer."""
Labels = NDArray[np.integer[Any]]
"""(h, w): 0 for paper, else the number of the part, from 1."""
Boxes = NDArray[np.integer[Any]]
"""(n, 4): left, top, right and bottom of each part; right and bottom are the first pixels outside."""

_MOST_PARTS = 500  # a page of digits has fewer parts, noise has more
_LEAST_SIDE = 8
_CLEARLY = 0.3  # by how much the score of halves must exceed that of the whole
_EIGHT = np.ones((3, 3), bool)  # pixels that touch at a corner belong together


@dataclass(frozen=True, eq=False)
class Sheet:
    """A picture and the digits found in it.

    Attributes:
        size: (width, height) of the picture, turned as its EXIF data say, in pixels.
        picture: (h, w) uint8, the picture in gray, brought to a size that is easy to work with.
        lines: what may be digits, by lines of writing from the top, each from left to right.
    """

    size: tuple[int, int]
    picture: NDArray[np.uint8] = field(repr=False)
    lines: list[list[Glyph]] = field(default_factory=list)

    @property
    def glyphs(self) -> list[Glyph]:
        """All of them in reading order."""
        return [glyph for line in self.lines for glyph in line]

    @property
    def images(self) -> NDArray[np.uint8]:
        """(n, 28, 28), the images of all glyphs in reading order."""
        return np.array([glyph.image for glyph in self.glyphs], np.uint8).reshape(-1, 28, 28)


def read_image(source: str | Path | BinaryIO, score: Score | None = None) -> Sheet:
    """Find the digits in a picture and bring each into MNIST's form.

    Args:
        source: a PNG, JPEG, WebP, BMP, TIFF or GIF file, or an open one (see `read_gray`).
        score: how sure a network is of images. A part so wide that it may be two digits that touch is split
            where the network is surer of both halves; without a score such parts stay whole.

    Raises:
        PhotoError: the file cannot be read, or is no such picture.
    """
    gray, size = read_gray(source)
    contrast = ink_contrast(gray)
    labels, boxes = find_parts(ink_of(contrast))
    tall = usual_height(labels, boxes)
    sheet = Sheet(size, to_gray(gray / 255))
    for line in lines_of(boxes, tall):
        glyphs = []
        for i in line:
            box, whole = boxes[i], _glyph(sheet, contrast, labels, boxes[i], i + 1)
            halves = [
                [_glyph(sheet, contrast, labels, half, i + 1) for half in pair]
                for pair in (halves_of(labels, box, i + 1, tall) if score else ())
            ]
            glyphs += _surest(whole, halves, score) if score else [whole]
        sheet.lines.append(glyphs)
    return sheet


def find_parts(ink: Ink) -> tuple[Labels, Boxes]:
    """Group ink into parts that may be digits.

    Returns:
        (h, w) int32: 0 for paper, else the number of the part from 1; and (n, 4): the parts' boxes, as
        left, top, right, bottom.
    """
    labels, boxes = _numbered(ndimage.label(without_rules(ink), _EIGHT)[0])
    labels, boxes = _without_table(labels, boxes)
    tall = usual_height(labels, boxes)
    gap = round(0.015 * tall)  # from either side: breaks of up to 3 percent of a digit's height are closed
    if gap:
        near = ndimage.maximum_filter(labels > 0, 2 * gap + 1)
        labels, boxes = _numbered(ndimage.label(near, _EIGHT)[0] * (labels > 0))
    labels, boxes = _only(_longest_sides(boxes) >= 0.12 * tall, labels)
    labels, boxes = _numbered(join_parts(boxes, tall)[labels])
    flat = boxes[:, 2] - boxes[:, 0] > 2.5 * (boxes[:, 3] - boxes[:, 1])  # what is left of a rule
    return _only(~flat & (_longest_sides(boxes) >= max(0.25 * tall, _LEAST_SIDE)), labels)


def _only(kept: Ink, labels: Labels) -> tuple[Labels, Boxes]:
    """Leave out all but some parts, and number these anew."""
    return _numbered(labels * np.append(False, kept)[labels])


def _numbered(labels: Labels) -> tuple[Labels, Boxes]:
    """Number the largest few hundred parts from 1, leave out the others, and find the boxes."""
    areas = np.bincount(labels.ravel())
    areas[0] = 0  # paper
    kept = np.sort(np.argsort(areas)[-_MOST_PARTS:])
    kept = kept[areas[kept] > 3]
    numbers = np.zeros(len(areas), np.int32)
    numbers[kept] = np.arange(1, len(kept) + 1)
    labels = numbers[labels]
    found = ndimage.find_objects(labels)
    boxes = [(x.start, y.start, x.stop, y.stop) for y, x in found]
    return labels, np.array(boxes, np.intp).reshape(-1, 4)


def _longest_sides(boxes: Boxes) -> Boxes:
    return np.asarray(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]))


def usual_height(labels: Labels, boxes: Boxes) -> float:
    """The size that digits have here: the median, by ink, of the parts' longest sides."""
    if not len(boxes):
        return 0.0
    sides = _longest_sides(boxes)
    ink = np.bincount(labels.ravel(), minlength=len(boxes) + 1)[1:]
    order = np.argsort(sides)
    return float(sides[order][np.searchsorted(np.cumsum(ink[order]), ink.sum() / 2)])


def without_rules(ink: Ink) -> Ink:
    """Take out thin lines that cross the picture from side to side, and mend the strokes they cross."""
    for _ in range(2):  # the second time turned
        labels, _ = ndimage.label(ink, _EIGHT)
        crosses = [x.stop - x.start > 0.9 * ink.shape[1] for _, x in ndimage.find_objects(labels)]
        if any(crosses):
            across = np.ones((max(3, round(0.025 * min(ink.shape))) + 1, 1), bool)
            suspect = np.append(False, crosses)[labels]
            rules = _long_runs(suspect & ~ndimage.binary_opening(suspect, across))
            rest = ink & ~rules
            ink = rest | (rules & ndimage.binary_closing(rest, across, iterations=2))
        ink = ink.T
    return ink


def _long_runs(ink: Ink) -> Ink:
    """The pixels on nearly level lines of ink that are longer than a quarter of the width."""
    height, width = (-(-n // 2) for n in ink.shape)  # at half the size, which is four times as fast
    padded = np.pad(ink, [(0, n % 2) for n in ink.shape])
    small = np.asarray(padded.reshape(height, 2, width, 2).any(axis=(1, 3)))
    runs = np.zeros_like(small)
    tolerant = ndimage.binary_dilation(small, np.ones((3, 1), bool))
    rows, columns = np.ogrid[:height, :width]
    for slope in np.linspace(-0.2, 0.2, 21):
        drop = np.round(slope * (columns - width / 2)).astype(int)
        level = tolerant[(rows + drop) % height, columns].astype(np.float32)
        full = ndimage.uniform_filter1d(level, width // 4 + 1, axis=1) > 0.9
        run = ndimage.maximum_filter1d(full, width // 4 + 1, axis=1)
        runs |= run[(rows - drop) % height, columns]
    return np.asarray(ink & runs.repeat(2, axis=0).repeat(2, axis=1)[: ink.shape[0], : ink.shape[1]])


def join_parts(boxes: Boxes, tall: float) -> NDArray[np.intp]:
    """For each part, and before them for paper, a number that parts of the same digit share."""
    group = np.arange(len(boxes) + 1)
    boxes = boxes.astype(float)
    for i in np.argsort(boxes[:, 3] - boxes[:, 1]):  # the lowest part looks for one to belong to first
        for j in np.argsort(np.abs(boxes[:, 0] - boxes[i, 0])):
            if group[i + 1] != group[j + 1] and _belong_together(boxes[i], boxes[j], tall):
                both = (group == group[i + 1]) | (group == group[j + 1])
                group[both] = group[j + 1]
                union = np.append(
                    np.minimum(boxes[i, :2], boxes[j, :2]), np.maximum(boxes[i, 2:], boxes[j, 2:])
                )
                boxes[both[1:]] = union
    return group


def _belong_together(low: Boxes, high: Boxes, tall: float) -> bool:
    """Whether two parts are of one digit: one above the other, or one small and close like the hat of a 5."""
    across, down = np.minimum(low[2:], high[2:]) - np.maximum(low[:2], high[:2])  # below 0: apart by so much
    # Of a digit that is broken in two, `tall` may be the height of the larger piece.
    most = 2.0 if down > -0.1 * tall else 1.45
    if max(low[3], high[3]) - min(low[1], high[1]) > most * tall:
        return False
    is_above = across > 0.5 * min(low[2] - low[0], high[2] - high[0]) and down > -0.25 * tall
    is_close = low[3] - low[1] < 0.6 * tall and min(across, down) > -0.12 * tall
    return bool(is_above or is_close)


def _without_table(labels: Labels, boxes: Boxes) -> tuple[Labels, Boxes]:
    """Leave out what reaches in from outside, like a table around the paper, if the rest is large enough."""
    height, width = labels.shape
    inside = (boxes[:, :2].min(axis=1) > 0) & (boxes[:, 2] < width) & (boxes[:, 3] < height)
    rest = _only(inside, labels)
    return rest if usual_height(*rest) >= 0.06 * max(height, width) else (labels, boxes)


def lines_of(boxes: Boxes, tall: float) -> list[list[int]]:
    """Order parts as they are read: lines from the top, each from left to right; lines may slope alike."""
    if not len(boxes):
        return []
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    best: tuple[float, list[NDArray[np.intp]]] = (np.inf, [])
    for slope in np.linspace(-0.25, 0.25, 51):
        level = y - slope * x
        order = np.argsort(level)
        lines = np.split(order, np.flatnonzero(np.diff(level[order]) > 0.5 * tall) + 1)
        spread = sum(float(np.var(level[line])) * len(line) for line in lines)
        cost = spread / tall**2 + 0.5 * len(lines) + slope**2
        if cost < best[0]:
            best = cost, lines
    return [[int(i) for i in line[np.argsort(x[line])]] for line in best[1]]


def halves_of(labels: Labels, box: NDArray[np.integer[Any]], label: int, tall: float) -> list[Boxes]:
    """Where a wide part may be cut: the boxes of both halves, for up to four columns with little ink."""
    left, top, right, bottom = box
    if right - left < 0.8 * max(bottom - top, 0.7 * tall):
        return []
    own = labels[top:bottom, left:right] == label
    profile = ndimage.gaussian_filter1d(own.sum(axis=0, dtype=float), 0.02 * len(own.T))
    runs, count = ndimage.label(profile == ndimage.minimum_filter1d(profile, len(profile) // 12 + 1))
    middles = ndimage.center_of_mass(runs > 0, runs, range(1, count + 1))
    lows = np.array(middles).reshape(-1).round().astype(int)
    lows = lows[(lows > 0.2 * len(profile)) & (lows < 0.8 * len(profile))]
    return [
        np.array([[left, top, left + cut, bottom], [left + cut, top, right, bottom]])
        for cut in lows[np.argsort(profile[lows])][:4]
        if min(_height(own[:, :cut]), _height(own[:, cut:])) > 0.6 * (bottom - top)
    ]


def _height(ink: Ink) -> int:
    return int(np.ptp(np.flatnonzero(ink.any(axis=1)))) if ink.any() else 0


def _surest(whole: Glyph, pairs: list[list[Glyph]], score: Score) -> list[Glyph]:
    """The two halves of which the network is surest, even of the less sure one, or the whole."""

    def least(glyphs: list[Glyph]) -> float:
        return float(score(np.stack([glyph.image for glyph in glyphs])).min())

    halves = max(pairs, key=least, default=[whole])
    return halves if least(halves) > least([whole]) + _CLEARLY else [whole]


def _glyph(
    sheet: Sheet, contrast: Contrast, labels: Labels, box: NDArray[np.integer[Any]], label: int
) -> Glyph:
    """Cut out the ink of a part within a box, with some paper around it and without its neighbors."""
    left, top, right, bottom = (int(n) for n in box)
    margin = max(2, (bottom - top) // 12)
    around = (slice(max(0, top - margin), bottom + margin), slice(max(0, left - margin), right + margin))
    own = labels[around] == label
    columns = np.arange(own.shape[1]) + around[1].start
    own &= (columns >= left) & (columns < right)  # of a part that is split, the half
    others = ndimage.binary_dilation((labels[around] > 0) & ~own, _EIGHT)
    kept = own | (ndimage.maximum_filter(own, 2 * margin + 1) & ~others)
    steps = {"cut out": sheet.picture[around], **bring_to_mnist(np.where(kept, contrast[around], 0))}
    scale = sheet.size[0] / contrast.shape[1]
    return Glyph(tuple(round(n * scale) for n in (left, top, right, bottom)), steps["centered"], steps)
