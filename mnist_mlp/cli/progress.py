"""The progress of a training on the screen: a bar on a terminal, and a line for each epoch."""

from contextlib import ExitStack
from time import monotonic
from typing import Any

from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn

from mnist_mlp.cli.scores import show_scorecard
from mnist_mlp.cli.screen import Screen
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.report.scorecard import Scorecard, percent
from mnist_mlp.report.sweeps import value_label
from mnist_mlp.runs.job import Job, Result
from mnist_mlp.training.history import EpochRecord, best_epoch
from mnist_mlp.training.recipe import RECIPES, Recipe
from mnist_mlp.training.trainer import Progress

_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(8),
    TextColumn("{task.fields[samples]}"),
    TextColumn("{task.fields[rate]:>7,.0f}/s"),
    TextColumn("train {task.fields[accuracy]}"),
    TextColumn("{task.fields[left]} left"),
)


class TrainingReport(ExitStack):
    """Shows a training, and its scorecard if that is wanted; its methods are callbacks of a run."""

    def __init__(self, screen: Screen, *, show_card: bool) -> None:
        super().__init__()
        self._screen, self._show_card = screen, show_card
        columns = (_COLUMNS[0], *_COLUMNS[-2:]) if screen.narrow else _COLUMNS
        self._progress = self.enter_context(screen.bars(*columns))
        self._task: TaskID | None = None
        self._recipe = Recipe()
        self._history: list[EpochRecord] = []
        self._epoch_start = monotonic()

    def on_start(self, recipe: Recipe, history: list[EpochRecord]) -> None:
        """A training begins, or goes on after the epochs in the history."""
        self._recipe = recipe
        self._history = list(history)
        self._epoch_start = monotonic()
        begin = f"going on after epoch {len(history)} of" if history else "training for"
        epochs = f"{recipe.epochs} epoch" + "s" * (recipe.epochs != 1)
        self._screen.note(f"{begin} {epochs}, recipe {_title(recipe)}, random seed {recipe.seed}")

    def on_progress(self, done: Progress) -> None:
        """A chunk of samples is done."""
        seconds = monotonic() - self._epoch_start
        epochs_left = self._recipe.epochs - done.epoch + 1 - done.samples_done / done.samples
        whole_epoch = seconds * done.samples / done.samples_done
        all_samples = f"{done.samples:,}"
        shown: dict[str, Any] = {
            "description": f"epoch {done.epoch}/{self._recipe.epochs}",
            "completed": done.samples_done,
            "total": done.samples,
            "samples": f"{done.samples_done:>{len(all_samples)},}/{all_samples}",
            "rate": done.samples_done / max(seconds, 1e-9),
            "accuracy": percent(done.accuracy),
            "left": _duration(epochs_left * whole_epoch),
        }
        if self._task is None:
            self._task = self._progress.add_task(**shown)
        else:
            self._progress.update(self._task, **shown)

    def on_epoch(self, record: EpochRecord) -> None:
        """An epoch has ended."""
        self._history.append(record)
        self._epoch_start = monotonic()
        recent = [done.seconds for done in self._history[-10:]]
        left = (self._recipe.epochs - record.epoch) * sum(recent) / len(recent)
        parts = [
            f"epoch {record.epoch:>{len(str(self._recipe.epochs))}}/{self._recipe.epochs}",
            f"loss {record.loss:.4f}",
            f"train {percent(record.accuracy)}",
        ]
        if record.validation_accuracy is not None:
            parts.append(f"held out {percent(record.validation_accuracy)}")
        parts.append(f"{record.seconds:.1f} s" + (f", {_duration(left)} left" if left else ""))
        self._screen.note("  ".join(parts))

    def on_card(self, card: Scorecard) -> None:
        """The trained network is scored; no more progress of it is shown."""
        if not self._show_card:
            return
        self.close()
        self._screen.note("")
        show_scorecard(self._screen, card)
        kept = self._history[best_epoch(self._history) - 1 if self._recipe.patience else -1]
        if kept.validation_accuracy is not None:
            samples = f"{self._recipe.validation:,} training digits"
            after = f" after epoch {kept.epoch}, whose weights are kept" if self._recipe.patience else ""
            self._screen.result(f"\nheld out: {percent(kept.validation_accuracy)} of {samples} right{after}")


class NetworksReport(ExitStack):
    """Shows how many networks are trained, `done` of them before: a bar on a terminal, and a line each."""

    def __init__(self, screen: Screen, total: int, done: int = 0) -> None:
        super().__init__()
        self._screen, self._total, self._done, self._failed = screen, total, done, 0
        self._before, self._start = done, monotonic()
        count = TextColumn("{task.completed:,.0f}/{task.total:,.0f}")
        columns = (
            count,
            TextColumn("{task.description}"),
            BarColumn(20),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._progress = self.enter_context(screen.bars(*columns))
        self._task = self._progress.add_task("networks", total=total, completed=done, left="")

    def on_done(self, job: Job, outcome: Result | MnistMlpError) -> None:
        """A network is trained, or cannot be."""
        self._done += 1
        seconds_each = (monotonic() - self._start) / (self._done - self._before)
        left = f"{_duration(seconds_each * (self._total - self._done))} left"
        if isinstance(outcome, Result):
            seconds = sum(record.seconds for record in outcome.history)
            what, why = f"{percent(outcome.card.accuracy)}  {seconds:.1f} s", ""
        else:
            self._failed += 1
            what, why = "failed", f": {outcome}"
        setting = job.folder.parent.name + " " if "=" in job.folder.parent.name else ""
        count = f"{self._done:>{len(str(self._total))}}/{self._total}"
        self._screen.note(f"{count}  {what}  {left}  {setting}seed {job.recipe.seed}{why}")
        failed = f", {self._failed} failed" if self._failed else ""
        self._progress.update(self._task, completed=self._done, left=left + failed)


def _title(recipe: Recipe) -> str:
    """A recipe's name, and its settings where the recipe known by that name has others."""
    settings, known = recipe.to_dict(), RECIPES.get(recipe.name, recipe).to_dict()
    changed = [
        f"{name.replace('_', ' ')} {value_label(value, ',')}"
        for name, value in settings.items()
        if value != known[name] and name not in ("epochs", "seed")  # which are told anyway
    ]
    return f"{recipe.name} with {', '.join(changed)}" if changed else recipe.name


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
