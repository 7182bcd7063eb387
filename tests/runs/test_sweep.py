"""Sweeps: what is trained, what is chosen, and that it is the same whoever trains it."""

import json
import re
import shutil
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from folders import RESULTS, files

from mnist_mlp.errors import MnistMlpError
from mnist_mlp.files.atomic import temporary_name
from mnist_mlp.report.markdown import repeated_page, sweep_page
from mnist_mlp.report.scorecard import ScoreError
from mnist_mlp.report.sweep_figures import save_sweep_picture
from mnist_mlp.report.sweeps import Entry, summarize
from mnist_mlp.runs.job import Data, Job, Result, run_one
from mnist_mlp.runs.plan import DataPlaces, RunError
from mnist_mlp.runs.results import write_sweep
from mnist_mlp.runs.run import train_all
from mnist_mlp.runs.sweep import Sweep, entries_of, has_failed, is_left, note_failure, score_chosen
from mnist_mlp.runs.workers import Engine, WorkerError, local_engine
from mnist_mlp.training.history import history_from_csv
from mnist_mlp.training.recipe import EXPLANATIONS, RECIPES, Recipe, load_recipe

RECIPE = Recipe(name="small", hidden=12, batch_size=10, epochs=2, learning_rate=0.5, validation=100)
SWEEP = Sweep(RECIPE, 2, settings=[{"learning_rate": 0.2}, {"learning_rate": 0.5, "hidden": (8, 6)}])


@pytest.fixture(scope="module")
def held_out(data: Data) -> Data:
    """The training digits of a small run alone."""
    return Data(data.train)


def engine(data: Data, submitted: list[Job] | None = None) -> AbstractContextManager[Engine]:
    """Trains in this process, and puts down what it is asked for."""

    def submit(job: Job) -> Future[Result]:
        future = Future[Result]()
        try:
            future.set_result(run_one(job, data))
        except MnistMlpError as error:
            future.set_exception(error)
        if submitted is not None:
            submitted.append(job)
        return future

    return nullcontext(Engine(submit))


def carry_out(
    jobs: list[Job], data: Data, folder: Path, workers: AbstractContextManager[Engine] | None = None
) -> list[str]:
    """Train what is left; the folders of what was trained or failed."""
    done = []

    def on_done(job: Job, outcome: Result | MnistMlpError) -> None:
        note_failure(job, outcome)
        done.append(job.folder.relative_to(folder).as_posix())

    train_all(jobs, data, workers or engine(data), on_done, pictures=False)
    return done


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, held_out: Data) -> Path:
    """The folder of a sweep whose networks are trained; for reading only."""
    folder = tmp_path_factory.mktemp("sweep")
    jobs, submitted = SWEEP.jobs(folder), list[Job]()
    first, *others = (job.folder.relative_to(folder).as_posix() for job in jobs)
    assert carry_out(jobs[:1], held_out, folder, local_engine(1, held_out, folder)) == [first]
    assert sorted(carry_out(jobs, held_out, folder, engine(held_out, submitted))) == sorted(others)
    # A worker that is stopped has lost at most the epochs of about two seconds.
    assert submitted == [replace(job, checkpoint_seconds=2.0) for job in jobs[1:]]
    none = local_engine(0, held_out, Path("none"))  # fails where it is started
    assert carry_out(jobs, held_out, folder, none) == []
    return folder


def test_each_network_has_a_folder_named_by_its_settings_and_seed(swept: Path, held_out: Data) -> None:
    places = [
        f"{setting}/seed-{seed}"
        for setting in ("learning_rate=0.2", "learning_rate=0.5,hidden=8x6")
        for seed in (1, 2)
    ]
    names = {"model.safetensors", "history.csv", "recipe.toml", "scorecard.json", "scorecard.md"}
    assert files(swept) == {f"{place}/{name}" for place in places for name in names}
    job = SWEEP.jobs(swept)[-1]
    assert load_recipe(str(job.folder / "recipe.toml")) == job.recipe
    assert (job.recipe.hidden, job.recipe.seed) == ((8, 6), 2)
    card = json.loads((job.folder / "scorecard.json").read_text())
    assert card["total"] == 100  # the held-out digits
    assert card["accuracy"] == run_one(Job(job.recipe, swept, None), held_out).card.accuracy


def test_what_is_in_the_way_of_all_networks_ends_the_sweep(data: Data, tmp_path: Path) -> None:
    sweep = Sweep(replace(RECIPE, validation=400))
    with pytest.raises(RunError, match="leaves none of the 400 training digits to learn"):
        carry_out(sweep.jobs(tmp_path), Data(data.train), tmp_path)
    assert not list(tmp_path.rglob("failed.txt"))


def test_a_network_that_cannot_be_trained_has_failed_and_is_not_tried_again(
    held_out: Data, tmp_path: Path
) -> None:
    sweep = Sweep(replace(RECIPE, weight_decay=1.0), settings=[{"learning_rate": 1000.0}])
    (job,) = sweep.jobs(tmp_path)
    assert (is_left(job), has_failed(job)) == (True, False)
    assert carry_out([job], held_out, tmp_path) == ["learning_rate=1000/seed-1"]
    reason = (job.folder / "failed.txt").read_text()
    assert reason.startswith("epoch 1: the loss is no longer finite; ")
    assert (is_left(job), has_failed(job)) == (False, True)
    (entry,) = entries_of(tmp_path, sweep, held_out)
    assert entry == Entry(
        {"learning_rate": 1000.0}, 1, None, None, "learning_rate=1000/seed-1", reason.strip()
    )
    for error in (WorkerError("its worker was lost"), ScoreError("its outputs are not finite")):
        note_failure(job, error)
        assert (job.folder / "failed.txt").read_text() == f"{error}\n"


