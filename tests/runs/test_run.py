"""Carrying out a run: what it is trained and scored on, what it leaves, and how it is resumed."""

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from disk import largest_file
from folders import RESULTS, files
from networks import content
from refusals import refused

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.files.arrays import load_arrays, save_arrays
from mnist_mlp.files.atomic import temporary_name
from mnist_mlp.nn.network import Network
from mnist_mlp.report.curves import draw_learning_curve
from mnist_mlp.report.figures import draw_confusion, draw_mistakes, save_picture
from mnist_mlp.report.markdown import scorecard_page
from mnist_mlp.report.page import render_page
from mnist_mlp.report.scorecard import Mistake, Scorecard
from mnist_mlp.runs.folder import is_finished, prepare
from mnist_mlp.runs.job import Callbacks, Data, Job, run_one, scored
from mnist_mlp.runs.plan import Plan
from mnist_mlp.runs.run import carry_out, examine
from mnist_mlp.training.history import best_epoch, history_from_csv
from mnist_mlp.training.recipe import EXPLANATIONS, RECIPES, Recipe, load_recipe
from mnist_mlp.training.scoring import threshold_for
from mnist_mlp.training.trainer import train

SMALL = Recipe(name="small", hidden=16, epochs=3, validation=50, seed=3, patience=2)
MODEL = "model.safetensors"


def start(folder: Path, recipe: Recipe = SMALL) -> Path:
    prepare(folder, Plan(recipe))
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data: Data) -> Path:
    """The folder of a run that ended; for reading only."""
    folder = start(tmp_path_factory.mktemp("runs") / "finished")
    carry_out(folder, Plan(SMALL), data)
    return folder


class Stop(BaseException):
    """Someone has had enough."""


def stop_at(place: int) -> Callbacks:
    """Raises when told something for that many times, progress or the end of an epoch."""
    told = count(1)

    def tell(_: object) -> None:
        if next(told) == place:
            raise Stop

    return Callbacks(on_progress=tell, on_epoch=tell)


@pytest.fixture
def stopped(tmp_path: Path, data: Data) -> Path:
    """The folder of a run that was stopped after its first epoch."""
    with pytest.raises(Stop):
        carry_out(start(tmp_path / "run"), Plan(SMALL), data, stop_at(2))
    return tmp_path / "run"


# What it is trained and scored on


