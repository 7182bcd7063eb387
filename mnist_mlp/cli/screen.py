"""What the commands show on the screen: progress on standard error, results on standard output."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import fill
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from mnist_mlp.errors import harmless
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard
from mnist_mlp.report.text import Colours, shows_blocks
from mnist_mlp.training.recipe import RECIPES, Recipe
from mnist_mlp.training.trainer import EpochRecord
from mnist_mlp.training.trainer import Progress as EpochProgress


class Screen:
    """The two output streams. No bars are drawn where standard error is no terminal, or a dumb one.

    Args:
        quiet: whether to leave out all progress.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self._err = Console(
            stderr=True, quiet=quiet, soft_wrap=True, highlight=False, markup=False, emoji=False
        )
        self._bars = sys.stderr.isatty() and not self._err.is_dumb_terminal and not quiet

    @property
    def width(self) -> int:
        """Columns of standard output."""
        return self._out.width

    @property
    def colours(self) -> Colours:
        """What digits on standard output can be painted with."""
        system = None if self._out.no_color else self._out.color_system
        if system in {"truecolor", "windows"}:
            return "truecolor"
        return "256" if system == "256" else "none"

    @property
    def unicode(self) -> bool:
        """Whether standard output can show block characters."""
        return shows_blocks(sys.stdout.encoding)

    def result(self, text: str = "") -> None:
        """Print a line of a result."""
        self._out.print(harmless(text))

    def table(self, table: Table) -> None:
        """Print a table of results."""
        self._out.print(table)

    def raw(self, text: str) -> None:
        """Print text that carries its own colours."""
        sys.stdout.write(text + "\n")

    def note(self, text: str) -> None:
        """Print a line of progress or advice, to standard error."""
        self._err.print(harmless(text))

    def warning(self, text: str) -> None:
        """Print a sentence about something that seems wrong, to standard error."""
        self.note(fill(f"warning: {text}", 79, subsequent_indent="  "))

    @contextmanager
    def bytes_progress(self) -> Iterator[Callable[[str, int, int], None]]:
        """Show how far files have come, as told by calls with a name, bytes done, and bytes in all."""
        if not self._bars:
            yield lambda *_: None
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        tasks: dict[str, TaskID] = {}
        with Progress(*columns, console=self._err, transient=True) as progress:

            def report(name: str, done: int, total: int) -> None:
                what = harmless(name)
                if what not in tasks:
                    tasks[what] = progress.add_task(what)
                progress.update(tasks[what], completed=done, total=total or None)

            yield report

    @contextmanager
    def training_progress(self) -> Iterator["TrainingReport"]:
        """Show how training goes on: a bar for the epoch where there is a terminal, a line for each epoch."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(8),
            TextColumn("{task.fields[rows]}"),
            TextColumn("{task.fields[rate]:>8,.0f} rows/s"),
            TextColumn("train {task.fields[accuracy]:.2%}"),
            TextColumn("{task.fields[left]} left"),
        )
        with Progress(*columns, console=self._err, transient=True, disable=not self._bars) as progress:
            yield TrainingReport(self, progress)


class TrainingReport:
    """Tells of one training after another, as `runs.Watch` asks for."""

    def __init__(self, screen: Screen, progress: Progress) -> None:
        self._held_out: float | None = None
        self._screen = screen
        self._progress = progress
        self._task: TaskID | None = None
        self._recipe = Recipe()
        self._epoch_start = monotonic()
        self._seconds: list[float] = []

    def on_start(self, recipe: Recipe, history: list[EpochRecord]) -> None:
        """A training begins, or goes on after the epochs in the history."""
        self._recipe = recipe
        self._seconds = [record.seconds for record in history]
        self._held_out = history[-1].validation_accuracy if history else None
        self._epoch_start = monotonic()
        word = f"going on after epoch {len(history)} of" if history else "training for"
        epochs = f"{recipe.epochs} epoch" + "s" * (recipe.epochs != 1)
        text = f"{word} {epochs}, recipe {_title(recipe)}, seed {recipe.seed}"
        self._screen.note(fill(text, 79, subsequent_indent="  "))

    def on_progress(self, done: EpochProgress) -> None:
        """A chunk of rows is done."""
        seconds = monotonic() - self._epoch_start
        epochs_left = self._recipe.epochs - done.epoch + 1 - done.rows_done / done.rows
        whole_epoch = seconds * done.rows / done.rows_done
        all_rows = f"{done.rows:,}"
        shown: dict[str, Any] = {
            "description": f"epoch {done.epoch}/{self._recipe.epochs}",
            "completed": done.rows_done,
            "total": done.rows,
            "rows": f"{done.rows_done:>{len(all_rows)},}/{all_rows}",
            "rate": done.rows_done / max(seconds, 1e-9),
            "accuracy": done.accuracy,
            "left": _duration(epochs_left * whole_epoch),
        }
        if self._task is None:
            self._task = self._progress.add_task(**shown)
        else:
            self._progress.update(self._task, **shown)

    def on_epoch(self, record: EpochRecord) -> None:
        """An epoch has ended."""
        self._seconds.append(record.seconds)
        self._held_out = record.validation_accuracy
        self._epoch_start = monotonic()
        recent = self._seconds[-10:]
        left = (self._recipe.epochs - record.epoch) * sum(recent) / len(recent)
        parts = [
            f"epoch {record.epoch:>{len(str(self._recipe.epochs))}}/{self._recipe.epochs}",
            f"loss {record.loss:.4f}",
            f"train {record.accuracy:.2%}",
        ]
        if record.validation_accuracy is not None:
            parts.append(f"held out {record.validation_accuracy:.2%}")
        parts.append(f"{record.seconds:.1f} s" + (f", {_duration(left)} left" if left else ""))
        self._screen.note("  ".join(parts))

    def on_card(self, card: Scorecard) -> None:
        """The trained network is scored; no more progress is shown."""
        self._progress.stop()
        self._screen.note("")
        show_scorecard(self._screen, card)
        if self._held_out is not None:
            rows = f"{self._recipe.validation:,} training digits"
            self._screen.result(f"\nheld out: {self._held_out:.2%} of {rows} right")


def _title(recipe: Recipe) -> str:
    """A recipe's name, and its settings where the recipe known by that name has others."""
    settings, known = recipe.to_dict(), RECIPES.get(recipe.name, recipe).to_dict()
    changed = [
        f"{name.replace('_', ' ')} {value}".lower()
        for name, value in settings.items()
        if value != known[name] and name not in ("epochs", "seed")  # which are told anyway
    ]
    return f"{recipe.name} with {', '.join(changed)}" if changed else recipe.name


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def show_scorecard(screen: Screen, card: Scorecard) -> None:
    """Print accuracy, precision and recall of each digit, and the most frequent confusions."""
    low, high = card.confidence_interval
    screen.result(f"accuracy {card.accuracy:.2%}  (95 % interval {low:.2%} to {high:.2%})")
    screen.result(f"{card.correct:,} of {card.total:,} digits right, {card.total - card.correct:,} wrong\n")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("digit", "precision", "recall", "F1", "digits"):
        table.add_column(heading, justify="right")
    for score in card.per_digit:
        shares = [_percent(share) for share in (score.precision, score.recall, score.f1)]
        table.add_row(str(score.digit), *shares, f"{score.support:,}")
    screen.table(table)
    if confused := card.most_confused(6):
        pairs = ", ".join(f"{pair.label} as {pair.predicted} ({pair.count})" for pair in confused)
        screen.result("\n" + fill(f"most often taken for another: {pairs}", 79, subsequent_indent="  "))


def show_repeated_scorecard(screen: Screen, repeated: RepeatedScorecard) -> None:
    """Print the mean accuracy of several seeds, its spread, and each."""
    deviation = repeated.standard_deviation
    spread = "" if deviation is None else f", standard deviation {deviation:.2%}"
    screen.result(f"mean accuracy {repeated.mean:.2%}{spread}, {len(repeated.runs)} seeds\n")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("seed", "accuracy", "wrong", "training"):
        table.add_column(heading, justify="right")
    for card in repeated.runs:
        seconds = f"{card.seconds.get('train', 0):.1f} s"
        table.add_row(str(card.seed), f"{card.accuracy:.2%}", f"{card.total - card.correct:,}", seconds)
    screen.table(table)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
