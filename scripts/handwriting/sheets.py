"""Draws sheets of handwriting whose digits are known: canvas drawings, photos of paper, rows and pages.

A digit is an alpha mask, either an MNIST image made large or strokes of our own with a wobbling hand.
Everything random comes from the Generator that is passed in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Mask = NDArray[np.floating[Any]]
Hand = Callable[[np.random.Generator, int, float], Mask]
"""Writes a digit (0 to 9) of a height in pixels, as a mask of ink from 0 to 1, cut to its box."""

# Strokes in percent of a square, x to the right and y downwards; those of kind "c" are smooth.
TEMPLATES: dict[int, list[list[tuple[str, str]]]] = {
    0: [
        [("c", "50,0 15,20 5,50 18,85 50,100 82,82 92,48 80,15 50,0")],
        [("c", "60,2 25,12 8,50 25,92 60,98 88,60 80,18 55,2 35,8")],
    ],
    1: [[("l", "50,0 50,100")], [("l", "25,25 55,0 55,100")], [("l", "58,0 42,100")]],
    2: [
        [("c", "8,25 20,5 50,0 80,10 82,35 55,65 10,98"), ("l", "10,98 92,98")],
        [("c", "10,20 40,0 78,12 70,45 30,85 12,95 20,78 42,84 70,98 95,92")],
    ],
    3: [
        [("c", "10,12 40,0 75,8 78,32 40,47"), ("c", "40,47 82,55 85,85 45,100 5,88")],
        [("l", "10,2 82,2 42,42"), ("c", "42,42 78,48 86,78 55,99 8,90")],
    ],
    4: [
        [("l", "60,0 5,68 95,68"), ("l", "68,30 68,100")],
        [("c", "18,0 12,30 15,52 40,55 82,48"), ("l", "80,5 76,100")],
    ],
    5: [
        [("l", "80,0 22,0 15,42"), ("c", "15,42 45,35 80,48 82,80 50,100 8,90")],
        [("c", "25,3 20,25 18,45 50,38 85,58 78,90 40,100 8,88"), ("l", "25,3 88,0")],
    ],
    6: [
        [("c", "72,0 35,20 12,55 15,88 48,100 80,85 78,58 48,50 18,65")],
        [("c", "55,0 25,40 15,75 35,98 68,95 82,72 60,55 30,62 20,80")],
    ],
    7: [[("l", "8,2 88,2 38,100")], [("c", "8,10 40,4 88,3 60,45 42,100"), ("l", "28,50 76,50")]],
    8: [
        [("c", "78,14 50,0 22,14 28,36 55,50 82,72 70,96 40,100 16,84 26,62 55,47 78,30 78,14")],
        [("c", "50,0 22,22 50,45 78,22 50,0"), ("c", "50,45 12,75 50,100 88,75 50,45")],
    ],
    9: [
        [("c", "80,18 50,0 20,14 18,42 48,52 78,36 82,12"), ("l", "82,12 74,100")],
        [("c", "78,30 55,48 25,40 25,12 55,0 80,12 78,50 62,88 25,98")],
    ],
}


def stroke_hand(
    rng: np.random.Generator, digit: int, height: float, pens: tuple[float, float] = (0.04, 0.16)
) -> Mask:
    """Write a digit by a template, bent, leaning and wobbling; the pen is as wide as some of the height."""
    template = TEMPLATES[digit][rng.integers(len(TEMPLATES[digit]))]
    pen = max(1.0, height * rng.uniform(*pens))
    fine = 3  # drawn larger and made smaller, for smooth edges
    bend = rng.normal(0, 0.03, (2, 3, 3))
    lean, width = rng.uniform(-0.25, 0.25), rng.uniform(0.5, 0.95) * height
    side = int((height * 2 + 4 * pen + 8) * fine)
    canvas = Image.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    for kind, text in template:
        path = path_of(kind, text)
        move = [ndimage.map_coordinates(field, path.T[::-1] * 2, order=1) for field in bend]
        path = (
            path + np.stack(move, axis=1) + ndimage.gaussian_filter1d(rng.normal(0, 0.03, path.shape), 6, 0)
        )
        x = (path[:, 0] + lean * (0.5 - path[:, 1])) * width + height / 2
        y = path[:, 1] * height + 2 * pen + 4
        spots = np.stack([x, y], axis=1) * fine
        draw.line([tuple(p) for p in spots], fill=255, width=max(1, round(pen * fine)), joint="curve")
        r = pen * fine / 2
        for px, py in spots:
            draw.ellipse((px - r, py - r, px + r, py + r), fill=255)
    return _cut(np.asarray(canvas.reduce(fine), np.float32) / 255)


def mnist_hand(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Hand:
    """A hand that writes the given MNIST digits, made large."""
    rows = [np.flatnonzero(labels == digit) for digit in range(10)]

    def write(rng: np.random.Generator, digit: int, height: float) -> Mask:
        return enlarged(images[rng.choice(rows[digit])], height)

    return write


def enlarged(image: NDArray[np.uint8], height: float) -> Mask:
    """An MNIST image (28, 28) made large, with sharp edges, its digit cut out and of the given height."""
    ys = np.flatnonzero(image.max(axis=1) > 100)
    factor = height / (ys[-1] - ys[0] + 1)
    side = max(8, round(28 * factor))
    large = (
        np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255
    )
    large = ndimage.gaussian_filter(large, 0.25 * factor)
    return _cut(np.clip((large - 0.4) * max(2.0, factor) + 0.5, 0, 1))


def path_of(kind: str, text: str) -> Mask:
    """A stroke of a template as points (n, 2) in the unit square, 24 from one of its points to the next."""
    points = np.array([[float(n) / 100 for n in pair.split(",")] for pair in text.split()])
    return _smooth(points) if kind == "c" else _dense(points)


def _smooth(points: Mask) -> Mask:
    """A Catmull-Rom curve through points (n, 2)."""
    p = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, 24, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate([*pieces, points[-1:]])


def _dense(points: Mask) -> Mask:
    t = np.arange(len(points) - 1, step=1 / 24)
    return np.stack([np.interp([*t, len(points) - 1], range(len(points)), p) for p in points.T], axis=1)


def _cut(mask: Mask) -> Mask:
    ys, xs = np.flatnonzero(mask.max(axis=1) > 0.3), np.flatnonzero(mask.max(axis=0) > 0.3)
    return mask[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] if len(ys) else mask


@dataclass
class Drawn:
    """A drawn sheet: its picture file, and the text on it, with a line for each line of writing."""

    file: bytes
    text: str


def on_canvas(rng: np.random.Generator, hand: Hand, count: int = 1) -> Drawn:
    """Digits of a paint program: any size, place, polarity and color, smooth or hard edges, plain ground."""
    digits = rng.integers(10, size=count)
    side = int(2 ** rng.uniform(6, 10))
    tall = side * rng.uniform(0.25, 0.85)
    masks = [hand(rng, d, tall * (rng.uniform(0.85, 1.1) if count > 1 else 1)) for d in digits]
    line = _set_line(rng, masks, tall)
    shape = max(side, int(line.shape[0] * 1.1) + 4), max(side, int(line.shape[1] * 1.1) + 4)
    ink = np.zeros(shape, np.float32)
    top, left = rng.integers(1, shape[0] - line.shape[0]), rng.integers(1, shape[1] - line.shape[1])
    ink[top : top + line.shape[0], left : left + line.shape[1]] = line
    if rng.random() < 0.3:
        ink = (ink > 0.5).astype(np.float32)
    dark, light = rng.uniform(0, 90, 3), rng.uniform(190, 256, 3)
    if rng.random() < 0.5:
        dark, light = np.zeros(3), np.full(3, 255.0)
    ground, pen = (light, dark) if rng.random() < 0.5 else (dark, light)
    pixels = ground + ink[..., None] * (pen - ground)
    return Drawn(_file(pixels, "PNG"), "".join(map(str, digits)))


def photo_of(rng: np.random.Generator, hand: Hand, counts: list[int]) -> Drawn:
    """A photo of paper (at times of a board): uneven light, a shadow, rules, noise, turned, a JPEG file.

    Args:
        rng: all randomness.
        hand: writes the digits.
        counts: the number of digits of each line.
    """
    tall = rng.uniform(40, 90) if sum(counts) > 1 else rng.uniform(60, 320)
    texts, lines = [], []
    for count in counts:
        digits = rng.integers(10, size=count)
        lines.append(_set_line(rng, [hand(rng, d, tall * rng.uniform(0.85, 1.12)) for d in digits], tall))
        texts.append("".join(map(str, digits)))
    pitch = int(tall * rng.uniform(1.5, 2.0))
    around = rng.uniform(0.4, 1.4, 2) * tall if sum(counts) > 1 else rng.uniform(0.4, 2.0, 2) * tall
    width = max(line.shape[1] for line in lines) + 2 * int(around[0])
    ink = np.zeros((pitch * (len(lines) - 1) + int(tall * 1.4) + 2 * int(around[1]), width), np.float32)
    for i, line in enumerate(lines):
        left = int(around[0]) + (rng.integers(max(1, (width - line.shape[1]) // 4)) if len(lines) > 1 else 0)
        part = ink[int(around[1]) + i * pitch :, left : left + line.shape[1]]
        np.maximum(part[: line.shape[0]], line, out=part[: line.shape[0]])
    angle = rng.uniform(-10, 10)
    ink = ndimage.rotate(ink, angle, order=1, reshape=True)
    rules = _rules(rng, ink.shape, tall, np.radians(angle))
    h, w = ink.shape
    y, x = np.mgrid[:h, :w] / max(h, w)
    slope = rng.normal(0, 0.25, 2)
    light = 1 + slope[0] * (y - 0.4) + slope[1] * (x - 0.4)
    if rng.random() < 0.5:
        a, edge = rng.uniform(0, 6.3), rng.uniform(0.01, 0.15)
        light *= 1 - rng.uniform(0.2, 0.5) / (
            1 + np.exp(-(np.cos(a) * (x - 0.5) + np.sin(a) * (y - 0.5)) / edge)
        )
    chalk = rng.random() < 0.15
    paper = rng.uniform(30, 70, 3) if chalk else rng.uniform(185, 245) + rng.uniform(-12, 12, 3)
    pen = rng.uniform(180, 240, 3) if chalk else _INKS[rng.integers(len(_INKS))] + rng.uniform(-15, 15, 3)
    pressure = 1 - rng.uniform(0, 0.3) * ndimage.zoom(rng.random((6, 6)), (h / 6, w / 6), order=1)[:h, :w]
    pressure = np.pad(pressure, ((0, h - pressure.shape[0]), (0, w - pressure.shape[1])), mode="edge")
    pixels = paper + rules[..., None] * rng.uniform(0.1, 0.3 if rng.random() < 0.8 else 0.7) * (
        np.array([90, 120, 190]) - paper
    )
    pixels = pixels + (ink * pressure)[..., None] * (pen - pixels)
    pixels = ndimage.gaussian_filter(pixels * light[..., None], (*[rng.uniform(0.3, 1.4)] * 2, 0))
    pixels += rng.normal(0, rng.uniform(1, 9), (h, w, 1)) + rng.normal(0, rng.uniform(0, 3), (h, w, 3))
    return Drawn(_file(pixels, "JPEG", quality=int(rng.integers(40, 96))), "\n".join(texts))


_INKS = np.array([[30, 30, 35], [30, 45, 130], [20, 20, 90], [150, 30, 40], [25, 95, 60], [85, 85, 90]])


def _set_line(rng: np.random.Generator, masks: list[Mask], tall: float) -> Mask:
    """Digits side by side on a wavering base line, with uneven gaps; one in twenty touches the next."""
    height = int(max(m.shape[0] for m in masks) + tall * 0.2) + 1
    gaps = [
        int(tall * (rng.uniform(-0.05, 0.05) if rng.random() < 0.05 else rng.uniform(0.08, 0.45)))
        for _ in masks
    ]
    line = np.zeros((height, sum(m.shape[1] for m in masks) + sum(map(abs, gaps))), np.float32)
    left = 0
    for mask, gap in zip(masks, gaps, strict=True):
        top = int((height - mask.shape[0]) * rng.random())
        place = line[top : top + mask.shape[0], left : left + mask.shape[1]]
        np.maximum(place, mask, out=place)
        end, left = left + mask.shape[1], left + mask.shape[1] + gap
    return line[:, :end]


def _rules(rng: np.random.Generator, shape: tuple[int, ...], tall: float, angle: float) -> Mask:
    """Nothing, rules or squares over the whole sheet, turned by an angle like its writing."""
    kind, step, thick = (
        rng.integers(4),
        tall * rng.uniform(0.35, 1.3),
        max(1.0, tall * rng.uniform(0.01, 0.03)),
    )
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    y, x = np.cos(angle) * y + np.sin(angle) * x, np.cos(angle) * x - np.sin(angle) * y
    rules = np.zeros(shape, np.float32)
    for along in (y, x)[: max(0, int(kind) - 1)]:
        offset = np.abs((along + step / 2) % step - step / 2)
        rules = np.maximum(rules, np.clip(thick / 2 + 0.5 - offset, 0, 1))
    return rules


def _file(pixels: NDArray[np.float64], kind: str, **options: int) -> bytes:
    file = BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, kind, **options)
    return file.getvalue()
