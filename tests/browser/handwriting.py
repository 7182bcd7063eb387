"""Digits drawn by hand, for tests: templates of strokes, and what a hand does to them."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Stroke = NDArray[np.float64]  # (n, 2), points x, y


def curve(*points: tuple[float, float]) -> Stroke:
    """A smooth line through the points: a Catmull-Rom spline with 12 steps from one to the next."""
    p = np.array([points[0], *points, points[-1]], float)
    t = np.linspace(0, 1, 12, endpoint=False)[:, None]
    parts = [
        (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3) / 2
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate([*parts, p[-1:]])


def line(*points: tuple[float, float]) -> Stroke:
    """Straight from point to point, with 8 steps each."""
    p = np.array(points, float)
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    return np.concatenate([*(a + (b - a) * t for a, b in pairwise(p)), p[-1:]])


# Points from 0 to 100, x to the right and y down. At least two ways to write each digit.
TEMPLATES: dict[int, list[list[Stroke]]] = {
    0: [
        [curve((52, 2), (25, 18), (16, 50), (27, 84), (52, 98), (76, 82), (85, 50), (75, 17), (50, 3))],
        [curve((60, 6), (34, 8), (16, 40), (20, 78), (44, 97), (70, 84), (84, 48), (74, 14), (56, 4))],
    ],
    1: [
        [line((50, 2), (50, 98))],
        [line((62, 2), (42, 98))],
        [line((34, 20), (54, 3), (52, 98))],
    ],
    2: [
        [
            curve((18, 24), (30, 6), (56, 2), (76, 18), (70, 42), (46, 68), (18, 95)),
            line((18, 95), (84, 94)),
        ],
        [
            curve((16, 26), (34, 5), (62, 5), (74, 26), (60, 55), (34, 84), (18, 92), (22, 78), (40, 82)),
            curve((40, 82), (64, 95), (88, 88)),
        ],
    ],
    3: [
        [curve((20, 12), (44, 2), (72, 10), (74, 32), (44, 47), (76, 60), (80, 84), (50, 98), (18, 88))],
        [
            line((20, 6), (76, 6), (46, 42)),
            curve((46, 42), (74, 48), (82, 72), (62, 95), (34, 97), (16, 86)),
        ],
    ],
    4: [
        [line((30, 4), (20, 54), (84, 54)), line((68, 4), (64, 98))],
        [line((62, 98), (62, 3), (14, 66), (88, 66))],
        [curve((26, 8), (20, 38), (30, 52), (56, 50), (74, 42)), line((76, 6), (68, 98))],
    ],
    5: [
        [line((76, 4), (30, 5), (26, 44)), curve((26, 44), (52, 37), (76, 52), (76, 80), (50, 97), (18, 88))],
        [
            curve((30, 8), (28, 42), (52, 40), (74, 56), (70, 84), (44, 97), (18, 90)),
            line((30, 8), (78, 5)),
        ],
    ],
    6: [
        [
            curve(
                (66, 3), (38, 24), (22, 58), (28, 88), (52, 98), (76, 84), (74, 62), (52, 54), (30, 66),
                (25, 76),
            )
        ],
        [curve((54, 2), (30, 34), (22, 70), (38, 96), (66, 94), (76, 74), (60, 57), (38, 64), (26, 80))],
    ],
    7: [
        [line((16, 6), (84, 6), (44, 98))],
        [line((16, 8), (82, 6)), curve((82, 6), (60, 44), (46, 98))],
        [line((18, 8), (80, 8), (42, 98)), line((36, 52), (74, 50))],
    ],
    8: [
        [
            curve(
                (70, 16), (48, 2), (26, 16), (34, 38), (62, 56), (76, 78), (52, 98), (24, 82), (36, 58),
                (62, 38), (71, 17),
            )
        ],
        [
            curve((50, 47), (26, 28), (34, 6), (64, 5), (74, 26), (50, 47)),
            curve((50, 47), (22, 66), (30, 94), (66, 96), (78, 70), (50, 47)),
        ],
    ],
    9: [
        [
            curve((74, 20), (52, 3), (26, 16), (24, 42), (48, 52), (70, 38), (75, 18)),
            curve((75, 18), (74, 56), (64, 98)),
        ],
        [curve((72, 26), (56, 4), (30, 12), (24, 38), (44, 50), (68, 36), (74, 12), (72, 60), (56, 96))],
    ],
}  # fmt: skip


def careful(strokes: list[Stroke], rng: np.random.Generator) -> list[Stroke]:
    """As a hand writes that takes care: slanted and stretched a little, and wobbling."""
    return _written(strokes, rng, turn=5, slant=0.08, stretch=0.1, wobble=2.0, tremor=0.3)


def sloppy(strokes: list[Stroke], rng: np.random.Generator) -> list[Stroke]:
    """As a hand writes in a hurry: turned by up to 17 degrees, slanted, stretched and trembling."""
    return _written(strokes, rng, turn=17, slant=0.25, stretch=0.35, wobble=5.0, tremor=1.5)


def digits_by_hand(
    count: int, hand: Callable[[list[Stroke], np.random.Generator], list[Stroke]], rng: np.random.Generator
) -> list[tuple[int, list[Stroke]]]:
    """Digits 0 to 9 in turn, each by the next of its templates, with points from about 40 to 240."""
    written = []
    for i in range(count):
        ways = TEMPLATES[i % 10]
        strokes = hand(ways[i // 10 % len(ways)], rng)
        size, left, top = rng.uniform(110, 190), rng.uniform(30, 60), rng.uniform(30, 60)
        points = np.concatenate(strokes)
        low, scale = points.min(axis=0), size / np.ptp(points, axis=0).max()
        written.append((i % 10, [(stroke - low) * scale + (left, top) for stroke in strokes]))
    return written


def _written(
    strokes: list[Stroke], rng: np.random.Generator, *, turn: float, slant: float, stretch: float,
    wobble: float, tremor: float,
) -> list[Stroke]:  # fmt: skip
    angle = np.radians(rng.uniform(-turn, turn))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = np.array([[1 + rng.uniform(-stretch, stretch), rng.uniform(-slant, slant)], [0, 1]])
    phases, waves = rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.02, 0.06, 4)
    result = []
    for stroke in strokes:
        x, y = stroke.T
        # Waves across the whole digit, so that strokes which touch still do.
        bend = np.stack(
            [
                np.sin(waves[0] * y * 2 + phases[0]) + np.sin(waves[1] * x * 2 + phases[1]),
                np.sin(waves[2] * x * 2 + phases[2]) + np.sin(waves[3] * y * 2 + phases[3]),
            ],
            axis=1,
        )
        noise = rng.normal(0, tremor, stroke.shape)
        result.append((stroke - 50 + wobble * bend + noise) @ (rotation @ shape).T)
    return result
