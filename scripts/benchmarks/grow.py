"""A process that reads a CSV file and trains one epoch on it; prints time a row and anonymous memory of both.

python -m benchmarks.grow TRAIN.csv RECIPE.toml
"""

import json
import sys
from functools import partial
from pathlib import Path

from benchmarks.setup import new_network
from benchmarks.timing import seconds
from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.mnist import read_csv
from mnist_mlp.training.recipe import load_recipe
from mnist_mlp.training.trainer import Trainer


class Callbacks:
    """Looks at the process's anonymous memory whenever it is called."""

    def __init__(self) -> None:
        self.most: float | None = None

    def __call__(self, *_: object) -> None:
        """Take what a report of progress tells as a sign to look."""
        now = anonymous_memory()
        if now is not None:
            self.most = max(now, self.most or 0)


def anonymous_memory() -> float | None:
    """The process's memory that belongs to no file, in MB, where the system tells."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("RssAnon:")), None)


def main(csv: str, recipe_file: str) -> None:
    digits: list[Digits] = []
    recipe = load_recipe(recipe_file)

    def read(watch: Callbacks) -> None:
        digits.append(read_csv(csv, watch))

    def train(watch: Callbacks) -> None:
        Trainer(new_network(recipe), digits[0], recipe).run_epoch(watch)

    result = {}
    for name, work in (("read", read), ("train", train)):
        watch = Callbacks()
        elapsed = seconds(partial(work, watch))
        watch()
        result[name] = 1e6 * elapsed / len(digits[0]), watch.most
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
