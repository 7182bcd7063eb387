"""Each activation with its value and its slope side by side, both in place.

Every slope here can be told from the activation's own output, so it is taken once, from that. Both are lists
of calls without arguments, which a loop over single rows can prepare once and for all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import expit

from mnist_mlp.products import Call, Floats

# Up to this many numbers the calls cost more than the arithmetic, and expit is one call, not four.
_SMALL = 512
# Arrays, since a plain number would be made into one at each call; exact in every dtype.
_HALF, _ONE = np.array(0.5, np.float32), np.array(1, np.float32)


@dataclass(frozen=True)
class Activation:
    """What a layer does to its weighted sums.

    Attributes:
        name: as it stands in model files.
        steps: from an array of weighted sums z to the calls that replace them by the outputs y.
        slope_steps: from arrays of deltas, outputs y and scratch space to the calls for ``delta *= dy/dz``.
    """

    name: str
    steps: Callable[[Floats], list[Call]]
    slope_steps: Callable[[Floats, Floats, Floats], list[Call]]

    def apply(self, z: Floats) -> None:
        """Replace weighted sums by the outputs, in place."""
        for step in self.steps(z):
            step()

    def multiply_by_slope(self, delta: Floats, y: Floats, scratch: Floats) -> None:
        """Compute ``delta *= dy/dz`` in place, from the outputs y."""
        for step in self.slope_steps(delta, y, scratch):
            step()


def _sigmoid(z: Floats) -> list[Call]:
    if z.size <= _SMALL:
        return [partial(expit, z, z)]
    # 1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2, and NumPy's tanh is much faster than expit in float32.
    return [
        partial(np.multiply, z, _HALF, z),
        partial(np.tanh, z, z),
        partial(np.multiply, z, _HALF, z),
        partial(np.add, z, _HALF, z),
    ]


def _sigmoid_slope(delta: Floats, y: Floats, scratch: Floats) -> list[Call]:
    return _times_less_square(delta, y, y, scratch)  # y (1 - y)


def _times_less_square(delta: Floats, minuend: Floats, y: Floats, scratch: Floats) -> list[Call]:
    """The calls for ``delta *= minuend - y * y``."""
    return [
        partial(np.multiply, y, y, scratch),
        partial(np.subtract, minuend, scratch, scratch),
        partial(np.multiply, delta, scratch, delta),
    ]


def _tanh(z: Floats) -> list[Call]:
    return [partial(np.tanh, z, z)]


def _tanh_slope(delta: Floats, y: Floats, scratch: Floats) -> list[Call]:
    return _times_less_square(delta, _ONE, y, scratch)


def _relu(z: Floats) -> list[Call]:
    return [partial(np.maximum, z, 0, out=z)]


def _relu_slope(delta: Floats, y: Floats, scratch: Floats) -> list[Call]:
    return [
        partial(np.greater, y, 0, scratch, casting="unsafe"),
        partial(np.multiply, delta, scratch, delta),
    ]


def _nothing(*_: Floats) -> list[Call]:
    return []


def _softmax(z: Floats) -> list[Call]:
    return [partial(_replace_by_softmax, z)]


def _replace_by_softmax(z: Floats) -> None:
    z -= z.max(axis=-1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=-1, keepdims=True)


def _softmax_slope(*_: Floats) -> list[Call]:
    raise TypeError("softmax has no slope of its own for each unit; it goes with a loss that needs none")


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("sigmoid", _sigmoid, _sigmoid_slope),
        Activation("tanh", _tanh, _tanh_slope),
        Activation("relu", _relu, _relu_slope),
        Activation("linear", _nothing, _nothing),
        Activation("softmax", _softmax, _softmax_slope),
    )
}
