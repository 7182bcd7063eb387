"""Mini-batch gradient descent, in place, by stochastic gradient descent (SGD) with momentum or by Adam."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from mnist_mlp.nn.blas import Floats, multiply_into
from mnist_mlp.nn.network import Backpropagation, Network, NetworkError

# Adam's constants, from Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8
_CHUNK = 1 << 14  # numbers that Adam updates at a time, few enough to stay in the processor's cache

# Computes ``out = keep * out + scale * gradient`` in place, as ``gradient(out, scale=..., keep=...)``.
Gradient = Callable[..., None]


class Optimizer(Protocol):
    """How a parameter follows its gradient. It keeps no state itself, so that trainers can share it."""

    def initial_state(self, parameter: Floats) -> dict[str, Floats]:
        """The arrays to keep for a parameter from step to step, by name."""

    def update(
        self,
        parameter: Floats,
        state: Mapping[str, Floats],
        gradient: Gradient,
        learning_rate: float,
        step: int,
    ) -> None:
        """Take one step in place.

        Args:
            parameter: weights (n_out, n_in) or biases (n_out,).
            state: the parameter's own arrays, changed in place.
            gradient: the mean gradient of the batch, not yet multiplied out.
            learning_rate: of this step.
            step: counted from 1.
        """


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum; without it the step is minus learning_rate * gradient.

    Attributes:
        momentum: how much of the last step is added to the next, from 0 to below 1.
        weight_decay: weights (not biases) shrink by learning_rate * weight_decay of themselves a step.
    """

    momentum: float = 0.0
    weight_decay: float = 0.0

    def initial_state(self, parameter: Floats) -> dict[str, Floats]:
        """With momentum the last step, at first zero."""
        return {"velocity": np.zeros_like(parameter)} if self.momentum else {}

    def update(
        self,
        parameter: Floats,
        state: Mapping[str, Floats],
        gradient: Gradient,
        learning_rate: float,
        step: int,  # noqa: ARG002, for Adam
    ) -> None:
        """See `Optimizer.update`."""
        keep = _kept(parameter, learning_rate * self.weight_decay)
        if not self.momentum:
            gradient(parameter, scale=-learning_rate, keep=keep)
            return
        velocity = state["velocity"]
        gradient(velocity, scale=-learning_rate, keep=self.momentum)
        if keep != 1:
            parameter *= keep
        parameter += velocity


@dataclass(frozen=True)
class Adam:
    """Adam, by Kingma and Ba, with decoupled weight decay.

    Attributes:
        weight_decay: weights (not biases) shrink by learning_rate * weight_decay of themselves a step.
    """

    weight_decay: float = 0.0

    def initial_state(self, parameter: Floats) -> dict[str, Floats]:
        """The running means of the gradients and of their squares, at first zero."""
        return {"mean": np.zeros_like(parameter), "square": np.zeros_like(parameter)}

    def update(
        self,
        parameter: Floats,
        state: Mapping[str, Floats],
        gradient: Gradient,
        learning_rate: float,
        step: int,
    ) -> None:
        """See `Optimizer.update`."""
        g = np.empty_like(parameter)
        gradient(g, scale=1.0, keep=0.0)
        # Both corrections for the start at zero in the step size, as in the paper's section 2.
        correction = (1 - ADAM_BETA2**step) ** 0.5
        rate = learning_rate * correction / (1 - ADAM_BETA1**step)
        keep = _kept(parameter, learning_rate * self.weight_decay)
        flat = [array.reshape(-1) for array in (parameter, g, state["mean"], state["square"])]
        for first in range(0, g.size, _CHUNK):
            theta, g, m, v = (array[first : first + _CHUNK] for array in flat)
            m *= ADAM_BETA1
            m += (1 - ADAM_BETA1) * g
            g *= g
            g *= 1 - ADAM_BETA2
            v *= ADAM_BETA2
            v += g
            np.sqrt(v, out=g)
            g += ADAM_EPSILON * correction
            np.divide(m, g, out=g)
            g *= rate
            if keep != 1:
                theta *= keep
            theta -= g


def _kept(parameter: Floats, decay: float) -> float:
    """What weight decay leaves of a parameter, as a factor; biases do not decay."""
    return 1 - decay if parameter.ndim == 2 else 1.0


class MiniBatchTrainer:
    """Trains a network on one mini-batch after another.

    Args:
        network: the network, changed in place.
        batch_size: the most samples a batch can have.
        loss: see `mnist_mlp.nn.losses`.
        optimizer: `SGD` or `Adam` with its settings.
        train_biases: whether the biases, where there are any, learn too.

    Raises:
        NetworkError: if the loss does not fit the output activation.
    """

    def __init__(
        self,
        network: Network,
        *,
        batch_size: int,
        loss: str = "squared-error",
        optimizer: Optimizer,
        train_biases: bool = True,
    ) -> None:
        self._network = network
        self._loss = network.checked_loss(loss)
        self._optimizer = optimizer
        self._passes = Backpropagation(network, batch_size)
        self._parameters = network.parameters() if train_biases else network.weights
        self._states = [optimizer.initial_state(parameter) for parameter in self._parameters]
        self._steps = 0
        self._ones = np.ones((1, batch_size), network.dtype)

    def step(self, inputs: Floats, targets: Floats, learning_rate: float) -> Floats:
        """Take one step down the mean gradient of a batch.

        Args:
            inputs: (n, n_in), at least one sample and at most `batch_size`.
            targets: (n, n_out).
            learning_rate: of this step.

        Returns:
            The outputs of the samples before the step, (n, n_out); they last until the next call.

        Raises:
            NetworkError: if the shapes do not fit.
        """
        inputs, targets = self._network.as_batch(inputs, targets)
        n, most = len(inputs), self._ones.size
        if n > most:
            raise NetworkError(f"a batch of {n} samples, where batch_size is {most}")
        outputs = self._passes.forward(inputs)
        layers = list(self._passes.backward(targets, self._loss))
        self._steps += 1
        # The sum of a parameter's gradients is a product: of the deltas with the inputs for weights, and
        # with as many ones for biases.
        factors = [(delta.T, x) for x, delta in layers] + [(self._ones[:, :n], delta) for _, delta in layers]
        for parameter, state, (a, b) in zip(self._parameters, self._states, factors, strict=False):
            gradient = partial(_add_product, a, b, n)
            self._optimizer.update(parameter, state, gradient, learning_rate, self._steps)
        return outputs

    def state(self) -> dict[str, Floats]:
        """All that the next step depends on besides the network: named arrays, not copies."""
        state = {f"{name}.{i}": array for i, own in enumerate(self._states) for name, array in own.items()}
        return state | {"steps": np.array([self._steps], np.float64)}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take back what `state` gave.

        Raises:
            NetworkError: if the names, shapes or dtypes are not those of this trainer.
        """
        own = self.state()
        if state.keys() != own.keys() or any(
            state[name].shape != own[name].shape or state[name].dtype != own[name].dtype for name in own
        ):
            raise NetworkError("the optimizer's state is not that of these settings")
        for name in own.keys() - {"steps"}:
            own[name][...] = state[name]
        self._steps = int(state["steps"][0])


def _add_product(a: Floats, b: Floats, n: int, out: Floats, *, scale: float, keep: float) -> None:
    """Compute ``out = keep * out + scale / n * (a @ b)`` in place."""
    multiply_into(np.atleast_2d(out), a, b, scale=scale / n, keep=keep)
