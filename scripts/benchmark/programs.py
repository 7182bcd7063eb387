"""Parts that time whole programs, from start to end, and the reading of files."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np

from mnist_mlp import Recipe
from mnist_mlp.digits.mnist import read_csv
from scripts.benchmark.measure import OURS, PLAIN, Process, Setup, in_turn, run, seconds
from scripts.benchmark.rivals import BOOK, PYTORCH, installed
from scripts.benchmark.table import Comparison, Figure, Result, spread

Run = tuple[Process, float]
"""A process that has trained and scored, and the test accuracy it reached, in percent."""


def tutorial(setup: Setup) -> list[Result]:
    """From start to scorecard with the book's settings, beside the book's own program."""
    return _whole(setup, setup.recipe("tutorial"), setup.whole_rounds, BOOK)


def fast(setup: Setup) -> list[Result]:
    """From start to scorecard by `fast`, and on digits as they are beside PyTorch where it is installed."""
    plain = replace(setup.recipe("fast").with_settings(PLAIN), name="fast-plain")
    results = _whole(setup, setup.recipe("fast"), setup.rounds, None)
    return results + (_whole(setup, plain, setup.rounds, PYTORCH) if installed("torch") else [])


def _whole(setup: Setup, recipe: Recipe, rounds: int, rival: str | None) -> list[Result]:
    """Our program beside another, with a new seed each round: to the accuracy on the screen, and to the end.

    Only ours goes on after the accuracy, and draws pictures.
    """
    name, epochs, file = recipe.name, recipe.epochs, setup.folder / f"{recipe.name}.toml"
    their_command: dict[str, tuple[str | Path, ...]] = {
        BOOK: ("-m", "scripts.book_program", *setup.csvs, str(epochs)),
        PYTORCH: ("-m", "scripts.pytorch_program", *setup.csvs, file),
    }
    first, later, theirs = list[Run](), list[Run](), list[Run]()
    for path in setup.csvs:
        path.read_bytes()  # neither digits nor libraries shall come from the disk, which is not compared
    run("-c", "import matplotlib.figure, mnist_mlp.runs.run, scipy.special" + ", torch" * installed("torch"))
    for seed in range(1, rounds + 1):
        file.write_text(replace(recipe, seed=seed).to_toml())
        setup.forget_caches()
        first.append(_train(setup, file))
        later.append(_train(setup, file))
        if rival:
            process = run(*their_command[rival])
            theirs.append((process, 100 * float(process.output.removeprefix("accuracy "))))
    results = _figures(f"`{name}`, first run", first)
    if rival:
        what = f"whole `{name}`, {epochs} epoch{'s' * (epochs > 1)}"
        for ours, how, moment in (
            (first, "to the scorecard", "answered"),
            (later, "to the scorecard, digits cached", "answered"),
            (first, "with pictures", "seconds"),
        ):
            times = [[getattr(process, moment) for process, _ in runs] for runs in (ours, theirs)]
            results.append(Comparison(f"{what}, {how}", "s", times[0], rival, times[1]))
        results += _figures(f"{rival}, settings of `{name}`", theirs)
    return results


def _train(setup: Setup, recipe: Path) -> Run:
    out = setup.folder / "run"
    options = ("--data-dir", setup.csvs[0].parent, "--offline", "--out", out, "--force", "--quiet")
    process = run("-m", "mnist_mlp", "train", "--recipe", recipe, *options)
    return process, 100 * json.loads((out / "scorecard.json").read_text())["accuracy"]


def _figures(program: str, runs: Sequence[Run]) -> list[Result]:
    accuracies, peaks = (
        [accuracy for _, accuracy in runs],
        [process.peak for process, _ in runs if process.peak],
    )
    mean = f"{fmean(accuracies):.2f} %"
    if len(runs) > 1:
        mean += f" ({min(accuracies):.2f} to {max(accuracies):.2f})"
    figures: list[Result] = [
        Figure(f"{program}: to the accuracy", f"{spread([process.answered for process, _ in runs])} s"),
        Figure(f"{program}: test accuracy, mean", mean),
    ]
    return figures + [Figure(f"{program}: peak memory", f"{spread(peaks)} MB")] * bool(peaks)


def reading(setup: Setup) -> list[Result]:
    """The training digits from their CSV file, every byte of them, the first time and later."""
    path = setup.csvs[0]

    def read() -> object:
        return read_csv(path).images.max()  # a map of a file is not read until it is looked at

    def first() -> float:
        setup.forget_caches()
        return seconds(read)

    loadtxt = partial(np.loadtxt, path, delimiter=",", dtype=np.uint8)
    works: dict[str, Callable[[], float]] = {
        "first": first,
        "later": partial(seconds, read),
        "loadtxt": partial(seconds, loadtxt),
    }
    ms = {name: [1e3 * value for value in values] for name, values in in_turn(works, setup.rounds).items()}
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
    programs: dict[str, Callable[[], float]] = {OURS: partial(_milliseconds_for_help, "-m", "mnist_mlp")}
    for name, options in (("a bare Typer app", ""), ("the same without rich", "rich_markup_mode=None")):
        path = setup.folder / f"bare{len(programs)}.py"
        path.write_text(_BARE.format(options=options))
        programs[name] = partial(_milliseconds_for_help, path)
    rounds = setup.rounds if setup.rounds == 1 else 3 * setup.rounds  # they are short, and uneven
    values = in_turn(programs, rounds)
    ours = values.pop(OURS)
    return [Comparison("`mnist-mlp --help`", "ms", ours, rival, theirs) for rival, theirs in values.items()]


def _milliseconds_for_help(*program: str | Path) -> float:
    return 1e3 * run(*program, "--help").seconds
