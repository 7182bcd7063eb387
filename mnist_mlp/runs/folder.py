"""A run's folder: what is in it, which folders a run may take, and where its model is.

`run.json`, the plan, comes first. Each epoch rewrites `history.csv` and the checkpoint. The results come last
and `scorecard.json` at the very end, so a folder that has one holds a finished run. With repeats, each seed
has such a folder of its own below, and the scorecard of their means stands above them.

All functions raise StorageError where a file or folder cannot be made, read or written.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from mnist_mlp.errors import printable, quoted
from mnist_mlp.files.arrays import OtherKindError
from mnist_mlp.files.atomic import StorageError, describe, remove_leftovers, write_text
from mnist_mlp.nn.network import Network
from mnist_mlp.runs.plan import PLAN, Plan, RunError
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.settings import RecipeError

MODEL, CHECKPOINT, HISTORY = "model.safetensors", "checkpoint.safetensors", "history.csv"
SCORECARD, REPORT = "scorecard.json", "report.html"
_RUNS = Path("runs")
_PICTURES = ("confusion_matrix.png", "mistakes.png", "robustness.png")
_SCORES = (SCORECARD, "scorecard.md", REPORT, *_PICTURES)
_RESULTS = (*_SCORES, MODEL, CHECKPOINT, HISTORY, "learning_curve.png", "recipe.toml")


def new_folder(recipe_name: str) -> Path:
    """Make a folder of its own for a run that starts now, ``runs/<UTC time>-<recipe>``."""
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{recipe_name}"
    names = chain([stem], (f"{stem}-{i}" for i in count(2)))
    return next(_RUNS / name for name in names if make_folder(_RUNS / name))


def make_folder(folder: Path) -> bool:
    """Make a folder and those above it where they are missing; tell whether it was missing."""
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        if not folder.is_dir():
            raise StorageError(f"{printable(folder)}: cannot be made: {describe(error)}") from None
        return False
    return True


def check_free(folder: Path, *, force: bool = False) -> None:
    """Check that a new run or sweep may go into a folder.

    RunError if it holds a run already, unless that is forced; or other files, which nothing forces.
    """
    shown = printable(folder)
    if (folder / "sweep.json").exists():
        raise RunError(
            f"{shown}: holds a sweep; choose another folder, or go on with "
            f"mnist-mlp sweep --resume {quoted(shown)}"
        )
    if not (folder / PLAN).exists():
        if _visible(folder):
            raise RunError(f"{shown}: is not empty, and holds no run; choose another folder")
    elif not force and is_finished(folder):
        raise RunError(f"{shown}: holds a finished run; choose another folder, or --force to replace it")
    elif not force:
        raise RunError(
            f"{shown}: holds an unfinished run; go on with mnist-mlp train --resume {quoted(shown)}, "
            "or --force to start again"
        )


def check_free_for_scores(folder: Path) -> None:
    """Check that a folder is empty, or holds the files of a scorecard alone; RunError if not."""
    if _visible(folder) - {*_SCORES}:
        what = "a run" if (folder / PLAN).exists() else "other files"
        raise RunError(f"{printable(folder)}: holds {what}; choose an empty folder, or an earlier evaluate's")


def _visible(folder: Path) -> set[str]:
    """The names in a folder, if it is one; hidden files, as locks and leftovers are, do not count."""
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    return {name for name in names if not name.startswith(".")}


def prepare(folder: Path, plan: Plan) -> None:
    """Make a folder ready for a new run: remove an older run's files, and write down what is asked.

    At every moment the folder is empty or holds a run, so that a process killed here can be started again.
    """
    make_folder(folder)
    try:
        for run in [folder, *(run for run in seeds_in(folder) if not run.is_symlink())]:
            for name in _RESULTS:
                (run / name).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{printable(folder)}: cannot be cleared: {describe(error)}") from None
    write_text(folder / PLAN, plan.to_json())


def is_finished(folder: Path) -> bool:
    """Whether the folder holds a run that came to its end."""
    return (folder / SCORECARD).exists()


def is_under_way(folder: Path) -> bool:
    """Whether the folder holds a run or a sweep that has not come to its end yet."""
    begun = any((folder / name).exists() for name in (PLAN, "sweep.json"))
    return begun and not (is_finished(folder) or is_finished(folder / "chosen"))


def tidy(folder: Path) -> None:
    """Remove temporary files of killed processes, and the checkpoint of a finished run."""
    remove_leftovers(folder)
    if is_finished(folder):
        with suppress(OSError):
            (folder / CHECKPOINT).unlink()


def newest_run() -> Path | None:
    """The folder of the run that was finished last, or None; what `evaluate` wrote is no run."""
    scorecards = [path for path in _RUNS.glob(f"*/{SCORECARD}") if (path.parent / PLAN).exists()]
    return max(scorecards, key=lambda path: path.stat().st_mtime_ns).parent if scorecards else None


def seeds_in(folder: Path) -> list[Path]:
    """The folders of the seeds of a run with repeats, the smallest seed first."""
    return sorted(folder.glob("seed-*"), key=lambda path: (len(path.name), path))


def find_model(place: Path | None) -> Path:
    """Find a model file: the one named, that of the run named, or that of the newest run.

    Of a run with repeats, or of the chosen setting of a sweep, the first seed's model is taken. RunError if
    there is none.
    """
    place = place or newest_run()
    if place is None:
        raise RunError("no finished run under runs; train one first: mnist-mlp train")
    if not place.exists():
        raise RunError(f"{printable(place)}: there is no such model or run; check the path")
    if not place.is_dir():
        return place
    for folder in [place, *seeds_in(place), *seeds_in(place / "chosen")]:
        if (folder / MODEL).exists():
            return folder / MODEL
    if (place / PLAN).exists() and not is_finished(place):
        shown = printable(place)
        raise RunError(f"{shown}: is not finished; go on with mnist-mlp train --resume {quoted(shown)}")
    raise RunError(f"{printable(place)}: holds no {MODEL}; name a model file or a finished run")


@dataclass(frozen=True)
class Model:
    """A trained network, and what its file tells of it.

    The facts are `recipe` and `seed` of the training, where they are known. An output below the threshold is
    no answer; it is None where it is not known.
    """

    network: Network
    facts: dict[str, Any]
    threshold: float | None


def load_model(path: Path) -> Model:
    """Load a network for digits; RunError if it is not of 784 inputs and 10 outputs."""
    try:
        network = Network.load(path)
    except OtherKindError:
        remedy = "name a run's folder, or the model.safetensors in it"
        if path.suffix.lower() == ".csv":
            remedy = "digits of your own go with --test-csv, or --csv for show-digit"
        raise RunError(f"{printable(path)}: is not a model; {remedy}") from None
    if (network.sizes[0], network.sizes[-1]) != (784, 10):
        shape = "-".join(map(str, network.sizes))
        raise RunError(f"{printable(path)}: a {shape} network; digits need 784 inputs and 10 outputs")
    metadata = network.metadata
    threshold = metadata.get("threshold")
    try:
        recipe = Recipe().with_settings(metadata.get("recipe", {}))
        facts = {"recipe": recipe.to_dict(), "seed": recipe.seed}
    except (RecipeError, TypeError):  # a network of another maker: its weights are all that counts
        facts = {}
    return Model(network, facts, threshold if isinstance(threshold, float) else None)
