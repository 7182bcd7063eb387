"""Carrying out a run: train from the last checkpoint on, score, and write the results."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from mnist_mlp.digits.images import Digits
from mnist_mlp.errors import printable
from mnist_mlp.files.arrays import load_arrays, save_arrays
from mnist_mlp.files.atomic import read_text, remove_leftovers, write_text
from mnist_mlp.nn.network import Network
from mnist_mlp.report.figures import draw_confusion, draw_learning_curve, draw_mistakes, save_picture
from mnist_mlp.report.machine import machine_facts
from mnist_mlp.report.markdown import repeated_page, scorecard_page
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard, ScoreError
from mnist_mlp.runs.folder import CHECKPOINT, MODEL, SCORECARD, Plan, RunError, is_finished, make_folder, tidy
from mnist_mlp.training.checks import examine_digits, examine_network, examine_overlap
from mnist_mlp.training.history import EpochRecord, history_to_csv
from mnist_mlp.training.recipe import EXPLANATIONS, Recipe
from mnist_mlp.training.trainer import Progress, Trainer, TrainingError, outputs_for


@dataclass(frozen=True)
class Data:
    """The digits of a run.

    Attributes:
        train: to learn from; the last of them may be held out.
        test: to score the trained network on.
        seconds: it took to read them.
    """

    train: Digits
    test: Digits
    seconds: float = 0.0

    @property
    def files(self) -> dict[str, str]:
        """The SHA-256 of each file, by name; a test file of the same name as a training file says so."""
        train, test = self.train.files, self.test.files
        return {
            **train,
            **{f"test {name}" if name in train else name: digest for name, digest in test.items()},
        }

    def split(self, held_out: int) -> tuple[Digits, Digits | None]:
        """The training digits without the last `held_out`, and those, or None if it is 0.

        Raises:
            RunError: if none would be left to learn from.
        """
        if held_out >= len(self.train):
            raise RunError(
                f"--validation {held_out:,} leaves none of the {len(self.train):,} training digits to learn"
            )
        kept = len(self.train) - held_out
        return self.train[:kept], self.train[kept:] if held_out else None


@dataclass(frozen=True)
class Job:
    """One training, as values that can be sent to another process.

    Attributes:
        recipe: all settings.
        folder: where its checkpoint and history are kept after each epoch; None for nowhere.
    """

    recipe: Recipe
    folder: Path | None = None


@dataclass(frozen=True)
class Result:
    """What became of a job, as values that can be sent to another process."""

    network: Network
    history: list[EpochRecord]
    card: Scorecard


@dataclass(frozen=True)
class Callbacks:
    """Called during a run; all optional. `on_card` is called before the results are written."""

    on_start: Callable[[Recipe, list[EpochRecord]], object] = field(default=lambda *_: None)
    on_progress: Callable[[Progress], object] = field(default=lambda _: None)
    on_epoch: Callable[[EpochRecord], object] = field(default=lambda _: None)
    on_card: Callable[[Scorecard], object] = field(default=lambda _: None)
    on_warning: Callable[[str], object] = field(default=lambda _: None)


SILENT = Callbacks()


def run_one(job: Job, data: Data, callbacks: Callbacks = SILENT) -> Result:
    """Train a network by a recipe, from the last checkpoint of its folder on, and score it.

    Raises:
        MnistMlpError: if something is in the way; the last checkpoint stays.
    """
    training_digits, held_out = data.split(job.recipe.validation)
    trainer = Trainer(job.recipe.network(), training_digits, job.recipe, validation=held_out)
    identity = _identity(job.recipe, data)
    if job.folder is not None and (job.folder / CHECKPOINT).exists():
        _restore(trainer, job.folder / CHECKPOINT, identity)
    callbacks.on_start(job.recipe, trainer.history)
    warned: set[str] = set()
    while not trainer.finished:
        record = trainer.run_epoch(callbacks.on_progress)
        if job.folder is not None:
            write_text(job.folder / "history.csv", history_to_csv(trainer.history))
            arrays, values = trainer.state()
            save_arrays(job.folder / CHECKPOINT, arrays, {**identity, **values})
        callbacks.on_epoch(record)
        for warning in examine_network(trainer.outputs, training_digits):
            if warning not in warned:
                callbacks.on_warning(warning)
                warned.add(warning)
    start = perf_counter()
    network = trainer.network()
    outputs = outputs_for(network, data.test.images)
    seconds = {
        "load": data.seconds,
        "train": sum(record.seconds for record in trainer.history),
        "score": perf_counter() - start,
    }
    card = Scorecard.from_outputs(
        data.test.labels,
        outputs,
        **identity,
        seed=job.recipe.seed,
        seconds=seconds,
        versions=versions(),
        machine=machine_facts(),
    )
    return Result(network, trainer.history, card)


def carry_out(
    folder: Path, plan: Plan, data: Data, callbacks: Callbacks = SILENT
) -> Scorecard | RepeatedScorecard:
    """Do what is left to do of a run, and write the results into its folder.

    Raises:
        MnistMlpError: if something is in the way; what the checkpoint holds stays.
    """
    for warning in (
        *examine_digits(data.train, role="training"),
        *examine_digits(data.test, role="test"),
        *examine_overlap(data.train, data.test),
    ):
        callbacks.on_warning(warning)
    if plan.repeats == 1:
        return _run_in(folder, plan.recipe, data, callbacks)
    write_text(folder / "recipe.toml", plan.recipe.to_toml())
    cards = []
    for recipe in plan.recipes:
        seed_folder = folder / f"seed-{recipe.seed}"
        if seed_folder.is_symlink():
            raise RunError(f"{printable(seed_folder)}: is a link, perhaps out of the run's folder; remove it")
        make_folder(seed_folder)
        cards.append(_run_in(seed_folder, recipe, data, callbacks))
    repeated = RepeatedScorecard(cards)
    write_text(folder / "scorecard.md", repeated_page(repeated, explanations=EXPLANATIONS))
    write_text(folder / SCORECARD, repeated.to_json())
    return repeated


def _run_in(folder: Path, recipe: Recipe, data: Data, callbacks: Callbacks) -> Scorecard:
    """Carry out one training in a folder of its own, unless it is finished there already."""
    if is_finished(folder):
        tidy(folder)
        return _read_card(folder / SCORECARD, _identity(recipe, data))
    remove_leftovers(folder)
    write_text(folder / "recipe.toml", recipe.to_toml())
    result = run_one(Job(recipe, folder), data, callbacks)
    try:
        callbacks.on_card(result.card)
    finally:  # whatever becomes of showing it
        write_results(folder, result, data.test)
        tidy(folder)
    return result.card


def write_results(folder: Path, result: Result, test: Digits) -> None:
    """Write a run's model, pictures and scorecard. `scorecard.json` comes last: it says that all is there.

    Raises:
        StorageError: if a file cannot be written.
    """
    identity = {"recipe": result.card.recipe, "data": result.card.data}
    result.network.save(folder / MODEL, identity)
    write_scorecard(folder, result.card, test, result.history)


def write_scorecard(
    folder: Path, card: Scorecard, digits: Digits, history: list[EpochRecord] | None = None
) -> None:
    """Write a scorecard as pictures (with a history: the learning curve too), Markdown and, last, JSON.

    Raises:
        StorageError: if a file cannot be written.
    """
    drawn = ["confusion_matrix.png", "mistakes.png"]
    if history:
        training = [record.accuracy for record in history]
        held_out = [r.validation_accuracy for r in history if r.validation_accuracy is not None] or None
        save_picture(
            folder / "learning_curve.png",
            lambda axes: draw_learning_curve(axes, training, held_out, card.accuracy),
        )
        drawn.insert(0, "learning_curve.png")
    square = (7.2, 7.2)
    save_picture(
        folder / "confusion_matrix.png", lambda axes: draw_confusion(axes, card.confusion), size=square
    )
    save_picture(
        folder / "mistakes.png",
        lambda axes: draw_mistakes(axes, digits.images, card.mistakes),
        size=square,
    )
    page = scorecard_page(card, pictures=drawn, explanations=EXPLANATIONS)
    write_text(folder / "scorecard.md", page)
    write_text(folder / SCORECARD, card.to_json())


def versions() -> dict[str, str]:
    """The versions of what the numbers depend on."""
    names = ("mnist-mlp", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _identity(recipe: Recipe, data: Data) -> dict[str, dict[str, Any]]:
    """The fields that must match to resume."""
    return {"recipe": recipe.to_dict(), "data": data.files}


def _read_card(path: Path, identity: Mapping[str, Any]) -> Scorecard:
    try:
        card = Scorecard.from_json(read_text(path))
    except ScoreError as error:
        raise RunError(f"{printable(path)}: {error}") from None
    _check_identity(path, {"recipe": card.recipe, "data": card.data}, identity)
    return card


def _restore(trainer: Trainer, checkpoint: Path, identity: Mapping[str, Any]) -> None:
    arrays, metadata = load_arrays(checkpoint)
    _check_identity(checkpoint, metadata, identity)
    try:
        trainer.restore(arrays, metadata)
    except TrainingError as error:
        raise RunError(f"{printable(checkpoint)}: {error}; start the run again with --force") from None


def _check_identity(path: Path, found: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    for part in ("recipe", "data"):
        if found.get(part) != identity[part]:
            what = _difference(found.get(part), identity[part])
            raise RunError(
                f"{printable(path)}: the run began with other {part}: {what}; give it back the same"
            )


def _difference(old: object, new: Mapping[str, Any]) -> str:
    if not isinstance(old, dict):
        return "unknown"
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return "; ".join(
        printable(f"{name} was {old.get(name, 'not there')}, is {new.get(name, 'not there')}", 120)
        for name in names[:3]
    )
