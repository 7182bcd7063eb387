"""Centring as a change of coordinates: the same network, on inputs and hidden outputs around zero.

Gradient descent learns faster where the numbers that feed a layer scatter around zero (LeCun, Bottou, Orr
and Müller, "Efficient BackProp", 1998). A sigmoid is a shifted and scaled hyperbolic tangent,
sigmoid(z) = (1 + tanh(z / 2)) / 2, and a shift of a layer's inputs can be folded into its biases, so a
network goes over into centred coordinates and back without changing what it computes.
"""

import numpy as np

from mnist_mlp.network import Network, NetworkError

# The mean of MNIST's training pixels is 0.1307 of 255, which `scale_pixels` takes to this.
INPUT_MEAN = np.float32(0.01 + 0.99 * 0.1307)


def centred(network: Network) -> Network:
    """Return a copy that takes inputs less `INPUT_MEAN` and has tanh in place of sigmoid hidden units.

    Raises:
        NetworkError: if it has no biases to fold the shifts into, or hidden units that are not sigmoid.
    """
    return _converted(network, "sigmoid", "tanh", INPUT_MEAN, in_scale=0.5, out_scale=0.5, out_shift=0.5)


def uncentred(network: Network) -> Network:
    """Undo `centred`: return a copy with sigmoid hidden units that takes what `scale_pixels` gives."""
    return _converted(network, "tanh", "sigmoid", -INPUT_MEAN, in_scale=2.0, out_scale=2.0, out_shift=-1.0)


def _converted(
    network: Network,
    old: str,
    new: str,
    input_shift: np.float32,
    *,
    in_scale: float,
    out_scale: float,
    out_shift: float,
) -> Network:
    """Replace hidden units by others, where old(z) = out_scale * new(in_scale * z) + out_shift."""
    if network.biases is None or any(name != old for name in network.activations[:-1]):
        raise NetworkError(f"centring needs biases and {old} hidden units")
    copy = network.copy()
    weights, biases = copy.weights, copy.biases or []
    biases[0] += weights[0].sum(axis=1) * input_shift
    for i in range(len(weights) - 1):
        weights[i] *= in_scale
        biases[i] *= in_scale
        biases[i + 1] += weights[i + 1].sum(axis=1) * out_shift
        weights[i + 1] *= out_scale
    copy.activations = (*[new] * (len(weights) - 1), network.activations[-1])
    return copy
