"""Mini-batch gradient descent, in place: plain, with momentum, or Adam's, each step one call."""

from collections.abc import Mapping

import numpy as np

from mnist_mlp.nn.blas import Floats, multiply_into
from mnist_mlp.nn.network import Backpropagation, Network, NetworkError

# Adam's constants as in Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8
_CHUNK = 1 << 14  # numbers that Adam updates at a time, few enough to stay in the cache


class Descent:
    """Trains a network on one batch after another.

    Args:
        network: the network, changed in place.
        rows: the most rows a batch can have.
        loss: see `mnist_mlp.nn.losses`.
        learning_rate: of the mean of the rows' gradients; it can be read and changed between steps.
        optimiser: ``momentum`` (with momentum 0: plain gradient descent) or ``adam``.
        momentum: how much of the last step goes into the next; plays no part in Adam.
        weight_decay: weights (not biases) shrink by learning_rate * weight_decay of themselves a step.
        train_biases: whether the biases, where there are any, learn too.

    Raises:
        NetworkError: if the loss does not fit the output activation, or the optimiser is not known.
    """

    def __init__(
        self,
        network: Network,
        *,
        rows: int,
        loss: str = "squared-error",
        learning_rate: float,
        optimiser: str = "momentum",
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        train_biases: bool = True,
    ) -> None:
        if optimiser not in ("momentum", "adam"):
            raise NetworkError(f"optimiser {optimiser!r} is not known; choose momentum or adam")
        self.learning_rate = learning_rate
        self._network = network
        self._loss = network.checked_loss(loss)
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._passes = Backpropagation(network, rows)
        self._trained = network.parameters() if train_biases else network.weights
        self._adam = optimiser == "adam"
        self._steps = 0
        has_state = self._adam or momentum != 0
        self._moments = [np.zeros_like(array) for array in self._trained] if has_state else []
        self._squares = [np.zeros_like(array) for array in self._trained] if self._adam else []
        self._gradients = [np.empty_like(array) for array in self._trained] if self._adam else []
        self._ones = np.ones((1, rows), network.dtype)

    def step(self, inputs: Floats, targets: Floats) -> Floats:
        """Take one step down the gradient of a batch.

        Args:
            inputs: (n, n_in), at least one row and at most `rows`.
            targets: (n, n_out).

        Returns:
            The outputs of the rows before the step, (n, n_out); they last until the next call.

        Raises:
            NetworkError: if the shapes do not fit.
        """
        inputs, targets = self._network.as_batch(inputs, targets)
        n, most = len(inputs), self._ones.size
        if n > most:
            raise NetworkError(f"a batch of {n} rows, where at most {most} were announced")
        outputs = self._passes.forward(inputs)
        layers = list(self._passes.backward(targets, self._loss))
        self._steps += 1
        # The gradient of each parameter is a product: of the deltas with the inputs for weights, and with
        # as many ones for biases.
        factors = [(delta.T, x) for x, delta in layers] + [(self._ones[:, :n], delta) for _, delta in layers]
        for i, (parameter, (a, b)) in enumerate(
            zip(self._trained, factors[: len(self._trained)], strict=True)
        ):
            decay = self.learning_rate * self._weight_decay if parameter.ndim == 2 else 0.0
            if self._adam:
                multiply_into(np.atleast_2d(self._gradients[i]), a, b, scale=1 / n)
                self._adam_update(i, decay)
            elif self._moments:
                moment = self._moments[i]
                multiply_into(np.atleast_2d(moment), a, b, scale=-self.learning_rate / n, keep=self._momentum)
                if decay:
                    np.multiply(parameter, 1 - decay, out=parameter)
                np.add(parameter, moment, out=parameter)
            else:
                multiply_into(np.atleast_2d(parameter), a, b, scale=-self.learning_rate / n, keep=1 - decay)
        return outputs

    def _adam_update(self, i: int, decay: float) -> None:
        # The two corrections for the moments' start at zero, drawn together as in the paper's section 2.
        correction = (1 - ADAM_BETA2**self._steps) ** 0.5
        rate = self.learning_rate * correction / (1 - ADAM_BETA1**self._steps)
        arrays = (self._trained[i], self._gradients[i], self._moments[i], self._squares[i])
        flat = [array.reshape(-1) for array in arrays]
        for first in range(0, flat[0].size, _CHUNK):
            parameter, gradient, moment, square = (array[first : first + _CHUNK] for array in flat)
            moment *= ADAM_BETA1
            moment += (1 - ADAM_BETA1) * gradient
            gradient *= gradient
            gradient *= 1 - ADAM_BETA2
            square *= ADAM_BETA2
            square += gradient
            np.sqrt(square, out=gradient)
            gradient += ADAM_EPSILON * correction
            np.divide(moment, gradient, out=gradient)
            gradient *= rate
            if decay:
                parameter *= 1 - decay
            parameter -= gradient

    def state(self) -> dict[str, Floats]:
        """All that the next step depends on besides the network: named arrays, not copies."""
        state = {f"moments.{i}": array for i, array in enumerate(self._moments)}
        state |= {f"squares.{i}": array for i, array in enumerate(self._squares)}
        return state | {"steps": np.array([self._steps], np.float64)}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take back what `state` gave.

        Raises:
            NetworkError: if the names, shapes or dtypes are not those of this descent.
        """
        own = self.state()
        if state.keys() != own.keys() or any(
            state[name].shape != own[name].shape or state[name].dtype != own[name].dtype for name in own
        ):
            raise NetworkError("the optimiser's state is not that of these settings")
        for name in own.keys() - {"steps"}:
            own[name][...] = state[name]
        self._steps = int(state["steps"][0])
