"""The programs under scripts/examples: what they compute, printed beside the figures of their sources.

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

from mnist_mlp import Network, train_online
from mnist_mlp.nn import plain

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "scripts" / "examples"


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
        timeout=120,
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


def test_xor_neurons_are_those_of_the_textbook_loop_and_mostly_learn(load: Callable[[str], Any]) -> None:
    program = load("xor_neurons")
    here = program.outputs(train_online, 2, 2000)
    np.testing.assert_allclose(here, program.outputs(plain.train, 2, 2000), rtol=1e-9)
    outputs = program.outputs(train_online, 5)
    right = (abs(outputs - program.TARGETS[:, 0]) < 0.1).all(axis=1)
    assert right.sum() >= 4


def test_xor_layers_are_those_of_the_textbook_loop_and_mostly_learn(load: Callable[[str], Any]) -> None:
    program = load("xor_layers")
    losses, outputs = program.runs(train_online, 10)
    expected_losses, expected_outputs = program.runs(plain.train, 1)
    np.testing.assert_allclose(losses[:1], expected_losses, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(outputs[:1], expected_outputs, rtol=1e-6, atol=1e-9)
    assert program.reached(losses) >= 7  # 40 of 50 in an independent implementation
    assert program.learned(outputs) >= 7
    # The first epoch's loss in the tutorial, 1.546: a run like any other
    assert losses[:, 0].min() < 1.5461586 < losses[:, 0].max()


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


def test_house_prices_are_learnt_better_than_in_the_tutorial(
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
    assert np.mean(scores) > program.TUTORIAL_R2
    program.main(splits=2, epochs=5)
    assert "0.803" in capsys.readouterr().out


def test_house_prices_are_standardized_by_the_training_samples(load: Callable[[str], Any]) -> None:
    program = load("house_prices")
    houses = program.read_houses()
    assert houses.shape == (506, 13)
    assert houses[0].tolist() == [0.00632, 18, 2.31, 0, 0.538, 6.575, 65.2, 4.09, 1, 296, 15.3, 4.98, 24]
    training, test = program.split(houses, np.random.default_rng(0))
    assert (len(training), len(test)) == (354, 152)
    np.testing.assert_allclose(training.mean(axis=0), np.zeros(13), atol=1e-12)
    np.testing.assert_allclose(training.std(axis=0), np.ones(13))
    # The test samples are only shifted and scaled, so their means are near 0 and not 0; all are there
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


# What the programs print about their 50 starts, to all digits.
PRINTED = {
    "worked_example": ["layer 0, unit 0, input 0             0.149780716      0.149780716133"],
    "xor_neurons": [
        "All four outputs within 0.1 of their targets: 45 starts.",
        "(1, 1)                    0.0369    0.0472    0.3995        0",
        "(1, 0)                    0.5956    0.9393    0.9520        1",
        "(0, 1)                    0.7108    0.9377    0.9514        1",
        "(0, 0)                    0.0551    0.0747    0.2087        0",
    ],
    "xor_layers": [
        "               1     1.5461586          0.2465301    0.9490469    3.6056244",
        "               2     1.0010336          0.1767679    0.2675948    0.5250743",
        "              10     0.3916952          0.1340943    0.1695036    0.2246602",
        "             995     0.0018694          0.0000000    0.0000000    0.0838145",
        "           1,000     0.0016546          0.0000000    0.0000000    0.0836495",
        "          (1, 1)     0.0610148         -0.0000013    0.0000038    0.5635019",
        "          (1, 0)     0.9887744          0.9741316    0.9999993    1.0002082",
        "All four outputs within 0.1 of their targets: 42 of 50 starts.",
    ],
    "matrix_script": [
        "0 0 1                           0.0173    0.0185    0.0219        0",
        "1 1 1                           0.9789    0.9815    0.9827        1",
        "1 0 1                           0.9813    0.9838    0.9850        1",
        "0 1 1                           0.0137    0.0149    0.0181        0",
    ],
    "house_prices": [" mean                      0.862", "   sd                      0.031"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTED)
def test_each_program_runs_anywhere_and_prints_its_figures(tmp_path: Path, name: str) -> None:
    lines = run(name, tmp_path).splitlines()
    assert lines[0].startswith("network ")
    assert max(map(len, lines)) <= 80
    assert list(tmp_path.iterdir()) == []
    for printed in PRINTED[name]:
        assert any(line.startswith(printed) for line in lines), printed
