"""The benchmark works, and what it compares does the same work: its speeds are of the same training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_mlp import Network, encode_targets, load_mnist, scale_pixels, train_online
from mnist_mlp.digits.mnist import write_csv
from mnist_mlp.training.recipe import RECIPES

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
sys.path.append(str(SCRIPTS))

from benchmarks.learning import our_epoch  # noqa: E402
from benchmarks.results import Comparison, spread  # noqa: E402
from benchmarks.rivals import pytorch_epoch, pytorch_network, sklearn_epoch  # noqa: E402
from book_program import BookNetwork  # noqa: E402


def run_python(*arguments: str | Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}  # for little work
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout


@pytest.fixture(scope="module")
def csvs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """300 training and 100 test digits."""
    folder = tmp_path_factory.mktemp("csv")
    write_csv(load_mnist(ROOT / "data", "train")[:300], folder / "train.csv")
    write_csv(load_mnist(ROOT / "data", "test")[:100], folder / "test.csv")
    return folder / "train.csv", folder / "test.csv"


def test_every_part_runs_on_a_few_digits(tmp_path: Path) -> None:
    table, plot = tmp_path / "docs" / "benchmark.md", tmp_path / "docs" / "benchmark.png"
    printed = run_python(SCRIPTS / "benchmark.py", "--quick", "--out", table, "--plot", plot)
    assert printed == table.read_text(encoding="utf-8")
    assert plot.read_bytes().startswith(b"\x89PNG")
    for what in (
        "GFLOP/s",
        "online training by `tutorial`, a row",
        "whole `tutorial`, 1 epoch",
        "train --recipe fast",
        "reading the training CSV",
        "100 at once",
        "a prediction alone",
        "--help",
        "a checkpoint",
        "distorting, one core",
        "training by `fast`, 300 to 600 rows",
    ):
        assert what in printed


def test_ratios_are_taken_round_by_round() -> None:
    comparison = Comparison("work", "s", [1.0, 2.0, 4.0], "another", [3.0, 10.0, 4.0])
    assert comparison.ratios == [3.0, 5.0, 1.0]
    assert spread(comparison.ratios) == "3 (1 to 5)"


def test_the_book_program_is_our_online_training(csvs: tuple[Path, Path]) -> None:
    train, test = (np.loadtxt(path, delimiter=",", dtype=np.uint8) for path in csvs)
    start = BookNetwork()
    network = Network.from_arrays([start.input_hidden, start.hidden_output])  # in float64, as there
    for _ in range(2):
        train_online(network, scale_pixels(train[:, 1:]), encode_targets(train[:, 0]), 0.3)
    right = network.predict(scale_pixels(test[:, 1:])) == test[:, 0]
    assert run_python(SCRIPTS / "book_program.py", *csvs, "2") == f"accuracy {right.mean()}\n"
    assert right.mean() > 0.6


def test_pytorch_learns_the_same_in_the_compared_epochs() -> None:
    pytest.importorskip("torch")
    digits = load_mnist(ROOT / "data")[:300]
    targets = encode_targets(digits.labels)
    network = Network([784, 200, 10], init="normal-fan-in", biases=True, rng=1)
    start, model = network.copy(), pytorch_network(network)
    our_epoch(network, digits.images, targets, 32)()
    pytorch_epoch(model, scale_pixels(digits.images), targets, 32)()
    theirs = [model[0].weight, model[2].weight, model[0].bias, model[2].bias]
    for before, ours, tensor in zip(start.parameters(), network.parameters(), theirs, strict=True):
        difference = np.linalg.norm(ours - tensor.detach().numpy())
        assert difference < 1e-4 * np.linalg.norm(ours - before)


def test_scikit_learn_has_the_same_network_and_batches() -> None:
    pytest.importorskip("sklearn")
    digits = load_mnist(ROOT / "data")[:400]
    model, epoch = sklearn_epoch(scale_pixels(digits.images), encode_targets(digits.labels), 200)
    epoch()
    assert [W.shape for W in model.coefs_] == [(784, 200), (200, 10)]
    assert model.out_activation_ == "logistic"
    assert (model.t_, model.n_iter_) == (400, 1)


def test_the_pytorch_program_follows_a_recipe(csvs: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    recipe = tmp_path / "fast.toml"
    recipe.write_text(RECIPES["fast"].with_settings({"epochs": 8}).to_toml())
    accuracy = run_python(SCRIPTS / "pytorch_program.py", *csvs, recipe).removeprefix("accuracy ")
    assert float(accuracy) > 0.7
    recipe.write_text(RECIPES["best"].to_toml())
    with pytest.raises(subprocess.CalledProcessError):
        run_python(SCRIPTS / "pytorch_program.py", *csvs, recipe)


def test_the_launcher_tells_time_memory_and_failure() -> None:
    launcher = SCRIPTS / "benchmarks" / "launcher.py"
    program = "import time; data = bytearray(b'x' * 100_000_000); time.sleep(0.2); print('done')"
    result = json.loads(run_python(launcher, sys.executable, "-c", program))
    assert result["output"] == "done\n"
    assert 0.2 < result["seconds"] < 20
    assert result["peak"] is None or 100 < result["peak"] < 300
    assert json.loads(run_python(launcher, sys.executable, "-c", "exit(3)"))["code"] == 3


@pytest.mark.parametrize("script", ["benchmark.py", "book_program.py", "generality.py", "pytorch_program.py"])
def test_a_script_tells_how_to_call_it(script: str) -> None:
    assert run_python(SCRIPTS / script, "--help").startswith(f"usage: {script}")
