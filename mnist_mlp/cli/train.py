"""`mnist-mlp train`: train a network, score it on test digits, and keep all of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_mlp.cli.exits import Stopped, stops_after_a_chunk
from mnist_mlp.cli.options import (
    CSV_FILE,
    DataDir,
    Json,
    Mirror,
    Offline,
    TestCsv,
    complete_recipe,
    complete_run,
    recipe_setting,
)
from mnist_mlp.errors import quoted
from mnist_mlp.training.recipe import RECIPES, Recipe, load_recipe, parse_setting
from mnist_mlp.training.settings import RecipeError

if TYPE_CHECKING:
    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.cli.sources import Source
    from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard
    from mnist_mlp.runs.folder import Plan
    from mnist_mlp.runs.run import Data
    from mnist_mlp.training.trainer import Progress

EXAMPLES = """
  mnist-mlp train --recipe fast --repeats 5
  mnist-mlp train --hidden 100 --learning-rate 0.1 --epochs 3
"""


def train(
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE.toml",
            autocompletion=complete_recipe,
            help=f"{', '.join(RECIPES)} or a recipe file.",
            show_default="tutorial",
        ),
    ] = None,
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
    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.cli.sources import Source

    screen = Screen(quiet=quiet)
    texts = {
        "epochs": epochs,
        "hidden": hidden,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "seed": seed,
        "validation": validation,
    }
    given = {name: _parsed(name, text) for name, text in texts.items() if text is not None}
    paths = {"train_csv": train_csv, "test_csv": test_csv, "data_dir": data_dir}
    places = {name: str(path.absolute()) for name, path in paths.items() if path is not None}
    if resume is not None:
        if out is not None or force:
            raise typer.BadParameter("--resume goes on in the run's own folder; leave out --out and --force")
        whole = {} if recipe is None else _recipe(recipe, given).to_dict()
        asked = {**whole, **given, **places} | ({} if repeats is None else {"repeats": repeats})
        _resume(resume, asked, screen, json=json)
    else:
        source = Source(data_dir, mirror or [], offline)
        _start(_recipe(recipe or "tutorial", given), repeats or 1, places, source, screen, out, force, json)


def _start(
    recipe: Recipe,
    repeats: int,
    places: dict[str, str],
    source: "Source",
    screen: "Screen",
    out: Path | None,
    force: bool,
    json: bool,
) -> None:
    """Start a new run in a folder of its own."""
    from mnist_mlp.files.lock import locked
    from mnist_mlp.runs import folder as folders

    if not {"train_csv", "test_csv"} <= places.keys():
        places["data_dir"] = str(source.folder.absolute())
    try:
        plan = folders.Plan(recipe, repeats, **places)
    except folders.RunError as error:
        raise typer.BadParameter(str(error)) from None
    if out is not None:
        folders.check_free(out, force=force)
    data = _load(plan, source, screen)
    folder = out or folders.new_folder(recipe.name)
    folders.make_folder(folder)
    with locked(folder):
        folders.check_free(folder, force=force)  # another process may have been here
        folders.prepare(folder, plan)
        _carry_out(folder, plan, data, screen, json=json)


def _resume(folder: Path, asked: dict[str, object], screen: "Screen", *, json: bool) -> None:
    """Go on with the run in a folder, if what is asked is what was asked at first."""
    from mnist_mlp.cli.sources import Source
    from mnist_mlp.files.lock import locked
    from mnist_mlp.runs import folder as folders

    with locked(folder):
        plan = folders.Plan.read(folder)
        plan.check_same(asked)
        if folders.is_finished(folder):
            folders.tidy(folder)
            screen.result(f"{folder}: finished already; nothing to do")
            return
        # Nothing is downloaded into the folder where a run from elsewhere says its digits are.
        source = Source(Path(plan.data_dir) if plan.data_dir else None, [], offline=True)
        _carry_out(folder, plan, _load(plan, source, screen), screen, json=json)


def _load(plan: "Plan", source: "Source", screen: "Screen") -> "Data":
    from time import perf_counter

    from mnist_mlp.runs.run import Data

    start = perf_counter()
    train_digits = source.read("train", Path(plan.train_csv) if plan.train_csv else None, screen)
    test_digits = source.read("test", Path(plan.test_csv) if plan.test_csv else None, screen)
    return Data(train_digits, test_digits, perf_counter() - start)


def _carry_out(folder: Path, plan: "Plan", data: "Data", screen: "Screen", *, json: bool) -> None:
    """Train until the end, or until stopped, and show what came of it."""
    from mnist_mlp.cli.progress import TrainingReport
    from mnist_mlp.runs.run import Callbacks, carry_out

    report = TrainingReport(screen, show_card=plan.repeats == 1 and not json)
    try:
        with stops_after_a_chunk() as check_stop, report:

            def on_progress(progress: "Progress") -> None:
                report.on_progress(progress)
                check_stop()

            callbacks = Callbacks(
                on_start=report.on_start,
                on_progress=on_progress,
                on_epoch=report.on_epoch,
                on_card=report.on_card,
                on_warning=screen.warning,
            )
            card = carry_out(folder, plan, data, callbacks)
    except Stopped as stopped:
        stopped.advice = f"; go on with\n  mnist-mlp train --resume {quoted(folder)}"
        raise
    if json:
        screen.raw(card.to_json().rstrip())
    _show_end(folder, plan, card, screen, json=json)


def _show_end(
    folder: Path, plan: "Plan", card: "Scorecard | RepeatedScorecard", screen: "Screen", *, json: bool
) -> None:
    """Print the means of repeats, and what comes next."""
    from mnist_mlp.cli.scores import show_repeated_scorecard
    from mnist_mlp.report.scorecard import Scorecard

    if not isinstance(card, Scorecard) and not json:
        screen.note("")
        show_repeated_scorecard(screen, card)
    what = "model.safetensors" if isinstance(card, Scorecard) else "for each seed a folder with its model"
    screen.note(f"\nall of it is in {folder}:")
    screen.note(f"  scorecard.md, {what} and pictures")
    if isinstance(card, Scorecard) and card.mistakes:
        first = card.mistakes[0].index
        source = f"--csv {quoted(plan.test_csv)} " if plan.test_csv else ""
        screen.note("the mistakes are in mistakes.png there; or see one at a time, as in")
        screen.note(f"  mnist-mlp show-digit {first} {source}--model {quoted(folder)}")
    names = list(RECIPES)
    if plan.recipe.name in names[:-1]:
        screen.note("a better recipe:")
        screen.note(f"  mnist-mlp train --recipe {names[names.index(plan.recipe.name) + 1]}")


def _recipe(name_or_file: str, given: dict[str, Any]) -> Recipe:
    """Look up or read a recipe, with the settings given changed; what is wrong with it is wrong usage."""
    try:
        recipe = load_recipe(name_or_file)
    except RecipeError as error:
        if name_or_file.endswith(".toml"):
            raise
        raise typer.BadParameter(str(error), param_hint="--recipe") from None
    try:
        return recipe.with_settings(given)
    except RecipeError as error:
        raise typer.BadParameter(str(error)) from None


def _parsed(name: str, text: str) -> Any:
    try:
        return parse_setting(name, text)
    except RecipeError as error:
        raise typer.BadParameter(str(error).replace(name, f"--{name.replace('_', '-')}", 1)) from None
