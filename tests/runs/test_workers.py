"""Several trainings at once: repeats in worker processes, and what becomes of workers that are lost."""

import multiprocessing
import os
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from folders import RESULTS, files
from networks import content

from mnist_mlp.errors import MnistMlpError
from mnist_mlp.files.atomic import temporary_name
from mnist_mlp.nn.network import Network
from mnist_mlp.runs.folder import find_model, prepare
from mnist_mlp.runs.job import Data, Job, Result, run_one
from mnist_mlp.runs.plan import Plan, RunError
from mnist_mlp.runs.run import carry_out, carry_out_repeats
from mnist_mlp.runs.workers import Engine, WorkerError, local_engine, run_all
from mnist_mlp.training.recipe import Recipe, load_recipe
from mnist_mlp.training.trainer import TrainingError

SMALL = Recipe(name="small", hidden=16, epochs=2, validation=50, seed=9)
PLAN = Plan(SMALL, repeats=2)
LOST = "its worker was lost in each try, perhaps for lack of memory"


def repeat(folder: Path, data: Data, plan: Plan = PLAN) -> list[int]:
    """Carry out a run with repeats by two workers; the seeds that there were left to train."""
    seeds: list[int] = []

    def on_done(job: Job, _: object) -> None:
        seeds.append(job.recipe.seed)

    carry_out_repeats(folder, plan, data, places=2, on_done=on_done)
    return sorted(seeds)


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory, data: Data) -> Path:
    """The folder of a run with two seeds; for reading only."""
    folder = tmp_path_factory.mktemp("repeated") / "run"
    prepare(folder, PLAN)
    before = dict(os.environ)
    assert repeat(folder, data) == [9, 10]
    assert dict(os.environ) == before
    return folder


def test_each_seed_is_a_run_of_its_own(repeated: Path, data: Data, tmp_path: Path) -> None:
    above = {"recipe.toml", "run.json", "scorecard.json", "scorecard.md"}
    assert load_recipe(str(repeated / "recipe.toml")) == SMALL
    of_seed = RESULTS - {"run.json"}
    assert files(repeated) == above | {f"seed-{seed}/{name}" for seed in (9, 10) for name in of_seed}
    alone = Plan(replace(SMALL, seed=10))
    prepare(tmp_path, alone)
    carry_out(tmp_path, alone, data)
    assert load_recipe(str(repeated / "seed-10" / "recipe.toml")) == alone.recipe
    for name in ("model.safetensors", "confusion_matrix.png"):
        assert (repeated / "seed-10" / name).read_bytes() == (tmp_path / name).read_bytes()
    assert find_model(repeated) == repeated / "seed-9" / "model.safetensors"


def test_only_what_is_left_is_done_and_only_with_the_same_digits(
    repeated: Path, data: Data, tmp_path: Path
) -> None:
    prepare(tmp_path, PLAN)
    (tmp_path / "seed-9").mkdir()
    for name in files(repeated / "seed-9"):
        (tmp_path / "seed-9" / name).write_bytes((repeated / "seed-9" / name).read_bytes())
    for killed in (tmp_path, tmp_path / "seed-9"):
        (killed / temporary_name("scorecard.json", 999_999_999)).touch()
    assert repeat(tmp_path, data) == [10]
    assert files(tmp_path) == files(repeated)
    model = Path("seed-10", "model.safetensors")
    assert (tmp_path / model).read_bytes() == (repeated / model).read_bytes()

    other = Data(data.train, replace(data.test or data.train, files={"other.csv": "0" * 64}))
    with pytest.raises(MnistMlpError, match=r"seed-9.scorecard.json: the run began with other data: "):
        repeat(tmp_path, other)
    (tmp_path / "seed-9" / "scorecard.json").write_text("{}")
    with pytest.raises(RunError, match=r"seed-9.scorecard.json: this is no scorecard \(KeyError: "):
        repeat(tmp_path, data)


