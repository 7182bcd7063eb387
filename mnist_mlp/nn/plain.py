"""The textbook loop in plain NumPy, one sample after the other: start reading here.

No command runs this module. It is there to be read, and tests compare the faster modules with it.

A sample x goes forward through the layers l = 1, ..., L:

    y_0 = x                 z_l = W_l y_(l-1) + b_l             y_l = f_l(z_l)

Its error, compared with the target t, goes backward:

    e_L = y_L - t           delta_l = e_l * f_l'(z_l)           e_(l-1) = W_l^T delta_l

Then all layers learn:

    W_l -= learning_rate * delta_l y_(l-1)^T                    b_l -= learning_rate * delta_l

`online` computes the same much faster, block by block: `OnlineTrainer._train_block` changes the weights of
the first layer, `OnlineTrainer._sample_calls` those of the later ones. `minibatch` takes many samples for one
update: `SGD.update` or `Adam.update` changes the weights.
"""

from collections.abc import Callable

import numpy as np

from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.network import Network

# Each activation y = f(z), and its derivative f'(z), computed from y.
ACTIVATIONS: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda y: y * (1 - y)),
    "tanh": (np.tanh, lambda y: 1 - y**2),
    "relu": (lambda z: np.maximum(z, 0), lambda y: np.where(y > 0, 1.0, 0.0)),
    "linear": (lambda z: z, np.ones_like),
    "softmax": (lambda z: np.exp(z) / np.exp(z).sum(), np.ones_like),  # its loss uses no derivative
    "open-softmax": (lambda z: np.exp(z) / (1 + np.exp(z).sum()), np.ones_like),
}


def forward(network: Network, x: Floats) -> list[Floats]:
    """Return y_0, ..., y_L for one sample: the inputs x, (n_in,), then each layer's outputs, (n_out,)."""
    y = [x]
    for i, W in enumerate(network.weights):
        value, _ = ACTIVATIONS[network.activations[i]]
        y.append(value(W @ y[i] + network.biases[i] if network.biases else W @ y[i]))
    return y


def backward(network: Network, y: list[Floats], t: Floats, loss: str) -> list[Floats]:
    """Return delta_1, ..., delta_L, (n_out,) of each layer, for y of `forward` and the target t, (n_out,).

    The losses differ in the last layer only:

    - ``squared-error``, 1/2 sum (y_L - t)^2: as in the formulas above.
    - ``cross-entropy`` of sigmoid outputs, ``softmax-cross-entropy`` of softmax outputs: the activation's
      derivative cancels, and so delta_L = e_L.
    - ``raw-error``, the rule of T. Rashid, "Make Your Own Neural Network" (2016): delta_L is that of
      squared-error, but e_(L-1) = W_L^T e_L, without the derivative of the sigmoid.
    """
    deltas: list[Floats] = []
    error, last = y[-1] - t, len(network.weights) - 1
    for i in range(last, -1, -1):
        _, derivative = ACTIVATIONS[network.activations[i]]
        cancels = i == last and loss in ("cross-entropy", "softmax-cross-entropy")
        delta = error if cancels else error * derivative(y[i + 1])
        error = network.weights[i].T @ (error if i == last and loss == "raw-error" else delta)
        deltas.insert(0, delta)
    return deltas


def train(
    network: Network,
    inputs: Floats,
    targets: Floats,
    learning_rate: float,
    loss: str = "raw-error",
    *,
    train_biases: bool = True,
) -> Floats:
    """Train on each sample once, in order, with one update a sample, in place: see `online.train_online`."""
    outputs = []
    for x, t in zip(inputs, targets, strict=True):
        y = forward(network, x)
        for i, delta in enumerate(backward(network, y, t, loss)):
            network.weights[i] -= learning_rate * np.outer(delta, y[i])
            if network.biases and train_biases:
                network.biases[i] -= learning_rate * delta
        outputs.append(y[-1])
    return np.array(outputs)
