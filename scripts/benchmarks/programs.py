"""Parts that time whole processes, from start to end, and the reading of files."""

import json
from functools import partial
from itertools import count
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.results import Comparison, Figure, Result, spread
from benchmarks.rivals import BOOK, PYTORCH, installed
from benchmarks.setup import OURS, Setup
from benchmarks.timing import SCRIPTS, Process, in_turn, run, seconds
from mnist_mlp.digits.mnist import read_csv
from mnist_mlp.training.recipe import Recipe


def tutorial(setup: Setup) -> list[Result]:
    """From start to scorecard with the book's settings, beside its own program."""
    recipe = setup.recipe("tutorial")
    first, later, theirs = _Runs(), _Runs(), _Runs()
    in_turn(
        {
            "first": lambda: first.take(*_train(setup, recipe, first_run=True)),
            "later": lambda: later.take(*_train(setup, recipe, first_run=False)),
            BOOK: lambda: theirs.take(*_run_book(setup, recipe)),
        },
        setup.whole_rounds,
        warm_up=False,
    )
    return [
        *_whole_programs(recipe, first, later, BOOK, theirs),
        *first.figures("`train --recipe tutorial`, first run"),
        *theirs.figures(BOOK),
    ]


def fast(setup: Setup) -> list[Result]:
    """From start to scorecard with the settings that reach 98 %, another seed each round."""
    first, later, theirs = _Runs(), _Runs(), _Runs()
    recipe = setup.recipe("fast")
    seeds = count(1)

    def first_run() -> float:
        nonlocal recipe
        recipe = setup.recipe("fast", seed=next(seeds))
        return first.take(*_train(setup, recipe, first_run=True))

    measurements = {
        "first": first_run,
        "later": lambda: later.take(*_train(setup, recipe, first_run=False)),
    }
    if installed("torch"):
        measurements[PYTORCH] = lambda: theirs.take(*_run_pytorch(setup, recipe))
    in_turn(measurements, setup.rounds, warm_up=False)
    results: list[Result] = [*first.figures("`train --recipe fast`, first run")]
    if installed("torch"):
        results += [
            *_whole_programs(recipe, first, later, PYTORCH, theirs),
            *theirs.figures("PyTorch program, settings of `fast`"),
        ]
    return results


def _whole_programs(
    recipe: Recipe, first: "_Runs", later: "_Runs", rival: str, theirs: "_Runs"
) -> list[Result]:
    """Our program beside another: until the accuracy stands on the screen, and to the end.

    Only ours goes on after the accuracy, and draws three pictures.
    """
    epochs = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    what = f"whole `{recipe.name}`, {epochs}"
    return [
        Comparison(f"{what}, to the scorecard", "s", first.answered, rival, theirs.answered),
        Comparison(f"{what}, to the scorecard, digits cached", "s", later.answered, rival, theirs.answered),
        Comparison(f"{what}, with pictures", "s", first.seconds, rival, theirs.seconds),
    ]


class _Runs:
    """A program's seconds to its answer and to its end, accuracies and memory peaks, run by run."""

    def __init__(self) -> None:
        self.answered: list[float] = []
        self.seconds: list[float] = []
        self._accuracies: list[float] = []
        self._peaks: list[float] = []

    def take(self, process: Process, accuracy: float) -> float:
        """Keep a run; returns its seconds to the answer."""
        self.answered.append(process.answered)
        self.seconds.append(process.seconds)
        self._accuracies.append(100 * accuracy)
        if process.peak is not None:
            self._peaks.append(process.peak)
        return process.answered

    def figures(self, program: str) -> list[Figure]:
        mean = f"{fmean(self._accuracies):.2f} %"
        if len(self._accuracies) > 1:
            mean += f" ({min(self._accuracies):.2f} to {max(self._accuracies):.2f})"
        figures = [Figure(f"{program}: test accuracy, mean", mean)]
        if self._peaks:
            figures.append(Figure(f"{program}: peak memory", f"{spread(self._peaks)} MB"))
        return figures


def _train(setup: Setup, recipe: Recipe, *, first_run: bool) -> tuple[Process, float]:
    """Run `mnist-mlp train` on the CSV files; its process and the accuracy on the scorecard."""
    folder = setup.csvs[0].parent
    if first_run:
        setup.forget_caches()
    _bring_from_disk(setup, "matplotlib.figure, mnist_mlp.runs.run")
    out = setup.folder / "run"
    options = ("--data-dir", folder, "--offline", "--out", out, "--force", "--quiet")
    process = run("-m", "mnist_mlp", "train", "--recipe", setup.write_recipe(recipe), *options)
    return process, json.loads((out / "scorecard.json").read_text())["accuracy"]


def _bring_from_disk(setup: Setup, modules: str) -> None:
    """See that digits and libraries need not come from the disk, whose speed is not compared."""
    for path in setup.csvs:
        path.read_bytes()
    run("-c", f"import {modules}")


def _run_pytorch(setup: Setup, recipe: Recipe) -> tuple[Process, float]:
    _bring_from_disk(setup, "torch")
    return _with_accuracy(run(SCRIPTS / "pytorch_program.py", *setup.csvs, setup.write_recipe(recipe)))


def _run_book(setup: Setup, recipe: Recipe) -> tuple[Process, float]:
    _bring_from_disk(setup, "numpy")
    return _with_accuracy(run(SCRIPTS / "book_program.py", *setup.csvs, str(recipe.epochs)))


def _with_accuracy(process: Process) -> tuple[Process, float]:
    return process, float(process.output.removeprefix("accuracy "))


def reading(setup: Setup) -> list[Result]:
    """The training digits from their CSV file, every byte of them, the first time and later."""
    path = setup.csvs[0]

    def read() -> object:
        return read_csv(path).images.max()  # a map of a file is not read until it is looked at

    def first() -> float:
        setup.forget_caches()
        return seconds(read)

    def loadtxt() -> object:
        return np.loadtxt(path, delimiter=",", dtype=np.uint8)

    values = in_turn(
        {"first": first, "later": partial(seconds, read), "loadtxt": partial(seconds, loadtxt)}, setup.rounds
    )
    ms = {name: [1e3 * value for value in values[name]] for name in values}
    return [
        Comparison("reading the training CSV", "ms", ms["first"], "numpy.loadtxt", ms["loadtxt"]),
        Comparison("reading it again", "ms", ms["later"], "our first time", ms["first"]),
    ]


_BARE = """
import typer
app = typer.Typer({options})
@app.command()
def one(name: str): ...
@app.command()
def two(name: str): ...
@app.command()
def three(name: str): ...
app()
"""


def help_text(setup: Setup) -> list[Result]:
    """`mnist-mlp --help` against a Typer app that has three commands and does nothing."""
    programs: dict[str, tuple[str | Path, ...]] = {OURS: ("-m", "mnist_mlp")}
    for name, options in (("a bare Typer app", ""), ("the same without rich", "rich_markup_mode=None")):
        path = setup.folder / f"bare{len(programs)}.py"
        path.write_text(_BARE.format(options=options))
        programs[name] = (path,)
    values = in_turn(
        {name: partial(_milliseconds_for_help, *program) for name, program in programs.items()},
        setup.rounds if setup.rounds == 1 else 3 * setup.rounds,  # they are short, and uneven
    )
    return [
        Comparison("`mnist-mlp --help`", "ms", values[OURS], rival, values[rival])
        for rival in values
        if rival != OURS
    ]


def _milliseconds_for_help(*program: str | Path) -> float:
    return 1e3 * run(*program, "--help").seconds
