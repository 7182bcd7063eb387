"""Exact online gradient descent: one update a sample, but not one by one in the large first layer.

To read and write the 784 x 200 weights of the first layer for each sample takes nearly all of the time of
`plain.train`. Here they stay as they are for a block of samples. If sample s has the inputs x_s and the first
layer's deltas d_s, its update would add -learning_rate * d_s x_s^T to the weights W, and so the weighted sums
of a later sample t of the block are

    z_t = W x_t - learning_rate * sum over s < t of (x_t . x_s) d_s

For the whole block W x_t and x_t . x_s come from two fast products of matrices, X W^T and the Gram matrix
X X^T, and a third product, W -= learning_rate * D^T X, updates the weights at the end of the block. The later
layers are small and are updated for each sample. The results are those of `plain.train`, up to rounding.
"""

from __future__ import annotations  # so that help() shows short types

from collections.abc import Iterator
from functools import partial
from itertools import accumulate, chain, pairwise

import numpy as np
from numpy.typing import ArrayLike

from mnist_mlp.nn.activations import ACTIVATIONS
from mnist_mlp.nn.blas import Call, Floats, addition, multiplication, multiply_into, outer_addition, product
from mnist_mlp.nn.network import Network, NetworkError

BLOCK_SIZE = 64
_LARGEST_MEAN_SQUARE = 400  # that of scaled pixels is about 0.1, that of pixels from 0 to 255 about 7,000


def train_online(  # noqa: PLR0917, the contract
    network: Network,
    inputs: ArrayLike,
    targets: ArrayLike,
    learning_rate: float = 0.3,
    loss: str = "raw-error",
    train_biases: bool = True,
) -> Floats:
    """Train on each sample once, in order, with one update a sample, in place.

    Args:
        network: the network to train.
        inputs: (n, n_in); pixels as `scale_pixels` scales them.
        targets: (n, n_out).
        learning_rate: of every update.
        loss: see `mnist_mlp.nn.losses`.
        train_biases: whether the biases, where there are any, learn too.

    Returns:
        The outputs of each sample just before its own update, (n, n_out).

    Raises:
        NetworkError: if the shapes do not fit, a number is not finite, the inputs are pixels that are not
            scaled, or the loss does not fit the output activation. The network stays as it is then.
    """
    trainer = OnlineTrainer(network, loss, train_biases=train_biases)
    x, t = network.as_batch(inputs, targets)
    squares = np.einsum("ij,ij->i", x, x)
    finite = np.isfinite(squares) & np.isfinite(t).all(axis=1)
    if not finite.all():
        raise NetworkError(f"sample {finite.argmin()} has inputs or targets that are not finite numbers")
    if network.sizes[0] == 784 and squares.sum() > _LARGEST_MEAN_SQUARE * x.size:
        raise NetworkError(f"the inputs reach {x.max():g}, as raw pixels do: scale them with scale_pixels")
    return trainer.train(x, t, learning_rate)


