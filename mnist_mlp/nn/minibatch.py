"""Mini-batch gradient descent in place, by stochastic gradient descent (SGD) with momentum or by Adam."""

from dataclasses import dataclass

import numpy as np

from mnist_mlp.nn.blas import Floats, multiply_into
from mnist_mlp.nn.network import Network, NetworkError

# Adam's constants, from Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8

# The mean gradient of n samples is a @ b / n: for weights a is (n_out, n) and b is (n, n_in).
Gradient = tuple[Floats, Floats]


def _add_gradient(out: Floats, gradient: Gradient, scale: float, *, keep: float) -> None:
    """Compute ``out = keep * out + scale * gradient`` in place."""
    a, b = gradient
    multiply_into(np.atleast_2d(out), a, b, scale=scale / len(b), keep=keep)


@dataclass(frozen=True)
class SGD:
    """Each step is ``velocity = momentum * velocity - learning_rate * gradient; parameter += velocity``.

    Attributes:
        momentum: from 0, plain gradient descent, to below 1.
    """

    momentum: float = 0.0

    def initial_state(self, parameter: Floats) -> dict[str, Floats]:
        """The arrays that a parameter keeps from step to step, by name."""
        return {"velocity": np.zeros_like(parameter)} if self.momentum else {}

    def update(
        self, parameter: Floats, state: dict[str, Floats], gradient: Gradient, rate: float, _step: int
    ) -> None:
        """Take one step with a parameter, in place."""
        if self.momentum:
            _add_gradient(state["velocity"], gradient, -rate, keep=self.momentum)
            parameter += state["velocity"]
        else:
            _add_gradient(parameter, gradient, -rate, keep=1.0)


class Adam:
    """Each step of a parameter is about as large as the learning rate."""

    def initial_state(self, parameter: Floats) -> dict[str, Floats]:
        """The running means of the gradient and of its square."""
        return {"mean": np.zeros_like(parameter), "square": np.zeros_like(parameter)}

    def update(
        self, parameter: Floats, state: dict[str, Floats], gradient: Gradient, rate: float, step: int
    ) -> None:
        """Take one step with a parameter, in place; the first step is number 1."""
        g, m, v = np.empty_like(parameter), state["mean"], state["square"]
        _add_gradient(g, gradient, 1.0, keep=0.0)
        m *= ADAM_BETA1
        m += (1 - ADAM_BETA1) * g
        v *= ADAM_BETA2
        v += (1 - ADAM_BETA2) * (g * g)
        # The means start at zero, and so are too small at first: corrected as in section 2 of the paper.
        correction = (1 - ADAM_BETA2**step) ** 0.5
        rate = rate * correction / (1 - ADAM_BETA1**step)
        parameter -= rate * (m / (np.sqrt(v) + ADAM_EPSILON * correction))


Optimizer = SGD | Adam


class MiniBatchTrainer:
    """Trains a network on one mini-batch after another, in place; none has more than `batch_size` samples.

    In each step, weights (not biases) shrink by learning_rate * weight_decay of themselves.
    """

    def __init__(
        self,
        network: Network,
        *,
        batch_size: int,
        loss: str = "squared-error",
        optimizer: Optimizer,
        weight_decay: float = 0.0,
    ) -> None:
        self._network = network
        self._loss = network.checked_loss(loss)
        self._optimizer, self._weight_decay = optimizer, weight_decay
        self._ones = np.ones((1, batch_size), network.dtype)
        self._parameters = network.parameters()
        self._states = [optimizer.initial_state(parameter) for parameter in self._parameters]
        self._steps = np.zeros(1)

    def step(self, inputs: Floats, targets: Floats, learning_rate: float) -> Floats:
        """Take one step down the mean gradient of samples (n, n_in) with targets (n, n_out).

        Return their outputs before the step, (n, n_out); raise NetworkError if the shapes do not fit.
        """
        x, t = self._network.as_batch(inputs, targets)
        n, most = len(x), self._ones.size
        if not 1 <= n <= most:
            raise NetworkError(f"a batch must have 1 to {most} samples, not {n}")
        y = self._network.layer_outputs(x)
        deltas = self._network.layer_deltas(y, t, self._loss)
        gradients = [(delta.T, y[i]) for i, delta in enumerate(deltas)]
        gradients += [(self._ones[:, :n], delta) for delta in deltas]  # of the biases
        self._steps += 1
        if self._weight_decay:
            for W in self._network.weights:
                np.multiply(W, 1 - learning_rate * self._weight_decay, out=W)
        for i, parameter in enumerate(self._parameters):
            state, step = self._states[i], int(self._steps[0])
            self._optimizer.update(parameter, state, gradients[i], learning_rate, step)
        return y[-1]

    def state(self) -> dict[str, Floats]:
        """The arrays (not copies) that the next step depends on; to resume, write old values into them."""
        state = {f"{name}.{i}": array for i, own in enumerate(self._states) for name, array in own.items()}
        return state | {"steps": self._steps}
