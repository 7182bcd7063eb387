"""Changes of coordinates: a network that computes the same, and that is easier to train.

Gradient descent learns faster where the numbers that enter a layer have a mean near zero (LeCun, Bottou, Orr
and Müller, "Efficient BackProp", 1998). So a sigmoid network can be trained on centered inputs. It can also
be trained with softmax outputs, which compete with each other.
"""

import numpy as np

from mnist_mlp.nn.network import Network, NetworkError

# The mean of MNIST's training pixels is 0.1307 of 255, which `scale_pixels` turns into this.
INPUT_MEAN = np.float32(0.01 + 0.99 * 0.1307)


def to_training(network: Network, *, center_inputs: bool = False, softmax: bool = False) -> Network:
    """Return a copy in the coordinates for training; `from_training` leads back.

    Args:
        network: sigmoid units, and to center the inputs biases, or NetworkError is raised.
        center_inputs: compute the same from inputs minus `INPUT_MEAN`.
        softmax: have open-softmax in place of sigmoid outputs. The largest output stays the same one: it
            weighs each weighted sum against 0, as a sigmoid does.
    """
    copy = network.copy()
    if center_inputs:
        _shift_inputs(copy, INPUT_MEAN)
    if softmax:
        copy.activations = (*copy.activations[:-1], "open-softmax")
    return copy


def from_training(network: Network, *, center_inputs: bool = False, softmax: bool = False) -> Network:
    """Return a copy with sigmoid outputs that takes inputs as they are; the options are as for `to_training`.

    Its largest output is the same one.
    """
    copy = network.copy()
    if center_inputs:
        _shift_inputs(copy, -INPUT_MEAN)
    if softmax:
        copy.activations = (*copy.activations[:-1], "sigmoid")
    return copy


def _shift_inputs(network: Network, shift: np.float32) -> None:
    """Let the first layer compute from ``inputs - shift`` what it computed from the inputs."""
    if network.biases is None:
        raise NetworkError("to center the inputs takes biases, and the network has none")
    network.biases[0] += network.weights[0].sum(axis=1) * shift
