"""Each activation with its value and its slope side by side, both in place.

Every slope here can be told from the activation's own output, so it is taken once, from that.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from mnist_mlp.products import Floats

# Up to this many numbers the calls cost more than the arithmetic, and expit is one call, not four.
_SMALL = 512


@dataclass(frozen=True)
class Activation:
    """What a layer does to its weighted sums.

    Attributes:
        name: as it stands in model files.
        apply: replaces weighted sums z by the outputs y, in place.
        multiply_by_slope: ``delta *= dy/dz`` in place, from the outputs y; the third array is scratch space.
    """

    name: str
    apply: Callable[[Floats], object]
    multiply_by_slope: Callable[[Floats, Floats, Floats], object]


def _sigmoid(z: Floats) -> None:
    if z.size <= _SMALL:
        expit(z, out=z)
        return
    # 1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2, and NumPy's tanh is much faster than expit in float32.
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5


def _multiply_by_sigmoid_slope(delta: Floats, y: Floats, scratch: Floats) -> None:
    np.multiply(y, y, out=scratch)
    np.subtract(y, scratch, out=scratch)
    np.multiply(delta, scratch, out=delta)


def _tanh(z: Floats) -> None:
    np.tanh(z, out=z)


def _multiply_by_tanh_slope(delta: Floats, y: Floats, scratch: Floats) -> None:
    np.multiply(y, y, out=scratch)
    np.subtract(1, scratch, out=scratch)
    np.multiply(delta, scratch, out=delta)


def _relu(z: Floats) -> None:
    np.maximum(z, 0, out=z)


def _multiply_by_relu_slope(delta: Floats, y: Floats, scratch: Floats) -> None:
    np.greater(y, 0, out=scratch, casting="unsafe")
    np.multiply(delta, scratch, out=delta)


def _softmax(z: Floats) -> None:
    z -= z.max(axis=-1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=-1, keepdims=True)


def _no_slope(*_: Floats) -> None:
    raise TypeError("softmax has no slope of its own for each unit; it goes with a loss that needs none")


def _nothing(*_: Floats) -> None:
    pass


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("sigmoid", _sigmoid, _multiply_by_sigmoid_slope),
        Activation("tanh", _tanh, _multiply_by_tanh_slope),
        Activation("relu", _relu, _multiply_by_relu_slope),
        Activation("linear", _nothing, _nothing),
        Activation("softmax", _softmax, _no_slope),
    )
}
