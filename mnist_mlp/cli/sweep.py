"""`mnist-mlp sweep`: train many networks with different settings, and find the best."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_mlp.cli.exits import Stopped
from mnist_mlp.cli.options import (
    DataDir,
    Jobs,
    Json,
    Mirror,
    Offline,
    RecipeName,
    chosen_recipe,
    complete_run,
    parsed_option,
)
from mnist_mlp.errors import MnistMlpError, quoted
from mnist_mlp.files.atomic import write_text
from mnist_mlp.files.lock import locked
from mnist_mlp.training.recipe import Recipe, load_recipe, read_settings
from mnist_mlp.training.settings import RecipeError

if TYPE_CHECKING:
    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.cli.sources import Source
    from mnist_mlp.runs.grid import Choices
    from mnist_mlp.runs.job import Data, Job, Result
    from mnist_mlp.runs.sweep import Sweep
    from mnist_mlp.runs.workers import Engine

EXAMPLES = """
  mnist-mlp sweep --recipe fast learning_rate=0.1,0.2,0.5 --repeats 3
  mnist-mlp sweep learning_rate=0.01..1 hidden=50..500 --samples 40
"""


def sweep(
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SETTING=VALUES]...",
            help="Settings with values to try, as learning_rate=0.1,0.2, or as hidden=50..500: a range, from "
            "which --samples are drawn. Or a recipe file with lists of values.",
            show_default=False,
        ),
    ] = None,
    recipe: RecipeName = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            metavar="N",
            help="Networks of each setting, with seeds counting up. [default: 1]",
        ),
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(metavar="N", help="Training digits, from the end, that judge. [default: 10000]"),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Draw N settings at random, not all combinations.")
    ] = None,
    jobs: Jobs = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Train on a Dask cluster, as tls://host:8786.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Use a Dask cluster without TLS on other machines.")
    ] = False,
    part: Annotated[
        str | None, typer.Option(metavar="K/N", help="Train only part K of N, as 3/30; --resume sums up.")
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Draw pictures for each network, not only the chosen.")
    ] = False,
    data_dir: DataDir = None,
    mirror: Mirror = None,
    offline: Offline = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the sweep. [default: a new one under ./runs]"),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="FOLDER", autocompletion=complete_run, help="Go on with a sweep.")
    ] = None,
    json: Json = False,
) -> None:
    """Train networks with many settings, and find the best.

    Held-out training digits decide which is the best; then it is scored on the test digits.
    """
    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.cli.sources import Source
    from mnist_mlp.runs import folder as folders
    from mnist_mlp.runs.job import Data
    from mnist_mlp.runs.sweep import Sweep, is_left

    screen, (k, parts) = Screen(), _part(part)
    if dask and jobs:
        raise typer.BadParameter("--jobs counts workers here, and --dask uses those of a cluster; choose one")
    notes: list[str] = []
    if resume is not None:
        if values or recipe or repeats or validation or samples or out:
            raise typer.BadParameter("--resume goes on with what was asked; leave out settings and --out")
        plan = Sweep.read(resume)
    else:
        plan, notes = _plan(values or [], recipe, samples, repeats or 1, validation, data_dir)
        if out is not None and not (part and plan.is_in(out)):
            folders.check_free(out)
    source = Source(data_dir or plan.places.data_dir, mirror, offline)
    data = Data(source.read("train", None, screen))  # workers never see the test digits
    data.split(plan.recipe.validation)
    for note in notes:
        screen.note(note)
    folder = resume or out or folders.new_folder("sweep")
    scratch = folder / f".part-{k}-of-{parts}" if part else folder  # parts may share the sweep's folder
    folders.make_folder(scratch)
    start = _engine(data, scratch, jobs, dask, insecure=insecure)
    train = partial(_train, data=data, screen=screen, start=start)
    with locked(scratch):
        write_text(folder / "sweep.json", plan.to_json())
        try:
            train(plan.jobs(folder)[k - 1 :: parts], pictures=pictures)
            if left := sum(map(is_left, plan.jobs(folder))):
                screen.note(f"\nnetworks left for other parts: {left:,}; when they are done:")
                screen.note(f"  mnist-mlp sweep --resume {quoted(folder)}")
            else:
                _conclude(folder, plan, data, source, screen, train, json=json)
        except Stopped as stopped:
            stopped.advice = f"; go on with\n  mnist-mlp sweep --resume {quoted(folder)}"
            raise


def _part(text: str | None) -> tuple[int, int]:
    k, _, parts = (text or "1/1").partition("/")
    if not (k.isdecimal() and parts.isdecimal() and 1 <= int(k) <= int(parts) <= 100_000):
        raise typer.BadParameter(f"{text!r:.30} is no part; write K/N, as 3/30", param_hint="--part")
    return int(k), int(parts)


def _plan(
    arguments: list[str],
    recipe_name: str | None,
    samples: int | None,
    repeats: int,
    validation: str | None,
    data_dir: Path | None,
) -> "tuple[Sweep, list[str]]":
    """What is asked, and in words how many networks that is."""
    import numpy as np

    from mnist_mlp.runs.grid import Range, settings_to_try
    from mnist_mlp.runs.plan import DataPlaces, RunError
    from mnist_mlp.runs.sweep import Sweep

    base = chosen_recipe(recipe_name or "tutorial", {})
    try:
        base, choices, held_out = _asked(arguments, base, is_named=recipe_name is not None)
        if validation is not None:
            held_out = parsed_option("validation", validation)
        settings = settings_to_try(list(choices.values()), samples, repeats, np.random.default_rng(base.seed))
        same = set.intersection(*(set(setting.items()) for setting in settings))
        common = dict(same) if len(settings) > 1 else {}
        settings = [{k: v for k, v in setting.items() if k not in common} for setting in settings]
        base = base.with_settings({**common, "validation": held_out})
        places = DataPlaces(data_dir=str(data_dir.absolute()) if data_dir else None)
        plan = Sweep(base, repeats, places, settings)
    except (RecipeError, RunError) as error:
        raise typer.BadParameter(str(error)) from None
    if not held_out:
        raise typer.BadParameter("a sweep needs held-out digits to judge settings", param_hint="--validation")
    notes = [
        f"{r.name}: drawn evenly{' in its logarithm' * r.logarithmic} from {r.low:g} to {r.high:g}"
        for r in choices.values()
        if isinstance(r, Range)
    ]
    counts = (
        f"{len(settings):,} setting{'s' * (len(settings) > 1)}, {repeats} network{'s' * (repeats > 1)} each"
    )
    return plan, [*notes, f"recipe {base.name}, {counts}, judged by {held_out:,} held-out training digits"]


def _asked(arguments: list[str], base: Recipe, *, is_named: bool) -> "tuple[Recipe, dict[str, Choices], int]":
    """The recipe, the choices by their settings, and how many digits to hold out, as far as arguments say."""
    from mnist_mlp.runs.grid import choices_in, parse_choices

    choices: dict[str, Choices] = {}
    given: dict[str, Choices] = {}
    held_out = 10_000
    for argument in arguments:
        if not argument.endswith(".toml") or "=" in argument:
            found = parse_choices(argument)
            if twice := given.keys() & found:
                raise typer.BadParameter(
                    f"{min(twice)} is given twice; write all its values at once, with commas between"
                )
            given |= found
            continue
        if is_named:
            raise typer.BadParameter(
                f"{argument} names the recipe it begins with; leave out --recipe and other recipe files"
            )
        is_named = True
        file = read_settings(Path(argument))
        choices = choices_in(file)
        base = load_recipe(argument, without=choices)
        held_out = base.validation if "validation" in file else held_out
    choices |= given
    if not choices:
        raise typer.BadParameter("there is nothing to try; name settings, as in learning_rate=0.1,0.2")
    return base, choices, held_out


def _engine(
    data: "Data", scratch: Path, jobs: int | None, dask: str | None, *, insecure: bool
) -> "Callable[[], AbstractContextManager[Engine]]":
    """What starts workers: here, or those of a cluster."""
    if dask is None:
        from mnist_mlp.report.machine import processors
        from mnist_mlp.runs.workers import local_engine

        return partial(local_engine, jobs or processors(), data, scratch)
    from mnist_mlp.runs.cluster import dask_engine

    return partial(dask_engine, dask, data, insecure=insecure)


def _train(
    jobs: "Sequence[Job]",
    data: "Data",
    screen: "Screen",
    start: "Callable[[], AbstractContextManager[Engine]]",
    *,
    pictures: bool = False,
) -> None:
    """Train what is left of these networks."""
    from mnist_mlp.cli.progress import NetworksReport
    from mnist_mlp.runs.run import train_all
    from mnist_mlp.runs.sweep import has_failed, is_left, note_failure

    with NetworksReport(screen, len(jobs), len(jobs) - sum(map(is_left, jobs))) as report:

        def on_done(job: "Job", outcome: "Result | MnistMlpError") -> None:
            note_failure(job, outcome)
            report.on_done(job, outcome)

        train_all([job for job in jobs if not has_failed(job)], data, start(), on_done, pictures=pictures)


def _conclude(
    folder: Path,
    plan: "Sweep",
    data: "Data",
    source: "Source",
    screen: "Screen",
    train: "Callable[[Sequence[Job]], None]",
    *,
    json: bool,
) -> None:
    """Choose the best setting, open the test digits for it, and show and write what was found."""
    from mnist_mlp.cli.scores import show_sweep
    from mnist_mlp.report.sweeps import summarize, to_csv
    from mnist_mlp.runs.results import write_sweep
    from mnist_mlp.runs.sweep import entries_of, score_chosen

    entries = entries_of(folder, plan, data)
    write_text(folder / "results.csv", to_csv(entries))
    rows = summarize(entries)
    if rows[0].failed:
        raise MnistMlpError(f"{folder}: in each setting a network failed; failed.txt in its folder says why")
    # Of settings that differ in epochs alone, the longest was trained, and the best may be another.
    train(plan.jobs_of(folder, rows[0].settings))
    test = source.read("test", None, screen)
    tested = score_chosen(folder, plan, rows[0].settings, replace(data, test=test))
    write_sweep(folder, rows, tested)
    if json:
        screen.json([entry.to_dict() for entry in entries])
    else:
        show_sweep(screen, rows, tested)
    screen.note(
        f"\nall of it is in {folder}: scorecard.md, results.csv, sweep.png; the best networks in chosen"
    )
    more = " --validation 2000" if plan.recipe.validation > 2000 else ""
    screen.note(f"to train one like them{' with more of the training digits' * bool(more)}:")
    screen.note(f"  mnist-mlp train --recipe {quoted(folder / 'chosen.toml')}{more}")
