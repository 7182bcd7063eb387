"""Memory and time as the samples grow in number; as a program, it measures one file in a new process.

python -m scripts.benchmark.growth TRAIN.csv
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from mnist_mlp import RECIPES, Digits
from mnist_mlp.digits.mnist import read_csv
from mnist_mlp.training.trainer import Trainer
from scripts.benchmark.measure import Setup, run, seconds
from scripts.benchmark.table import Figure, Result, number, spread


def growth(setup: Setup) -> list[Result]:
    """Memory and time a sample, for the training digits and for many copies of them in one file."""
    copies, few = (2 if setup.quick else 20), setup.csvs[0]
    many = few.with_name("many.csv")
    with many.open("wb") as file:
        for _ in range(copies):
            file.write(few.read_bytes())
    pairs = []
    for _ in range(setup.rounds):
        setup.forget_caches()
        pairs.append([json.loads(run("-m", "scripts.benchmark.growth", path).output) for path in (few, many)])
    setup.forget_caches()
    many.unlink()
    samples, figures = len(setup.train), list[Result]()
    for stage in pairs[0][0]:
        what = f"{stage}, {samples:,} to {copies * samples:,} samples"
        times, memory = ([(a[stage][i], b[stage][i]) for a, b in pairs] for i in range(2))
        ratios, grown = [b / a for a, b in times], [b - a for a, b in memory]
        figures += [
            Figure(f"{what}: a sample", f"{_medians(times)} µs, a factor of {spread(ratios)}"),
            Figure(f"{what}: anonymous memory", f"{_medians(memory)} MB, a difference of {spread(grown)}"),
        ]
    return figures


def _medians(pairs: list[tuple[float, float]]) -> str:
    few, many = zip(*pairs, strict=True)
    return f"{number(median(few))} to {number(median(many))}"


def anonymous_memory() -> float:
    """This process's memory that belongs to no file, in MB; nan where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("RssAnon:"))


def main(csv: str) -> None:
    """Print the microseconds a sample and the most anonymous memory of each stage."""
    results, digits, seen = dict[str, tuple[float, float]](), list[Digits](), list[float]()

    def look(*_: object) -> None:
        seen.append(anonymous_memory())

    def measure(stage: str, work: Callable[[], object]) -> None:
        seen.clear()
        took = seconds(work)
        results[stage] = 1e6 * took / len(digits[0]), max(seen)

    measure("reading the CSV", lambda: digits.append(read_csv(csv, look)))
    for stage, name in (("online training", "tutorial"), ("training by `fast`", "fast")):
        trainer = Trainer(RECIPES[name].network(), digits[0], RECIPES[name])
        measure(stage, partial(trainer.run_epoch, look))
    print(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
