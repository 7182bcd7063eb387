"""Digits drawn by hand, for tests: the strokes of templates, and what a hand does to them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.handwriting.sheets import TEMPLATES, path_of

Stroke = NDArray[np.floating[Any]]  # (n, 2), points x, y


def template(digit: int, number: int) -> list[Stroke]:
    """One of the ways to write a digit, taken in turn, with points from 0 to 100 about every 4."""
    ways = TEMPLATES[digit]
    return [100 * path_of(*stroke)[::2] for stroke in ways[number % len(ways)]]


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
        strokes = hand(template(i % 10, i // 10), rng)
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
