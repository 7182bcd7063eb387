"""`mnist-mlp train`: train a network, score it on test digits, and keep all of it."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_mlp.cli.exits import Stopped
from mnist_mlp.cli.options import (
    CSV_FILE,
    DataDir,
    Jobs,
    Json,
    Mirror,
    Offline,
    RecipeName,
    TestCsv,
    chosen_recipe,
    complete_run,
    parsed_option,
    recipe_setting,
)
from mnist_mlp.errors import quoted
from mnist_mlp.files.lock import locked
from mnist_mlp.training.recipe import RECIPES, SETTINGS

if TYPE_CHECKING:
    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard
    from mnist_mlp.runs.job import Data
    from mnist_mlp.runs.plan import Plan

EXAMPLES = """
  mnist-mlp train --recipe fast --repeats 5
  mnist-mlp train --hidden 100 --learning-rate 0.1 --epochs 3
"""


def train(
    recipe: RecipeName = None,
    epochs: Annotated[str | None, recipe_setting("epochs", "N")] = None,
    hidden: Annotated[str | None, recipe_setting("hidden", "N[,N]...")] = None,
    learning_rate: Annotated[str | None, recipe_setting("learning_rate", "F")] = None,
    batch_size: Annotated[str | None, recipe_setting("batch_size", "N")] = None,
    seed: Annotated[str | None, recipe_setting("seed", "N")] = None,
    validation: Annotated[str | None, recipe_setting("validation", "N")] = None,
    repeats: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Train N networks, with random seeds counting up."),
    ] = None,
    jobs: Jobs = None,
    train_csv: Annotated[
        Path | None, typer.Option(metavar=CSV_FILE, help="Training digits as CSV, in place of MNIST's.")
    ] = None,
    test_csv: TestCsv = None,
    data_dir: DataDir = None,
    mirror: Mirror = None,
    offline: Offline = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run. [default: a new one under ./runs]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a run that is in the folder.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", autocompletion=complete_run, help="Go on with a stopped run."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show results only.")] = False,
    json: Json = False,
) -> None:
    """Train a network, score it on test digits, and keep all of it."""
    arguments = locals()  # those of the function, by their names
    texts = {name: value for name, value in arguments.items() if name in SETTINGS and value is not None}
    given = {name: parsed_option(name, text) for name, text in texts.items()}

    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.cli.sources import Source, new_plan, read_data
    from mnist_mlp.report.machine import processors
    from mnist_mlp.runs import folder as folders
    from mnist_mlp.runs.plan import Plan

    screen = Screen(quiet=quiet)
    paths = {"train_csv": train_csv, "test_csv": test_csv, "data_dir": data_dir}
    places = {name: str(path.absolute()) for name, path in paths.items() if path is not None}
    source = Source(data_dir, mirror, offline)
    with ExitStack() as stack:
        if resume is not None:
            if out is not None or force:
                raise typer.BadParameter(
                    "--resume goes on in the run's own folder; leave out --out and --force"
                )
            whole = {} if recipe is None else chosen_recipe(recipe, given).to_dict()
            asked = {**whole, **given, **places} | ({} if repeats is None else {"repeats": repeats})
            folder = resume
            stack.enter_context(locked(folder))
            plan = Plan.read(folder)
            plan.check_same(asked)
            if folders.is_finished(folder):
                folders.tidy(folder)
                screen.result(f"{folder}: finished already; nothing to do")
                return
            # Nothing is downloaded into the folder where a run from elsewhere says its digits are.
            data = read_data(plan.places, Source(plan.places.data_dir or "."), screen)
        else:
            plan = new_plan(chosen_recipe(recipe or "tutorial", given), repeats or 1, places, source)
            if out is not None:
                folders.check_free(out, force=force)
            data = read_data(plan.places, source, screen)
            data.to_score(plan.recipe.validation)  # what cannot be held out is told before there is a folder
            folder = out or folders.new_folder(plan.recipe.name)
            folders.make_folder(folder)
            stack.enter_context(locked(folder))
            folders.check_free(folder, force=force)  # another process may have been here
            folders.prepare(folder, plan)
        card = _carry_out(folder, plan, data, screen, jobs or processors(), show_card=not json)
        if json:
            screen.raw(card.to_json().rstrip())
        _show_end(folder, plan, card, screen)


def _carry_out(
    folder: Path, plan: "Plan", data: "Data", screen: "Screen", jobs: int, *, show_card: bool
) -> "Scorecard | RepeatedScorecard":
    """Train until the end, or until stopped, and show what came of it."""
    from mnist_mlp.cli.progress import NetworksReport, TrainingReport
    from mnist_mlp.cli.scores import show_repeated_scorecard
    from mnist_mlp.runs.job import Callbacks
    from mnist_mlp.runs.run import carry_out, carry_out_repeats, examine

    try:
        for warning in examine(data):
            screen.warning(warning)
        if plan.repeats > 1:
            with NetworksReport(screen, plan.repeats) as networks:
                repeated = carry_out_repeats(folder, plan, data, places=jobs, on_done=networks.on_done)
            if show_card:
                show_repeated_scorecard(screen, repeated)
            return repeated
        with TrainingReport(screen, show_card=show_card) as report:
            callbacks = Callbacks(
                on_start=report.on_start,
                on_progress=report.on_progress,
                on_epoch=report.on_epoch,
                on_card=report.on_card,
                on_warning=screen.warning,
            )
            return carry_out(folder, plan, data, callbacks)
    except Stopped as stopped:
        stopped.advice = f"; go on with\n  mnist-mlp train --resume {quoted(folder)}"
        raise


def _show_end(folder: Path, plan: "Plan", card: "Scorecard | RepeatedScorecard", screen: "Screen") -> None:
    """Print where everything is, and what comes next."""
    from mnist_mlp.report.scorecard import Scorecard

    single = isinstance(card, Scorecard)
    what = "model.safetensors" if single else "for each seed a folder with its model, report.html"
    screen.note(f"\nall of it is in {folder}:")
    screen.note(f"  {'report.html, ' if single else ''}scorecard.md, {what} and pictures")
    if isinstance(card, Scorecard) and card.mistakes:
        first = card.mistakes[0].index
        source = f"--csv {quoted(plan.places.test_csv)} " if plan.places.test_csv else ""
        screen.note("the mistakes are in mistakes.png there; or see one at a time, as in")
        screen.note(f"  mnist-mlp show-digit {first} {source}--model {quoted(folder)}")
    names = list(RECIPES)
    if plan.recipe.name in names[:-1]:
        screen.note("a better recipe:")
        screen.note(f"  mnist-mlp train --recipe {names[names.index(plan.recipe.name) + 1]}")
