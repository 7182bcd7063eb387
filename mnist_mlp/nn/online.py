"""Exact online gradient descent, one update a row, at a fraction of the cost of writing every update out.

Row by row, the first layer's weights would be read and written whole for each row. Instead they stay as they
were at the start of a block of rows, and each row adds what the rows before it in the block would have
changed. With d_s the deltas of row s and x_s its inputs, before row t the weights are
W - learning_rate * sum over s < t of d_s x_s^T, and so the weighted sums of row t are

    z_t = W x_t - learning_rate * sum over s < t of (x_t . x_s) d_s

which needs two matrix products for the block, X W^T and X X^T, and a third one to bring W up to date at its
end. The second, the block's Gram matrix, depends on the inputs alone, and can be kept for the next epoch. The
later layers are small and are updated row by row. The numbers are the same up to rounding.
"""

import operator
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import accumulate, pairwise

import numpy as np

from mnist_mlp.nn.activations import core_of
from mnist_mlp.nn.blas import Call, Floats, addition, multiplication, multiply_into, outer_addition
from mnist_mlp.nn.losses import Loss
from mnist_mlp.nn.network import Network, NetworkError

BLOCK_SIZE = 96
# Within a block, what the rows before have changed is added row by row for this many, and for all before
# them by one product: the fewer, the less each row has to add.
_GROUP_SIZE = 32


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
        loss: see `mnist_mlp.nn.losses`.
        train_biases: whether the biases, where there are any, learn too.
        block_size: rows whose first-layer updates are gathered; it changes the speed, not the result.

    Returns:
        The outputs, (n, n_out), that each row got just before its own update.

    Raises:
        NetworkError: if the shapes do not fit, or the loss does not fit the output activation.
    """
    trainer = OnlineTrainer(network, loss, train_biases=train_biases, block_size=block_size)
    return trainer.train(inputs, targets, learning_rate)


class OnlineTrainer:
    """Online gradient descent on one network, in place: `train_online` for many chunks of samples.

    Args:
        network: the network to train.
        loss: see `mnist_mlp.nn.losses`.
        train_biases: whether the biases, where there are any, learn too.
        block_size: rows whose first-layer updates are gathered; it changes the speed, not the result.

    Raises:
        NetworkError: if the loss does not fit the output activation.
    """

    def __init__(
        self,
        network: Network,
        loss: str = "raw-error",
        *,
        train_biases: bool = True,
        block_size: int = BLOCK_SIZE,
    ) -> None:
        self._network = network
        self._loss = network.checked_loss(loss)
        self._train_biases = network.biases is not None and train_biases
        self._block_size = block_size
        self._learning_rate = 0.0
        self._blocks: dict[int, _Block] = {}

    def train(
        self, inputs: Floats, targets: Floats, learning_rate: float, gram_cache: list[Floats] | None = None
    ) -> Floats:
        """Train on each row once, in order, with one update a row.

        Args:
            inputs: (n, n_in).
            targets: (n, n_out).
            learning_rate: of every update.
            gram_cache: each block's Gram matrix, which depends on the inputs alone: an empty list, which is
                filled; with the same inputs again this list saves a third of the large matrix products.

        Returns:
            The outputs, (n, n_out), that each row got just before its own update.

        Raises:
            NetworkError: if the shapes do not fit.
        """
        network = self._network
        x = np.ascontiguousarray(network.as_rows(inputs, network.sizes[0], "inputs"))
        t = network.as_rows(targets, network.sizes[-1], "targets")
        if len(x) != len(t):
            raise NetworkError(f"{len(x)} rows of inputs need as many targets, not {len(t)}")
        if learning_rate != self._learning_rate:
            self._learning_rate = learning_rate
            self._blocks = {}
        outputs = np.empty((len(x), network.sizes[-1]), network.dtype)
        blocks = [slice(first, first + self._block_size) for first in range(0, len(x), self._block_size)]
        gram_cache = [] if gram_cache is None else gram_cache
        for number, rows in enumerate(blocks):
            if number == len(gram_cache):
                gram_cache.append(_product(x[rows], x[rows].T))
            block = self._block_of(len(x[rows]))
            block.train(_product(x[rows], network.weights[0].T), gram_cache[number], t[rows], outputs[rows])
            multiply_into(
                network.weights[0], block.first_deltas.T, x[rows], scale=-block.first_step, keep=1.0
            )
        return outputs

    def _block_of(self, rows: int) -> "_Block":
        if rows not in self._blocks:
            # The block size and one remainder are all that is worth keeping.
            self._blocks = {size: self._blocks[size] for size in self._blocks if size == self._block_size}
            self._blocks[rows] = _Block(
                self._network, rows, self._learning_rate, self._loss, train_biases=self._train_biases
            )
        return self._blocks[rows]


def _product(a: Floats, b: Floats) -> Floats:
    out = np.empty((len(a), b.shape[1]), a.dtype)
    multiply_into(out, a, b)
    return out


class _Block:
    """A fixed number of rows to train on, used again for each block.

    The arithmetic of a row is a dozen small calls, so that what Python does around them counts. They always
    work on the same buffers, and are put together once, as one list of calls for all rows of the block. Of
    each unit they keep what its core puts out (see `activations.Core`); what must be added to that for the
    next layer, and to the targets, is written for all rows at once.
    """

    def __init__(
        self, network: Network, rows: int, learning_rate: float, loss: Loss, *, train_biases: bool
    ) -> None:
        self._network = network
        self._learning_rate = learning_rate
        self._loss = loss
        self._train_biases = train_biases
        self._cores = [core_of(name) for name in network.activations]
        # A row holds what all layers put out, one after the other, or all their deltas.
        sizes = network.sizes[1:]
        self._layers = [slice(start, stop) for start, stop in pairwise(accumulate(sizes, initial=0))]
        self._units, self._shifted, self._deltas = (
            np.zeros((rows, sum(sizes)), network.dtype) for _ in range(3)
        )
        self._shifts = np.repeat([core.shift for core in self._cores], sizes).astype(network.dtype)
        self._scratch = np.empty(sum(sizes), network.dtype)
        self._gram = np.empty((rows, rows), network.dtype)
        # What the deltas kept must be multiplied by.
        self._factors = [1.0] * (len(sizes) - 1) + [
            self._output_factor(with_slope=loss.derivative_in_output_layer)
        ]
        self.first_deltas = self._deltas[:, self._layers[0]]
        self.first_step = learning_rate * self._factors[0]
        self._calls = [call for t in range(rows) for call in self._row_calls(t)]

    def _output_factor(self, *, with_slope: bool) -> float:
        """What the output errors, kept with or without the core's slope, must be multiplied by."""
        core = self._cores[-1]
        return core.after * core.before * core.after if with_slope else core.after

    def train(self, sums: Floats, gram: Floats, targets: Floats, outputs: Floats) -> None:
        """Train on rows, given the first layer's weighted sums before the block, and the rows' Gram matrix.

        Into outputs goes what each row got before its update. The first layer's weights stay as they are.
        """
        first, last = self._cores[0], self._cores[-1]
        to_sums = -first.before * self.first_step
        Z = self._units[:, self._layers[0]]
        np.multiply(sums, first.before, out=Z)
        np.multiply(gram, to_sums, out=self._gram)
        if self._network.biases is not None:
            Z += first.before * self._network.biases[0]
        if self._train_biases:
            self._gram += to_sums  # a bias is the weight of an input that is always 1
        self._shifted[:] = self._shifts
        errors = self._deltas[:, self._layers[-1]]
        np.multiply(targets, -1 / last.after, out=errors)
        errors += last.shift

        deque(map(operator.call, self._calls), maxlen=0)  # calls them all, and drops what they return

        np.add(self._units[:, self._layers[-1]], last.shift, out=outputs)
        outputs *= last.after
        if self._network.biases is not None and self._train_biases:
            self._network.biases[0] -= self.first_step * self.first_deltas.sum(axis=0)

    def _row_calls(self, t: int) -> Iterator[Call]:
        """The calls for row t: weighted sums, forwards, back, and the updates of the later layers."""
        weights, biases = self._network.weights, self._network.biases
        y, shifted, deltas = (
            [row[layer] for layer in self._layers]
            for row in (self._units[t], self._shifted[t], self._deltas[t])
        )
        yield from self._first_sums(t)
        for i, core in enumerate(self._cores):
            if i:
                before = self._cores[i - 1]
                keep = 0.0
                if biases:
                    yield partial(np.copyto, y[i], biases[i])
                    keep = core.before
                scale = core.before * before.after
                yield multiplication(y[i], weights[i], shifted[i - 1], scale=scale, keep=keep)
            yield from core.steps(y[i])
            if i < len(weights) - 1:
                yield addition(shifted[i], y[i])
        yield addition(deltas[-1], y[-1])  # to what the targets left there
        yield from self._backward(t)
        for i in range(1, len(weights)):
            step = self._learning_rate * self._factors[i]
            yield outer_addition(
                weights[i], deltas[i], shifted[i - 1], scale=-step * self._cores[i - 1].after
            )
            if biases and self._train_biases:
                yield addition(biases[i], deltas[i], scale=-step)

    def _first_sums(self, t: int) -> Iterator[Call]:
        """The calls that add to the first layer's sums what the rows of the block before row t change.

        Of the rows of its own group each adds its part; of those of earlier groups one product adds it for
        the whole group. Both work on whole rows, since the rows before must be contiguous; what is added to
        the later layers is overwritten.
        """
        group = t - t % _GROUP_SIZE
        if t == group > 0:
            rows = slice(group, group + _GROUP_SIZE)
            gram = self._gram[rows, :group]
            yield partial(multiply_into, self._units[rows], gram, self._deltas[:group], keep=1.0)
        elif t > group:
            before = slice(group, t)
            yield multiplication(self._units[t], self._deltas[before].T, self._gram[t, before], keep=1.0)

    def _backward(self, t: int) -> Iterator[Call]:
        """The calls that make the deltas of all layers from the output errors of row t."""
        weights, deltas = self._network.weights, self._deltas[t]
        last = len(weights) - 1

        def slope(i: int, columns: slice) -> list[Call]:
            rows = deltas[columns], self._units[t, columns], self._scratch[columns]
            return self._cores[i].slope_steps(*rows)

        if self._loss.derivative_backpropagated:
            yield from slope(last, self._layers[last])
        factor = self._output_factor(with_slope=self._loss.derivative_backpropagated)
        for i in range(last, 0, -1):
            core = self._cores[i - 1]
            scale = factor * core.before * core.after
            yield multiplication(
                deltas[self._layers[i - 1]], weights[i].T, deltas[self._layers[i]], scale=scale
            )
            factor = 1.0
            if i > 1:
                yield from slope(i - 1, self._layers[i - 1])
        late = self._loss.derivative_in_output_layer and not self._loss.derivative_backpropagated
        if late and last == 1 and self._network.activations[0] == self._network.activations[1]:
            yield from slope(0, slice(None))  # both layers in one
            return
        if last:
            yield from slope(0, self._layers[0])
        if late:
            yield from slope(last, self._layers[last])
