"""Carrying out a run: what it is trained and scored on, what it leaves, and how it is resumed."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import RESULTS, files

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.files.arrays import load_arrays
from mnist_mlp.nn.network import Network
from mnist_mlp.report import figures
from mnist_mlp.report.scorecard import Mistake
from mnist_mlp.runs.folder import Plan, is_finished, prepare
from mnist_mlp.runs.job import Callbacks, Data, Job, run_one
from mnist_mlp.runs.run import carry_out
from mnist_mlp.training.history import EpochRecord
from mnist_mlp.training.recipe import RECIPES, Recipe, load_recipe
from mnist_mlp.training.trainer import train

SMALL = Recipe(name="small", hidden=16, epochs=3, validation=50, seed=3)
ALL_AT_ONCE = RECIPES["best"].with_settings(
    {"hidden": (16, 12), "epochs": 3, "batch_size": 32, "ema_epochs": 0.5, "validation": 50, "patience": 2}
)


def start(folder: Path, plan: Plan) -> Path:
    prepare(folder, plan)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data: Data) -> Path:
    """The folder of a run that ended; for reading only."""
    folder = start(tmp_path_factory.mktemp("runs") / "finished", Plan(SMALL))
    carry_out(folder, Plan(SMALL), data)
    return folder


def refused(function: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(MnistMlpError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert message.isprintable()
    return message


class Stop(BaseException):
    """Someone has had enough."""


def stop_at(place: int) -> Callbacks:
    """Raises when told something for that many times, progress or the end of an epoch."""
    told = count(1)

    def tell(_: object) -> None:
        if next(told) == place:
            raise Stop

    return Callbacks(on_progress=tell, on_epoch=tell)


# What it is trained and scored on


def test_a_run_is_train_on_all_but_the_last_digits_which_validate(finished: Path, few_digits: Digits) -> None:
    network = Network([784, 16, 10], rng=3)
    history = train(network, few_digits[:350], SMALL, validation=few_digits[350:])
    saved = Network.load(finished / "model.safetensors")
    for found, expected in zip(saved.parameters(), network.parameters(), strict=True):
        np.testing.assert_array_equal(found, expected)
    lines = (finished / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,learning_rate,loss,accuracy,validation_loss,validation_accuracy,seconds"
    for line, r in zip(lines[1:], history, strict=True):
        known = [r.epoch, r.learning_rate, r.loss, r.accuracy, r.validation_loss, r.validation_accuracy]
        assert [float(value) for value in line.split(",")[:6]] == known


def test_its_scorecard_counts_the_networks_answers_to_the_test_digits(finished: Path, data: Data) -> None:
    card = json.loads((finished / "scorecard.json").read_text())
    assert data.test
    network, labels = Network.load(finished / "model.safetensors"), data.test.labels
    answers = network.predict(scale_pixels(data.test.images))
    assert (card["total"], card["correct"]) == (200, (answers == labels).sum())
    assert card["confusion"] == confusion(labels, answers).tolist()
    assert [mistake["index"] for mistake in card["mistakes"]] == np.flatnonzero(answers != labels).tolist()
    assert (card["recipe"], card["seed"]) == (SMALL.to_dict(), 3)
    assert card["data"] == {**data.train.files, **data.test.files}
    assert card["seconds"].keys() == {"load", "train", "score"}
    assert card["seconds"]["load"] == 0.25
    assert card["versions"].keys() >= {"python", "mnist-mlp", "numpy", "scipy"}


def confusion(labels: Any, answers: Any) -> Any:
    matrix = np.zeros((10, 10), int)
    for label, answer in zip(labels, answers, strict=True):
        matrix[label, answer] += 1
    return matrix


def test_its_pictures_show_its_matrix_its_mistakes_and_its_test_accuracy(
    finished: Path, data: Data, tmp_path: Path
) -> None:
    assert data.test
    images, labels = data.test.images, data.test.labels
    network = Network.load(finished / "model.safetensors")
    outputs = network.forward(scale_pixels(images))
    answers = outputs.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    mistakes = [Mistake(i, labels[i], answers[i], float(outputs[i, answers[i]])) for i in wrong.tolist()]
    history = train(Network([784, 16, 10], rng=3), data.train[:350], SMALL, validation=data.train[350:])
    accuracy = float((answers == labels).mean())
    curves = [r.accuracy for r in history], [r.validation_accuracy or 0.0 for r in history]
    for name, square, draw in [
        ("confusion_matrix.png", True, lambda ax: figures.draw_confusion(ax, confusion(labels, answers))),
        ("mistakes.png", True, lambda ax: figures.draw_mistakes(ax, images, mistakes)),
        ("learning_curve.png", False, lambda ax: figures.draw_learning_curve(ax, *curves, accuracy)),
    ]:
        size = {"size": (7.2, 7.2)} if square else {}
        figures.save_picture(tmp_path / name, draw, **size)
        assert (finished / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_the_threshold_leaves_one_percent_of_the_held_out_digits_open(data: Data, tmp_path: Path) -> None:
    def share_below(validation: int, known: Digits) -> float:
        result = run_one(Job(replace(SMALL, validation=validation), tmp_path), data)
        outputs = result.network.forward(scale_pixels(known.images))
        return float((outputs.max(axis=1) < result.threshold).mean())

    assert share_below(200, data.train[200:]) == 0.01
    assert share_below(0, data.train) == 0.01


def test_without_test_digits_the_held_out_ones_are_scored(data: Data, tmp_path: Path) -> None:
    result = run_one(Job(SMALL, tmp_path), Data(data.train, None))
    assert result.card.total == 50
    assert result.card.accuracy == result.history[-1].validation_accuracy
    message = refused(run_one, Job(replace(SMALL, validation=0), tmp_path), Data(data.train, None))
    assert message == "there are no digits to score: hold some out with --validation"


def test_holding_out_all_digits_leaves_none_to_learn_from(tmp_path: Path, data: Data) -> None:
    job = Job(replace(SMALL, validation=400), tmp_path)
    assert "--validation 400 leaves none of the 400 training digits" in refused(run_one, job, data)


def test_warnings_are_about_the_training_digits_and_are_given_once(tmp_path: Path, data: Data) -> None:
    assert data.test
    other_labels = Digits(data.test.images, (data.test.labels + 1) % 10, data.test.files)
    said: dict[float, list[str]] = {0.3: [], 1e-9: []}
    for rate, warnings in said.items():  # a network may guess at test digits, but not at training digits
        plan = Plan(replace(SMALL, learning_rate=rate))
        folder = start(tmp_path / str(rate), plan)
        carry_out(folder, plan, Data(data.train, other_labels), Callbacks(on_warning=warnings.append))
    few = "there are only 400 training digits, where MNIST has 60,000: expect more mistakes"
    assert said[0.3] == [few]
    first, guessing = said[1e-9]
    assert first == few
    assert guessing.startswith("the network's answers to training digits are no better than guessing")


def test_a_test_file_named_like_a_training_file_says_so(data: Data) -> None:
    train_digits, test_digits = (replace(data.train, files={"a.csv": digest}) for digest in "12")
    assert Data(train_digits, test_digits).files == {"a.csv": "1", "test a.csv": "2"}


# What it leaves


def test_a_run_leaves_the_files_of_the_contract_the_scorecard_last(finished: Path) -> None:
    assert files(finished) == RESULTS
    written = {name: (finished / name).stat().st_mtime_ns for name in RESULTS}
    assert written["scorecard.json"] == max(written.values())
    assert load_recipe(str(finished / "recipe.toml")) == SMALL
    assert Plan.read(finished) == Plan(SMALL)
    card = json.loads((finished / "scorecard.json").read_text())
    facts = load_arrays(finished / "model.safetensors")[1]
    assert (facts["recipe"], facts["data"]) == (card["recipe"], card["data"])


def test_leftovers_of_a_killed_process_go(tmp_path: Path, data: Data) -> None:
    folder = start(tmp_path / "run", Plan(SMALL))
    (folder / ".model.safetensors.999999999-0123abcd.tmp").write_bytes(b"half")
    carry_out(folder, Plan(SMALL), data)
    assert files(folder) == RESULTS


def test_what_happens_is_told_in_order(tmp_path: Path, data: Data) -> None:
    told: list[str] = []
    callbacks = Callbacks(
        on_start=lambda recipe, history: told.append(f"start {recipe.name} after {len(history)}"),
        on_progress=lambda progress: told.append(f"{progress.samples_done} of {progress.samples}"),
        on_epoch=lambda record: told.append(f"epoch {record.epoch}"),
        on_card=lambda card: told.append(f"card of {card.total}, {sorted(files(tmp_path / 'run'))}"),
    )
    plan = Plan(replace(SMALL, epochs=2))
    carry_out(start(tmp_path / "run", plan), plan, data, callbacks)
    epochs = ["350 of 350", "epoch 1", "350 of 350", "epoch 2"]
    assert told == ["start small after 0", *epochs, "card of 200, ['recipe.toml', 'run.json']"]


# Resuming


@pytest.mark.parametrize("recipe", [SMALL, ALL_AT_ONCE], ids=lambda recipe: recipe.name)
def test_a_run_stopped_everywhere_ends_in_the_same_bytes(tmp_path: Path, data: Data, recipe: Recipe) -> None:
    plan, seen = Plan(recipe), list[EpochRecord]()
    carry_out(start(tmp_path / "whole", plan), plan, data, Callbacks(on_epoch=seen.append))
    folder = start(tmp_path / "stopped", plan)
    starts: list[int] = []
    for place in (1, 2, 1, 2, 1, 2, 99):  # in each epoch, and at the end of each
        callbacks = replace(stop_at(place), on_start=lambda _, history: starts.append(len(history)))
        try:
            carry_out(folder, plan, data, callbacks)
        except Stop:
            assert not is_finished(folder)
    assert starts == [0, 0, 1, 1, 2, 2, 3]
    assert files(folder) == RESULTS
    for name in ("model.safetensors", "confusion_matrix.png", "mistakes.png"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert [line.split(",")[2] for line in (folder / "history.csv").read_text().splitlines()[1:]] == [
        str(record.loss) for record in seen
    ]


def test_a_checkpoint_is_written_as_often_as_the_job_says(
    tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, epochs = Plan(replace(SMALL, epochs=8)), list[str]()
    clock = count(0)  # a second for each look, of which there is one an epoch, and one when it is written
    monkeypatch.setattr("mnist_mlp.runs.job.monotonic", partial(next, clock))

    def look(_: EpochRecord) -> None:
        history = tmp_path / "history.csv"
        epochs.append(history.read_text().splitlines()[-1][0] if history.exists() else "")

    run_one(Job(plan.recipe, tmp_path, checkpoint_seconds=3.0), data, Callbacks(on_epoch=look))
    assert epochs == ["", "", "3", "3", "3", "6", "6", "6"]
    (tmp_path / "other").mkdir()
    run_one(Job(plan.recipe, tmp_path / "other", checkpoint_seconds=None), data)
    assert files(tmp_path / "other") == set()


@pytest.fixture
def stopped(tmp_path: Path, data: Data) -> Path:
    """The folder of a run that was stopped after its first epoch."""
    with pytest.raises(Stop):
        carry_out(start(tmp_path / "run", Plan(SMALL)), Plan(SMALL), data, stop_at(2))
    return tmp_path / "run"


def test_a_run_is_resumed_only_with_the_same_digits_and_settings(stopped: Path, data: Data) -> None:
    other = replace(data.train, files={"other.csv": "0" * 64})
    message = refused(carry_out, stopped, Plan(SMALL), Data(other, data.test))
    assert "checkpoint.safetensors: the run began with other data: " in message
    assert "train-images" in message
    changed = Plan(replace(SMALL, epochs=4, learning_rate=0.2))
    message = refused(carry_out, stopped, changed, data)
    assert "other recipe: epochs was 3, is 4; learning_rate was 0.3, is 0.2; give it back" in message
    carry_out(stopped, Plan(SMALL), data)
    assert is_finished(stopped)


@pytest.mark.parametrize("content", ["nothing", "garbage", "cut", "model"])
def test_a_broken_checkpoint_is_named(stopped: Path, data: Data, finished: Path, content: str) -> None:
    checkpoint = stopped / "checkpoint.safetensors"
    contents = {
        "nothing": b"",
        "garbage": b"\xff" * 10,
        "cut": checkpoint.read_bytes()[:-1000],
        "model": (finished / "model.safetensors").read_bytes(),
    }
    checkpoint.write_bytes(contents[content])
    assert "checkpoint.safetensors: " in refused(carry_out, stopped, Plan(SMALL), data)
    carry_out(start(stopped, Plan(SMALL)), Plan(SMALL), data)  # as --force does
    assert (stopped / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()


# On a full disk


@pytest.mark.skipif(os.name != "posix", reason="limits as Unix has them")
def test_what_has_no_room_is_named_and_can_be_written_later(
    tmp_path: Path, data: Data, finished: Path
) -> None:
    import resource  # noqa: PLC0415 - not on Windows

    folder, limits = start(tmp_path / "run", Plan(SMALL)), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))  # as if such a file found the disk full
    try:
        message = refused(carry_out, folder, Plan(SMALL), data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    where = (
        f"{folder / 'checkpoint.safetensors'}: cannot be written: File too large; free some space, or choose"
    )
    assert message.startswith(where)
    assert files(folder) == {"run.json", "recipe.toml", "history.csv"}
    carry_out(folder, Plan(SMALL), data)
    assert files(folder) == RESULTS
    assert (folder / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()