def test_a_run_is_train_on_all_but_the_last_digits_which_validate(finished: Path, few_digits: Digits) -> None:
    network = Network([784, 16, 10], rng=3)
    history = train(network, few_digits[:350], SMALL, validation=few_digits[350:])
    saved = Network.load(finished / MODEL)
    assert content(saved) == content(network)
    lines = (finished / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,learning_rate,loss,accuracy,validation_loss,validation_accuracy,seconds"
    for line, r in zip(lines[1:], history, strict=True):
        known = [r.epoch, r.learning_rate, r.loss, r.accuracy, r.validation_loss, r.validation_accuracy]
        assert [float(value) for value in line.split(",")[:6]] == known


def test_its_scorecard_and_pictures_tell_of_its_answers_to_the_test_digits(
    finished: Path, few_test_digits: Digits, data: Data, tmp_path: Path
) -> None:
    images, labels = few_test_digits.images, few_test_digits.labels
    outputs = Network.load(finished / MODEL).forward(scale_pixels(images))
    answers = outputs.argmax(axis=1)
    confusion = np.array([[((labels == i) & (answers == j)).sum() for j in range(10)] for i in range(10)])
    wrong = np.flatnonzero(answers != labels).tolist()
    accuracy = 1 - len(wrong) / 200

    card = json.loads((finished / "scorecard.json").read_text())
    assert (card["total"], card["correct"], card["accuracy"]) == (200, 200 - len(wrong), accuracy)
    assert card["confusion"] == confusion.tolist()
    assert [mistake["index"] for mistake in card["mistakes"]] == wrong
    assert (card["recipe"], card["seed"]) == (SMALL.to_dict(), 3)
    assert card["data"] == {**data.train.files, **few_test_digits.files}
    assert card["seconds"].keys() == {"load", "train", "score"}
    assert card["seconds"]["load"] == 0.25
    facts = load_arrays(finished / MODEL)[1]
    assert (facts["recipe"], facts["data"]) == (card["recipe"], card["data"])
    network, held_out = Network.load(finished / MODEL), data.train[350:]
    threshold = threshold_for(network.forward(scale_pixels(held_out.images)))
    assert facts["threshold"] == card["answers"]["threshold"] == threshold

    history = history_from_csv((finished / "history.csv").read_text())
    assert card["seconds"]["train"] == pytest.approx(sum(record.seconds for record in history))
    mistakes = [Mistake(i, int(labels[i]), int(answers[i]), float(outputs[i].max())) for i in wrong]
    square = {"size": (7.2, 7.2)}
    save_picture(tmp_path / "confusion_matrix.png", lambda ax: draw_confusion(ax, confusion), **square)
    save_picture(tmp_path / "mistakes.png", lambda ax: draw_mistakes(ax, images, mistakes), **square)
    kept = best_epoch(history)
    curve = partial(draw_learning_curve, history=history, test=accuracy, kept=kept)
    save_picture(tmp_path / "learning_curve.png", curve, size=(7.2, 4.8))
    known = Scorecard.from_json((finished / "scorecard.json").read_text())
    pictures = ["learning_curve.png", "confusion_matrix.png", "mistakes.png"]
    markdown = scorecard_page(known, pictures=pictures, explanations=EXPLANATIONS)
    (tmp_path / "scorecard.md").write_text(markdown, "utf-8")
    page = render_page(
        card=known,
        network=network,
        digits=few_test_digits,
        history=history,
        kept=kept,
        held_out=held_out,
        threshold=threshold,
        name="finished",
    )
    (tmp_path / "report.html").write_text(page, "utf-8")
    names = sorted(files(tmp_path))
    assert [name for name in names if (finished / name).read_bytes() != (tmp_path / name).read_bytes()] == []
    assert files(tmp_path) == {*pictures, "scorecard.md", "report.html"}


def test_held_out_digits_give_the_threshold_and_without_them_the_last_10_000(
    mnist_train: Digits, data: Data
) -> None:
    network = Network([784, 16, 10], rng=1)
    images = mnist_train.images[:12_000].copy()
    images[:2000] = images[-50:] = 255  # to which the outputs are others
    digits = Data(Digits(images, mnist_train.labels[:12_000]), data.test)
    none_left = "--validation 12,000 leaves none of the 12,000 training digits to learn"
    assert refused(digits.split, 12_000) == none_left
    for held_out, known in ((50, images[-50:]), (0, images[2000:])):
        threshold = scored(network, Recipe(validation=held_out), [], digits).threshold
        assert threshold == threshold_for(network.forward(scale_pixels(known)))


def test_without_test_digits_the_held_out_ones_are_scored(data: Data, tmp_path: Path) -> None:
    result = run_one(Job(SMALL, tmp_path, None), Data(data.train, None))
    assert result.card.total == 50
    assert result.card.accuracy == result.history[-1].validation_accuracy
    short = replace(SMALL, patience=0, epochs=1)
    assert run_one(Job(short, tmp_path, None), Data(data.train, None)).kept_epoch is None
    none = "there are no digits to score"
    for held_out, test, message in [
        (0, None, f"{none}: hold some out with --validation"),
        (400, data.test, "--validation 400 leaves none of the 400 training digits to learn"),
        (50, data.train[:0], none),
    ]:
        job = Job(replace(short, validation=held_out), tmp_path, None)
        assert refused(run_one, job, Data(data.train, test)) == message
    assert [len(part or ()) for part in data.split(399)] == [1, 399]


def test_warnings_are_about_the_training_digits_and_are_given_once(
    tmp_path: Path, data: Data, few_test_digits: Digits
) -> None:
    # These test digits have wrong labels, so that at them a network can only guess.
    test = Digits(few_test_digits.images, (few_test_digits.labels + 1) % 10, few_test_digits.files)
    guessing = "the network's answers to training digits are no better than guessing"
    for rate, expected in ((0.3, []), (1e-9, [guessing])):
        said: list[str] = []
        job = Job(replace(SMALL, learning_rate=rate), tmp_path, None)
        run_one(job, Data(data.train, test), Callbacks(on_warning=said.append))
        assert [warning.split(":")[0] for warning in said] == expected


def test_what_looks_wrong_with_the_digits_is_told_of_both_sets(data: Data, few_test_digits: Digits) -> None:
    few = "there are only 400 training digits, where MNIST has 60,000: expect more mistakes"
    assert examine(data) == [few]
    light = Digits(255 - few_test_digits.images, few_test_digits.labels)
    of_test, same = examine(Data(light, light[:100]))[-2:]
    assert of_test.startswith("the border of the test images has the mean 255, where MNIST's is 0: ")
    assert same.startswith("100 of 100 test digits are training digits too, ")
    assert examine(Data(data.train)) == [few]


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


def test_what_happens_is_told_in_order(tmp_path: Path, data: Data) -> None:
    told: list[str] = []
    callbacks = Callbacks(
        on_start=lambda recipe, history: told.append(f"start {recipe.name} after {len(history)}"),
        on_progress=lambda progress: told.append(f"{progress.samples_done} of {progress.samples}"),
        on_epoch=lambda record: told.append(f"epoch {record.epoch}"),
        on_card=lambda card: told.append(f"card of {card.total}, {MODEL in files(tmp_path / 'run')}"),
    )
    carry_out(start(tmp_path / "run"), Plan(SMALL), data, callbacks)
    epochs = [event for i in (1, 2, 3) for event in ("350 of 350", f"epoch {i}")]
    assert told == ["start small after 0", *epochs, "card of 200, False"]


def test_a_run_is_kept_where_its_scores_cannot_be_shown(tmp_path: Path, data: Data) -> None:
    def fail(_: object) -> None:
        raise Stop

    with pytest.raises(Stop):
        carry_out(start(tmp_path / "run"), Plan(SMALL), data, Callbacks(on_card=fail))
    assert files(tmp_path / "run") == RESULTS


# Resuming


def test_a_run_stopped_everywhere_ends_in_the_same_bytes(tmp_path: Path, data: Data) -> None:
    recipe = RECIPES["best"].with_settings(
        {"hidden": (16, 12), "epochs": 3, "batch_size": 32, "patience": 2, "validation": 50}
    )
    starts: list[int] = []
    whole = run_one(Job(recipe, tmp_path, None), data)
    for place in (1, 2, 1, 2, 1, 2, 99):  # in each epoch, and at the end of each
        callbacks = replace(stop_at(place), on_start=lambda _, history: starts.append(len(history)))
        with suppress(Stop):
            resumed = run_one(Job(recipe, tmp_path), data, callbacks)
    assert starts == [0, 0, 1, 1, 2, 2, 3]
    assert content(resumed.network) == content(whole.network)
    histories = [[replace(record, seconds=0) for record in each.history] for each in (resumed, whole)]
    assert histories[0] == histories[1]
    assert resumed.card.confusion.tolist() == whole.card.confusion.tolist()


def test_checkpoints_are_as_far_apart_as_the_job_says(
    tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(SMALL, epochs=6)
    for seconds, expected in ((None, [0] * 6), (0.0, [1, 2, 3, 4, 5, 6]), (2.0, [0, 2, 2, 4, 4, 6])):
        kept: list[int] = []
        folder = tmp_path / str(seconds)
        folder.mkdir()
        # At each look at the clock, of which there is one an epoch, another 1.5 seconds have passed.
        monkeypatch.setattr("mnist_mlp.runs.job.monotonic", partial(next, count(0, 1.5)))

        def look(_: object, path: Path = folder / "checkpoint.safetensors", kept: list[int] = kept) -> None:
            kept.append(load_arrays(path)[1]["history"].count("\n") - 1 if path.exists() else 0)

        run_one(Job(recipe, folder, seconds), data, Callbacks(on_epoch=look))
        assert kept == expected


def test_a_run_is_resumed_only_with_the_same_digits_and_settings(stopped: Path, data: Data) -> None:
    assert files(stopped) == {"run.json", "recipe.toml", "history.csv", "checkpoint.safetensors"}
    began = f"{stopped / 'checkpoint.safetensors'}: the run began with other"
    remedy = "let the same files be read again; of a folder, CSV files are read first"
    images, labels = data.train.files
    for others, what in [
        ({"other.csv": "0" * 64}, f"{images}, {labels}, where now other.csv, "),
        ({**data.train.files, images: "0" * 64}, f"{images} was {data.files[images]}"[:57]),
        ({**data.train.files, "new.csv": "0" * 9}, f"new.csv was not there, is {'0' * 9}; "),
    ]:
        other = Data(replace(data.train, files=others), data.test)
        message = refused(carry_out, stopped, Plan(SMALL), other)
        assert message.startswith(f"{began} data: {what}")
        assert message.endswith(f"; {remedy}")
    changed = Plan(replace(SMALL, hidden=9, epochs=4, learning_rate=0.2, seed=1))
    what = "epochs was 3, is 4; hidden was 16, is 9; learning_rate was 0.3, is 0.2"
    assert refused(carry_out, stopped, changed, data) == f"{began} recipe: {what}; give it back the same"
    (stopped / temporary_name(MODEL, 999_999_999)).write_bytes(b"of a killed process")
    carry_out(stopped, Plan(SMALL), data)
    assert files(stopped) == RESULTS


def test_a_broken_checkpoint_is_named_until_the_run_starts_again(
    stopped: Path, data: Data, finished: Path
) -> None:
    checkpoint = stopped / "checkpoint.safetensors"
    good = checkpoint.read_bytes()
    arrays, facts = load_arrays(checkpoint)
    for broken in (b"", b"\xff" * 10, good[:-1000]):
        checkpoint.write_bytes(broken)
        assert refused(carry_out, stopped, Plan(SMALL), data).startswith(f"{checkpoint}: ")
    checkpoint.write_bytes((finished / MODEL).read_bytes())
    began = f"{checkpoint}: the run began with other recipe: unknown; give it back the same"
    save_arrays(checkpoint, arrays, {**facts, "recipe": "small"})
    assert refused(carry_out, stopped, Plan(SMALL), data) == began
    for kept, told in (({}, facts), (arrays, {**facts, "history": "epoch\n"})):
        save_arrays(checkpoint, kept, told)
        message = refused(carry_out, stopped, Plan(SMALL), data)
        assert message.startswith(f"{checkpoint}: ")
        assert message.endswith("; start the run again with --force")
    carry_out(start(stopped), Plan(SMALL), data)  # as --force does
    assert (stopped / MODEL).read_bytes() == (finished / MODEL).read_bytes()


def test_what_has_no_room_is_named_and_can_be_written_later(
    tmp_path: Path, data: Data, finished: Path
) -> None:
    folder = start(tmp_path / "full")
    with largest_file((finished / "mistakes.png").stat().st_size - 1):
        message = refused(carry_out, folder, Plan(SMALL), data)
    fault = "cannot be written: File too large; free some space, or choose a folder with more room"
    assert message == f"{folder / 'mistakes.png'}: {fault}"
    assert not is_finished(folder)
    assert not [path for path in files(folder) if path.endswith(".tmp")]
    carry_out(folder, Plan(SMALL), data)
    assert files(folder) == RESULTS
    assert (folder / MODEL).read_bytes() == (finished / MODEL).read_bytes()
