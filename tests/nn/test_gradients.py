"""Gradients against central differences of the loss, and the check itself against planted errors."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp import Network
from mnist_mlp.nn.losses import LOSSES

Array = NDArray[Any]

UNITWISE = ["sigmoid", "tanh", "relu", "linear"]
FITTING = [(name, output) for name, loss in LOSSES.items() for output in loss.outputs]


def central_differences(value: Callable[[], float], array: Array, step: float = 1e-5) -> Array:
    """The derivative of value() by each number of the array, which is changed and put back."""
    result = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = value()
        array[index] = kept - step
        result[index] = (above - value()) / (2 * step)
        array[index] = kept
    return result


def mean_loss(network: Network, inputs: Array, targets: Array, loss: str) -> float:
    return float(LOSSES[loss].value(network.forward(inputs), targets).mean())


def gradients_agree(network: Network, inputs: Array, targets: Array, loss: str) -> bool:
    """Whether the gradients of all weights and biases are within a millionth of the differences' norm."""
    weights, biases = network.gradients(inputs, targets, loss)
    assert (biases is None) == (network.biases is None)
    last = len(weights) - 1
    for i, (parameter, gradient) in enumerate(
        zip(network.parameters(), weights + (biases or []), strict=True)
    ):
        own = loss
        if loss == "raw-error":  # no gradient of one loss: the last layer's is the squared error
            own = "squared-error" if i % len(weights) == last else "cross-entropy"
        expected = central_differences(partial(mean_loss, network, inputs, targets, own), parameter)
        if np.linalg.norm(gradient - expected) > 1e-6 * max(float(np.linalg.norm(expected)), 1e-3):
            return False
    return True


def example(sizes: list[int], activations: list[str], *, biases: bool) -> tuple[Network, Array, Array]:
    """A network in float64 with five samples."""
    rng = np.random.default_rng(0)
    network = Network(sizes, activations, init="normal-fan-in", biases=biases, rng=rng, dtype=np.float64)
    for b in network.biases or []:
        b[:] = rng.normal(0, 0.5, b.shape)
    inputs, targets = rng.normal(size=(5, sizes[0])), rng.uniform(0.01, 0.99, (5, sizes[-1]))
    if activations[-1] == "softmax":
        targets /= targets.sum(axis=1, keepdims=True)
    return network, inputs, targets


@pytest.mark.parametrize("biases", [False, True], ids=["no-biases", "biases"])
@pytest.mark.parametrize("hidden", UNITWISE)
@pytest.mark.parametrize(("loss", "output"), FITTING)
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_gradients_are_those_of_the_loss(
    loss: str, output: str, hidden: str, biases: bool, depth: int
) -> None:
    sizes = [3, *[4, 5, 3][:depth], 2]
    network, inputs, targets = example(sizes, [*[hidden] * depth, output], biases=biases)
    assert gradients_agree(network, inputs, targets, loss)


def test_mixed_activations() -> None:
    network, inputs, targets = example([3, 4, 5, 3, 2], ["tanh", "relu", "linear", "sigmoid"], biases=True)
    assert gradients_agree(network, inputs, targets, "cross-entropy")


@pytest.mark.parametrize(
    ("loss", "change"),
    [
        ("squared-error", {"derivative_backpropagated": False}),
        ("cross-entropy", {"derivative_in_output_layer": True}),
        ("cross-entropy", {"derivative_backpropagated": True}),
        ("raw-error", {"derivative_in_output_layer": False}),
        ("raw-error", {"derivative_backpropagated": True}),
    ],
)
def test_a_derivative_of_the_outputs_too_many_or_too_few_is_found(
    monkeypatch: pytest.MonkeyPatch, loss: str, change: dict[str, bool]
) -> None:
    network, inputs, targets = example([3, 4, 2], ["sigmoid", "sigmoid"], biases=True)
    assert gradients_agree(network, inputs, targets, loss)
    monkeypatch.setitem(LOSSES, loss, LOSSES[loss]._replace(**change))  # type: ignore[arg-type]
    assert not gradients_agree(network, inputs, targets, loss)