class OnlineTrainer:
    """Trains a network online, in place: `train_online` for samples that come in several parts.

    Each sample takes a dozen small operations, on buffers that are the same in every block. So they are
    prepared once, as calls without arguments; a loop that passes the arrays each time took a fifth longer.
    """

    def __init__(self, network: Network, loss: str = "raw-error", *, train_biases: bool = True) -> None:
        self._network = network
        self._loss = network.checked_loss(loss)
        self._trained_biases = network.biases if train_biases else None
        # Each row of the buffers belongs to a sample and holds the numbers of all layers, side by side.
        sizes = network.sizes[1:]
        self._layers = [slice(start, stop) for start, stop in pairwise(accumulate(sizes, initial=0))]
        shape = BLOCK_SIZE, sum(sizes)
        self._sums, self._outputs, self._deltas = (np.zeros(shape, network.dtype) for _ in range(3))
        self._scratch = np.empty(sum(sizes), network.dtype)
        self._gram = np.empty((BLOCK_SIZE, BLOCK_SIZE), network.dtype)
        # The weighted sums of sigmoid layers are computed halved, see `_activate`.
        self._halves = [0.5 if name == "sigmoid" else 1.0 for name in network.activations]
        self._learning_rate = np.nan  # the one that the calls are prepared for
        self._calls: list[list[Call]] = []  # for each sample of a block

    def train(
        self, inputs: Floats, targets: Floats, learning_rate: float, gram_cache: list[Floats] | None = None
    ) -> Floats:
        """Do what `train_online` does, without its check of the numbers.

        `gram_cache` is an empty list, which is filled with the Gram matrix of each block. Given again with
        the same inputs, it saves a third of the large products.
        """
        x, t = self._network.as_batch(inputs, targets)
        if learning_rate != self._learning_rate:
            self._learning_rate = learning_rate
            self._calls = [list(self._sample_calls(sample)) for sample in range(BLOCK_SIZE)]
        grams = [] if gram_cache is None else gram_cache
        outputs = np.empty_like(t)
        for number, first in enumerate(range(0, len(x), BLOCK_SIZE)):
            block = slice(first, first + BLOCK_SIZE)
            if number == len(grams):
                grams.append(product(x[block], x[block].T))
            outputs[block] = self._train_block(x[block], t[block], grams[number])
        return outputs

    def _train_block(self, x: Floats, targets: Floats, gram: Floats) -> Floats:
        """Train on at most BLOCK_SIZE samples, and return their outputs."""
        n, W, biases, half = len(x), self._network.weights[0], self._network.biases, self._halves[0]
        step, first, last = -self._learning_rate, self._layers[0], self._layers[-1]
        self._sums[:n, first] = product(x, W.T, scale=half)
        np.multiply(gram, half * step, out=self._gram[:n, :n])
        if biases is not None:
            self._sums[:n, first] += half * biases[0]
        if self._trained_biases:
            self._gram[:n, :n] += half * step  # a bias is the weight of an input that is always 1
        self._outputs[:n] = 0.5
        self._deltas[:n, last] = -targets

        for call in chain.from_iterable(self._calls[:n]):
            call()

        deltas = self._deltas[:n, first]
        multiply_into(W, deltas.T, x, scale=step, keep=1.0)
        if self._trained_biases:
            self._trained_biases[0] += step * deltas.sum(axis=0)
        return self._outputs[:n, last]

    def _sample_calls(self, t: int) -> Iterator[Call]:
        """Prepare what is computed for sample t of a block: forward, backward, updates of the later layers.

        Before the calls are made, the first layer's `_sums` are those at the beginning of the block, all
        `_outputs` are 1/2, and the last layer's `_deltas` are -target.
        """
        weights, biases, step = self._network.weights, self._network.biases, -self._learning_rate
        z, y, delta = (
            [numbers[t, layer] for layer in self._layers]
            for numbers in (self._sums, self._outputs, self._deltas)
        )
        last = len(weights) - 1

        if t:  # whole rows, because only these are contiguous; the sums of later layers are overwritten
            yield multiplication(self._sums[t], self._deltas[:t].T, self._gram[t, :t], keep=1.0)
        yield from self._activate(0, z[0], y[0])
        for i in range(1, last + 1):
            half = self._halves[i]
            if biases:
                yield partial(np.copyto, z[i], biases[i])
            yield multiplication(z[i], weights[i], y[i - 1], scale=half, keep=half if biases else 0.0)
            yield from self._activate(i, z[i], y[i])

        yield addition(delta[last], y[last])
        raw_error = self._loss.derivative_in_output_layer and not self._loss.derivative_backpropagated
        # In the network of Rashid's book one set of calls serves both layers.
        at_once = raw_error and self._network.activations == ("sigmoid", "sigmoid")
        if self._loss.derivative_backpropagated:
            yield from self._multiply_by_derivative(last, delta[last], y[last])
        for i in range(last, 0, -1):
            yield multiplication(delta[i - 1], weights[i].T, delta[i])
            if not at_once:
                yield from self._multiply_by_derivative(i - 1, delta[i - 1], y[i - 1])
        if at_once:
            yield from self._multiply_by_derivative(last, self._deltas[t], self._outputs[t])
        elif raw_error:
            yield from self._multiply_by_derivative(last, delta[last], y[last])

        for i in range(1, last + 1):
            yield outer_addition(weights[i], delta[i], y[i - 1], scale=step)
            if self._trained_biases:
                yield addition(self._trained_biases[i], delta[i], scale=step)

    def _activate(self, i: int, z: Floats, y: Floats) -> Iterator[Call]:
        """Compute the outputs y of layer i. A sigmoid is 1/2 + 1/2 tanh(z / 2): two calls of few numbers."""
        value = ACTIVATIONS[self._network.activations[i]].value
        if self._network.activations[i] == "sigmoid":
            yield partial(np.tanh, z, z)
            yield addition(y, z, scale=0.5)
        else:
            yield lambda: np.copyto(y, value(z))

    def _multiply_by_derivative(self, i: int, delta: Floats, y: Floats) -> Iterator[Call]:
        """Multiply deltas by the derivative of layer i's activation, for a sigmoid y - y^2."""
        derivative, scratch = ACTIVATIONS[self._network.activations[i]].derivative, self._scratch[: len(y)]
        if self._network.activations[i] == "sigmoid":
            yield partial(np.multiply, delta, y, delta)
            yield partial(np.multiply, delta, y, scratch)
            yield addition(delta, scratch, scale=-1.0)
        else:
            yield lambda: np.multiply(delta, derivative(y), out=delta)
