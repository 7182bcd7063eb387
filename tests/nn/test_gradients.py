"""Gradients against central differences of the loss, and the check itself against planted errors."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp import Network
from mnist_mlp.nn import plain
from mnist_mlp.nn.activations import ACTIVATIONS
from mnist_mlp.nn.losses import LOSSES

Array = NDArray[Any]

STEP = 1e-5
TOLERANCE = 1e-6  # of a gradient's norm,
FLOOR = 1e-3  # which counts as at least this

UNITWISE = ["sigmoid", "tanh", "relu", "linear"]
FITTING = [(name, output) for name, loss in LOSSES.items() for output in loss.outputs]


def central_differences(value: Callable[[], float], array: Array) -> Array:
    """The derivative of value() by each number of the array, which is changed and put back."""
    result = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + STEP
        above = value()
        array[index] = kept - STEP
        below = value()
        array[index] = kept
        result[index] = (above - below) / (2 * STEP)
    return result


def mean_loss(network: Network, inputs: Array, targets: Array, loss: str) -> float:
    return float(LOSSES[loss].value(network.forward(inputs), targets).mean())


def gradients_agree(network: Network, inputs: Array, targets: Array, loss: str) -> bool:
    """Whether each weight matrix and each layer's biases have the gradient of their loss."""

    def own_loss(layer: int) -> str:
        # raw-error is not the gradient of one loss: squared error for the output layer's weights,
        # cross-entropy for all before
        if loss != "raw-error":
            return loss
        return "squared-error" if layer == len(network.weights) - 1 else "cross-entropy"

    weights, biases = network.gradients(inputs, targets, loss)
    assert (biases is None) == (network.biases is None)
    pairs = [*zip(network.weights, weights, strict=True)]
    pairs += zip(network.biases or [], biases or [], strict=True)
    for i, (parameter, gradient) in enumerate(pairs):
        value = partial(mean_loss, network, inputs, targets, own_loss(i % len(weights)))
        expected = central_differences(value, parameter)
        error = np.linalg.norm(gradient - expected)
        if gradient.shape != parameter.shape or error > TOLERANCE * max(
            float(np.linalg.norm(expected)), FLOOR
        ):
            return False
    return True


def example(sizes: list[int], activations: list[str], *, biases: bool) -> tuple[Network, Array, Array]:
    """A network in float64 with five samples, none of which lies near a ReLU's kink."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        network = Network(sizes, activations, init="normal-fan-in", biases=biases, rng=rng, dtype=np.float64)
        for b in network.biases or []:
            b[:] = rng.normal(0, 0.5, b.shape)
        inputs = rng.normal(size=(5, sizes[0]))
        targets = rng.uniform(0.01, 0.99, (5, sizes[-1]))
        if activations[-1] == "softmax":
            targets /= targets.sum(axis=1, keepdims=True)
        y: Array = inputs
        distance = np.inf
        for i, (W, activation) in enumerate(zip(network.weights, activations, strict=True)):
            z = y @ W.T + (network.biases[i] if network.biases else 0)
            if activation == "relu":
                distance = min(distance, abs(z).min())
            y = ACTIVATIONS[activation].value(z)
        if distance > 1e-2:
            return network, inputs, targets
    raise AssertionError("no start away from the kinks")


@pytest.mark.parametrize("biases", [False, True], ids=["no-biases", "biases"])
@pytest.mark.parametrize("hidden", UNITWISE)
@pytest.mark.parametrize(("loss", "output"), FITTING)
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_gradients_are_those_of_the_loss(
    loss: str, output: str, hidden: str, biases: bool, depth: int
) -> None:
    sizes = [3, *[4, 5, 3][:depth], 2]
    network, inputs, targets = example(sizes, [*[hidden] * depth, output], biases=biases)
    assert gradients_agree(network, inputs, targets, loss)


@pytest.mark.parametrize(("loss", "output"), FITTING)
def test_gradients_of_the_textbook_loop_are_those_of_the_loss(loss: str, output: str) -> None:
    # With learning rate 1 and one sample, what an update subtracts is the gradient.
    network, inputs, targets = example([3, 4, 2], ["tanh", output], biases=True)
    expected_weights, expected_biases = network.gradients(inputs[:1], targets[:1], loss)
    before = network.copy()
    plain.train(network, inputs[:1], targets[:1], 1.0, loss)
    expected = [*expected_weights, *(expected_biases or [])]
    for start, end, gradient in zip(before.parameters(), network.parameters(), expected, strict=True):
        np.testing.assert_allclose(start - end, gradient, rtol=1e-9, atol=1e-14)


def test_mixed_activations() -> None:
    network, inputs, targets = example([3, 4, 5, 3, 2], ["tanh", "relu", "linear", "sigmoid"], biases=True)
    assert gradients_agree(network, inputs, targets, "cross-entropy")


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("name", UNITWISE)
def test_a_derivative_wrong_by_a_hundred_thousandth_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, layer: int
) -> None:
    right = ACTIVATIONS[name]
    wrong = replace(right, derivative=lambda y: (1 + 1e-5) * right.derivative(y))

    activations = ["sigmoid" if name != "sigmoid" else "tanh"] * 2
    activations[layer] = name
    network, inputs, targets = example([3, 4, 2], activations, biases=False)
    assert gradients_agree(network, inputs, targets, "squared-error")
    monkeypatch.setitem(ACTIVATIONS, name, wrong)
    assert not gradients_agree(network, inputs, targets, "squared-error")


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
    monkeypatch.setitem(LOSSES, loss, replace(LOSSES[loss], **change))  # type: ignore[arg-type]
    assert not gradients_agree(network, inputs, targets, loss)
