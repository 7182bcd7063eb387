"""Changes of coordinates: a network that computes the same, and that is easier to train.

Gradient descent learns faster where the numbers that enter a layer have a mean near zero (LeCun, Bottou, Orr
and Müller, "Efficient BackProp", 1998). So a sigmoid network can be trained on centered inputs, and with tanh
in place of sigmoid hidden units: sigmoid(z) = 1/2 tanh(z / 2) + 1/2. Only its weights and biases change.
"""

import numpy as np

from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.network import Network, NetworkError

# The mean of MNIST's training pixels is 0.1307 of 255, which `scale_pixels` turns into this.
INPUT_MEAN = np.float32(0.01 + 0.99 * 0.1307)


def to_training(
    network: Network, *, center_inputs: bool = False, center_hidden: bool = False, softmax: bool = False
) -> Network:
    """Return a copy in the coordinates for training; `from_training` leads back.

    Args:
        network: sigmoid units, and biases, or NetworkError is raised.
        center_inputs: compute the same from inputs minus `INPUT_MEAN`.
        center_hidden: compute the same with tanh hidden units, in any number of layers.
        softmax: have softmax in place of sigmoid outputs. The largest output stays the same one.
    """
    copy = network.copy()
    if center_inputs:
        _shift_inputs(copy, 0, INPUT_MEAN)
    if center_hidden:
        _replace_hidden(copy, "sigmoid", "tanh", scale=0.5, shift=0.5)
    if softmax:
        copy.activations = (*copy.activations[:-1], "open-softmax")
    return copy


def from_training(
    network: Network, *, center_inputs: bool = False, center_hidden: bool = False, softmax: bool = False
) -> Network:
    """Return a copy with sigmoid units that takes inputs as they are; the options are as for `to_training`.

    Its largest output is the same one. An open softmax weighs each weighted sum against 0, as a sigmoid does,
    so the sums can stay as they are.
    """
    copy = network.copy()
    if center_hidden:
        _replace_hidden(copy, "tanh", "sigmoid", scale=2.0, shift=-1.0)
    if center_inputs:
        _shift_inputs(copy, 0, -INPUT_MEAN)
    if softmax:
        copy.activations = (*copy.activations[:-1], "sigmoid")
    return copy


def _biases(network: Network) -> list[Floats]:
    if network.biases is None:
        raise NetworkError("this change of coordinates needs biases, and the network has none")
    return network.biases


def _shift_inputs(network: Network, i: int, shift: float | np.floating) -> None:
    """Let layer i compute from ``inputs - shift`` what it computed from the inputs."""
    _biases(network)[i] += network.weights[i].sum(axis=1) * shift


def _replace_hidden(network: Network, old: str, new: str, *, scale: float, shift: float) -> None:
    """Replace hidden activations, where ``old(z) = scale * new(scale * z) + shift``."""
    biases, last = _biases(network), len(network.weights) - 1
    if network.activations[:-1] != (old,) * last:
        raise NetworkError(f"this change of coordinates needs {old} hidden units, not those of {network!r}")
    for i in range(last):
        network.weights[i] *= scale
        biases[i] *= scale
        _shift_inputs(network, i + 1, shift)
        network.weights[i + 1] *= scale
    network.activations = (*[new] * last, network.activations[-1])
