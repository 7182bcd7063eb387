"""The commands: parse, call the library, print."""

import gc
import os
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_mlp import __version__
from mnist_mlp.cli.exits import Stopped, ends_plainly, fail, mended_streams, stops_after_a_chunk
from mnist_mlp.errors import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.digits.images import Digits
    from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard
    from mnist_mlp.runs.folder import Plan
    from mnist_mlp.runs.run import Data
    from mnist_mlp.training.recipe import Recipe
    from mnist_mlp.training.trainer import Progress

# The library is imported inside the commands, so that --help need not wait for NumPy.

app = typer.Typer(
    help="Train a small neural network to read handwritten digits, and see how well it does.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


class Split(StrEnum):
    """The two sets of MNIST."""

    train = "train"
    test = "test"


DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar="MNIST_MLP_DATA",
        help="Folder of the MNIST files. [default: ./data if it has them, else a cache folder]",
    ),
]
Mirror = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        envvar="MNIST_MLP_MIRROR",
        help="Web folder to download from first; may be given again.",
    ),
]
Offline = Annotated[
    bool, typer.Option("--offline", envvar="MNIST_MLP_OFFLINE", help="Never use the network.")
]


def main() -> None:
    """Run the command line."""
    # To start is to make many objects that stay: to look for garbage among them takes a tenth of the time.
    gc.set_threshold(100_000)
    with mended_streams():
        app(prog_name="mnist-mlp")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mnist-mlp {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
@ends_plainly
def train(
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE.toml", help="tutorial, book, fast, best or a file.", show_default="tutorial"
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training digits.")] = None,
    hidden: Annotated[int | None, typer.Option(min=1, help="Hidden units.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows an update.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all that is random.")] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Train this many networks, with seeds counting up.")
    ] = None,
    validation: Annotated[
        int | None, typer.Option(min=0, help="Hold out the last N training digits.")
    ] = None,
    train_csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Training digits as CSV.")] = None,
    test_csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Test digits as CSV.")] = None,
    data_dir: DataDir = None,
    mirror: Mirror = None,
    offline: Offline = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run. [default: under runs]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a run in the folder.")] = False,
    resume: Annotated[Path | None, typer.Option(metavar="RUN", help="Go on with a stopped run.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show results only.")] = False,
) -> None:
    """Train a network, score it on test digits, and keep all of it."""
    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.files.lock import locked
    from mnist_mlp.runs import folder as folders

    screen = Screen(quiet=quiet)
    settings = {
        "epochs": epochs,
        "hidden": hidden,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "seed": seed,
        "validation": validation,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    paths = {"train_csv": train_csv, "test_csv": test_csv, "data_dir": data_dir}
    asked = {name: str(path.absolute()) for name, path in paths.items() if path is not None}
    if resume is not None:
        if out is not None or force:
            raise typer.BadParameter("--resume goes on in the run's own folder; leave out --out and --force")
        with locked(resume):
            plan = folders.Plan.read(resume)
            whole = {} if recipe is None else _recipe(recipe, given).to_dict()
            plan.check_same({**whole, **given, **asked} | ({} if repeats is None else {"repeats": repeats}))
            if folders.is_finished(resume):
                folders.tidy(resume)
                screen.result(f"{resume}: finished already; nothing to do")
            else:
                # Where a run from elsewhere says its digits are, nothing is downloaded to.
                _train(resume, plan, _load(plan, screen, None, offline=True), screen)
        return
    try:
        plan = folders.Plan(_recipe(recipe or "tutorial", given), repeats or 1, **asked)
    except folders.RunError as error:
        raise typer.BadParameter(str(error)) from None
    if plan.data_dir is None and not (train_csv and test_csv):
        plan = replace(plan, data_dir=str(_data_folder(None).absolute()))
    if out is not None:
        folders.check_free(out, force=force)
    data = _load(plan, screen, mirror, offline=offline)
    folder = out or folders.new_folder(plan.recipe.name)
    folders.make_folder(folder)
    with locked(folder):
        folders.check_free(folder, force=force)  # another process may have been here
        folders.prepare(folder, plan)
        _train(folder, plan, data, screen)


@app.command()
@ends_plainly
def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL-OR-RUN", help="[default: the newest run under ./runs]"),
    ] = None,
    test_csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Digits as CSV, in place of MNIST's.")
    ] = None,
    data_dir: DataDir = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write scorecard and pictures there.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the scorecard as JSON.")] = False,
) -> None:
    """Score a trained network on test digits, or on a CSV file."""
    from time import perf_counter

    from mnist_mlp.cli.screen import Screen, show_scorecard
    from mnist_mlp.report.scorecard import Scorecard
    from mnist_mlp.runs import folder as folders
    from mnist_mlp.runs import run as runs
    from mnist_mlp.training.trainer import outputs_for

    screen = Screen()
    if out is not None:
        folders.check_free_for_scores(out)
    path = _model_file(model, screen)
    network, facts = folders.load_model(path)
    start = perf_counter()
    digits = _digits(data_dir, test_csv, "test", screen, offline=_offline())
    loaded = perf_counter()
    outputs = outputs_for(network, digits.images)
    seconds = {"load": loaded - start, "score": perf_counter() - loaded}
    card = Scorecard.from_outputs(
        digits.labels, outputs, **facts, data=dict(digits.files), seconds=seconds, versions=runs.versions()
    )
    if out is not None:
        folders.make_folder(out)
        runs.write_scorecard(out, card, digits)
    if json:
        screen.raw(card.to_json().rstrip())
        return
    screen.result(f"model {path}")
    screen.result(f"digits {test_csv or ', '.join(digits.files)}")
    show_scorecard(screen, card)
    if out is not None:
        screen.note(f"\nwritten to {out}")


