"""One training from beginning to end, as one call: `run_one(job, data)`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from mnist_mlp.digits.images import Digits
from mnist_mlp.errors import printable
from mnist_mlp.files.arrays import load_arrays, save_arrays
from mnist_mlp.files.atomic import write_text
from mnist_mlp.nn.network import Network
from mnist_mlp.report.scorecard import Scorecard
from mnist_mlp.runs.folder import CHECKPOINT, HISTORY
from mnist_mlp.runs.plan import RunError
from mnist_mlp.runs.score import score
from mnist_mlp.training.checks import examine_network
from mnist_mlp.training.history import EpochRecord, HistoryError, best_epoch, history_to_csv
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.scoring import outputs_for, threshold_for
from mnist_mlp.training.trainer import Progress, Trainer, TrainingError


@dataclass(frozen=True)
class Data:
    """The digits of a run.

    Attributes:
        train: to learn from; the last of them may be held out.
        test: to score the trained network on; None to score it on the held-out digits.
        seconds: it took to read them.
    """

    train: Digits
    test: Digits | None = None
    seconds: float = 0.0

    @property
    def files(self) -> dict[str, str]:
        """The SHA-256 of each file, by name; a test file of the same name as a training file says so."""
        train, test = self.train.files, {} if self.test is None else self.test.files
        return {
            **train,
            **{f"test {name}" if name in train else name: digest for name, digest in test.items()},
        }

    def to_score(self, held_out: int) -> tuple[Digits, Digits | None]:
        """The digits to score, and those held out; RunError if there are no test digits and none held out."""
        known = self.split(held_out)[1]
        if (digits := known if self.test is None else self.test) is None:
            raise RunError("there are no digits to score: hold some out with --validation")
        return digits, known

    def split(self, held_out: int) -> tuple[Digits, Digits | None]:
        """The digits to learn from, and the last `held_out` (None for 0); RunError if all are held out."""
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
        folder: of the run.
        checkpoint_seconds: least time between checkpoints, which are written at the end of an epoch: an epoch
            can be shorter than writing one takes on a busy disk. None for no checkpoints.
    """

    recipe: Recipe
    folder: Path
    checkpoint_seconds: float | None = 0.0


@dataclass(frozen=True)
class Result:
    """What became of a job, as values that can be sent to another process.

    Attributes:
        network: as trained.
        history: a record of each epoch; none where they are not known.
        card: its scores.
        threshold: an output below it is no answer; it leaves 1 % of the held-out digits open. Where none are
            held out it is found on the last 10,000 training digits, of which the network is a little surer.
            None where it is not known.
    """

    network: Network
    history: list[EpochRecord]
    card: Scorecard
    threshold: float | None

    @property
    def kept_epoch(self) -> int | None:
        """The epoch whose weights are kept by early stopping; None without it."""
        return best_epoch(self.history) if self.card.recipe.get("patience") else None


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
    identity = identity_of(job.recipe, data)
    if (job.folder / CHECKPOINT).exists():
        _restore(trainer, job.folder / CHECKPOINT, identity)
    callbacks.on_start(job.recipe, trainer.history)
    warned: set[str] = set()
    saved = monotonic()
    while not trainer.finished:
        record = trainer.run_epoch(callbacks.on_progress)
        if job.checkpoint_seconds is not None and monotonic() - saved >= job.checkpoint_seconds:
            write_text(job.folder / HISTORY, history_to_csv(trainer.history))
            arrays, values = trainer.state()
            save_arrays(job.folder / CHECKPOINT, arrays, {**identity, **values})
            saved = monotonic()
        callbacks.on_epoch(record)
        for warning in examine_network(trainer.outputs, training_digits):
            if warning not in warned:
                callbacks.on_warning(warning)
                warned.add(warning)
    return scored(trainer.network(), job.recipe, trainer.history, data)


def scored(network: Network, recipe: Recipe, history: list[EpochRecord], data: Data) -> Result:
    """Score a network that was trained by a recipe; ScoreError if its outputs are not finite."""
    digits, held_out = data.to_score(recipe.validation)
    threshold = threshold_for(outputs_for(network, (held_out or data.train[-10_000:]).images))
    card = score(
        network,
        digits,
        threshold=threshold,
        seconds={"load": data.seconds, "train": sum(record.seconds for record in history)},
        facts={**identity_of(recipe, data), "seed": recipe.seed},
    )
    return Result(network, history, card, threshold)


def identity_of(recipe: Recipe, data: Data) -> dict[str, dict[str, Any]]:
    """The fields that must match to resume."""
    return {"recipe": recipe.to_dict(), "data": data.files}


def _restore(trainer: Trainer, checkpoint: Path, identity: Mapping[str, Any]) -> None:
    arrays, metadata = load_arrays(checkpoint)
    check_identity(checkpoint, metadata, identity)
    try:
        trainer.restore(arrays, metadata)
    except (HistoryError, TrainingError) as error:
        raise RunError(f"{printable(checkpoint)}: {error}; start the run again with --force") from None


def check_identity(path: Path, found: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Check that what a file of a run says of recipe and data is what is asked for now, or raise RunError."""
    for part in ("recipe", "data"):
        if found.get(part) != identity[part]:
            what = _difference(found.get(part), identity[part])
            remedy = "give it back the same"
            if part == "data":
                remedy = "let the same files be read again; of a folder, CSV files are read first"
            raise RunError(f"{printable(path)}: the run began with other {part}: {what}; {remedy}")


def _difference(old: object, new: Mapping[str, Any]) -> str:
    if not isinstance(old, dict):
        return "unknown"
    if gone := ", ".join(name for name in old if name not in new):
        return f"{printable(gone)}, where now {', '.join(new)} are read"
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return "; ".join(
        printable(f"{name} was {old.get(name, 'not there')}, is {new.get(name, 'not there')}", 120)
        for name in names[:3]
    )
