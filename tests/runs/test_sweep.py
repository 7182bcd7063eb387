"""Sweeps: what is trained, what is chosen, and that it is the same whoever trains it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from folders import files

from mnist_mlp.errors import MnistMlpError
from mnist_mlp.runs.job import Data, Job, Result, run_one
from mnist_mlp.runs.plan import RunError
from mnist_mlp.runs.run import train_all
from mnist_mlp.runs.sweep import Sweep, entries_of, note_failure
from mnist_mlp.runs.workers import WorkerError, local_engine
from mnist_mlp.training.recipe import RECIPES, Recipe, load_recipe

RECIPE = Recipe(name="small", hidden=12, batch_size=10, epochs=2, learning_rate=0.5, validation=100)
SWEEP = Sweep(RECIPE, 2, settings=[{"learning_rate": 0.2}, {"learning_rate": 0.5, "hidden": (8, 6)}])


@pytest.fixture(scope="module")
def held_out(data: Data) -> Data:
    """The training digits of a small run alone."""
    return Data(data.train)


def carry_out(jobs: list[Job], data: Data, folder: Path, places: int = 2) -> list[str]:
    """Train what is left; the folders of what was trained or failed."""
    done = []

    def on_done(job: Job, outcome: Result | MnistMlpError) -> None:
        note_failure(job, outcome)
        done.append(job.folder.relative_to(folder).as_posix())

    train_all(jobs, data, local_engine(places, data, folder), on_done, pictures=False)
    return done


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, held_out: Data) -> Path:
    """The folder of a sweep whose networks are trained; for reading only."""
    folder = tmp_path_factory.mktemp("sweep")
    carry_out(SWEEP.jobs(folder), held_out, folder)
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
        alone = run_one(Job(replace(recipe, **entry.settings), tmp_path, None), held_out)
        assert entry.held_out == alone.card.accuracy
    seconds = [entry.seconds for entry in entries]
    assert seconds[0] < seconds[2] < seconds[1]  # type: ignore[operator]


def test_with_a_falling_rate_or_patience_each_number_of_epochs_is_trained() -> None:
    settings: list[dict[str, Any]] = [{"epochs": 1}, {"epochs": 2}]
    for changed in ({"schedule": "linear"}, {"patience": 1}):
        assert len(Sweep(replace(RECIPE, **changed), settings=settings).jobs(Path())) == 2
    assert len(Sweep(RECIPE, 3, settings=settings).jobs(Path())) == 3


# What it found


def test_networks_of_other_digits_are_not_summed_up(swept: Path, held_out: Data) -> None:
    other = Data(replace(held_out.train, files={"other.csv": "0" * 64}))
    with pytest.raises(RunError, match=r"seed-1.scorecard.json: the run began with other data: "):
        entries_of(swept, SWEEP, other)


# sweep.json


def test_a_sweep_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(SWEEP.to_json())
    assert Sweep.read(tmp_path) == SWEEP
    assert Sweep.read(tmp_path).jobs(tmp_path) == SWEEP.jobs(tmp_path)


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


def test_a_network_whose_worker_was_lost_has_failed(tmp_path: Path) -> None:
    note_failure(Job(RECIPE, tmp_path), WorkerError("its worker was lost in each try"))
    assert (tmp_path / "failed.txt").read_text() == "its worker was lost in each try\n"
