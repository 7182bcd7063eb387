"""The benchmark works, and what it compares does the same work: its speeds are of the same training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_mlp import RECIPES, Digits, Network, encode_targets, scale_pixels, train_online
from scripts.benchmark.__main__ import main
from scripts.benchmark.learning import our_epoch
from scripts.benchmark.measure import PLAIN
from scripts.benchmark.rivals import pytorch_epoch, pytorch_network, sklearn_epoch
from scripts.benchmark.table import Comparison, spread
from scripts.book_program import BookNetwork

ROOT = Path(__file__).resolve().parents[2]


def run_python(*arguments: str | Path) -> str:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # for little work
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=True, text=True, stdout=subprocess.PIPE
    ).stdout


@pytest.mark.parametrize(
    ("parts", "lines"),
    [
        ("online predictions", ["online training by `tutorial`", "100 at once", "a prediction alone"]),
        ("tutorial reading help", ["whole `tutorial`, 1 epoch", "reading the training CSV", "--help"]),
        ("distorting page", ["distorting, one thread", "the page: writing it"]),
        pytest.param("fast batches", ["`fast`, first run"], marks=pytest.mark.slow),
        pytest.param("growth", ["training by `fast`, 300 to 600 samples"], marks=pytest.mark.slow),
    ],
)
def test_every_part_runs_on_a_few_digits(
    parts: str, lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "docs" / "benchmark.md"
    main(["--quick", "--out", str(table), *(f"--only={part}" for part in parts.split())])
    printed = capsys.readouterr().out
    assert printed == table.read_text(encoding="utf-8")
    assert all(line in printed for line in lines)
    assert table.with_suffix(".png").exists() == ("| other |" in printed)  # a picture of comparisons alone


def test_ratios_are_taken_round_by_round() -> None:
    comparison = Comparison("work", "s", [1.0, 2.0, 4.0], "another", [3.0, 10.0, 4.0])
    assert comparison.ratios == [3.0, 5.0, 1.0]
    assert spread(comparison.ratios) == "3 (1 to 5)"


def test_the_book_program_is_our_online_training(csv_files: tuple[Path, Path]) -> None:
    train, test = (np.loadtxt(path, delimiter=",", dtype=np.uint8) for path in csv_files)
    start = BookNetwork()
    network = Network.from_arrays([start.input_hidden, start.hidden_output])  # in float64, as there
    for _ in range(2):
        train_online(network, scale_pixels(train[:, 1:]), encode_targets(train[:, 0]), 0.3)
    right = network.predict(scale_pixels(test[:, 1:])) == test[:, 0]
    assert run_python("-m", "scripts.book_program", *csv_files, "2") == f"accuracy {right.mean()}\n"
    assert right.mean() > 0.6


def test_pytorch_learns_the_same_in_the_compared_epochs(few_digits: Digits) -> None:
    pytest.importorskip("torch")
    targets = encode_targets(few_digits.labels)
    network = Network([784, 200, 10], init="normal-fan-in", biases=True, rng=1)
    start, model = network.copy(), pytorch_network(network)
    our_epoch(network, few_digits.images, targets, 32)()
    pytorch_epoch(model, scale_pixels(few_digits.images), targets, 32)()
    theirs = [model[0].weight, model[2].weight, model[0].bias, model[2].bias]
    for before, ours, tensor in zip(start.parameters(), network.parameters(), theirs, strict=True):
        difference = np.linalg.norm(ours - tensor.detach().numpy())
        assert difference < 1e-4 * np.linalg.norm(ours - before)


def test_scikit_learn_has_the_same_network_and_batches(few_digits: Digits) -> None:
    pytest.importorskip("sklearn")
    model, epoch = sklearn_epoch(scale_pixels(few_digits.images), encode_targets(few_digits.labels), 200)
    epoch()
    assert [W.shape for W in model.coefs_] == [(784, 200), (200, 10)]
    assert model.out_activation_ == "logistic"
    assert (model.t_, model.n_iter_) == (400, 1)


def test_the_pytorch_program_follows_a_recipe(csv_files: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    recipe = tmp_path / "fast.toml"
    recipe.write_text(RECIPES["fast"].with_settings(PLAIN).to_toml())
    accuracy = run_python("-m", "scripts.pytorch_program", *csv_files, recipe).removeprefix("accuracy ")
    assert float(accuracy) > 0.7
    recipe.write_text(RECIPES["best"].to_toml())
    with pytest.raises(subprocess.CalledProcessError):
        run_python("-m", "scripts.pytorch_program", *csv_files, recipe)


def test_the_launcher_tells_time_memory_and_failure() -> None:
    launcher = ROOT / "scripts" / "benchmark" / "launcher.py"
    program = (
        "import time; print('first'); data = bytearray(b'x' * 100_000_000); time.sleep(0.2); print('last')"
    )
    answered, seconds, peak, output = json.loads(run_python(launcher, sys.executable, "-uc", program))
    assert output == "first\nlast\n"
    assert 0 < answered < seconds - 0.2
    assert peak is None or 100 < peak < 300
    with pytest.raises(subprocess.CalledProcessError):
        run_python(launcher, sys.executable, "-c", "exit(3)")
