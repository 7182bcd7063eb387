"""Each loss with its value and the rule for its output delta side by side.

In all of them the output error is ``outputs - targets``. They differ in whether the slope of the output
activation comes in, which they say for the output layer's own weights and for what is handed back to the
layers before it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mnist_mlp.nn.blas import Floats


@dataclass(frozen=True)
class Loss:
    """A loss, as a value a row and as a rule for backpropagation.

    Attributes:
        name: as it stands in recipes.
        value: outputs and targets, each (n, n_out), to the loss of each row, (n,).
        derivative_in_output_layer: whether the output layer's own weights learn from the error times the
            derivative of the output activation (else from the error alone).
        derivative_backpropagated: whether the error that is backpropagated is multiplied by it.
        outputs: the output activations that the rule holds for.
    """

    name: str
    value: Callable[[Floats, Floats], Floats]
    derivative_in_output_layer: bool
    derivative_backpropagated: bool
    outputs: tuple[str, ...]


def _squared_error(outputs: Floats, targets: Floats) -> Floats:
    """Half the squared error, ½ Σ (output - target)²."""
    error = outputs - targets
    return np.asarray(0.5 * np.einsum("ij,ij->i", error, error))


def _cross_entropy(outputs: Floats, targets: Floats) -> Floats:
    """Binary cross-entropy of each output, -Σ target log(output) + (1 - target) log(1 - output)."""
    # An output may round to 0 or 1, where the logarithm is infinite though the weighted sum is not.
    tiny = np.finfo(outputs.dtype).eps
    y = np.clip(outputs, tiny, 1 - tiny)
    return np.asarray(-(targets * np.log(y) + (1 - targets) * np.log1p(-y)).sum(axis=1))


def _softmax_cross_entropy(outputs: Floats, targets: Floats) -> Floats:
    """Cross-entropy of outputs that sum to one, -Σ target log(output), for targets that do so too."""
    return np.asarray(-(targets * np.log(np.maximum(outputs, np.finfo(outputs.dtype).tiny))).sum(axis=1))


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("squared-error", _squared_error, True, True, ("sigmoid", "tanh", "relu", "linear")),
        Loss("cross-entropy", _cross_entropy, False, False, ("sigmoid",)),
        Loss("softmax-cross-entropy", _softmax_cross_entropy, False, False, ("softmax",)),
        # The rule of the MNIST document. It is not the gradient of one loss: the output weights descend the
        # squared error (which is the value reported), all earlier layers the cross-entropy.
        Loss("raw-error", _squared_error, True, False, ("sigmoid",)),
    )
}
