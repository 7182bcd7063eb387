"""Carrying out a run in its folder: one training, or several with random seeds that count up.

All functions raise MnistMlpError where something is in the way; what is finished, and what the checkpoints
hold, stays.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from mnist_mlp.errors import MnistMlpError, printable
from mnist_mlp.files.atomic import write_text
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard
from mnist_mlp.runs.folder import SCORECARD, is_finished, make_folder, tidy
from mnist_mlp.runs.job import SILENT, Callbacks, Data, Job, Result, check_identity, identity_of, run_one
from mnist_mlp.runs.plan import Plan, RunError
from mnist_mlp.runs.results import keep, read_card, write_repeated
from mnist_mlp.runs.workers import Engine, local_engine, run_all
from mnist_mlp.training.checks import examine_digits, examine_overlap

_CHECKPOINT_SECONDS = 2.0  # between those of a worker

OnDone = Callable[[Job, Result | MnistMlpError], object]


def carry_out(folder: Path, plan: Plan, data: Data, callbacks: Callbacks = SILENT) -> Scorecard:
    """Do what is left to do of a run of one training, and write the results into its folder."""
    job = Job(plan.recipe, folder)
    prepare_job(job)
    result = run_one(job, data, callbacks)
    try:
        callbacks.on_card(result.card)
    finally:  # whatever becomes of showing it
        keep(job, result, data)
    return result.card


def carry_out_repeats(
    folder: Path, plan: Plan, data: Data, *, places: int, on_done: OnDone
) -> RepeatedScorecard:
    """Do what is left to do of a run with repeats: train each seed in a folder of its own, several at once.

    There are places for so many workers, each with one BLAS thread. `on_done` is told of each training as it
    ends.
    """
    write_text(folder / "recipe.toml", plan.recipe.to_toml())
    jobs = [Job(recipe, folder / f"seed-{recipe.seed}") for recipe in plan.recipes]

    def end_at_failure(job: Job, outcome: Result | MnistMlpError) -> None:
        if isinstance(outcome, MnistMlpError):
            raise outcome
        on_done(job, outcome)

    train_all(jobs, data, local_engine(places, data, folder), end_at_failure)
    return write_repeated(folder, [card_of(job, data) for job in jobs])


def train_all(
    jobs: Sequence[Job],
    data: Data,
    workers: AbstractContextManager[Engine],
    on_done: OnDone,
    *,
    pictures: bool = True,
) -> None:
    """Train the networks that are not finished, several at once, and keep each as soon as it is done.

    The workers are started if any is left, and `on_done` is told what became of each, see `run_all`.
    """
    left = [replace(job, checkpoint_seconds=_CHECKPOINT_SECONDS) for job in jobs if not prepare_job(job)]
    if not left:
        return
    with workers as engine:
        for job, outcome in run_all(left, engine):
            if isinstance(outcome, Result):
                keep(job, outcome, data, pictures=pictures)
            on_done(job, outcome)


def prepare_job(job: Job) -> bool:
    """Make the folder of a job ready for it, and tell whether the job is finished there already."""
    if job.folder.is_symlink():
        raise RunError(f"{printable(job.folder)}: is a link, perhaps out of the run's folder; remove it")
    make_folder(job.folder)
    tidy(job.folder)
    if not (finished := is_finished(job.folder)):
        write_text(job.folder / "recipe.toml", job.recipe.to_toml())
    return finished


def card_of(job: Job, data: Data) -> Scorecard:
    """Read the scorecard of a finished job; RunError if it is of another recipe or other digits."""
    card = read_card(job.folder)
    found = {"recipe": card.recipe, "data": card.data}
    check_identity(job.folder / SCORECARD, found, identity_of(job.recipe, data))
    return card


def examine(data: Data) -> list[str]:
    """What may be wrong with the digits of a run, in plain words."""
    findings = examine_digits(data.train, role="training")
    if data.test is not None:
        findings += [*examine_digits(data.test, role="test"), *examine_overlap(data.train, data.test)]
    return findings
