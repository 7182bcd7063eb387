"""The programs under scripts/examples: what they compute, printed beside their documents' figures.

The programs train 50 starts each; here most tests take fewer, and those marked slow run them whole.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_mlp import Network

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "scripts" / "examples"
PROGRAMS = ["worked_example", "xor_neurons", "xor_layers", "matrix_script", "house_prices"]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import a program as if it had been started, with its own folder on the path."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return import_module


def run(name: str, folder: Path) -> str:
    """What the program prints, run in another folder."""
    return subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    ).stdout


def test_the_worked_example_prints_its_sources_figures_beside_ours(tmp_path: Path) -> None:
    lines = run("worked_example", tmp_path).splitlines()
    weights = [line.split() for line in lines if "unit" in line]
    assert len(weights) == 8
    for *_, given, here in weights:
        assert float(here) == pytest.approx(float(given), abs=5.1e-9)  # Mazur prints up to nine digits
    errors = [line.split()[3:] for line in lines if line.startswith("after")]
    assert errors == [
        ["0.2983711090", "0.2983711087600"],
        ["0.2910279240", "0.2910277736936"],  # updated before propagating, and not
        ["0.0000351085481"],
        ["0.0000351085", "0.0000351018778"],
        ["0.5080067280", "0.5080067275493"],
        ["0.4960456830", "0.4960456830021"],
        ["0.0000181058590"],
        ["0.0000181020", "0.0000181024474"],
    ]


def test_xor_neurons_like_the_plain_loop(
    load: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    program = load("xor_neurons")
    program.main(starts=3, updates=2000)
    here, reference = program.by_network(3, 2000), program.by_plain_loop(3, 2000)
    np.testing.assert_allclose(here, reference, rtol=1e-9)
    printed = capsys.readouterr().out
    assert "network 2-5-1" in printed
    assert "all four outputs within 0.1" in printed


def test_most_starts_of_the_neurons_learn_xor(load: Callable[[str], Any]) -> None:
    program = load("xor_neurons")
    # The plain loop gives the same outputs (above), and trains many starts in the time of one: 45 of 50 learn
    assert program.learned(program.by_plain_loop(50, 10_000)) == 45


def test_xor_layers_like_the_plain_loop(
    load: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    program = load("xor_layers")
    program.main(starts=3)
    here, reference = program.by_network(3), program.by_plain_loop(3)
    np.testing.assert_allclose(here.losses, reference.losses, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(here.outputs, reference.outputs, rtol=1e-6, atol=1e-9)
    printed = capsys.readouterr().out
    for document in (
        "1.5461586",
        "1.0010336",
        "0.3916952",
        "0.0018694",
        "0.0016546",
        "0.0610148",
        "0.9887744",
    ):
        assert document in printed


def test_most_starts_of_the_layers_reach_a_loss_of_a_hundredth(load: Callable[[str], Any]) -> None:
    program = load("xor_layers")
    runs = program.by_plain_loop(50)
    assert (runs.reached, runs.learned) == (42, 42)
    # The first epoch's loss in the document, 1.546, and those of 50 starts: a run like any other
    assert np.quantile(runs.losses[:, 0], 0.1) < 1.5461586 < np.quantile(runs.losses[:, 0], 0.9)


def test_the_matrix_scripts_outputs_are_on_their_sides(
    load: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    program = load("matrix_script")
    for seed in range(3):
        network = program.trained(seed)
        outputs = network.forward([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]])
        np.testing.assert_allclose(outputs, [[0], [1], [1], [0]], atol=0.05)
    program.main(starts=2)
    assert "sides of 0.5: 2 of 2 starts" in capsys.readouterr().out


def test_house_prices_are_learnt_better_than_in_the_document(
    load: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    program = load("house_prices")
    # Seeds that neither the settings nor the figures of the program come from
    scores = []
    for seed in range(20, 23):
        rng = np.random.default_rng(seed)
        training, test = program.split(program.read_houses(), rng)
        network, rates = program.trained(training, rng, epochs=150)
        scores.append(program.r2(network, test))
        assert rates[0] == 0.015
        assert rates[75] == pytest.approx(0.0075)
        assert rates[-1] == pytest.approx(0.0001)
    assert np.mean(scores) > program.DOCUMENT_R2
    program.main(splits=2, epochs=5)
    assert "0.803" in capsys.readouterr().out


def test_house_prices_are_standardised_by_the_training_rows(load: Callable[[str], Any]) -> None:
    program = load("house_prices")
    houses = program.read_houses()
    assert houses.shape == (506, 13)
    assert houses[0].tolist() == [0.00632, 18, 2.31, 0, 0.538, 6.575, 65.2, 4.09, 1, 296, 15.3, 4.98, 24]
    training, test = program.split(houses, np.random.default_rng(0))
    assert (len(training), len(test)) == (354, 152)
    np.testing.assert_allclose(training.mean(axis=0), np.zeros(13), atol=1e-12)
    np.testing.assert_allclose(training.std(axis=0), np.ones(13))
    # The test rows are only shifted and scaled, so their own means are near 0 and not 0; all rows are there
    assert (abs(test.mean(axis=0)) > 1e-3).all()
    prices = houses[:, -1]
    both = np.sort(np.concatenate([training, test])[:, -1])
    np.testing.assert_allclose(
        (both - both[0]) / (both[-1] - both[0]), (np.sort(prices) - prices.min()) / np.ptp(prices), atol=1e-12
    )


def test_r2_by_hand(load: Callable[[str], Any]) -> None:
    program = load("house_prices")
    # Prices 1, 3 (mean 2, squares 1 + 1); the neuron gives 1.5, 3: squares 0.25. R² = 1 - 0.25 / 2
    network = Network.from_arrays([[[1.0]]], [[0.5]], ["linear"])
    assert program.r2(network, np.array([[1.0, 1.0], [2.5, 3.0]])) == pytest.approx(0.875)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_runs_anywhere_and_fits_a_terminal(tmp_path: Path, name: str) -> None:
    lines = run(name, tmp_path).splitlines()
    assert lines[0].startswith("network ")
    assert max(map(len, lines)) <= 80
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ten_splits_of_the_house_prices(tmp_path: Path) -> None:
    mean = next(line for line in run("house_prices", tmp_path).splitlines() if line.startswith(" mean"))
    assert float(mean.split()[1]) >= 0.84
