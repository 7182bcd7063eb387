"""What is measured on, and how: in rounds of A B A B, functions as well as whole programs."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter, sleep
from typing import NamedTuple

from mnist_mlp import RECIPES, Digits, Recipe, encode_targets, scale_pixels
from mnist_mlp.digits.mnist import write_csv
from mnist_mlp.nn.blas import Floats

OURS = "mnist-mlp"
ROOT = Path(__file__).resolve().parents[2]
# Settings with which a recipe trains on all digits as they are, and on nothing else.
PLAIN = dict.fromkeys(("rotation", "scale", "shear", "shift", "elastic", "nondigits", "validation"), 0)

# BLAS and OpenMP threads wait in a loop for a while before they sleep, which would disturb what comes next.
_PAUSE = 0.3  # seconds


@dataclass(frozen=True)
class Setup:
    """The extent of the benchmark.

    Attributes:
        folder: for files, new and empty.
        train, test: the digits.
        rounds: of all measurements but one.
        whole_rounds: of the book's whole program, which takes a minute.
        quick: whether to do as little as shows that it works.
    """

    folder: Path
    train: Digits
    test: Digits
    rounds: int = 5
    whole_rounds: int = 1
    quick: bool = False

    @cached_property
    def inputs(self) -> Floats:
        """The training images as inputs, (n, 784) float32."""
        return scale_pixels(self.train.images)

    @cached_property
    def targets(self) -> Floats:
        """The training labels as targets, (n, 10) float32."""
        return encode_targets(self.train.labels)

    @cached_property
    def csvs(self) -> tuple[Path, Path]:
        """The training and the test digits as CSV files, alone in their folder."""
        folder = self.folder / "csv"
        folder.mkdir()
        paths = folder / "mnist_train.csv", folder / "mnist_test.csv"
        for path, digits in zip(paths, (self.train, self.test), strict=True):
            write_csv(digits, path)
        return paths

    def forget_caches(self) -> None:
        """Remove what the reader keeps beside the CSV files, so that the next read is a first one."""
        for cache in self.csvs[0].parent.glob(".*.cache"):
            cache.unlink()

    def recipe(self, name: str) -> Recipe:
        """A named recipe; where it shall be quick, with one epoch and few digits held out."""
        recipe = RECIPES[name]
        return replace(recipe, epochs=1, validation=min(recipe.validation, 50)) if self.quick else recipe


def seconds(work: Callable[[], object]) -> float:
    """How long it takes to do work."""
    start = perf_counter()
    work()
    return perf_counter() - start


def microseconds(work: Callable[[], object], count: int) -> Callable[[], float]:
    """A measurement of work on so many samples: the time of one."""
    return lambda: 1e6 * seconds(work) / count


def in_turn(measurements: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Take each measurement once a round, one after the other.

    With several rounds, one more comes before them that does not count: it fetches code and data.
    """
    values: dict[str, list[float]] = {name: [] for name in measurements}
    for _ in range(rounds + (rounds > 1)):
        for name, measure in measurements.items():
            sleep(_PAUSE)
            values[name].append(measure())
    return {name: found[-rounds:] for name, found in values.items()}


class Process(NamedTuple):
    """A process that has ended: seconds to its first line of output and to its end, and what it printed.

    Its peak is the most memory it held at once, in MB, mapped files included; None where that is not known.
    """

    answered: float
    seconds: float
    peak: float | None
    output: str


def run(*arguments: str | Path) -> Process:
    """Run this Python with arguments in the checkout, and wait for it to end.

    Raises:
        subprocess.CalledProcessError: if it failed.
    """
    sleep(_PAUSE)
    command = [sys.executable, Path(__file__).with_name("launcher.py"), sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return Process(*json.loads(done.stdout))
