"""What a person may bring along from elsewhere or by mistake, as the commands meet it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from mnist_mlp.cli.app import app
from mnist_mlp.digits.images import Digits
from mnist_mlp.files.arrays import load_arrays
from mnist_mlp.nn.network import Network
from mnist_mlp.runs.folder import CHECKPOINT, PLAN, DataPlaces, Plan, RunError, new_folder, prepare
from mnist_mlp.runs.job import Data
from mnist_mlp.runs.run import carry_out, carry_out_repeats
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.trainer import TrainingError

TINY = Recipe(name="tiny", hidden=4, epochs=1)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def unfinished(tmp_path: Path, csv_files: tuple[Path, Path]) -> Path:
    """The folder of a run that was stopped before its first checkpoint."""
    run = tmp_path / "run"
    prepare(run, Plan(TINY, 1, DataPlaces(str(csv_files[0]), str(csv_files[1]))))
    return run


# A run's folder from elsewhere


def test_a_run_that_goes_on_downloads_nothing(unfinished: Path, tmp_path: Path) -> None:
    plan, elsewhere = json.loads((unfinished / PLAN).read_text()), tmp_path / "elsewhere"
    (unfinished / PLAN).write_text(json.dumps({**plan, "places": {"data_dir": str(elsewhere)}}))
    resumed = call("train", "--resume", unfinished)
    assert resumed.exit_code == 1
    assert resumed.stderr.startswith(f"mnist-mlp: {elsewhere}: there is no such folder")
    assert not elsewhere.exists()


def test_a_link_in_the_place_of_a_seeds_folder_is_not_followed(tmp_path: Path, few_digits: Digits) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    outside.mkdir()
    (outside / "scorecard.json").write_text("precious")
    run.mkdir()
    (run / "seed-1").symlink_to(outside)
    plan = Plan(TINY, repeats=2)
    prepare(run, plan)
    with pytest.raises(RunError, match="seed-1: is a link"):
        carry_out_repeats(run, plan, Data(few_digits, few_digits), places=1, on_warning=print, on_done=print)
    assert [path.read_text() for path in outside.iterdir()] == ["precious"]


def test_a_run_goes_on_only_with_the_recipe_it_began_with(unfinished: Path, tmp_path: Path) -> None:
    refused = call("train", "--resume", unfinished, "--recipe", "fast")
    assert refused.exit_code == 1
    assert "the run began with --" in refused.stderr
    (tmp_path / "tiny.toml").write_text(TINY.to_toml())
    assert call("train", "--resume", unfinished, "--recipe", tmp_path / "tiny.toml").exit_code == 0


# A model from elsewhere


@pytest.mark.parametrize("outputs", ["softmax", "linear"])
def test_outputs_that_are_not_finite_are_named(
    tmp_path: Path, csv_files: tuple[Path, Path], outputs: str
) -> None:
    weights = [np.full((4, 784), 3e38, np.float32), np.full((10, 4), -3e38, np.float32)]
    model = tmp_path / "huge.safetensors"
    Network.from_arrays(weights, None, ["relu", outputs]).save(model)
    scored = call("evaluate", model, "--test-csv", csv_files[1])
    assert (scored.exit_code, len(scored.stderr.splitlines())) == (1, 1)
    assert "outputs are not finite" in scored.stderr
    shown = call("show-digit", 0, "--csv", csv_files[1], "--model", model, "--save", tmp_path / "digit.png")
    assert (shown.exit_code, len(shown.stderr.splitlines())) == (1, 1)
    assert "outputs are not finite" in shown.stderr


# A recipe or digits that cannot do well


def test_warnings_are_wrapped_lines_on_standard_error(tmp_path: Path, csv_files: tuple[Path, Path]) -> None:
    train_csv, _ = csv_files
    trained = call(
        *("train", "--epochs", 1, "--learning-rate", 1e-9, "--out", tmp_path / "run"),
        *("--train-csv", train_csv, "--test-csv", train_csv),
    )
    assert trained.exit_code == 0
    lines = trained.stderr.splitlines()
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert [line[9:40] for line in warnings] == [
        "there are only 400 training dig",
        "400 of 400 test digits are trai",
        "the network's answers to traini",
    ]
    assert 60 < max(map(len, warnings)) <= 80
    assert "warning" not in trained.stdout


def test_a_loss_that_overflows_keeps_the_last_good_checkpoint(tmp_path: Path, few_digits: Digits) -> None:
    # Each step multiplies the weights by 1 - rate, and the rate rises: they overflow in some later epoch.
    recipe = replace(
        TINY,
        epochs=9,
        batch_size=100,
        learning_rate=1000.0,
        weight_decay=1.0,
        warmup_epochs=30.0,
        loss="squared-error",
    )
    plan, said = Plan(recipe), "the loss is no longer finite; choose a learning rate below 1000"
    prepare(tmp_path, plan)
    for _ in range(2):  # going on ends there again
        with pytest.raises(TrainingError, match=said):
            carry_out(tmp_path, plan, Data(few_digits, few_digits))
        arrays, metadata = load_arrays(tmp_path / CHECKPOINT)
        assert 1 <= len(metadata["history"]) < 9
        assert all(np.isfinite(array).all() for array in arrays.values())


# In the same second


def test_each_new_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    folders = {new_folder("tutorial", tmp_path / "runs") for _ in range(5)}
    assert len(folders) == 5
    assert all(folder.is_dir() for folder in folders)