@app.command()
@ends_plainly
def show_digit(
    index: Annotated[
        int | None, typer.Argument(metavar="INDEX", help="Row, from 0. [default: at random]")
    ] = None,
    split: Annotated[Split, typer.Option(help="Which set of MNIST.")] = Split.test,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Digits as CSV, in place of MNIST's.")
    ] = None,
    data_dir: DataDir = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL-OR-RUN",
            help="Show what this network answers. [default: the newest run under ./runs, if any]",
        ),
    ] = None,
    distort: Annotated[bool, typer.Option("--distort", help="Show distorted versions beside it.")] = False,
    save: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Write a picture as well.")] = None,
) -> None:
    """Show a digit in the terminal, and what a network makes of it."""
    import numpy as np

    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.digits.images import scale_pixels
    from mnist_mlp.report.text import digit_text, digits_side_by_side, output_bars
    from mnist_mlp.runs.folder import load_model, newest_run

    if save is not None and save.suffix.lower() != ".png":
        raise typer.BadParameter("the picture is a PNG; let its name end in .png", param_hint="--save")
    screen = Screen()
    digits = _digits(data_dir, csv, split.value, screen, offline=_offline())
    if index is None:
        index = int(np.random.default_rng().integers(len(digits)))
    if not 0 <= index < len(digits):
        fail(f"there is no digit {index:,}; choose an index from 0 to {len(digits) - 1:,}", 1)
    image, label = digits.images[index], int(digits.labels[index])
    screen.result(f"{csv or f'{split.value} digit'} {index}, label {label}")
    versions = _distorted(image, 14) if distort else []
    if distort:
        screen.raw(digits_side_by_side([image, *versions], screen.width, screen.colours, screen.unicode))
    else:
        screen.raw(digit_text(image, screen.colours, screen.unicode))
    outputs = None
    if network_of := model or newest_run():
        path = _model_file(network_of, screen)
        if model is None:
            screen.note(f"model {path}")
        outputs = load_model(path)[0].forward(scale_pixels(image[None]))[0]
        if not np.isfinite(outputs).all():
            fail(f"{path}: its outputs are not finite numbers; choose another model", 1)
        width = min(screen.width, 80)
        screen.raw(output_bars(outputs, label, screen.colours, screen.unicode, max(40, width)))
    if save is not None:
        _save_digit(save, image, versions, f"digit {index}, label {label}", outputs, label)
        screen.note(f"written to {save}")


@app.command()
@ends_plainly
def download(data_dir: DataDir = None, mirror: Mirror = None) -> None:
    """Fetch the MNIST digits as two CSV files. They come from the first source that has them."""
    from mnist_mlp.cli.screen import Screen

    screen = Screen()
    folder = _data_folder(data_dir)
    for path in _download(folder, mirror, screen, offline=_offline()):
        screen.result(f"{path}")


def _recipe(name_or_file: str, given: dict[str, Any]) -> "Recipe":
    from mnist_mlp.training.recipe import RecipeError, load_recipe

    try:
        recipe = load_recipe(name_or_file)
    except RecipeError as error:
        if name_or_file.endswith(".toml"):
            raise
        raise typer.BadParameter(str(error)) from None
    try:
        return recipe.with_settings(given)
    except RecipeError as error:
        setting, rest = str(error).split(" ", 1)
        option = f"--{setting.replace('_', '-')}" if setting in given else setting
        raise typer.BadParameter(f"{option} {rest}") from None


def _model_file(model_or_run: Path | None, screen: "Screen") -> Path:
    """Find a model, and say so where it is one of several that could be meant."""
    from mnist_mlp.runs.folder import find_model

    path = find_model(model_or_run)
    seed = path.parent
    if seed.name.startswith("seed-") and model_or_run not in (path, seed):
        screen.note(f"{seed.parent}: several seeds; taking the first, {seed.name}")
    return path


def _data_folder(data_dir: str | Path | None) -> Path:
    if data_dir is not None:
        return Path(data_dir)
    from mnist_mlp.digits.mnist import has_mnist

    if has_mnist("data"):
        return Path("data")
    import pooch

    return Path(pooch.os_cache("mnist-mlp"))


