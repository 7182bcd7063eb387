"""Carries out a run: trains from where its folder says it stands, scores, and writes the results there."""

import csv
import io
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from mnist_mlp.digits.images import Digits
from mnist_mlp.errors import printable
from mnist_mlp.files.arrays import load_arrays, save_arrays
from mnist_mlp.files.atomic import read_text, remove_leftovers, write_text
from mnist_mlp.nn.network import Network
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard, ScoreError
from mnist_mlp.runs.folder import CHECKPOINT, MODEL, SCORECARD, Plan, RunError, is_finished, make_folder, tidy
from mnist_mlp.training.checks import examine_digits, examine_network, examine_overlap
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.trainer import EpochRecord, Progress, Training, TrainingError, outputs_for


@dataclass
class Data:
    """The digits of a run, and how long it took to get them."""

    train: Digits
    test: Digits
    seconds: float = 0.0

    @property
    def files(self) -> dict[str, str]:
        """The SHA-256 of each file, by name, which says the split where both have the same name."""
        train, test = self.train.files, self.test.files
        return {
            **train,
            **{f"test {name}" if name in train else name: digest for name, digest in test.items()},
        }


@dataclass(frozen=True)
class Watch:
    """Who is told of a run as it goes on; each may be left out. A scorecard is told before it is written."""

    on_start: Callable[[Recipe, list[EpochRecord]], object] = field(default=lambda *_: None)
    on_progress: Callable[[Progress], object] = field(default=lambda _: None)
    on_epoch: Callable[[EpochRecord], object] = field(default=lambda _: None)
    on_card: Callable[[Scorecard], object] = field(default=lambda _: None)
    on_warning: Callable[[str], object] = field(default=lambda _: None)


def carry_out(folder: Path, plan: Plan, data: Data, watch: Watch) -> Scorecard | RepeatedScorecard:
    """Do what is left to do of a run: train from the last checkpoint on, score, and write the results.

    Raises:
        MnistMlpError: if something is in the way; what the checkpoint holds stays.
    """
    remove_leftovers(folder)
    write_text(folder / "recipe.toml", plan.recipe.to_toml())
    for warning in (
        *examine_digits(data.train, role="training"),
        *examine_digits(data.test, role="test"),
        *examine_overlap(data.train, data.test),
    ):
        watch.on_warning(warning)
    if plan.repeats == 1:
        return _carry_out_one(folder, plan.recipe, data, watch)
    cards = []
    for i in range(plan.repeats):
        recipe = plan.recipe_of(i)
        run = folder / f"seed-{recipe.seed}"
        if run.is_symlink():
            raise RunError(f"{printable(run)}: is a link, perhaps out of the run's folder; remove it")
        make_folder(run)
        remove_leftovers(run)
        if is_finished(run):
            tidy(run)
            cards.append(_read_card(run / SCORECARD, _identity(recipe, data)))
        else:
            write_text(run / "recipe.toml", recipe.to_toml())
            cards.append(_carry_out_one(run, recipe, data, watch))
    repeated = RepeatedScorecard(cards)
    write_text(folder / "scorecard.md", repeated.to_markdown())
    write_text(folder / SCORECARD, repeated.to_json())
    return repeated


def _carry_out_one(folder: Path, recipe: Recipe, data: Data, watch: Watch) -> Scorecard:
    held_out = recipe.validation
    if held_out >= len(data.train):
        raise RunError(
            f"--validation {held_out:,} leaves none of the {len(data.train):,} training digits to learn from"
        )
    kept = len(data.train) - held_out
    network = Network([784, recipe.hidden, 10], init=recipe.start, biases=recipe.biases, rng=recipe.seed)
    training = Training(
        network, data.train[:kept], recipe, validation=data.train[kept:] if held_out else None
    )
    identity = _identity(recipe, data)
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        _restore(training, checkpoint, identity)
    watch.on_start(recipe, training.history)
    warned: set[str] = set()
    while not training.finished:
        record = training.run_epoch(watch.on_progress)
        write_text(folder / "history.csv", history_csv(training.history))
        arrays, values = training.state()
        save_arrays(checkpoint, arrays, {**identity, **values})
        watch.on_epoch(record)
        for warning in examine_network(training.result(), data.train[:kept]):
            if warning not in warned:
                watch.on_warning(warning)
                warned.add(warning)
    card = _score(folder, training, identity, data)
    try:
        watch.on_card(card)
    finally:  # whatever becomes of the telling
        write_scorecard(folder, card, data.test, training.history)
        checkpoint.unlink(missing_ok=True)
    return card


def _identity(recipe: Recipe, data: Data) -> dict[str, dict[str, Any]]:
    """What must be the same where a run is taken up again."""
    return {"recipe": recipe.to_dict(), "data": data.files}


def _read_card(path: Path, identity: Mapping[str, Any]) -> Scorecard:
    try:
        card = Scorecard.from_json(read_text(path))
    except ScoreError as error:
        raise RunError(f"{printable(path)}: {error}") from None
    _check_identity(path, {"recipe": card.recipe, "data": card.data}, identity)
    return card


def _restore(training: Training, checkpoint: Path, identity: Mapping[str, Any]) -> None:
    arrays, metadata = load_arrays(checkpoint)
    _check_identity(checkpoint, metadata, identity)
    try:
        training.restore(arrays, metadata)
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


def _score(folder: Path, training: Training, identity: Mapping[str, Any], data: Data) -> Scorecard:
    """Save the model, and score it."""
    start = perf_counter()
    network = training.result()
    network.save(folder / MODEL, identity)
    outputs = outputs_for(network, data.test.images)
    seconds = {
        "load": data.seconds,
        "train": sum(record.seconds for record in training.history),
        "score": perf_counter() - start,
    }
    facts = {"recipe": identity["recipe"], "seed": identity["recipe"]["seed"], "data": identity["data"]}
    return Scorecard.from_outputs(data.test.labels, outputs, **facts, seconds=seconds, versions=versions())


def write_scorecard(
    folder: Path, card: Scorecard, digits: Digits, history: Sequence[EpochRecord] = ()
) -> None:
    """Write a scorecard, as pictures (for a history of a training too), Markdown and, last, JSON.

    Raises:
        StorageError: if a file cannot be written.
    """
    # Loading Matplotlib takes half as long as an epoch, and whoever waits for the scorecard has it by now.
    from mnist_mlp.report import figures as pictures  # noqa: PLC0415

    if history:
        pictures.save_picture(
            folder / "learning_curve.png",
            lambda axes: pictures.draw_learning_curve(axes, history, card.accuracy),
        )
    pictures.save_picture(
        folder / "confusion_matrix.png",
        lambda axes: pictures.draw_confusion(axes, card.confusion),
        size=(7.2, 7.2),
    )
    pictures.save_picture(
        folder / "mistakes.png",
        lambda axes: pictures.draw_mistakes(axes, digits.images, card.mistakes),
        size=(7.2, 7.2),
    )
    write_text(folder / "scorecard.md", card.to_markdown())
    write_text(folder / SCORECARD, card.to_json())


def history_csv(history: list[EpochRecord]) -> str:
    """The history as CSV text with a header line; what is not known stays empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in fields(EpochRecord)])
    writer.writerows(astuple(record) for record in history)
    return text.getvalue()


def versions() -> dict[str, str]:
    """The versions of what the numbers depend on."""
    names = ("mnist-mlp", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
