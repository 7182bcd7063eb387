"""Changes of coordinates: the same function computed by a network that is easier to train.

Gradient descent learns faster where the numbers that enter a layer have a mean near zero (LeCun, Bottou, Orr
and Müller, "Efficient BackProp", 1998). So a sigmoid network can be trained on centered inputs, and with
tanh hidden units, which are sigmoid units shifted and scaled:

    sigmoid(z) = 1/2 + 1/2 tanh(z / 2)

What the shifts add to the weighted sums goes into the biases.
"""

import numpy as np

from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.network import Network, NetworkError

# The mean of MNIST's training pixels is 0.1307 of 255, which `scale_pixels` turns into this.
INPUT_MEAN = np.float32(0.01 + 0.99 * 0.1307)


def to_training(
    network: Network, *, center_inputs: bool = False, center_hidden: bool = False, softmax: bool = False
) -> Network:
    """Return a copy in the coordinates in which it is to be trained; `from_training` goes back.

    Args:
        network: sigmoid hidden layers, any number of them.
        center_inputs: the copy computes the same from inputs less `INPUT_MEAN`.
        center_hidden: the copy computes the same with tanh hidden units.
        softmax: the copy has softmax in place of sigmoid outputs; its largest output is the same one.

    Raises:
        NetworkError: if it has no biases, or other hidden units.
    """
    copy = network.copy()
    if center_inputs:
        _shift_inputs(copy, INPUT_MEAN)
    if center_hidden:
        _replace_hidden(copy, "sigmoid", "tanh", in_scale=0.5, out_scale=0.5, out_shift=0.5)
    if softmax:
        copy.activations = (*copy.activations[:-1], "softmax")
    return copy


def from_training(
    network: Network,
    inputs: Floats,
    *,
    center_inputs: bool = False,
    center_hidden: bool = False,
    softmax: bool = False,
) -> Network:
    """Return a copy that takes inputs as they are, with sigmoid units: the reverse of `to_training`.

    Softmax depends only on the differences of its weighted sums. For sigmoid outputs all output biases are
    moved by the same number: the mean, over the inputs, of the two largest weighted sums then is zero. So
    the largest output of a sample is mostly above 1/2, and the others below.

    Args:
        network: as `to_training` returned it, and trained since.
        inputs: (n, n_in), typical inputs, not centered; looked at only where `softmax` is true.
        center_inputs: as given to `to_training`.
        center_hidden: likewise.
        softmax: likewise.

    Raises:
        NetworkError: if it has no biases, or other units than these.
    """
    copy = network.copy()
    if center_hidden:
        _replace_hidden(copy, "tanh", "sigmoid", in_scale=2.0, out_scale=2.0, out_shift=-1.0)
    if center_inputs:
        _shift_inputs(copy, -INPUT_MEAN)
    if softmax:
        copy.activations = (*copy.activations[:-1], "linear")
        two_largest = np.sort(copy.forward(inputs), axis=1)[:, -2:]
        _biases(copy)[-1] -= two_largest.mean()
        copy.activations = (*copy.activations[:-1], "sigmoid")
    return copy


def _biases(network: Network) -> list[Floats]:
    if network.biases is None:
        raise NetworkError("a change of coordinates needs biases, and this network has none")
    return network.biases


def _shift_inputs(network: Network, shift: np.float32) -> None:
    """Let the network compute from ``inputs - shift`` what it computed from the inputs."""
    _biases(network)[0] += network.weights[0].sum(axis=1) * shift


def _replace_hidden(
    network: Network, old: str, new: str, *, in_scale: float, out_scale: float, out_shift: float
) -> None:
    """Replace hidden activations, where ``old(z) = out_scale * new(in_scale * z) + out_shift``."""
    weights, biases, last = network.weights, _biases(network), len(network.weights) - 1
    if any(name != old for name in network.activations[:-1]):
        raise NetworkError(f"centered hidden units need {old} hidden units, not {network.activations[:-1]}")
    for i in range(last):
        weights[i] *= in_scale
        biases[i] *= in_scale
        biases[i + 1] += weights[i + 1].sum(axis=1) * out_shift
        weights[i + 1] *= out_scale
    network.activations = (*[new] * last, network.activations[-1])
