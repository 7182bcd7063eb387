"""Centring as a change of coordinates: the same network, on inputs and hidden outputs around zero.

Gradient descent learns faster where the numbers that feed a layer scatter around zero (LeCun, Bottou, Orr
and Müller, "Efficient BackProp", 1998). A sigmoid is a shifted and scaled hyperbolic tangent,
sigmoid(z) = (1 + tanh(z / 2)) / 2, and a shift of a layer's inputs can be folded into its biases, so a
network goes over into centred coordinates and back without changing what it computes.
"""

import numpy as np

from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.network import Network, NetworkError

# The mean of MNIST's training pixels is 0.1307 of 255, which `scale_pixels` takes to this.
INPUT_MEAN = np.float32(0.01 + 0.99 * 0.1307)


def shift_inputs(network: Network, shift: np.floating) -> Network:
    """Return a copy that computes the same from inputs less the shift.

    Raises:
        NetworkError: if it has no biases to fold the shift into.
    """
    copy = network.copy()
    if copy.biases is None:
        raise NetworkError("centring needs biases")
    copy.biases[0] += copy.weights[0].sum(axis=1) * shift
    return copy


def to_tanh(network: Network) -> Network:
    """Return a copy that computes the same with tanh in place of sigmoid hidden units.

    Raises:
        NetworkError: if it has no biases to fold the shifts into, or hidden units that are not sigmoid.
    """
    return _converted(network, "sigmoid", "tanh", in_scale=0.5, out_scale=0.5, out_shift=0.5)


def to_sigmoid(network: Network) -> Network:
    """Return a copy that computes the same with sigmoid in place of tanh hidden units.

    Raises:
        NetworkError: if it has no biases to fold the shifts into, or hidden units that are not tanh.
    """
    return _converted(network, "tanh", "sigmoid", in_scale=2.0, out_scale=2.0, out_shift=-1.0)


def _converted(
    network: Network, old: str, new: str, *, in_scale: float, out_scale: float, out_shift: float
) -> Network:
    """Replace hidden units by others, where old(z) = out_scale * new(in_scale * z) + out_shift."""
    copy = network.copy()
    if copy.biases is None or any(name != old for name in copy.activations[:-1]):
        raise NetworkError(f"centring needs biases and {old} hidden units")
    for i in range(len(copy.weights) - 1):
        copy.weights[i] *= in_scale
        copy.biases[i] *= in_scale
        copy.biases[i + 1] += copy.weights[i + 1].sum(axis=1) * out_shift
        copy.weights[i + 1] *= out_scale
    copy.activations = (*[new] * (len(copy.weights) - 1), copy.activations[-1])
    return copy


def with_softmax(network: Network) -> Network:
    """Return a copy with softmax in place of sigmoid outputs: it gives the same answers."""
    copy = network.copy()
    copy.activations = (*copy.activations[:-1], "softmax")
    return copy


def with_sigmoid(network: Network, inputs: Floats) -> Network:
    """Return a copy with sigmoid in place of softmax outputs: it gives the same answers.

    Softmax looks only at the differences of its weighted sums. For sigmoids to be apart from 0 and 1, all
    output biases are moved alike, so that over the inputs (n, n_in) the middle between the largest and the
    second weighted sum is zero on average.

    Raises:
        NetworkError: if it has no biases to move.
    """
    copy = network.copy()
    if copy.biases is None:
        raise NetworkError("softmax outputs need biases to become sigmoid ones")
    copy.activations = (*copy.activations[:-1], "linear")
    largest = np.sort(copy.forward(inputs), axis=1)[:, -2:]
    copy.biases[-1] -= largest.mean()
    copy.activations = (*copy.activations[:-1], "sigmoid")
    return copy
