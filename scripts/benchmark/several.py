"""Several networks at once: how much sooner they are trained, and what a worker takes of memory.

As a program, it trains many small networks and prints what each of them cost:

    python -m scripts.benchmark.several NETWORKS DIGITS
"""

import json
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from mnist_mlp import RECIPES, load_mnist
from mnist_mlp.runs.job import Data, Job, run_one
from mnist_mlp.runs.results import keep
from mnist_mlp.runs.run import prepare_job, train_all
from mnist_mlp.runs.workers import local_engine
from scripts.benchmark.growth import anonymous_memory
from scripts.benchmark.measure import ROOT, Setup, in_turn, run, seconds
from scripts.benchmark.table import Figure, Result, number, spread

_HELD_OUT = 10_000


def several(setup: Setup) -> list[Result]:
    """Networks of `fast` by two workers and one after the other; repeats of `best`; memory."""
    count, epochs = (2, 1) if setup.quick else (12, 3)
    data = Data(setup.train)
    recipe = replace(RECIPES["fast"], epochs=epochs, validation=min(_HELD_OUT, len(setup.train) // 2))
    jobs = [
        Job(replace(recipe, seed=seed), setup.folder / "several" / str(seed)) for seed in range(1, count + 1)
    ]
    rounds = min(setup.rounds, 3)
    ways: dict[str, Callable[[], float]] = {
        "two workers": partial(_sweep, jobs, data, setup.folder, 2),
        "one worker": partial(_sweep, jobs, data, setup.folder, 1),
        "no worker": partial(_one_after_the_other, jobs, data),
    }
    best = setup.folder / "best.toml"
    best.write_text(setup.recipe("best").to_toml())
    repeats = {f"{places} at once": partial(_repeats, setup, best, places) for places in (2, 1)}
    what = f"{count} networks of `fast`, {epochs} epochs: two workers instead of"
    times = in_turn(ways, rounds)
    whole = [in_turn(repeats, 1) for _ in range(rounds)]  # without a round before that does not count
    both = {name: [times[name][0] for times in whole] for name in repeats}
    return [
        Figure(f"{what} one", _gain(times["two workers"], times["one worker"])),
        Figure(f"{what} none, with all threads of BLAS", _gain(times["two workers"], times["no worker"])),
        Figure(
            "`train --recipe best --repeats 2`, both at once",
            _gain(both["2 at once"], both["1 at once"]),
        ),
        *_memory(20 if setup.quick else 300),
    ]


def _gain(ours: Sequence[float], theirs: Sequence[float]) -> str:
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return f"{number(median(theirs))} to {number(median(ours))} s, by {spread(ratios)}"


def _sweep(jobs: Sequence[Job], data: Data, folder: Path, places: int) -> float:
    _forget(jobs)
    workers = local_engine(places, data, folder)
    return seconds(lambda: train_all(jobs, data, workers, lambda *_: None, pictures=False))


def _one_after_the_other(jobs: Sequence[Job], data: Data) -> float:
    _forget(jobs)

    def train() -> None:
        for job in jobs:
            prepare_job(job)
            keep(job, run_one(job, data), data, pictures=False)

    return seconds(train)


def _forget(jobs: Sequence[Job]) -> None:
    for job in jobs:
        (job.folder / "scorecard.json").unlink(missing_ok=True)


def _repeats(setup: Setup, recipe: Path, places: int) -> float:
    out = setup.folder / "repeats"
    options = ("--data-dir", setup.csvs[0].parent, "--offline", "--out", out, "--force", "--quiet")
    command = ("train", "--recipe", recipe, "--repeats", "2", "--jobs", str(places), *options)
    return run("-m", "mnist_mlp", *command).seconds


def _memory(networks: int) -> list[Result]:
    many, whole = (
        json.loads(run("-m", "scripts.benchmark.several", *map(str, asked)).output)
        for asked in ((networks, 2400), (4, 60_000))
    )
    (early, late), (first, last) = many["main"], many["seconds"]
    what = f"{networks} networks of 1 epoch on 2,000 digits"
    return [
        Figure("a worker's own memory, 50,000 digits", f"{number(whole['worker'])} MB at most"),
        Figure(f"{what}: a worker's own memory", f"{number(many['worker'])} MB at most"),
        Figure(
            f"{what}: the main process", f"{number(early)} MB after a tenth, {number(late)} MB in the end"
        ),
        Figure(f"{what}: a network", f"{number(first)} s at first, {number(last)} s in the end"),
    ]


def own_memory(process: int) -> float:
    """What a process does not share with others, in MB; 0 where the system does not tell, or it has ended.

    The digits, which are mapped from .npy files, are not counted: all processes have the same pages of them.
    """
    try:
        lines = Path(f"/proc/{process}/smaps").read_text().splitlines()
    except OSError:
        return 0.0
    kilobytes, counts = 0, True
    for line in lines:
        if not line.split()[0].endswith(":"):  # a new mapping begins
            counts = not line.endswith(".npy")
        elif counts and line.startswith("Private_"):
            kilobytes += int(line.split()[1])
    return kilobytes * 1024 / 1e6


def main(networks: str, digits: str) -> None:
    """Train small networks by two workers; print the memory of a worker and of this process, and times."""
    data = Data(load_mnist(ROOT / "data")[: int(digits)])
    recipe = replace(RECIPES["fast"], epochs=1, validation=len(data.train) // 6)
    workers, main_process, ends, done = [0.0], list[float](), [perf_counter()], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            workers.extend(own_memory(process.pid or 0) for process in active_children())

    def look(*_: object) -> None:
        main_process.append(anonymous_memory())
        ends.append(perf_counter())

    watcher = threading.Thread(target=watch)
    watcher.start()
    with TemporaryDirectory() as folder:
        jobs = [Job(replace(recipe, seed=seed), Path(folder, str(seed))) for seed in range(int(networks))]
        train_all(jobs, data, local_engine(2, data, Path(folder)), look, pictures=False)
    done.set()
    watcher.join()
    tenth = max(1, len(jobs) // 10)
    memory = [main_process[tenth - 1], main_process[-1]]
    seconds_each = [(ends[i + tenth] - ends[i]) / tenth for i in (1, len(jobs) - tenth)]
    print(json.dumps({"worker": max(workers), "main": memory, "seconds": seconds_each}))


if __name__ == "__main__":
    main(*sys.argv[1:])
