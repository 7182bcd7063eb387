"""Each activation with its value and its derivative side by side."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mnist_mlp.nn.blas import Floats


class Activation(NamedTuple):
    """What a layer makes of its weighted sums.

    Attributes:
        value: computes outputs y from weighted sums z, as a new array of the same shape and dtype.
        derivative: computes the derivatives dy/dz from the outputs y, likewise.
    """

    value: Callable[[Floats], Floats]
    derivative: Callable[[Floats], Floats]


def _softmax(z: Floats) -> Floats:
    exp = np.exp(z - z.max(axis=-1, keepdims=True))  # the largest is 1, so nothing overflows
    return np.asarray(exp / exp.sum(axis=-1, keepdims=True))


def _open_softmax(z: Floats) -> Floats:
    """Softmax of the sums and of one more, always 0, that stands for "none of these" and is left out."""
    largest = np.maximum(z.max(axis=-1, keepdims=True), 0)
    exp = np.exp(z - largest)
    return np.asarray(exp / (exp.sum(axis=-1, keepdims=True) + np.exp(-largest)))


ACTIVATIONS = {
    # 1 / (1 + exp(-z)) = 1/2 tanh(z / 2) + 1/2, which does not overflow and is faster in NumPy
    "sigmoid": Activation(lambda z: 0.5 * np.tanh(0.5 * z) + 0.5, lambda y: y - y * y),
    "tanh": Activation(np.tanh, lambda y: 1 - y * y),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda y: (y > 0).astype(y.dtype)),
    "linear": Activation(np.copy, np.ones_like),
    "softmax": Activation(_softmax, np.ones_like),  # no loss that fits it multiplies by a derivative
    "open-softmax": Activation(_open_softmax, np.ones_like),
}
