"""A sweep: many settings, several seeds each, judged on held-out digits; the best meets the test digits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from mnist_mlp.errors import MnistMlpError
from mnist_mlp.files.atomic import read_text, write_text
from mnist_mlp.nn.network import Network
from mnist_mlp.report.scorecard import RepeatedScorecard, ScoreError
from mnist_mlp.report.sweeps import Entry, Settings, label
from mnist_mlp.runs.folder import HISTORY, MODEL, is_finished
from mnist_mlp.runs.job import Data, Job, Result, scored
from mnist_mlp.runs.plan import Plan
from mnist_mlp.runs.results import keep, write_repeated
from mnist_mlp.runs.run import card_of, prepare_job
from mnist_mlp.runs.workers import WorkerError
from mnist_mlp.training.history import history_from_csv
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.trainer import TrainingError

FAILED = "failed.txt"


@dataclass(frozen=True)
class Sweep(Plan):
    """What was asked of a sweep, as it stands in `sweep.json`.

    Attributes:
        settings: what each setting changes in the recipe, by name.

    Raises:
        RecipeError: if settings do not go together.
    """

    KIND: ClassVar[str] = "sweep"

    settings: Sequence[Settings] = ({},)

    def __post_init__(self) -> None:
        super().__post_init__()
        recipes = [(self.recipe.with_settings(setting), setting) for setting in self.settings]
        checked = [{name: getattr(recipe, name) for name in setting} for recipe, setting in recipes]
        object.__setattr__(self, "settings", checked)

    def is_in(self, folder: Path) -> bool:
        """Whether a folder holds this sweep, perhaps of digits that are elsewhere."""
        there = (folder / f"{self.KIND}.json").exists()
        return there and replace(Sweep.read(folder), places=self.places) == self

    def jobs_of(self, folder: Path, setting: Settings) -> list[Job]:
        """The trainings of one setting, each with a folder of its own below the sweep's."""
        plan = Plan(self.recipe.with_settings(setting), self.repeats)
        return [Job(recipe, folder / label(setting) / f"seed-{recipe.seed}") for recipe in plan.recipes]

    def jobs(self, folder: Path) -> list[Job]:
        """The trainings that all settings need: of those that pass through each other, the longest."""
        every = (job for setting in self.settings for job in self.jobs_of(folder, setting))
        by_epochs = sorted(every, key=lambda job: job.recipe.epochs)
        return list({_any_epochs(job.recipe): job for job in by_epochs}.values())


def _any_epochs(recipe: Recipe) -> Recipe:
    """The same for all recipes of which the longest passes through the others, epoch by epoch."""
    return replace(recipe, epochs=1) if recipe.schedule == "constant" and not recipe.patience else recipe


def has_failed(job: Job) -> bool:
    """Whether a network could not be trained."""
    return (job.folder / FAILED).exists()


def is_left(job: Job) -> bool:
    """Whether a job has neither finished nor failed."""
    return not is_finished(job.folder) and not has_failed(job)


def note_failure(job: Job, outcome: Result | MnistMlpError) -> None:
    """Write `failed.txt` for a network that cannot be trained; raise what no setting can be blamed for."""
    if isinstance(outcome, TrainingError | ScoreError | WorkerError):
        write_text(job.folder / FAILED, f"{outcome}\n")
    elif isinstance(outcome, MnistMlpError):
        raise outcome


def entries_of(folder: Path, sweep: Sweep, data: Data) -> list[Entry]:
    """What became of each network; RunError if one was trained by another recipe or on other digits."""
    trained = {_any_epochs(job.recipe): job for job in sweep.jobs(folder)}
    entries = []
    for setting in sweep.settings:
        for job in sweep.jobs_of(folder, setting):
            source = job if is_finished(job.folder) else trained[_any_epochs(job.recipe)]
            place = source.folder.relative_to(folder).as_posix()
            if is_finished(source.folder):
                card = card_of(source, data)
                history = history_from_csv(read_text(source.folder / HISTORY))[: job.recipe.epochs]
                seconds = round(sum(record.seconds for record in history), 3)
                held_out = card.accuracy if source is job else history[-1].validation_accuracy
                failed = None
            else:
                held_out, seconds, failed = None, None, read_text(source.folder / FAILED).strip()
            entries.append(Entry(setting, job.recipe.seed, held_out, seconds, place, failed))
    return entries


def score_chosen(folder: Path, sweep: Sweep, setting: Settings, data: Data) -> RepeatedScorecard:
    """Open the test digits for the networks of the chosen setting: `chosen/` is a run with repeats of them.

    Beside it `chosen.toml` is written, the recipe of the setting.
    """
    cards = []
    for job in sweep.jobs_of(folder, setting):
        history = history_from_csv(read_text(job.folder / HISTORY))
        result = scored(Network.load(job.folder / MODEL), job.recipe, history, data)
        copy = Job(job.recipe, folder / "chosen" / job.folder.name)
        prepare_job(copy)
        keep(copy, result, data)
        cards.append(result.card)
    recipe = replace(sweep.recipe.with_settings(setting), name="chosen")
    write_text(folder / "chosen.toml", recipe.to_toml())
    return write_repeated(folder / "chosen", cards)
