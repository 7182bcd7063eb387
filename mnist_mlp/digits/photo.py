"""Finds handwritten digits in a picture: a drawing, a scan or a photo of a digit, a row or a page."""

import stat
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy import ndimage

from mnist_mlp.errors import MnistMlpError, harmless
from mnist_mlp.digits.glyph import Contrast, Glyph, bring_to_mnist, to_gray

Score = Callable[[NDArray[np.uint8]], NDArray[np.floating]]
"""How sure a reader is of images (n, 28, 28): (n,), larger is surer."""

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
_LEAST_SIDE, _MOST_PIXELS, _MOST_BYTES = 8, 64_000_000, 1 << 28
_WORKING_PIXELS, _WORKING_SIDE = 1_100_000, 300  # pictures are brought between these
_MOST_PARTS = 500  # of what may be ink: a page of digits has fewer, noise has more
_LEAST_CONTRAST = 0.08
_EIGHT = np.ones((3, 3), bool)  # pixels that touch at a corner belong together


class PhotoError(MnistMlpError):
    """A file that is not a picture that can be read."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A picture and the digits found in it.

    Attributes:
        size: (width, height) of the picture, turned as its EXIF data say, in pixels.
        picture: (h, w) uint8, the picture in gray, brought to a size that is easy to work with.
        lines: what may be digits, by lines of writing from the top, each from left to right.
    """

    size: tuple[int, int]
    picture: NDArray[np.uint8]
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
        source: a PNG, JPEG, WebP, BMP, TIFF or GIF file (of an animation the first picture), or an open one,
            from 8 x 8 to 64 million pixels.
        score: how sure a reader is of images. A part so wide that it may be two digits that touch is split
            where the reader is surer of both halves; without it, such parts stay whole.

    Raises:
        PhotoError: the file cannot be read, or is no such picture.
    """
    gray, size = load_gray(source)
    contrast = ink_contrast(gray)
    labels, boxes = find_parts(ink_of(contrast))
    sheet = Sheet(size, to_gray(gray / 255))
    cutter = _Cutter(contrast, labels, sheet)
    tall = usual_height(labels, boxes)
    for line in lines_of(boxes, tall):
        parts = [(boxes[i], i + 1) for i in line]
        sheet.lines.append([glyph for box, label in parts for glyph in cutter.cut(box, label, tall, score)])
    return sheet


def load_gray(source: str | Path | BinaryIO) -> tuple[Contrast, tuple[int, int]]:
    """Read a picture file as gray levels (h, w) from 0 to 255, of a size that is easy to work with.

    Returns:
        The gray levels, and the picture's own (width, height) once it is turned as its EXIF data say.

    Raises:
        PhotoError: the file cannot be read, or is no such picture.
    """
    name = harmless(str(source)) if isinstance(source, str | Path) else "the picture"
    try:
        # Pillow is given an open file: from a name it maps some TIFF files, and then turns them wrongly.
        with _opened(source) as file, warnings.catch_warnings(action="ignore"):
            return _decoded(Image.open(file, formats=_FORMATS))
    except PhotoError as error:
        raise PhotoError(f"{name}: {error}") from None
    except Image.UnidentifiedImageError:
        raise PhotoError(
            f"{name}: is no picture of a known kind; save it as PNG, JPEG, WebP, BMP, TIFF or GIF"
        ) from None
    except Exception as error:  # a broken file makes Pillow's decoders raise almost anything
        reason = getattr(error, "strerror", None) or harmless(str(error))[:100] or type(error).__name__
        raise PhotoError(f"{name}: cannot be read: {reason}") from error


def _opened(source: str | Path | BinaryIO) -> BinaryIO:
    if not isinstance(source, str | Path):
        data = source.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise PhotoError(f"is larger than {_MOST_BYTES >> 20} MB; save it smaller")
        return BytesIO(data)
    if not stat.S_ISREG(Path(source).stat().st_mode):  # a FIFO would be waited for without end
        raise PhotoError("is not a file; check the path")
    return Path(source).open("rb")


def _decoded(image: Image.Image) -> tuple[Contrast, tuple[int, int]]:
    width, height = size = image.size
    if min(size) < _LEAST_SIDE or width * height > _MOST_PIXELS:
        raise PhotoError(
            f"has {width} x {height} pixels; it must have at least 8 x 8 and at most {_MOST_PIXELS:,} in all"
        )
    working = _working_size(size)
    image.draft("L", working)  # a JPEG can be read at a fraction of its size
    image.load()
    before = image.size
    with suppress(Exception):  # broken EXIF data: as it is
        ImageOps.exif_transpose(image, in_place=True)
    if image.size != before:
        size, working = size[::-1], working[::-1]
    if image.mode.startswith(("I", "F")):
        image = _from_numbers(image)
    if image.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        return _flattened(_resized(image.convert("RGBA"), working)), size
    if image.mode not in ("1", "L"):
        image = _resized(image if image.mode in ("RGB", "CMYK") else image.convert("RGB"), working)
    return np.array(_resized(image.convert("L"), working), np.float32), size


def _working_size(size: tuple[int, int]) -> tuple[int, int]:
    area, longest = size[0] * size[1], max(size)
    factor = min(1.0, (_WORKING_PIXELS / area) ** 0.5) if longest > _WORKING_SIDE else _WORKING_SIDE / longest
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    smaller = image.size[0] >= size[0]
    return image.resize(size, Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC)


def _from_numbers(image: Image.Image) -> Image.Image:
    """Pixels of 16 or 32 bits, or floats, as bytes: the largest becomes 255."""
    numbers = np.nan_to_num(np.asarray(image, np.float32), posinf=0, neginf=0)
    numbers -= min(0.0, float(numbers.min()))
    return Image.fromarray((numbers * (255 / max(float(numbers.max()), 1e-30))).astype(np.uint8))


def _flattened(image: Image.Image) -> Contrast:
    """Lay a transparent picture on white or on black, whichever contrasts with what is drawn."""
    pixels = np.asarray(image, np.float32)
    gray, alpha = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32), pixels[..., 3] / 255
    drawn = float((gray * alpha).sum() / max(float(alpha.sum()), 1e-6))
    return gray * alpha + (255 if drawn < 128 else 0) * (1 - alpha)


def ink_contrast(gray: Contrast) -> Contrast:
    """How much darker each pixel is than the paper around it, as a fraction; light ink on dark likewise."""
    light = is_light_on_dark(gray)
    if light:
        gray = 255 - gray
    paper = paper_of(gray)
    # Light falls unevenly on paper and ink alike, so that their ratio stays; in a drawing black paper is 0.
    contrast = (paper - gray) / np.maximum(255 - paper if light else paper, 20)
    return contrast - np.median(contrast)


def is_light_on_dark(gray: Contrast) -> bool:
    """Whether the ink is light: strokes are thin, so they stand out one-sidedly from what is around them."""
    small = _shrunk(gray, 200)
    detail = small - ndimage.gaussian_filter(small, 0.1 * min(small.shape), mode="nearest")
    return bool((detail**3).mean() > 0)


def paper_of(gray: Contrast) -> Contrast:
    """The brightness of the paper under the ink: a gray closing wider than any stroke, smoothed."""
    small = _shrunk(gray, 200)
    window = max(3, round(0.4 * min(small.shape)))
    paper = ndimage.grey_closing(ndimage.gaussian_filter(small, 1), window, mode="nearest")
    paper = np.minimum(paper, ndimage.uniform_filter(paper, window // 2, mode="nearest"))
    return np.asarray(Image.fromarray(paper).resize(gray.shape[::-1], Image.Resampling.BILINEAR))


def _shrunk(gray: Contrast, side: int) -> Contrast:
    factor = min(1.0, side / max(gray.shape))
    size = (max(1, round(gray.shape[1] * factor)), max(1, round(gray.shape[0] * factor)))
    return np.asarray(Image.fromarray(gray).resize(size, Image.Resampling.BOX), np.float32)


def ink_of(contrast: Contrast) -> NDArray[np.bool_]:
    """The pixels that are ink: above a threshold between paper and ink, and their fainter neighbors."""
    smooth = ndimage.gaussian_filter(contrast, 0.5)
    noise = 1.48 * float(np.median(np.abs(smooth)))  # the standard deviation, if it is normal
    above = smooth[smooth > max(4 * noise, _LEAST_CONTRAST)]
    if not len(above):
        return np.zeros(contrast.shape, bool)
    threshold = min(otsu_threshold(above), 0.5 * float(np.percentile(above, 95)))
    threshold = max(threshold, 4 * noise, _LEAST_CONTRAST)
    strong, weak = smooth > threshold, smooth > max(0.6 * threshold, 4 * noise)
    labels, _ = ndimage.label(weak, _EIGHT)
    share = np.bincount(labels[strong], minlength=labels.max() + 1) / np.maximum(np.bincount(labels.ravel()), 1)
    keep = share > 0.5
    keep[0] = False
    return strong | keep[labels]


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


Labels = NDArray[np.int32]
Boxes = NDArray[np.intp]


def find_parts(ink: NDArray[np.bool_]) -> tuple[Labels, Boxes]:
    """Group ink into parts that may be digits.

    Returns:
        (h, w) int32: 0 for paper, else the number of the part from 1; and (n, 4): the parts' boxes, as
        left, top, right, bottom.
    """
    labels, boxes = _numbered(ndimage.label(without_rules(ink), _EIGHT)[0])
    tall = usual_height(labels, boxes)
    gap = round(0.015 * tall)  # from either side: breaks of up to 3 percent of a digit's height are closed
    if gap:
        near = ndimage.binary_dilation(labels > 0, _EIGHT, iterations=gap)
        labels, boxes = _numbered(ndimage.label(near, _EIGHT)[0] * (labels > 0))
    specks = np.append(True, _longest_sides(boxes) < 0.12 * tall)
    labels, boxes = _numbered(labels * ~specks[labels])
    labels, boxes = _numbered(_joined(boxes, tall)[labels])
    kept = np.append(False, _may_be_digits(boxes, tall, ink.shape))
    return _numbered(labels * kept[labels])


def _numbered(labels: Labels) -> tuple[Labels, Boxes]:
    """Number the parts from 1 without gaps, leave out all but the largest few hundred, and find their boxes."""
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
    return np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])


def usual_height(labels: Labels, boxes: Boxes) -> float:
    """The size that digits have here: the median, by ink, of the parts' longest sides."""
    if not len(boxes):
        return 0.0
    sides = _longest_sides(boxes)
    ink = np.bincount(labels.ravel(), minlength=len(boxes) + 1)[1:]
    order = np.argsort(sides)
    return float(sides[order][np.searchsorted(np.cumsum(ink[order]), ink.sum() / 2)])


