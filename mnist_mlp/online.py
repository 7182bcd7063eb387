"""Exact online gradient descent, one update a row, at a fraction of the cost of writing every update out.

Row by row, the first layer's weights would be read and written whole for each row. Instead they stay as they
were at the start of a block of rows, and each row adds what the rows before it in the block would have
changed. With d_s the deltas of row s and x_s its inputs, before row t the weights are
W - learning_rate * sum over s < t of d_s x_s^T, and so the weighted sums of row t are

    z_t = W x_t - learning_rate * sum over s < t of (x_t . x_s) d_s

which needs two matrix products for the block, X W^T and X X^T, and a third one to bring W up to date at its
end. The later layers are small and are updated row by row. The numbers are the same up to rounding.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

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
        self, network: Network, rows: int, learning_rate: float, loss: Loss, *, train_biases: bool
    ) -> None:
        self._weights = network.weights[0]
        self._biases = network.biases[0] if network.biases else None
        self._train_biases = train_biases
        self._learning_rate = learning_rate
        self._weighted_sums = np.empty((rows, len(self._weights)), network.dtype)
        self._deltas = np.empty_like(self._weighted_sums)
        self._gram = np.empty((rows, rows), network.dtype)
        # For row t: its products with the rows before it, and the deltas of those.
        self._earlier = [(self._gram[t, :t], self._deltas[:t]) for t in range(rows)]
        self._row = _Row(network, learning_rate, loss, train_biases=train_biases)

    def train(self, x: Floats, targets: Floats, outputs: Floats) -> None:
        """Train on the rows x, and write into outputs what each got before its update."""
        Z, G, D, row = self._weighted_sums, self._gram, self._deltas, self._row
        multiply_into(Z, x, self._weights.T)
        multiply_into(G, x, x.T, scale=-self._learning_rate)
        if self._biases is not None:
            Z += self._biases
            if self._train_biases:
                G -= self._learning_rate  # a bias is the weight of an input that is always 1
        for (products, deltas), z, delta, target, output in zip(
            self._earlier, Z, D, targets, outputs, strict=True
        ):
            np.dot(products, deltas, out=delta)
            np.add(z, delta, out=row.hidden)
            for step in row.forward:
                step()
            np.subtract(row.output, target, out=row.error)
            for step in row.backward:
                step()
            delta[:] = row.hidden_delta
            output[:] = row.output
        multiply_into(self._weights, D.T, x, scale=-self._learning_rate, keep=1.0)
        if self._biases is not None and self._train_biases:
            self._biases -= self._learning_rate * D.sum(axis=0)


class _Row:
    """The arithmetic of one row behind its first weighted sums, as calls on fixed buffers.

    The calls are small, so that what Python does around them counts. They are put together once.

    Attributes:
        hidden: the first layer's weighted sums go in here, and become its outputs.
        output: the network's outputs, after the calls in `forward`.
        error: outputs less targets go in here; then the calls in `backward` update the later layers.
        hidden_delta: the first layer's deltas, after `backward`.
    """

    def __init__(self, network: Network, learning_rate: float, loss: Loss, *, train_biases: bool) -> None:
        weights, last = network.weights, len(network.weights) - 1
        biases = network.biases or []
        activations = [ACTIVATIONS[name] for name in network.activations]
        y, deltas, scratch = ([np.empty(len(W), W.dtype) for W in weights] for _ in range(3))
        add_outer = blas.sger if network.dtype == np.float32 else blas.dger

        def multiply_by_slope(i: int) -> partial[object]:
            return partial(activations[i].multiply_by_slope, deltas[i], y[i], scratch[i])

        self.hidden, self.output, self.error, self.hidden_delta = y[0], y[last], deltas[last], deltas[0]
        self.forward: list[Callable[[], object]] = [partial(activations[0].apply, y[0])]
        for i in range(1, last + 1):
            self.forward.append(partial(np.dot, weights[i], y[i - 1], y[i]))
            if biases:
                self.forward.append(partial(np.add, y[i], biases[i], y[i]))
            self.forward.append(partial(activations[i].apply, y[i]))

        self.backward: list[Callable[[], object]] = []
        if loss.slope_handed_back:
            self.backward.append(multiply_by_slope(last))
        for i in range(last, 0, -1):
            self.backward.append(partial(np.dot, deltas[i], weights[i], deltas[i - 1]))
            self.backward.append(multiply_by_slope(i - 1))
        if loss.slope_in_weights and not loss.slope_handed_back:
            self.backward.append(multiply_by_slope(last))
        for i in range(1, last + 1):
            transposed = weights[i].T  # BLAS adds to it in place, since it stores by columns
            outer = partial(add_outer, -learning_rate, y[i - 1], deltas[i], a=transposed, overwrite_a=1)
            self.backward.append(outer)
            if biases and train_biases:
                bias, rate = biases[i], network.dtype.type(learning_rate)
                self.backward.append(partial(_subtract_scaled, bias, rate, deltas[i], scratch[i]))


def _subtract_scaled(array: Floats, factor: np.floating[Any], other: Floats, scratch: Floats) -> None:
    np.multiply(other, factor, out=scratch)
    np.subtract(array, scratch, out=array)
