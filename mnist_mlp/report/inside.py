"""A network's inside as arrays: what its hidden units look for, and what it imagines for each digit."""

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.images import encode_targets
from mnist_mlp.nn.network import Network


def effect_of_ink(network: Network, inputs: NDArray[np.floating]) -> NDArray[np.floating]:
    """How much each pixel moves each unit of the first layer: weight times the pixel's standard deviation.

    The weights alone would show noise at the border, where no digit has ink and training changes nothing. The
    standard deviations are those of the inputs (n, 784). What is returned, (units, 28, 28), is above 0 where
    ink raises the unit's output.
    """
    effects: NDArray[np.floating] = network.weights[0] * inputs.std(axis=0)
    return effects.reshape(-1, 28, 28)


def imagine_digits(network: Network) -> NDArray[np.floating] | None:
    """The inputs that each digit's targets lead to when signals go backwards, from outputs to inputs.

    T. Rashid's "Make Your Own Neural Network" (2016) calls it the backquery. Each layer's outputs y become
    its weighted sums by the inverse of the sigmoid, z = ln(y / (1 - y)); less the biases, they go back
    through the transposed weights, and the result is scaled to 0.01 to 0.99.

    Returns:
        (10, 28, 28), 0.01 to 0.99; None where a layer is not sigmoid.
    """
    if set(network.activations) != {"sigmoid"}:
        return None
    signals: NDArray[np.floating] = encode_targets(np.arange(10)).astype(np.float64)
    biases = network.biases or [np.zeros(len(W)) for W in network.weights]
    for W, b in zip(reversed(network.weights), reversed(biases), strict=True):
        signals = (np.log(signals / (1 - signals)) - b) @ W
        low, high = signals.min(axis=1, keepdims=True), signals.max(axis=1, keepdims=True)
        signals = 0.01 + 0.98 * (signals - low) / np.where(high > low, high - low, 1)
    return signals.reshape(-1, 28, 28)


def as_pixels(signals: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Inputs, 0.01 to 1, as the pixels that `scale_pixels` makes them of, uint8."""
    pixels: NDArray[np.uint8] = np.clip(np.rint((signals - 0.01) / 0.99 * 255), 0, 255).astype(np.uint8)
    return pixels
