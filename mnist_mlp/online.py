"""Exact online gradient descent, one update a row, at a fraction of the cost of writing every update out.

Row by row, the first layer's weights would be read and written whole for each row. Instead they stay as they
were at the start of a block of rows, and each row adds what the rows before it in the block would have
changed. With d_s the deltas of row s and x_s its inputs, before row t the weights are
W - learning_rate * sum over s < t of d_s x_s^T, and so the weighted sums of row t are

    z_t = W x_t - learning_rate * sum over s < t of (x_t . x_s) d_s

which needs two matrix products for the block, X W^T and X X^T, and a third one to bring W up to date at its
end. The later layers are small and are updated row by row. The numbers are the same up to rounding.
"""

import numpy as np
from scipy.linalg import blas

from mnist_mlp.activations import ACTIVATIONS
from mnist_mlp.losses import Loss
from mnist_mlp.network import Network, NetworkError
from mnist_mlp.products import Floats, multiply_into

BLOCK_SIZE = 48


def train_online(
    network: Network,
    inputs: Floats,
    targets: Floats,
    learning_rate: float = 0.3,
    loss: str = "raw-error",
    *,
    train_biases: bool = True,
    block_size: int = BLOCK_SIZE,
) -> Floats:
    """Train on each row once, in order, with one update a row, in place.

    Args:
        network: the network to train.
        inputs: (n, n_in).
        targets: (n, n_out).
        learning_rate: of every update.
        loss: see `mnist_mlp.losses`.
        train_biases: whether the biases, where there are any, learn too.
        block_size: rows whose first-layer updates are gathered; it changes the speed, not the result.

    Returns:
        The outputs, (n, n_out), that each row got just before its own update.

    Raises:
        NetworkError: if the shapes do not fit, or the loss does not fit the output activation.
    """
    x = np.ascontiguousarray(network.as_rows(inputs, network.sizes[0], "inputs"))
    t = network.as_rows(targets, network.sizes[-1], "targets")
    if len(x) != len(t):
        raise NetworkError(f"{len(x)} rows of inputs need as many targets, not {len(t)}")
    outputs = np.empty((len(x), network.sizes[-1]), network.dtype)
    for first in range(0, len(x), block_size):
        rows = slice(first, first + block_size)
        if first == 0 or len(x) - first < block_size:
            block = _Block(
                network, len(x[rows]), learning_rate, network.checked_loss(loss), train_biases=train_biases
            )
        block.train(x[rows], t[rows], outputs[rows])
    return outputs


class _Block:
    """The buffers for blocks of a fixed number of rows, used again for each block."""

    def __init__(
        self, network: Network, rows: int, learning_rate: float, loss: Loss, train_biases: bool
    ) -> None:
        self._network = network
        self._learning_rate = learning_rate
        self._loss = loss
        self._train_biases = network.biases is not None and train_biases
        self._activations = [ACTIVATIONS[name] for name in network.activations]
        self._weighted_sums = np.empty((rows, len(network.weights[0])), network.dtype)
        self._first_deltas = np.empty_like(self._weighted_sums)
        self._gram = np.empty((rows, rows), network.dtype)
        # For row t: its products with the rows before it, and the deltas of those.
        self._earlier = [(self._gram[t, :t], self._first_deltas[:t]) for t in range(rows)]
        # Of one row, for each layer: its outputs, its deltas, and scratch space. The first layer's deltas and
        # the last layer's outputs are kept for the whole block, so their places here are filled row by row.
        self._outputs = [np.empty(len(W), W.dtype) for W in network.weights]
        self._deltas = [np.empty(len(W), W.dtype) for W in network.weights]
        self._scratch = [np.empty(len(W), W.dtype) for W in network.weights]
        self._add_outer = blas.sger if network.dtype == np.float32 else blas.dger

    def train(self, x: Floats, targets: Floats, outputs: Floats) -> None:
        """Train on the rows x, and write into outputs what each got before its update."""
        W, Z, G, D = self._network.weights[0], self._weighted_sums, self._gram, self._first_deltas
        multiply_into(Z, x, W.T)
        multiply_into(G, x, x.T, scale=-self._learning_rate)
        if self._network.biases:
            Z += self._network.biases[0]
        if self._train_biases:
            G -= self._learning_rate  # a bias is the weight of an input that is always 1
        for t, (products, deltas) in enumerate(self._earlier):
            np.dot(products, deltas, out=self._scratch[0])
            np.add(Z[t], self._scratch[0], out=self._outputs[0])
            self._deltas[0] = D[t]
            self._train_later_layers(targets[t])
            outputs[t] = self._outputs[-1]
        multiply_into(W, D.T, x, scale=-self._learning_rate, keep=1.0)
        if self._network.biases and self._train_biases:
            self._network.biases[0] -= self._learning_rate * D.sum(axis=0)

    def _train_later_layers(self, target: Floats) -> None:
        """Take one row from its first weighted sums to its outputs and back; update the later layers."""
        weights, biases = self._network.weights, self._network.biases
        y, deltas, last = self._outputs, self._deltas, len(weights) - 1
        self._activations[0].apply(y[0])
        for i in range(1, last + 1):
            np.dot(weights[i], y[i - 1], out=y[i])
            if biases:
                y[i] += biases[i]
            self._activations[i].apply(y[i])
        np.subtract(y[last], target, out=deltas[last])
        if self._loss.slope_handed_back:
            self._multiply_by_slope(last)
        for i in range(last, 0, -1):
            np.dot(deltas[i], weights[i], out=deltas[i - 1])
            self._multiply_by_slope(i - 1)
        if self._loss.slope_in_weights and not self._loss.slope_handed_back:
            self._multiply_by_slope(last)
        for i in range(1, last + 1):
            self._add_outer(-self._learning_rate, y[i - 1], deltas[i], a=weights[i].T, overwrite_a=1)
            if biases and self._train_biases:
                biases[i] -= self._learning_rate * deltas[i]

    def _multiply_by_slope(self, i: int) -> None:
        self._activations[i].multiply_by_slope(self._deltas[i], self._outputs[i], self._scratch[i])
