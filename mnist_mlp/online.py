"""Exact online gradient descent, one update a row, at a fraction of the cost of writing every update out.

Row by row, the first layer's weights would be read and written whole for each row. Instead they stay as they
were at the start of a block of rows, and each row adds what the rows before it in the block would have
changed. With d_s the deltas of row s and x_s its inputs, before row t the weights are
W - learning_rate * sum over s < t of d_s x_s^T, and so the weighted sums of row t are

    z_t = W x_t - learning_rate * sum over s < t of (x_t . x_s) d_s

which needs two matrix products for the block, X W^T and X X^T, and a third one to bring W up to date at its
end. The later layers are small and are updated row by row. The numbers are the same up to rounding.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy.linalg import blas

from mnist_mlp.activations import ACTIVATIONS
from mnist_mlp.losses import Loss
from mnist_mlp.network import Network, NetworkError
from mnist_mlp.products import Floats, multiply_into

BLOCK_SIZE = 64

Call = Callable[[], object]


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
    checked_loss = network.checked_loss(loss)
    outputs = np.empty((len(x), network.sizes[-1]), network.dtype)
    for first in range(0, len(x), block_size):
        rows = slice(first, first + block_size)
        if first == 0 or len(x) - first < block_size:
            block = _Block(network, len(x[rows]), learning_rate, checked_loss, train_biases=train_biases)
        block.train(x[rows], t[rows], outputs[rows])
    return outputs


class _Block:
    """A fixed number of rows to train on, used again for each block.

    The arithmetic of a row is a dozen small calls, so that what Python does around them counts. They always
    work on the same buffers, and are put together once, as one list of calls for all rows of the block.
    """

    def __init__(
        self, network: Network, rows: int, learning_rate: float, loss: Loss, *, train_biases: bool
    ) -> None:
        self._network = network
        self._learning_rate = learning_rate
        self._loss = loss
        self._train_biases = network.biases is not None and train_biases
        self._activations = [ACTIVATIONS[name] for name in network.activations]
        # The first layer's weighted sums, which become its outputs, and its deltas, both for the whole block;
        # likewise what goes in and out at the other end. The layers between need buffers for one row only.
        hidden, outputs = len(network.weights[0]), len(network.weights[-1])
        self._weighted_sums, self._deltas = (np.empty((rows, hidden), network.dtype) for _ in range(2))
        self._targets, self._outputs = (np.empty((rows, outputs), network.dtype) for _ in range(2))
        self._gram = np.empty((rows, rows), network.dtype)
        self._scratch = [np.empty(len(W), W.dtype) for W in network.weights]
        self._calls = [call for t in range(rows) for call in self._row_calls(t)]

    def train(self, x: Floats, targets: Floats, outputs: Floats) -> None:
        """Train on the rows x, and write into outputs what each got before its update."""
        W, Z, G, D = self._network.weights[0], self._weighted_sums, self._gram, self._deltas
        multiply_into(Z, x, W.T)
        multiply_into(G, x, x.T, scale=-self._learning_rate)
        if self._network.biases is not None:
            Z += self._network.biases[0]
        if self._train_biases:
            G -= self._learning_rate  # a bias is the weight of an input that is always 1
        self._targets[:] = targets
        for call in self._calls:
            call()
        outputs[:] = self._outputs
        multiply_into(W, D.T, x, scale=-self._learning_rate, keep=1.0)
        if self._network.biases is not None and self._train_biases:
            self._network.biases[0] -= self._learning_rate * D.sum(axis=0)

    def _row_calls(self, t: int) -> Iterator[Call]:
        """The calls for row t: weighted sums, forwards, back, and the updates of the later layers."""
        weights, biases = self._network.weights, self._network.biases
        last, scratch = len(weights) - 1, self._scratch
        between = [np.empty(len(W), W.dtype) for W in weights[1:-1]]
        y = [self._weighted_sums[t], *between, self._outputs[t]][-len(weights) :]
        deltas = [self._deltas[t], *(np.empty_like(outputs) for outputs in y[1:])]

        def multiply_by_slope(i: int) -> Call:
            return partial(self._activations[i].multiply_by_slope, deltas[i], y[i], scratch[i])

        yield partial(np.dot, self._gram[t, :t], self._deltas[:t], scratch[0])
        yield partial(np.add, self._weighted_sums[t], scratch[0], y[0])
        yield partial(self._activations[0].apply, y[0])
        for i in range(1, last + 1):
            yield partial(np.dot, weights[i], y[i - 1], y[i])
            if biases:
                yield partial(np.add, y[i], biases[i], y[i])
            yield partial(self._activations[i].apply, y[i])

        yield partial(np.subtract, y[last], self._targets[t], deltas[last])
        if self._loss.slope_handed_back:
            yield multiply_by_slope(last)
        for i in range(last, 0, -1):
            yield partial(np.dot, deltas[i], weights[i], deltas[i - 1])
            yield multiply_by_slope(i - 1)
        if self._loss.slope_in_weights and not self._loss.slope_handed_back:
            yield multiply_by_slope(last)

        add_outer = blas.sger if self._network.dtype == np.float32 else blas.dger
        for i in range(1, last + 1):
            columns = weights[i].T  # BLAS stores by columns, and so adds to it in place
            yield partial(add_outer, -self._learning_rate, y[i - 1], deltas[i], a=columns, overwrite_a=1)
            if biases and self._train_biases:
                yield partial(_subtract_scaled, biases[i], self._learning_rate, deltas[i], scratch[i])


def _subtract_scaled(array: Floats, factor: float, other: Floats, scratch: Floats) -> None:
    np.multiply(other, factor, out=scratch)
    np.subtract(array, scratch, out=array)