def _offline() -> bool:
    """Whether the environment forbids the network, for the commands that have no option for it."""
    return os.environ.get("MNIST_MLP_OFFLINE", "").lower() not in ("", "0", "false", "no", "off")


def _download(
    folder: Path, mirrors: list[str] | None, screen: "Screen", *, offline: bool = False
) -> list[Path]:
    from mnist_mlp.digits.download import SOURCES, download_mnist
    from mnist_mlp.digits.mnist import has_mnist

    if offline and not has_mnist(folder):
        fail(f"{folder}: holds no MNIST files, and MNIST_MLP_OFFLINE forbids the network; unset it", 1)
    allowed, sources = ((), ()) if offline else (mirrors or (), SOURCES)
    with screen.bytes_progress() as progress:
        return download_mnist(folder, allowed, sources=sources, progress=progress)


def _digits(
    folder: str | Path | None,
    csv: str | Path | None,
    split: str,
    screen: "Screen",
    *,
    offline: bool,
    mirrors: list[str] | None = None,
) -> "Digits":
    """Read digits from a CSV file, or from a folder of MNIST files; download them where there are none."""
    from mnist_mlp.digits.mnist import NoDigitsError, load_mnist, read_csv

    with screen.bytes_progress() as progress:
        if csv is not None:
            return read_csv(csv, progress)
        folder = _data_folder(folder)
        try:
            return load_mnist(folder, split, progress)
        except NoDigitsError:
            if offline:
                raise
    screen.note(f"no MNIST files in {folder}; downloading them")
    # Not every command that may have to download has the option.
    _download(folder, mirrors or os.environ.get("MNIST_MLP_MIRROR", "").split(), screen)
    with screen.bytes_progress() as progress:
        return load_mnist(folder, split, progress)


def _load(plan: "Plan", screen: "Screen", mirrors: list[str] | None, *, offline: bool) -> "Data":
    from time import perf_counter

    from mnist_mlp.runs.run import Data

    load = partial(_digits, plan.data_dir, screen=screen, mirrors=mirrors, offline=offline)
    start = perf_counter()
    train_digits = load(plan.train_csv, "train")
    test_digits = load(plan.test_csv, "test")
    return Data(train_digits, test_digits, perf_counter() - start)


def _train(folder: Path, plan: "Plan", data: "Data", screen: "Screen") -> None:
    """Train until the end, or until stopped, and show what came of it."""
    from mnist_mlp.runs import run as runs

    try:
        with stops_after_a_chunk() as check_stop, screen.training_progress() as report:

            def on_progress(progress: "Progress") -> None:
                report.on_progress(progress)
                check_stop()

            watch = runs.Watch(
                on_start=report.on_start,
                on_progress=on_progress,
                on_epoch=report.on_epoch,
                on_card=report.on_card if plan.repeats == 1 else lambda _: None,
                on_warning=screen.warning,
            )
            card = runs.carry_out(folder, plan, data, watch)
    except Stopped as stopped:
        stopped.advice = f"; go on with\n  mnist-mlp train --resume {quoted(folder)}"
        raise
    _show_end(folder, plan, card, screen)


def _show_end(folder: Path, plan: "Plan", card: "Scorecard | RepeatedScorecard", screen: "Screen") -> None:
    """Print the means of repeats, and what comes next."""
    from mnist_mlp.cli.screen import show_repeated_scorecard
    from mnist_mlp.report.scorecard import Scorecard
    from mnist_mlp.training.recipe import RECIPES

    if not isinstance(card, Scorecard):
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
        screen.note(f"a better recipe: mnist-mlp train --recipe {names[names.index(plan.recipe.name) + 1]}")


def _distorted(image: "NDArray[np.uint8]", count: int) -> "list[NDArray[np.uint8]]":
    """Draw distorted versions of an image (28, 28), as far distorted as the recipe `best` trains on."""
    import numpy as np

    from mnist_mlp.training.recipe import RECIPES
    from mnist_mlp.training.trainer import distortion_of

    distortion, rng = distortion_of(RECIPES["best"]), np.random.default_rng()
    pixels = [distortion.apply(image.reshape(1, 784), rng) for _ in range(count)]
    return [np.rint(row).astype(np.uint8).reshape(28, 28) for row in pixels]


def _save_digit(
    path: Path,
    image: "NDArray[np.uint8]",
    versions: "list[NDArray[np.uint8]]",
    title: str,
    outputs: "NDArray[np.floating[Any]] | None",
    label: int,
) -> None:
    from mnist_mlp.report.figures import draw_digit, draw_digit_grid, draw_outputs, save_picture

    first = (
        partial(draw_digit_grid, images=[image, *versions])
        if versions
        else partial(draw_digit, image=image, title=title)
    )
    second = [] if outputs is None else [partial(draw_outputs, outputs=outputs, label=label)]
    save_picture(path, first, *second, size=(4.8 if not (second or versions) else 9.0, 4.8))
