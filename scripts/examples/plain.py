"""The textbook loop in plain NumPy, one row at a time: what the XOR examples compare the Network with.

It trains many networks side by side, one along the first axis of every array, since 50 starts one after
the other would take a minute.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_mlp import Network

Array = NDArray[np.float64]


def train(
    weights: list[Array],
    biases: list[Array],
    activations: Sequence[str],
    rows: Array,
    targets: Array,
    *,
    learning_rate: float,
    train_biases: bool,
) -> Array:
    """Gradient descent on half the squared error, in place, one update a row.

    Args:
        weights: (starts, n_out, n_in), one array a layer.
        biases: (starts, n_out), likewise.
        activations: sigmoid or linear, one a layer.
        rows: (steps, starts, n_in).
        targets: (steps, starts, n_out).
        learning_rate: of every update.
        train_biases: whether the biases learn too.

    Returns:
        The outputs before each update, (steps, starts, n_out).
    """
    outputs = np.empty_like(targets)
    for step, (x, target) in enumerate(zip(rows, targets, strict=True)):
        y = forward(weights, biases, activations, x)
        outputs[step] = y[-1]
        error = y[-1] - target
        for i in reversed(range(len(weights))):
            # The sigmoid's slope is y (1 - y), y being its output.
            delta = error * y[i + 1] * (1 - y[i + 1]) if activations[i] == "sigmoid" else error
            error = np.einsum("so,soi->si", delta, weights[i])  # before these weights change
            weights[i] -= learning_rate * delta[:, :, None] * y[i][:, None, :]
            if train_biases:
                biases[i] -= learning_rate * delta
    return outputs


def forward(weights: list[Array], biases: list[Array], activations: Sequence[str], x: Array) -> list[Array]:
    """The outputs of every layer, the inputs x (starts, n_in) first."""
    y = [x]
    for W, b, activation in zip(weights, biases, activations, strict=True):
        z = np.einsum("soi,si->so", W, y[-1]) + b
        y.append(1 / (1 + np.exp(-z)) if activation == "sigmoid" else z)
    return y


def outputs(weights: list[Array], biases: list[Array], activations: Sequence[str], rows: Array) -> Array:
    """What each start makes of the same rows (n, n_in) with its single output neuron: (starts, n)."""
    starts = len(weights[0])
    columns = [forward(weights, biases, activations, np.tile(row, (starts, 1)))[-1][:, 0] for row in rows]
    return np.stack(columns, axis=1)


def stacked(networks: Sequence[Network]) -> tuple[list[Array], list[Array]]:
    """The networks' weights and biases, copied into arrays with the networks along the first axis."""
    weights = [np.stack(layer) for layer in zip(*(network.weights for network in networks), strict=True)]
    biases = [np.stack(layer) for layer in zip(*(network.biases or [] for network in networks), strict=True)]
    return weights, biases
