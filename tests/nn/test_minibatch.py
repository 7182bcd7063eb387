"""Mini-batch training against slow implementations of the published formulas."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp import Network
from mnist_mlp.nn.minibatch import SGD, Adam, MiniBatchTrainer, Optimizer

Array = NDArray[Any]


def trainer_of(
    network: Network, optimizer: Optimizer, batch_size: int = 10, **options: Any
) -> MiniBatchTrainer:
    return MiniBatchTrainer(network, batch_size=batch_size, optimizer=optimizer, **options)


def example(seed: int = 0, biases: bool = True) -> tuple[Network, list[tuple[Array, Array]]]:
    """A network in float64, and five batches for it, the last one short."""
    rng = np.random.default_rng(seed)
    network = Network([5, 4, 3], ["tanh", "sigmoid"], biases=biases, rng=rng, dtype=np.float64)
    inputs, targets = rng.normal(size=(43, 5)), rng.random((43, 3))
    return network, [(inputs[i : i + 10], targets[i : i + 10]) for i in range(0, 43, 10)]


def gradients(network: Network, batch: tuple[Array, Array], loss: str = "squared-error") -> list[Array]:
    weights, biases = network.gradients(*batch, loss)
    return [*weights, *(biases or [])]


def assert_close(network: Network, expected: Network) -> None:
    for array, other in zip(network.parameters(), expected.parameters(), strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("loss", ["squared-error", "cross-entropy", "raw-error"])
@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 0.0), (0.0, 0.1), (0.9, 0.0), (0.9, 0.1)])
def test_sgd_is_the_textbooks(loss: str, momentum: float, decay: float) -> None:
    network, batches = example()
    slow = network.copy()
    trainer = trainer_of(network, SGD(momentum), loss=loss, weight_decay=decay)
    velocity = [np.zeros_like(array) for array in slow.parameters()]
    for batch in batches * 3:
        np.testing.assert_allclose(trainer.step(*batch, 0.3), slow.forward(batch[0]), rtol=1e-10)
        derivatives = gradients(slow, batch, loss)
        for array, v, derivative in zip(slow.parameters(), velocity, derivatives, strict=True):
            v[...] = momentum * v - 0.3 * derivative
            array[...] = array + v - (0.3 * decay * array if array.ndim == 2 else 0)
    assert_close(network, slow)


def adam(slow: Network, batches: list[tuple[Array, Array]], rate: float, decay: float) -> None:
    """Algorithm 1 of Kingma and Ba, "Adam: a method for stochastic optimization", line by line."""
    beta1, beta2, epsilon = 0.9, 0.999, 1e-8
    m = [np.zeros_like(theta) for theta in slow.parameters()]
    v = [np.zeros_like(theta) for theta in slow.parameters()]
    for t, batch in enumerate(batches, 1):
        for i, g in enumerate(gradients(slow, batch)):
            theta = slow.parameters()[i]
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g**2
            m_hat = m[i] / (1 - beta1**t)
            v_hat = v[i] / (1 - beta2**t)
            shrunk = theta * (1 - rate * decay) if theta.ndim == 2 else theta
            theta[...] = shrunk - rate * m_hat / (np.sqrt(v_hat) + epsilon)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("size", [1, 1e-7])  # with gradients of about 1e-8 epsilon counts
def test_adam_is_the_papers(decay: float, size: float) -> None:
    network, batches = example(biases=size == 1)
    batches = [(size * inputs, network.forward(size * inputs) + 0.1) for inputs, _ in batches * 4]
    slow = network.copy()
    trainer = trainer_of(network, Adam(), weight_decay=decay)
    for batch in batches[:9]:
        trainer.step(*batch, 0.01)
    resumed = trainer_of(network, Adam(), weight_decay=decay)
    for name, array in resumed.state().items():
        array[...] = trainer.state()[name]
    for batch in batches[9:]:
        resumed.step(*batch, 0.01)
    adam(slow, batches, 0.01, decay)
    assert_close(network, slow)
