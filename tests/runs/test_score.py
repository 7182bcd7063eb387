"""Scoring a network: what stands in its scorecard besides what is right and wrong."""

import platform
from importlib.metadata import version

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp.digits.changes import CHANGES
from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.digits.nondigits import HELD_OUT, draw_nondigits
from mnist_mlp.nn.network import Network
from mnist_mlp.report.machine import machine_facts
from mnist_mlp.report.scorecard import Scorecard
from mnist_mlp.report.trust import answers_above, calibration_of
from mnist_mlp.runs.score import score
from mnist_mlp.training.recipe import RECIPES
from mnist_mlp.training.scoring import outputs_for, threshold_for
from mnist_mlp.training.trainer import train


@pytest.fixture(scope="module")
def network(few_digits: Digits) -> Network:
    recipe = RECIPES["fast"].with_settings({"hidden": 30})
    network = recipe.network()
    train(network, few_digits, recipe)
    return network


def test_outputs_threshold_and_calibration_are_those_of_the_digits(
    network: Network, few_test_digits: Digits
) -> None:
    outputs, labels = network.forward(scale_pixels(few_test_digits.images)), few_test_digits.labels
    card = score(network, few_test_digits, threshold=0.4, seconds={"load": 1.5}, facts={"seed": 7})
    assert card.accuracy == (outputs.argmax(axis=1) == labels).mean()
    assert card.more["answers"] == answers_above(labels, outputs, 0.4)
    assert card.more["calibration"] == calibration_of(labels, outputs)
    assert card.seed == 7
    assert card.versions == {
        "python": platform.python_version(),
        **{name: version(name) for name in ("mnist-mlp", "numpy", "scipy")},
    }
    assert card.machine == machine_facts()
    assert card.seconds["load"] == 1.5 > card.seconds["score"] > 0
    assert Scorecard.from_json(card.to_json()).more == card.more


def test_refused_are_the_non_digits_below_the_threshold(network: Network, few_test_digits: Digits) -> None:
    def refused(threshold: float) -> int:
        card = score(network, few_test_digits, threshold=threshold, seconds={}, facts={})
        assert card.more["nondigits"]["drawn"] == 1000
        return int(card.more["nondigits"]["refused"])

    assert refused(0.0) == 0
    assert refused(1.01) == 1000
    assert 0 < refused(0.3) <= refused(0.6) < 1000
    # They are of kinds that no recipe trains with, and the same images each time.
    images, labels = few_test_digits.images, few_test_digits.labels
    drawn = draw_nondigits(1000, images, labels, np.random.default_rng(1), HELD_OUT)
    largest = outputs_for(network, drawn).max(axis=1)
    for threshold in (0.6, float(np.sort(largest)[500])):
        assert refused(threshold) == (largest < threshold).sum()


def test_what_needs_a_threshold_or_all_digits_is_left_out(network: Network, few_test_digits: Digits) -> None:
    plain = score(network, few_test_digits, seconds={}, facts={})
    assert plain.more.keys() == {"calibration"}
    for kept in (few_test_digits.labels == 1, few_test_digits.labels != 5):
        card = score(network, few_test_digits[kept], threshold=0.5, seconds={}, facts={})
        assert card.more.keys() == {"answers", "calibration"}


def test_robustness_has_the_accuracy_after_each_change(network: Network, few_test_digits: Digits) -> None:
    told: list[tuple[int, int]] = []
    digits = few_test_digits[:100]
    card = score(
        network, digits, robustness=True, on_change=lambda *done: told.append(done), seconds={}, facts={}
    )
    rows = card.more["robustness"]
    assert [(row["change"], row["amount"], row["unit"]) for row in rows] == [
        (change.name, amount, change.unit) for change in CHANGES for amount in change.amounts
    ]
    assert told == [(number, len(rows)) for number in range(1, len(rows) + 1)]
    paler = np.rint(digits.images * 0.25).astype(np.uint8)
    right = network.predict(scale_pixels(paler)) == digits.labels
    assert [row["accuracy"] for row in rows if row["change"] == "lower contrast"][-1] == right.mean()
    shifted = [row["accuracy"] for row in rows if row["change"] == "shifted along an axis"]
    assert shifted[-1] < card.accuracy - 0.2


@pytest.mark.parametrize(
    "largest", [np.arange(1000) / 1000, np.linspace(0.9, 0.1, 60), np.full(200, 0.9999), np.array([0.3])]
)
def test_the_threshold_leaves_a_hundredth_of_the_digits_open(largest: NDArray[np.floating]) -> None:
    outputs = np.zeros((len(largest), 10))
    outputs[:, 4] = largest
    threshold = threshold_for(outputs)
    assert threshold == round(threshold, 2) < 1
    assert (largest < threshold).mean() <= 0.01
    assert (largest < threshold + 0.0101).mean() >= 0.01  # the next hundredth leaves more open