def test_a_seed_that_cannot_be_trained_ends_the_run(data: Data, tmp_path: Path) -> None:
    plan = Plan(replace(SMALL, batch_size=20, learning_rate=1000, weight_decay=1), repeats=2)
    prepare(tmp_path, plan)
    with pytest.raises(TrainingError, match="is no longer finite; choose a learning rate below 1000"):
        repeat(tmp_path, data, plan)
    assert not [name for name in files(tmp_path) if "digits" in name or "scorecard" in name]


@pytest.mark.skipif(os.name != "posix", reason="links as Unix has them")
def test_a_link_in_the_place_of_a_seeds_folder_is_refused(data: Data, tmp_path: Path) -> None:
    prepare(tmp_path / "run", PLAN)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run" / "seed-10").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MnistMlpError, match="seed-10: is a link, perhaps out of the run's folder; remove it"):
        repeat(tmp_path / "run", data)


def test_what_became_of_each_job_is_told_as_it_ends(tmp_path: Path) -> None:
    futures = {Job(replace(SMALL, seed=seed), tmp_path): Future[Result]() for seed in (1, 2, 3)}
    first, second, third = futures
    outcomes = run_all(list(futures), Engine(futures.__getitem__, lost=KeyError))
    broken = TrainingError("the loss is no longer finite")
    futures[second].set_exception(broken)
    assert next(outcomes) == (second, broken)
    futures[third].set_exception(KeyError())
    job, lost = next(outcomes)
    assert (job, type(lost), str(lost)) == (third, WorkerError, LOST)
    futures[first].set_exception(ZeroDivisionError())  # a defect
    with pytest.raises(ZeroDivisionError):
        next(outcomes)


def test_a_defect_in_a_worker_tells_where_it_was(data: Data, tmp_path: Path) -> None:
    no_recipe: Any = None
    with pytest.raises(AttributeError) as caught, local_engine(1, data, tmp_path) as engine:
        list(run_all([Job(no_recipe, tmp_path)], engine))
    assert "in run_one\n" in caught.value.__notes__[0]


def test_a_job_whose_worker_is_lost_is_tried_three_times(data: Data, tmp_path: Path) -> None:
    endless = Job(replace(SMALL, epochs=100_000), tmp_path, None)
    killed = set()
    with local_engine(1, data, tmp_path) as engine:
        future = engine.submit(endless)
        while not future.done():
            for process in multiprocessing.active_children():
                process.kill()
                killed.add(process.pid)
            sleep(0.01)
        assert len(killed) == 3
        ((job, outcome),) = run_all([endless], Engine(lambda _: future))
    assert (job, str(outcome)) == (endless, LOST)


def test_workers_that_are_killed_are_replaced_and_none_is_left(data: Data, tmp_path: Path) -> None:
    jobs = [Job(replace(SMALL, seed=seed), tmp_path / str(seed), None) for seed in range(1, 6)]
    (tmp_path / ".digits-of-a-killed-process").mkdir()
    networks: dict[int, Network] = {}
    with local_engine(2, data, tmp_path) as engine:
        assert len(list(tmp_path.glob(".digits-*/*.npy"))) == 2  # of training and test digits
        for job, outcome in run_all(jobs, engine):
            assert isinstance(outcome, Result)
            assert outcome.card.machine["threads"] == "1"
            assert outcome.card.seconds["load"] == data.seconds
            networks[job.recipe.seed] = outcome.network
            if len(networks) in (1, 3):
                for process in multiprocessing.active_children():
                    process.kill()
    assert multiprocessing.active_children() == []
    assert files(tmp_path) == set()
    assert [path.name for path in tmp_path.iterdir()] == []
    for job in jobs:
        assert content(networks[job.recipe.seed]) == content(run_one(job, data).network)


def test_workers_end_at_once_whatever_stops_the_main_process(data: Data, tmp_path: Path) -> None:
    long = Job(replace(SMALL, epochs=100_000), tmp_path, None)
    begin = monotonic()
    with pytest.raises(KeyboardInterrupt), local_engine(1, data, tmp_path) as engine:  # noqa: PT012
        engine.submit(long)
        raise KeyboardInterrupt
    assert multiprocessing.active_children() == []
    assert monotonic() - begin < 60
    assert list(tmp_path.iterdir()) == []
