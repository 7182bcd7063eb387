"""Parts about more rows: memory and time as they grow in number, and what it costs to distort them."""

import json
import shutil
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.results import Figure, Result, number, spread
from benchmarks.setup import Setup
from benchmarks.timing import run
from mnist_mlp.digits.csvfile import format_rows
from mnist_mlp.training.recipe import RECIPES
from mnist_mlp.training.samples import distortion_of

_BYTES_A_ROW = 4500  # of CSV text and cache, with room to spare
_STAGES = (
    ("reading the CSV", "tutorial", "read"),
    ("online training", "tutorial", "train"),
    ("training by `fast`", "fast", "train"),
)


def growth(setup: Setup) -> list[Result]:
    """Memory and time a row, from the training digits to many times as many: distorted copies."""
    few, many = len(setup.train), setup.copies * len(setup.train)
    what = f"{few:,} to {many:,} rows"
    needed = many * _BYTES_A_ROW
    if shutil.disk_usage(setup.folder).free < needed:
        return [Figure(what, f"not measured: it takes {needed / 1e9:.1f} GB in {setup.folder}")]
    paths = setup.csvs[0], _write_copies(setup)
    found: dict[tuple[str, str], list[list[tuple[float, float | None]]]] = {}
    for _ in range(setup.rounds):
        for path in paths:
            path.with_name(f".{path.name}.cache").unlink(missing_ok=True)
        for name in ("tutorial", "fast"):
            recipe = setup.write_recipe(setup.recipe(name))
            pair = [json.loads(run("-m", "benchmarks.grow", path, recipe).output) for path in paths]
            for stage in ("read", "train"):
                found.setdefault((name, stage), []).append([answer[stage] for answer in pair])
    for path in paths[1].parent.iterdir():
        path.unlink()
    return [
        figure
        for stage, name, key in _STAGES
        for figure in _growth_figures(f"{stage}, {what}", found[name, key])
    ]


def _growth_figures(what: str, pairs: list[list[tuple[float, float | None]]]) -> list[Figure]:
    """From microseconds a row and MB, each for few and for many rows, round by round."""
    times = [(few[0], many[0]) for few, many in pairs]
    figures = [Figure(f"{what}: a row", f"{_medians(times)} µs, by {spread([b / a for a, b in times])}")]
    memory = [(few[1], many[1]) for few, many in pairs if few[1] is not None and many[1] is not None]
    if memory:
        grown = spread([b - a for a, b in memory])
        figures.append(Figure(f"{what}: anonymous memory", f"{_medians(memory)} MB, by {grown}"))
    return figures


def _medians(pairs: list[tuple[float, float]]) -> str:
    few, many = zip(*pairs, strict=True)
    return f"{number(median(few))} to {number(median(many))}"


def _write_copies(setup: Setup) -> Path:
    """A CSV file of the training digits and distorted copies of them, written piece by piece."""
    folder = setup.folder / "copies"
    folder.mkdir()
    path = folder / "mnist_train.csv"
    distortion, rng = distortion_of(RECIPES["best"]), np.random.default_rng(1)
    images = setup.train.images.reshape(-1, 784)
    with path.open("wb") as file:
        for copy in range(setup.copies):
            for first in range(0, len(images), 1024):
                rows = slice(first, first + 1024)
                pixels = images[rows] if copy == 0 else np.rint(distortion.apply(images[rows], rng))
                labelled = np.column_stack([setup.train.labels[rows], pixels.astype(np.uint8)])
                file.write(format_rows(labelled))
    return path


def distorting(setup: Setup) -> list[Result]:
    """What it costs to train on distorted digits, with one core for both."""
    recipe = setup.write_recipe(setup.recipe("best"))
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    process = run("-m", "benchmarks.distort", setup.csvs[0], recipe, str(setup.rounds), **one_thread)
    values: dict[str, list[float]] = json.loads(process.output)
    shares = [100 * a / b for a, b in zip(values["distorting"], values["training"], strict=True)]
    return [
        Figure("distorting, one core, a row", f"{spread(values['distorting'])} µs"),
        Figure("training by `best` on rows as they are, one core, a row", f"{spread(values['training'])} µs"),
        Figure("training by `best` on distorted rows, one core, a row", f"{spread(values['both'])} µs"),
        Figure("distorting, in percent of training on rows as they are", f"{spread(shares)} %"),
    ]