# Epochs


@pytest.mark.parametrize(
    "recipe",
    [
        replace(RECIPE, shuffle=True, momentum=0.9),
        replace(RECIPES["book"], hidden=12, validation=100),
        replace(RECIPES["best"], hidden=12, validation=100, schedule="constant"),
    ],
    ids=lambda recipe: recipe.name,
)
def test_with_a_constant_learning_rate_one_training_gives_all_its_epochs(
    recipe: Recipe, held_out: Data, tmp_path: Path
) -> None:
    sweep = Sweep(recipe, settings=[{"epochs": 1}, {"epochs": 3}, {"epochs": 2}])
    (job,) = sweep.jobs(tmp_path)
    assert job.recipe.epochs == 3
    carry_out([job], held_out, tmp_path)
    entries = entries_of(tmp_path, sweep, held_out)
    assert {entry.folder for entry in entries} == {"epochs=3/seed-1"}
    for entry in entries:
        alone = run_one(Job(replace(recipe, **entry.settings), tmp_path / "none", None), held_out)
        assert entry.held_out == alone.card.accuracy
    times = [record.seconds for record in history_from_csv((job.folder / "history.csv").read_text())]
    assert [entry.seconds for entry in entries] == [round(sum(times[:n]), 3) for n in (1, 3, 2)]
    assert [(entry.settings, entry.seed) for entry in entries] == [({"epochs": n}, 1) for n in (1, 3, 2)]


def test_with_a_falling_rate_or_patience_each_number_of_epochs_is_trained() -> None:
    settings: list[dict[str, Any]] = [{"epochs": 1}, {"epochs": 2}]
    for changed in ({"schedule": "linear"}, {"patience": 1}):
        assert len(Sweep(replace(RECIPE, **changed), settings=settings).jobs(Path())) == 2
    assert len(Sweep(RECIPE, 3, settings=settings).jobs(Path())) == 3


# What it found


def test_networks_of_other_digits_or_recipes_are_not_summed_up(swept: Path, held_out: Data) -> None:
    other = Data(replace(held_out.train, files={"other.csv": "0" * 64}))
    card = swept / "learning_rate=0.2" / "seed-1" / "scorecard.json"
    with pytest.raises(RunError, match=rf"^{re.escape(str(card))}: the run began with other data: "):
        entries_of(swept, SWEEP, other)
    changed = replace(SWEEP, recipe=replace(RECIPE, momentum=0.5))
    with pytest.raises(RunError, match=r"other recipe: momentum was 0\.0, is 0\.5; give it back the same$"):
        entries_of(swept, changed, held_out)


def test_the_chosen_networks_are_a_run_with_repeats_on_the_test_digits(
    swept: Path, data: Data, tmp_path: Path
) -> None:
    shutil.copytree(swept, tmp_path, dirs_exist_ok=True)
    tested = score_chosen(tmp_path, SWEEP, SWEEP.settings[1], data)
    assert [(card.total, card.seed) for card in tested.runs] == [(200, 1), (200, 2)]
    assert load_recipe(str(tmp_path / "chosen.toml")) == replace(
        RECIPE, name="chosen", learning_rate=0.5, hidden=(8, 6)
    )
    chosen, source = tmp_path / "chosen", tmp_path / "learning_rate=0.5,hidden=8x6"
    of_seeds = {f"seed-{seed}/{name}" for seed in (1, 2) for name in RESULTS - {"run.json"}}
    assert files(chosen) == of_seeds | {"scorecard.json", "scorecard.md"}
    for name in ("history.csv", "recipe.toml", "model.safetensors"):
        same = [(folder / "seed-2" / name).read_bytes() for folder in (chosen, source)]
        assert (same[0] == same[1]) is (name != "model.safetensors")  # which tells of the test digits, too
    assert (chosen / "scorecard.json").read_text() == tested.to_json()
    page = repeated_page(tested, explanations=EXPLANATIONS)
    assert (chosen / "scorecard.md").read_text("utf-8") == page

    rows = summarize(entries_of(swept, SWEEP, Data(data.train)))
    (chosen / temporary_name("scorecard.md", 999_999_999)).touch()  # of a process killed in the end
    write_sweep(chosen, rows, tested)
    page = sweep_page(rows, tested, explanations=EXPLANATIONS)
    assert (chosen / "scorecard.md").read_text("utf-8") == page
    save_sweep_picture(tmp_path / "expected.png", rows, 100)
    assert (chosen / "sweep.png").read_bytes() == (tmp_path / "expected.png").read_bytes()
    assert files(chosen) == of_seeds | {"scorecard.json", "scorecard.md", "sweep.png"}


# sweep.json


def test_a_sweep_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(SWEEP.to_json())
    assert Sweep.read(tmp_path) == SWEEP
    assert Sweep.read(tmp_path).jobs(tmp_path) == SWEEP.jobs(tmp_path)
    elsewhere = replace(SWEEP, places=DataPlaces(data_dir="/elsewhere"))
    known = [elsewhere.is_in(tmp_path), replace(SWEEP, repeats=3).is_in(tmp_path), SWEEP.is_in(Path("none"))]
    assert known == [True, False, False]


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"recipe": {}, "places": {}, "settings": 3}',
        '{"recipe": {}, "places": {}, "settings": [3]}',
        '{"recipe": {}, "places": {}, "settings": [{"hidden": "many"}]}',
        '{"recipe": {}, "places": {}, "settings": [{}], "more": 1}',
    ],
)
def test_a_broken_sweep_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(RunError, match=r"sweep.json: broken: .*; start again with another --out$"):
        Sweep.read(tmp_path)


def test_settings_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(MnistMlpError, match="center_inputs needs biases = true"):
        Sweep(RECIPE, settings=[{}, {"center_inputs": True}])