def without_rules(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take out thin lines that cross the whole picture, and mend the strokes that cross them."""
    thin = max(3, round(0.012 * min(ink.shape)))
    for axis in (0, 1):
        labels, _ = ndimage.label(ink, _EIGHT)
        crosses = [found[1 - axis].stop - found[1 - axis].start > 0.9 * ink.shape[1 - axis] for found in ndimage.find_objects(labels)]
        if any(crosses):
            suspect = np.append(False, crosses)[labels]
            suspect &= ~ndimage.binary_opening(suspect, np.ones((thin + 1, 1) if axis == 0 else (1, thin + 1)))
            rules = _long_runs(suspect) if axis == 0 else _long_runs(suspect.T).T
            rest = ink & ~rules
            across = np.ones((2 * thin + 1, 1) if axis == 0 else (1, 2 * thin + 1), bool)
            ink = rest | (rules & ndimage.binary_closing(rest, across))
    return ink


def _long_runs(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels on nearly level lines of ink that are longer than a quarter of the width."""
    height, width = ink.shape
    runs = np.zeros_like(ink)
    tolerant = ndimage.binary_dilation(ink, np.ones((3, 1), bool))
    rows, columns = np.ogrid[:height, :width]
    for slope in np.linspace(-0.2, 0.2, 21):
        drop = np.round(slope * (columns - width / 2)).astype(int)
        level = tolerant[(rows + drop) % height, columns]
        full = ndimage.uniform_filter1d(level.astype(np.float32), width // 4, axis=1) > 0.9
        run = ndimage.maximum_filter1d(full, width // 4, axis=1)
        runs |= run[(rows - drop) % height, columns]
    return runs & ink


def _joined(boxes: Boxes, tall: float) -> NDArray[np.intp]:
    """For each part, and before them for paper, a number that parts of the same digit share."""
    group = np.arange(len(boxes) + 1)
    boxes = boxes.astype(float)
    for i in np.argsort(boxes[:, 3] - boxes[:, 1]):  # the lowest part looks for one to belong to first
        for j in np.argsort(np.abs(boxes[:, 0] - boxes[i, 0])):
            if group[i + 1] != group[j + 1] and _belong_together(boxes[i], boxes[j], tall):
                both = (group == group[i + 1]) | (group == group[j + 1])
                group[both] = group[j + 1]
                union = np.append(np.minimum(boxes[i, :2], boxes[j, :2]), np.maximum(boxes[i, 2:], boxes[j, 2:]))
                boxes[both[1:]] = union
    return group


def _belong_together(low: Boxes, high: Boxes, tall: float) -> bool:
    """Whether two parts are of one digit: one above the other, or the hat of a 5 beside its top."""
    widths = low[2] - low[0], high[2] - high[0]
    heights = low[3] - low[1], high[3] - high[1]
    both = max(low[3], high[3]) - min(low[1], high[1])
    across = min(low[2], high[2]) - max(low[0], high[0])
    if both > 1.45 * tall:
        return False
    if across > 0.5 * min(widths) and both < heights[0] + heights[1] + 0.25 * tall:
        return True
    is_hat = heights[0] < 0.35 * tall and widths[0] < 1.2 * tall and low[3] < high[1] + 0.35 * tall
    return bool(is_hat and low[0] > high[0] and across > -0.12 * tall and heights[1] > 0.5 * tall)


def _may_be_digits(boxes: Boxes, tall: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which parts are neither specks nor, if there is anything else, what reaches in from outside."""
    large = _longest_sides(boxes) >= max(0.25 * tall, _LEAST_SIDE)
    touches = (boxes[:, :2] <= 0).any(axis=1) | (boxes[:, 2:] >= np.array(shape)[::-1]).any(axis=1)
    return large & ~touches if (large & ~touches).any() else large


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


class _Cutter:
    """Cuts digits out of a picture."""

    def __init__(self, contrast: Contrast, labels: Labels, sheet: Sheet) -> None:
        self._contrast = contrast
        self._labels = labels
        self._sheet = sheet
        self._scale = sheet.size[0] / contrast.shape[1]

    def cut(self, box: NDArray[np.intp], label: int, tall: float, score: Score | None) -> list[Glyph]:
        """The digit of a part, or the two or more that it is split into."""
        left, top, right, bottom = (int(n) for n in box)
        whole = self._glyph((left, top, right, bottom), label)
        if score is None or right - left < 1.05 * max(bottom - top, 0.7 * tall):
            return [whole]
        columns = (self._labels[top:bottom, left:right] == label).sum(axis=0)
        profile = ndimage.gaussian_filter1d(columns.astype(float), 0.02 * len(columns))
        lows = np.flatnonzero((profile == ndimage.minimum_filter1d(profile, len(columns) // 12 + 1)))
        lows = lows[(lows > 0.2 * len(columns)) & (lows < 0.8 * len(columns))]
        best, surest = [whole], float(score(whole.image[None])[0])
        for low in lows[np.argsort(profile[lows])][:4] + left:
            own = self._labels[top:bottom, left:right] == label
            cut = low - left
            if min(np.ptp(np.flatnonzero(h.any(axis=1))) for h in (own[:, :cut], own[:, cut:])) < 0.6 * (bottom - top): continue
            halves = [
                self._glyph((left, top, int(low), bottom), label),
                self._glyph((int(low), top, right, bottom), label),
            ]
            sure = float(min(score(np.array([half.image for half in halves]))))
            if sure > surest:
                best, surest = halves, sure
        return best

    def _glyph(self, box: tuple[int, int, int, int], label: int) -> Glyph:
        left, top, right, bottom = box
        own = np.zeros_like(self._labels, bool)
        margin = max(2, (bottom - top) // 12)
        h, w = self._labels.shape
        around = slice(max(0, top - margin), min(h, bottom + margin)), slice(max(0, left - margin), min(w, right + margin))
        labels = self._labels[around]
        own = np.zeros(labels.shape, bool)
        inner = slice(top - around[0].start, bottom - around[0].start), slice(left - around[1].start, right - around[1].start)
        own[inner] = labels[inner] == label
        near = ndimage.binary_dilation(own, _EIGHT, iterations=margin)
        near &= ~ndimage.binary_dilation((labels > 0) & ~own, _EIGHT)
        contrast = np.where(near | own, self._contrast[around], 0)
        steps = {"cut out": self._sheet.picture[around], **bring_to_mnist(contrast)}
        scale = self._scale
        return Glyph((round(left * scale), round(top * scale), round(right * scale), round(bottom * scale)), steps["centered"], steps)
