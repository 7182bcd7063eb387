"""A run's folder: what was asked, which folders a run may take, and where its model is."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import RESULTS, files
from refusals import refused

from mnist_mlp.files.atomic import temporary_name
from mnist_mlp.nn.network import Network
from mnist_mlp.runs.folder import check_free, find_model, load_model, make_folder, new_folder, prepare, tidy
from mnist_mlp.runs.plan import DataPlaces, Plan, places_of
from mnist_mlp.training.recipe import RECIPES, Recipe

PLAN = Plan(Recipe(name="small", hidden=(16, 12), epochs=3), places=DataPlaces(train_csv="/a.csv"))


# What was asked


@pytest.mark.parametrize("recipe", [*RECIPES.values(), PLAN.recipe], ids=lambda recipe: recipe.name)
def test_a_plan_reads_back_as_it_was(tmp_path: Path, recipe: Recipe) -> None:
    plan = Plan(recipe, repeats=3, places=DataPlaces("/a/b é \udcff.csv", None, "C:\\data"))
    prepare(tmp_path, plan)
    assert Plan.read(tmp_path) == plan
    (tmp_path / "run.json").write_text(plan.to_json() + " " * 5_000_000)  # as long as that of a large sweep
    assert Plan.read(tmp_path) == plan
    assert list(plan.recipes) == [replace(recipe, seed=seed) for seed in (1, 2, 3)]


@pytest.mark.parametrize(
    "content",
    [
        *("", "[" * 5000, "null", '{"recipe": {}}'),
        '{"recipe": {}, "repeats": true, "places": {}}',
        '{"recipe": {}, "repeats": 1, "places": {"data_dir": 3}}',
        '{"recipe": {}, "repeats": 1, "places": {}, "more": 1}',
        '{"recipe": {"\\u001b[2J": 1}, "repeats": 1, "places": {}}',
        '{"recipe": {"seed": 9223372036854775807}, "repeats": 2, "places": {}}',
    ],
    ids=lambda content: content[:50],
)
def test_a_broken_plan_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    message = refused(Plan.read, tmp_path)
    assert message.startswith(f"{tmp_path / 'run.json'}: broken: ")
    assert message.endswith("; start again with another --out")
    assert len(message) < 300 + len(str(tmp_path))


def test_a_folder_without_a_plan_holds_no_run(tmp_path: Path) -> None:
    assert refused(Plan.read, tmp_path) == f"{tmp_path}: holds no run (no run.json); name a run's folder"
    assert "\\x1b[2J': there is no such run; name a run's folder" in refused(
        Plan.read, tmp_path / "none\x1b[2J"
    )


def test_seeds_that_count_beyond_the_largest_are_refused() -> None:
    assert Plan(Recipe(seed=2**63 - 2), repeats=2)
    message = refused(Plan, Recipe(seed=2**63 - 2), repeats=3)
    assert message.startswith("the last of the repeats: seed must be from 0 to ")
    for repeats in (0, True):
        assert refused(Plan, Recipe(), repeats) == f"repeats must be a whole number from 1, not {repeats}"


@pytest.mark.usefixtures("alone")
def test_where_the_digits_were_is_known_in_the_run_or_above(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(Path("run"), PLAN)
    prepare(Path("run/seed-1"), Plan(Recipe(), places=DataPlaces(data_dir="/own")))
    make_folder(Path("run/seed-2"))
    make_folder(Path("elsewhere/seed-2"))
    assert places_of(Path("run")) == PLAN.places
    assert places_of(Path("run/seed-1")) == DataPlaces(data_dir="/own")
    assert places_of(Path("elsewhere/seed-2")) == DataPlaces()
    monkeypatch.chdir("run/seed-2")
    assert places_of(Path()) == PLAN.places


# Folders


@pytest.mark.usefixtures("alone")
def test_new_folders_have_names_of_their_own_that_tell_the_time_and_the_recipe() -> None:
    folders = [new_folder("fast") for _ in range(15)]
    assert all(folder.is_dir() and folder.parent == Path("runs") for folder in folders)
    made = {
        time: list(names)
        for time, names in groupby((folder.name for folder in folders), lambda name: name[:21])
    }
    for start, names in made.items():
        begun = datetime.strptime(start, "%Y%m%dT%H%M%SZ-fast").replace(tzinfo=UTC)
        assert timedelta() <= datetime.now(UTC) - begun < timedelta(minutes=2)
        assert names == [start, *(f"{start}-{i}" for i in range(2, len(names) + 1))]


def test_a_folder_that_holds_a_run_is_taken_by_force_only(tmp_path: Path) -> None:
    folder = tmp_path / "my run"
    check_free(folder)
    prepare(folder, PLAN)
    resume = f'go on with mnist-mlp train --resume "{folder}", or --force to start again'
    assert refused(check_free, folder) == f"{folder}: holds an unfinished run; {resume}"
    (folder / "scorecard.json").touch()
    finished = "holds a finished run; choose another folder, or --force to replace it"
    assert refused(check_free, folder) == f"{folder}: {finished}"
    check_free(folder, force=True)
    (folder / "sweep.json").touch()
    resume = f'choose another folder, or go on with mnist-mlp sweep --resume "{folder}"'
    assert refused(check_free, folder, force=True) == f"{folder}: holds a sweep; {resume}"


def test_a_folder_of_other_things_is_never_taken(tmp_path: Path) -> None:
    (tmp_path / temporary_name("run.json", 999_999_999)).touch()  # of a process killed before its plan
    check_free(tmp_path)
    (tmp_path / "recipe.toml").touch()
    for force in (False, True):
        line = refused(check_free, tmp_path, force=force)
        assert line == f"{tmp_path}: is not empty, and holds no run; choose another folder"


def test_a_folder_that_cannot_be_made_or_cleared_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert refused(make_folder, file) == f"{file}: cannot be made: File exists; check the path"
    assert [make_folder(tmp_path / "a" / "b") for _ in range(2)] == [True, False]
    make_folder(tmp_path / "run" / "report.html")
    assert refused(prepare, tmp_path / "run", PLAN).startswith(f"{tmp_path / 'run'}: cannot be cleared: ")


def test_a_new_run_clears_the_files_of_an_older_one_and_no_others(tmp_path: Path) -> None:
    others = {"notes.txt", "seed-3/notes.txt"}
    of_evaluate = {"scorecard.json", "robustness.png"}
    for name in (*RESULTS, "checkpoint.safetensors", *of_evaluate, "seed-3/scorecard.json", *others):
        make_folder((tmp_path / name).parent)
        (tmp_path / name).write_text("old")
    prepare(tmp_path, PLAN)
    assert files(tmp_path) == {"run.json", *others}
    assert Plan.read(tmp_path) == PLAN


@pytest.mark.skipif(os.name != "posix", reason="links as Unix has them")
def test_a_new_run_leaves_alone_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "scorecard.json").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "seed-1").symlink_to(tmp_path / "elsewhere")
    prepare(tmp_path / "run", PLAN)
    assert (tmp_path / "elsewhere" / "scorecard.json").exists()


def test_tidying_removes_leftovers_and_of_a_finished_run_the_checkpoint(tmp_path: Path) -> None:
    for result in ("model.safetensors", "scorecard.json"):  # the last makes it finished
        (tmp_path / temporary_name(result, 999_999_999)).touch()
        (tmp_path / "checkpoint.safetensors").touch()
        (tmp_path / result).touch()
        tidy(tmp_path)
        assert ("checkpoint.safetensors" in files(tmp_path)) == (result == "model.safetensors")
    assert files(tmp_path) == {"model.safetensors", "scorecard.json"}


# Models


@pytest.mark.usefixtures("alone")
def test_a_model_is_found_by_its_file_by_its_run_or_in_the_newest_run() -> None:
    runs = Path("runs")

    def finished(name: str, seconds: int, model: str) -> Path:
        prepare(runs / name, PLAN)
        (runs / name / "scorecard.json").touch()
        os.utime(runs / name / "scorecard.json", (seconds, seconds))
        make_folder((runs / name / model).parent)
        (runs / name / model).touch()
        return runs / name / model

    line = refused(find_model, None)
    assert line == f"no finished run under {runs}; train one first: mnist-mlp train"
    new, old = finished("a", 3, "model.safetensors"), finished("b", 2, "model.safetensors")
    prepare(runs / "not finished", PLAN)
    make_folder(runs / "evaluated")
    (runs / "evaluated" / "scorecard.json").touch()  # what evaluate wrote is no run, though it is the latest
    assert find_model(None) == new
    assert find_model(old.parent) == find_model(old) == old
    ninth = finished("c", 4, "seed-9/model.safetensors")
    make_folder(runs / "c" / "seed-10")
    (runs / "c" / "seed-10" / "model.safetensors").touch()
    assert find_model(None) == ninth
    begun, scored = runs / "not finished", runs / "evaluated"
    resume = f'go on with mnist-mlp train --resume "{begun}"'
    assert refused(find_model, begun) == f"{begun}: is not finished; {resume}"
    fault = "holds no model.safetensors; name a model file or a finished run"
    assert refused(find_model, scored) == f"{scored}: {fault}"
    for seed in ("chosen/seed-10", "chosen/seed-9"):  # of a sweep
        make_folder(scored / seed)
        (scored / seed / "model.safetensors").touch()
    assert find_model(scored) == scored / "chosen/seed-9/model.safetensors"


def test_a_model_tells_of_its_recipe_where_it_knows_it(tmp_path: Path) -> None:
    path, network = tmp_path / "model.safetensors", Network([784, 3, 10], rng=1)
    network.save(path, {"recipe": PLAN.recipe.to_dict()})
    model = load_model(path)
    assert (model.facts, model.threshold) == ({"recipe": PLAN.recipe.to_dict(), "seed": 1}, None)
    np.testing.assert_array_equal(model.network.weights[0], network.weights[0])
    recipe: Any
    for recipe in ({"layers": 3}, {"seed": -1}, [], "text", 3, None):
        network.save(path, {"recipe": recipe})
        assert load_model(path).facts == {}
    network.save(path, {"threshold": 0.25})
    assert load_model(path).threshold == 0.25
    Network([784, 10], rng=1).save(path, {"threshold": "high", "recipe": {"seed": 7}})
    model = load_model(path)
    assert (model.threshold, model.facts) == (None, {"recipe": Recipe(seed=7).to_dict(), "seed": 7})
    for sizes in ([785, 3, 10], [784, 3, 9]):
        Network(sizes, rng=1).save(path)
        shape = "-".join(map(str, sizes))
        assert (
            refused(load_model, path) == f"{path}: a {shape} network; digits need 784 inputs and 10 outputs"
        )
