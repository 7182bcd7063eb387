"""A process that trains by a recipe with and without its distortions; prints the microseconds a row.

python -m benchmarks.distort TRAIN.csv RECIPE.toml ROUNDS
"""

import json
import os
import sys
from collections.abc import Callable

import numpy as np

from benchmarks.setup import new_network
from benchmarks.timing import in_turn, microseconds
from mnist_mlp.digits.mnist import read_csv
from mnist_mlp.training.recipe import Recipe, load_recipe
from mnist_mlp.training.samples import distortion_of
from mnist_mlp.training.trainer import Trainer


def main(csv: str, recipe_file: str, rounds: str) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core for everything, threads included
    digits = read_csv(csv)
    distorted = load_recipe(recipe_file).with_settings({"epochs": int(rounds) + 1})
    plain = distorted.with_settings(dict.fromkeys(("rotation", "scale", "shear", "shift", "elastic"), 0))
    distortion, rng = distortion_of(distorted), np.random.default_rng(1)
    images = digits.images.reshape(-1, 784)

    def distort() -> None:
        for first in range(0, len(images), distorted.batch_size):
            distortion.apply(images[first : first + distorted.batch_size], rng)

    def epochs(recipe: Recipe) -> Trainer:
        return Trainer(new_network(recipe), digits, recipe)

    works: dict[str, Callable[[], object]] = {
        "distorting": distort,
        "training": epochs(plain).run_epoch,
        "both": epochs(distorted).run_epoch,
    }
    measurements = {name: microseconds(work, len(digits)) for name, work in works.items()}
    print(json.dumps(in_turn(measurements, int(rounds))))


if __name__ == "__main__":
    main(*sys.argv[1:])
