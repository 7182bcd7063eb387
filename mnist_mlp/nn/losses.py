"""Each loss with its value and its rule for backpropagation side by side.

The rules differ in where the error, outputs - targets, is multiplied by the output activation's derivative.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mnist_mlp.nn.blas import Floats


class Loss(NamedTuple):
    """A loss.

    Attributes:
        value: computes the loss of each sample, (n,), from outputs and targets, both (n, n_out).
        outputs: the output activations that the rule is correct for.
        derivative_in_output_layer: whether the output layer's own weights learn from error times derivative.
        derivative_backpropagated: whether error times derivative is what the layers before learn from.
    """

    value: Callable[[Floats, Floats], Floats]
    outputs: tuple[str, ...]
    derivative_in_output_layer: bool
    derivative_backpropagated: bool


def _squared_error(y: Floats, t: Floats) -> Floats:
    return np.asarray(0.5 * np.einsum("ij,ij->i", y - t, y - t))


def _cross_entropy(y: Floats, t: Floats) -> Floats:
    """Binary cross-entropy of each output, -sum of t log(y) + (1 - t) log(1 - y)."""
    eps = np.finfo(y.dtype).eps  # an output that rounds to 0 or 1 is not exactly that: no infinite logarithm
    y = np.clip(y, eps, 1 - eps)
    return np.asarray(-(t * np.log(y) + (1 - t) * np.log1p(-y)).sum(axis=1))


def _softmax_cross_entropy(y: Floats, t: Floats) -> Floats:
    """Cross-entropy -sum of t log(y); what an open softmax lacks to 1 is an output of its own."""
    y, t = (np.column_stack([values, 1 - values.sum(axis=1)]) for values in (y, t))
    return np.asarray(-(t * np.log(np.maximum(y, np.finfo(y.dtype).tiny))).sum(axis=1))


LOSSES = {
    "squared-error": Loss(_squared_error, ("sigmoid", "tanh", "relu", "linear"), True, True),
    "cross-entropy": Loss(_cross_entropy, ("sigmoid",), False, False),
    "softmax-cross-entropy": Loss(_softmax_cross_entropy, ("softmax", "open-softmax"), False, False),
    # The rule of T. Rashid's "Make Your Own Neural Network" (2016). It is not the gradient of one loss: the
    # output weights follow the squared error, whose value is reported, all earlier layers the cross-entropy.
    "raw-error": Loss(_squared_error, ("sigmoid",), True, False),
}
