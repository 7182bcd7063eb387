"""What a network answers to images, and from which output on an answer counts."""

from math import floor

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.images import scale_pixels
from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.network import Network

_CHUNK = 2048  # images that are scaled at a time
LEFT_OPEN = 0.01  # of the digits that the threshold is found on


def outputs_for(network: Network, images: NDArray[np.uint8], shift: np.floating | None = None) -> Floats:
    """The outputs of a network for any number of images, scaled a chunk at a time.

    Args:
        network: 784 inputs.
        images: (n, 28, 28) uint8.
        shift: is subtracted from the scaled inputs, where the network takes centered ones.

    Returns:
        (n, n_out), in the network's dtype.
    """
    outputs = np.empty((len(images), network.sizes[-1]), network.dtype)
    for first in range(0, len(images), _CHUNK):
        inputs = scale_pixels(images[first : first + _CHUNK])
        if shift is not None:
            inputs -= shift
        outputs[first : first + _CHUNK] = network.forward(inputs)
    return outputs


def threshold_for(outputs: Floats) -> float:
    """The threshold that leaves 1 % of digits open or a little less: outputs below it are no answer.

    Args:
        outputs: (n, 10), n at least 1, of digits that the network was not trained on, if there are any.

    Returns:
        A whole number of hundredths, rounded down: rounded up to 1 it would leave nearly all digits open.
    """
    largest = np.sort(outputs.max(axis=1))
    return floor(100 * float(largest[int(LEFT_OPEN * len(largest))])) / 100
