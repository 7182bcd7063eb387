"""Each activation with its value and its slope side by side, both in place.

Every slope here can be told from the activation's own output, so it is taken once, from that. Both are lists
of calls without arguments, which a loop over single rows can prepare once and for all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mnist_mlp.nn.blas import Call, Floats, addition

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
    # 1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2, and in float32 NumPy's tanh is much faster than
    # SciPy's expit.
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


@dataclass(frozen=True)
class Core:
    """An activation as ``y = after * (shift + core(before * z))``, for a loop over single rows.

    The products before and after it take in both factors at no cost, and so a sigmoid becomes a tanh.

    Attributes:
        steps: from a row of weighted sums times `before` to the calls that replace it by what the core gives.
        slope_steps: from rows of deltas, of what the core put out, and of scratch space to the calls that
            multiply the deltas by the slope of the core. By the activation's slope they still lack the factor
            `before * after`.
        before, shift, after: see above.
    """

    steps: Callable[[Floats], list[Call]]
    slope_steps: Callable[[Floats, Floats, Floats], list[Call]]
    before: float = 1.0
    shift: float = 0.0
    after: float = 1.0


def core_of(activation: str) -> Core:
    """The core of an activation; it is the activation itself, where nothing is gained."""
    if activation == "sigmoid":
        return Core(_tanh, _tanh_core_slope, before=0.5, shift=1.0, after=0.5)
    if activation == "tanh":
        return Core(_tanh, _tanh_core_slope)
    return Core(ACTIVATIONS[activation].steps, ACTIVATIONS[activation].slope_steps)


def _tanh_core_slope(delta: Floats, y: Floats, scratch: Floats) -> list[Call]:
    """The calls for ``delta -= delta * y * y``, where adding by BLAS takes half the time of NumPy's."""
    return [
        partial(np.multiply, delta, y, scratch),
        partial(np.multiply, scratch, y, scratch),
        addition(delta, scratch, scale=-1.0),
    ]
