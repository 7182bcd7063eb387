import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import RESULTS, files

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.files.arrays import load_arrays
from mnist_mlp.files.atomic import temporary_name
from mnist_mlp.nn.network import Network
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard
from mnist_mlp.runs.folder import Plan, check_free, find_model, is_finished, load_model, make_folder, prepare
from mnist_mlp.runs.run import Callbacks, Data, carry_out
from mnist_mlp.training.history import EpochRecord, history_to_csv
from mnist_mlp.training.recipe import Recipe, load_recipe
from mnist_mlp.training.trainer import Progress, train

SMALL = Recipe(name="small", hidden=16, epochs=3)
MOVING = Recipe(
    name="moving",
    hidden=16,
    epochs=3,
    batch_size=32,
    learning_rate=0.01,
    optimizer="adam",
    schedule="cosine",
    biases=True,
    center_inputs=True,
    ema_epochs=0.5,
    rotation=7,
    elastic=20,
    shuffle=True,
    validation=50,
)


def start(folder: Path, plan: Plan) -> Path:
    prepare(folder, plan)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data: Data) -> Path:
    """The folder of a run that ended; for reading only."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    carry_out(start(folder, Plan(SMALL)), Plan(SMALL), data, Callbacks())
    return folder


def refused(function: Callable[[], object]) -> str:
    with pytest.raises(MnistMlpError) as caught:
        function()
    message = str(caught.value)
    assert message.isprintable()
    return message


class Stop(BaseException):
    """Someone has had enough."""


def stop_at(place: int) -> Callbacks:
    """Raises when it is told something for that many times, progress or the end of an epoch."""
    told = 0

    def tell(_: Progress | EpochRecord) -> None:
        nonlocal told
        told += 1
        if told == place:
            raise Stop

    return Callbacks(on_progress=tell, on_epoch=tell)


def carry_out_with_stops(folder: Path, plan: Plan, data: Data) -> int:
    """Stop in each epoch, and at the end of each, and go on; tells how often it stopped."""
    for stops in range(20):
        try:
            carry_out(folder, plan, data, stop_at(1 + stops % 2))
        except Stop:
            assert not is_finished(folder)
        else:
            return stops
    raise AssertionError("it never came to its end")


# What a run leaves


def test_a_run_leaves_the_files_of_the_contract_and_no_other(finished: Path) -> None:
    assert files(finished) == RESULTS
    written = {name: (finished / name).stat().st_mtime_ns for name in RESULTS}
    assert written["scorecard.json"] == max(written.values())
    assert written["run.json"] <= min(time for name, time in written.items() if name != "recipe.toml")


def test_its_model_is_the_one_that_the_library_trains(finished: Path, data: Data) -> None:
    network = Network([784, 16, 10], rng=1)
    history = train(network, data.train, SMALL)
    saved = Network.load(finished / "model.safetensors")
    for found, expected in zip(saved.parameters(), network.parameters(), strict=True):
        np.testing.assert_array_equal(found, expected)
    lines = (finished / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,learning_rate,loss,accuracy,validation_loss,validation_accuracy,seconds"
    for line, record in zip(lines[1:], history, strict=True):
        assert line.startswith(f"{record.epoch},0.3,{record.loss},{record.accuracy},,,")


def test_its_scorecard_says_how_it_came_about(finished: Path, data: Data) -> None:
    card = json.loads((finished / "scorecard.json").read_text())
    answers = Network.load(finished / "model.safetensors").predict(scale_pixels(data.test.images))
    assert card["total"] == 200
    assert card["correct"] == (answers == data.test.labels).sum() == sum(np.diag(card["confusion"]))
    assert [m["index"] for m in card["mistakes"]] == np.flatnonzero(answers != data.test.labels).tolist()
    assert card["recipe"] == SMALL.to_dict()
    assert card["seed"] == 1
    assert card["data"] == {**data.train.files, **data.test.files}
    assert card["seconds"].keys() == {"load", "train", "score"}
    assert card["seconds"]["load"] == 0.25
    assert card["versions"].keys() == {"python", "mnist-mlp", "numpy", "scipy"}
    assert load_arrays(finished / "model.safetensors")[1]["data"] == card["data"]


def test_its_recipe_repeats_it(finished: Path) -> None:
    assert load_recipe(str(finished / "recipe.toml")) == SMALL
    assert Plan.read(finished) == Plan(SMALL)


def test_files_of_one_name_are_told_apart() -> None:
    empty = Digits(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8), {"a.csv": "1"})
    assert Data(empty, replace(empty, files={"a.csv": "2"})).files == {"a.csv": "1", "test a.csv": "2"}


def test_the_history_leaves_empty_what_is_not_known() -> None:
    history = [EpochRecord(1, 0.3, 0.5, 0.75, None, None, 2.0), EpochRecord(2, 0.1, 0.25, 1.0, 0.5, 0.5, 2.0)]
    assert history_to_csv(history).splitlines()[1:] == ["1,0.3,0.5,0.75,,,2.0", "2,0.1,0.25,1.0,0.5,0.5,2.0"]


# Stopping and going on


@pytest.mark.parametrize("recipe", [SMALL, MOVING], ids=lambda recipe: recipe.name)
def test_a_run_stopped_everywhere_ends_in_the_same_bytes(tmp_path: Path, data: Data, recipe: Recipe) -> None:
    plan, seen = Plan(recipe), list[EpochRecord]()
    carry_out(start(tmp_path / "whole", plan), plan, data, Callbacks(on_epoch=seen.append))
    stopped = start(tmp_path / "stopped", plan)
    assert carry_out_with_stops(stopped, plan, data) >= 5
    model = "model.safetensors"
    assert (stopped / model).read_bytes() == (tmp_path / "whole" / model).read_bytes()
    assert files(stopped) == RESULTS
    lines = (stopped / "history.csv").read_text().splitlines()[1:]
    assert [line.split(",")[:6] for line in lines] == [
        line.split(",")[:6] for line in history_to_csv(seen).splitlines()[1:]
    ]


def test_repeats_stopped_everywhere_end_in_the_same_bytes(tmp_path: Path, data: Data) -> None:
    plan = Plan(replace(SMALL, epochs=1, seed=9), repeats=2)
    whole, stopped = start(tmp_path / "whole", plan), start(tmp_path / "stopped", plan)
    card = carry_out(whole, plan, data, Callbacks())
    assert carry_out_with_stops(stopped, plan, data) >= 2
    for seed in ("seed-9", "seed-10"):
        model = Path(seed, "model.safetensors")
        assert (stopped / model).read_bytes() == (whole / model).read_bytes()
        assert files(whole / seed) == RESULTS - {"run.json"}
        assert load_recipe(str(whole / seed / "recipe.toml")).seed == int(seed[5:])
    assert {path.name for path in whole.iterdir() if path.is_file()} == {
        "recipe.toml",
        "run.json",
        "scorecard.json",
        "scorecard.md",
    }

    assert isinstance(card, RepeatedScorecard)
    summed_up = json.loads((whole / "scorecard.json").read_text())
    accuracies = [
        Scorecard.from_json((whole / seed / "scorecard.json").read_text()).accuracy
        for seed in ("seed-9", "seed-10")
    ]
    assert summed_up["mean"] == pytest.approx(sum(accuracies) / 2)
    assert summed_up["standard_deviation"] == pytest.approx(abs(accuracies[0] - accuracies[1]) / 2**0.5)
    assert [run["seed"] for run in summed_up["runs"]] == [9, 10]
    assert all("mistakes" not in run for run in summed_up["runs"])
    assert find_model(whole) == whole / "seed-9" / "model.safetensors"


def test_a_run_goes_on_only_with_the_same_digits(tmp_path: Path, data: Data) -> None:
    plan = Plan(SMALL)
    folder = start(tmp_path / "run", plan)
    with pytest.raises(Stop):
        carry_out(folder, plan, data, stop_at(2))
    other = Data(replace(data.train, files={"other.csv": "0" * 64}), data.test)
    message = refused(lambda: carry_out(folder, plan, other, Callbacks()))
    assert "checkpoint.safetensors: the run began with other data: " in message
    assert "other.csv" in message or "train-images" in message
    carry_out(folder, plan, data, Callbacks())
    assert is_finished(folder)


def test_a_run_goes_on_only_with_the_same_settings(tmp_path: Path, data: Data) -> None:
    plan = Plan(SMALL)
    folder = start(tmp_path / "run", plan)
    with pytest.raises(Stop):
        carry_out(folder, plan, data, stop_at(2))
    other = Plan(replace(SMALL, epochs=4, learning_rate=0.2))
    message = refused(lambda: carry_out(folder, other, data, Callbacks()))
    assert "other recipe: epochs was 3, is 4; learning_rate was 0.3, is 0.2" in message


def test_seeds_that_ended_belong_to_the_same_digits_too(tmp_path: Path, data: Data) -> None:
    plan = Plan(replace(SMALL, epochs=1), repeats=2)
    folder = start(tmp_path / "run", plan)
    with pytest.raises(Stop):
        carry_out(folder, plan, data, stop_at(3))  # in the second seed, before any checkpoint
    assert is_finished(folder / "seed-1")
    other = Data(data.train, replace(data.test, files={"other.csv": "0" * 64}))
    message = refused(lambda: carry_out(folder, plan, other, Callbacks()))
    assert "seed-1/scorecard.json: the run began with other data".replace("/", os.sep) in message
    (folder / "seed-1" / "scorecard.json").write_text("{}")
    message = refused(lambda: carry_out(folder, plan, data, Callbacks()))
    assert str(Path("seed-1", "scorecard.json")) in message
    assert "this is no scorecard" in message


@pytest.mark.parametrize("content", [b"", b"\xff" * 10, "cut", "another network"])
def test_a_broken_checkpoint_is_named(tmp_path: Path, data: Data, finished: Path, content: Any) -> None:
    plan = Plan(SMALL)
    folder = start(tmp_path / "run", plan)
    with pytest.raises(Stop):
        carry_out(folder, plan, data, stop_at(2))
    checkpoint = folder / "checkpoint.safetensors"
    if content == "cut":
        content = checkpoint.read_bytes()[:-1000]
    elif content == "another network":
        content = (finished / "model.safetensors").read_bytes()
    checkpoint.write_bytes(content)
    assert "checkpoint.safetensors: " in refused(lambda: carry_out(folder, plan, data, Callbacks()))
    if content:
        return
    carry_out(start(folder, plan), plan, data, Callbacks())  # as --force does
    assert (folder / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()


def test_leftovers_of_a_killed_process_go(tmp_path: Path, data: Data) -> None:
    plan = Plan(replace(SMALL, epochs=1))
    folder = start(tmp_path / "run", plan)
    (folder / temporary_name("model.safetensors", 999_999_999)).write_bytes(b"half")
    carry_out(folder, plan, data, Callbacks())
    assert files(folder) == RESULTS


def test_holding_out_all_digits_leaves_none_to_learn_from(tmp_path: Path, data: Data) -> None:
    plan = Plan(replace(SMALL, validation=400))
    message = refused(lambda: carry_out(start(tmp_path / "run", plan), plan, data, Callbacks()))
    assert "--validation 400 leaves none of the 400 training digits" in message


# Folders


def test_a_folder_that_holds_a_run_is_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    check_free(folder, force=False)
    start(folder, Plan(SMALL))
    assert "unfinished run; go on with --resume" in refused(lambda: check_free(folder, force=False))
    (folder / "scorecard.json").touch()
    assert "holds a finished run" in refused(lambda: check_free(folder, force=False))
    check_free(folder, force=True)


def test_a_folder_of_other_things_is_not_taken(tmp_path: Path) -> None:
    # of a process killed before its plan was written
    (tmp_path / temporary_name("run.json", 999_999_999)).touch()
    check_free(tmp_path, force=False)
    (tmp_path / "recipe.toml").touch()
    for force in (False, True):
        message = refused(lambda force=force: check_free(tmp_path, force=force))  # type: ignore[misc]
        assert message == f"{tmp_path}: is not empty, and holds no run; choose another folder"


def test_a_new_run_in_an_old_folder_clears_it(tmp_path: Path) -> None:
    folder = start(tmp_path / "run", Plan(SMALL))
    for name in [
        *RESULTS,
        "checkpoint.safetensors",
        "seed-3/scorecard.json",
        "notes.txt",
        "seed-3/notes.txt",
    ]:
        make_folder((folder / name).parent)
        (folder / name).touch()
    prepare(folder, Plan(MOVING))
    assert files(folder) == {"run.json", "notes.txt", "seed-3/notes.txt"}
    assert Plan.read(folder) == Plan(MOVING)


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    message = refused(lambda: prepare(tmp_path / name, Plan(SMALL)))
    assert message.startswith(f"{tmp_path / name}: cannot be made: ")
    assert message.endswith("check the path")


# What was asked


def test_a_plan_reads_back_as_it_was(tmp_path: Path) -> None:
    plan = Plan(MOVING, repeats=3, train_csv="/a/b é \udcff.csv", test_csv=None, data_dir="C:\\data")
    start(tmp_path, plan)
    assert Plan.read(tmp_path) == plan


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "3",
        "null",
        "{}",
        '{"recipe": {}}',
        "[" * 5000,
        '{"recipe": {}, "repeats": 1, "train_csv": null, "test_csv": null, "data_dir": 3}',
        '{"recipe": {}, "repeats": 0, "train_csv": null, "test_csv": null, "data_dir": null}',
        '{"recipe": {}, "repeats": true, "train_csv": null, "test_csv": null, "data_dir": null}',
        '{"recipe": [], "repeats": 1, "train_csv": null, "test_csv": null, "data_dir": null}',
        '{"recipe": {}, "repeats": 1, "train_csv": null, "test_csv": null, "data_dir": null, "more": 1}',
        '{"recipe": {"\\u001b[2J": 1}, "repeats": 1, "train_csv": null, "test_csv": null, "data_dir": null}',
        '{"recipe": {"seed": 9223372036854775807}, "repeats": 2, "train_csv": null, "test_csv": null, '
        '"data_dir": null}',
        '{"recipe": {"epochs": NaN}, "repeats": 1, "train_csv": null, "test_csv": null, "data_dir": null}',
        '{"recipe": {"epochs": ' + "9" * 5000 + "}}",
        '{"recipe": {"hidden": ' + "[" * 900 + "]" * 900 + '}, "repeats": 1, "train_csv": null, '
        '"test_csv": null, "data_dir": null}',
        "x" * 100_000,
        b"\xff\xfe",
    ],
    ids=lambda content: str(content)[:60],
)
def test_a_broken_plan_is_named(tmp_path: Path, content: str | bytes) -> None:
    (tmp_path / "run.json").write_bytes(content.encode() if isinstance(content, str) else content)
    message = refused(lambda: Plan.read(tmp_path))
    assert "run.json: broken" in message
    assert len(message) < 300 + len(str(tmp_path))


def test_a_folder_without_a_plan_holds_no_run(tmp_path: Path) -> None:
    assert "holds no run" in refused(lambda: Plan.read(tmp_path))
    assert "holds no run" in refused(lambda: Plan.read(tmp_path / "none\x1b[2J"))


def test_what_differs_from_the_plan_is_named() -> None:
    plan = Plan(SMALL, train_csv="/a.csv")
    plan.check_same({"epochs": 3, "repeats": 1, "train_csv": "/a.csv", "learning_rate": 0.3})
    assert "began with --epochs 3, not 4" in refused(lambda: plan.check_same({"epochs": 4}))
    assert "--recipe small, not moving" in refused(lambda: plan.check_same(MOVING.to_dict()))
    assert "--repeats 1, not 5" in refused(lambda: plan.check_same({"repeats": 5}))
    assert "--train-csv /a.csv, not /b.csv" in refused(lambda: plan.check_same({"train_csv": "/b.csv"}))
    assert "--data-dir None, not '\\x1b" in refused(lambda: plan.check_same({"data_dir": "\x1b[2J"}))


# Models


def test_a_model_is_found_by_its_file_its_run_or_as_the_newest(tmp_path: Path, finished: Path) -> None:
    assert "train one first" in refused(lambda: find_model(None, tmp_path / "runs"))
    for i, name in enumerate(["b", "a", "c"]):
        shutil.copytree(finished, tmp_path / "runs" / name)
        os.utime(tmp_path / "runs" / name / "scorecard.json", ns=(i, 10 - i if name == "c" else i))
    (tmp_path / "runs" / "unfinished").mkdir()
    (tmp_path / "runs" / "evaluated").mkdir()  # what evaluate wrote, later than any run
    shutil.copy(finished / "scorecard.json", tmp_path / "runs" / "evaluated")
    assert find_model(None, tmp_path / "runs") == tmp_path / "runs" / "c" / "model.safetensors"
    (tmp_path / "runs" / "c" / "scorecard.json").unlink()
    assert find_model(None, tmp_path / "runs") == tmp_path / "runs" / "a" / "model.safetensors"
    assert find_model(tmp_path / "runs" / "b") == tmp_path / "runs" / "b" / "model.safetensors"
    assert find_model(finished / "model.safetensors") == finished / "model.safetensors"
    message = refused(lambda: find_model(tmp_path / "runs" / "unfinished"))
    assert "holds no model.safetensors" in message


def test_a_model_tells_of_its_recipe_where_it_knows_it(tmp_path: Path, finished: Path) -> None:
    assert load_model(finished / "model.safetensors")[1] == {"recipe": SMALL.to_dict(), "seed": 1}
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    recipe: Any
    for recipe in ({"layers": 3}, {"seed": -1}, [], "text", 3, None, {"hidden": deep}):
        Network([784, 3, 10], rng=1).save(tmp_path / "other", {"recipe": recipe})
        assert load_model(tmp_path / "other")[1] == {}


@pytest.mark.parametrize("sizes", [[784, 3, 9], [783, 3, 10], [2, 2]], ids=str)
def test_a_model_of_another_shape_is_named(tmp_path: Path, sizes: list[int]) -> None:
    path = tmp_path / "model.safetensors"
    Network(sizes, rng=1).save(path)
    shape = "-".join(map(str, sizes))
    assert f"{path}: a {shape} network; digits need 784 inputs" in refused(lambda: load_model(path))


def test_a_record_is_told_for_each_epoch(tmp_path: Path, data: Data) -> None:
    starts: list[tuple[Recipe, int]] = []
    plan = Plan(SMALL)
    folder = start(tmp_path / "run", plan)
    watch = Callbacks(on_start=lambda recipe, history: starts.append((recipe, len(history))))
    with pytest.raises(Stop):
        carry_out(folder, plan, data, replace(watch, on_epoch=stop_at(2).on_epoch))
    assert re.findall(r"(?m)^\d", (folder / "history.csv").read_text()) == ["1", "2"]
    carry_out(folder, plan, data, watch)
    assert starts == [(SMALL, 0), (SMALL, 2)]


def test_a_warning_is_given_once(tmp_path: Path, data: Data) -> None:
    warnings: list[str] = []
    plan = Plan(replace(SMALL, epochs=3, learning_rate=1e-9))
    carry_out(
        start(tmp_path / "run", plan),
        plan,
        Data(data.train, data.train),
        Callbacks(on_warning=warnings.append),
    )
    assert len(warnings) == len(set(warnings)) == 3  # few digits, the same in both sets, guessing
