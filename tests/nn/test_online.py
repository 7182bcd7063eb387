"""Three ways to train on one sample after the other: the textbook loop, in blocks, in mini-batches of one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from refusals import refused

from mnist_mlp import Digits, Network, encode_targets, scale_pixels, train_online
from mnist_mlp.nn import plain
from mnist_mlp.nn.minibatch import SGD, MiniBatchTrainer
from mnist_mlp.nn.network import NetworkError
from mnist_mlp.nn.online import BLOCK_SIZE, OnlineTrainer

Array = NDArray[Any]

CASES = [
    ("raw-error", ["sigmoid"]),
    ("raw-error", ["sigmoid", "sigmoid"]),
    ("raw-error", ["tanh", "sigmoid"]),
    ("raw-error", ["relu", "tanh", "sigmoid"]),
    ("raw-error", ["sigmoid", "sigmoid", "sigmoid"]),
    ("cross-entropy", ["sigmoid"]),
    ("cross-entropy", ["sigmoid", "sigmoid"]),
    ("cross-entropy", ["tanh", "sigmoid"]),
    ("squared-error", ["linear"]),
    ("squared-error", ["sigmoid", "sigmoid"]),
    ("squared-error", ["relu", "linear"]),
    ("squared-error", ["sigmoid", "tanh", "linear", "tanh"]),
    ("softmax-cross-entropy", ["softmax"]),
    ("softmax-cross-entropy", ["sigmoid", "softmax"]),
    ("softmax-cross-entropy", ["sigmoid", "open-softmax"]),
]


def assert_same(network: Network, expected: Network, start: Network, tolerance: float) -> None:
    """Each array's difference is within the tolerance of the norm of what training changed in it."""
    for array, other, before in zip(
        network.parameters(), expected.parameters(), start.parameters(), strict=True
    ):
        # and what storing the numbers rounds, where nearly nothing changed
        assert np.linalg.norm(array - other) <= tolerance * np.linalg.norm(other - before) + 1e-13


def in_float64(network: Network) -> Network:
    weights = [W.astype(np.float64) for W in network.weights]
    return Network.from_arrays(weights, None, network.activations)


@pytest.fixture(scope="module")
def samples(few_digits: Digits) -> tuple[Array, Array]:
    return scale_pixels(few_digits.images), encode_targets(few_digits.labels)


# The same numbers


@pytest.mark.parametrize("biases", ["none", "fixed", "trained"])
@pytest.mark.parametrize(("loss", "activations"), CASES)
def test_all_ways_give_the_same_numbers(loss: str, activations: list[str], biases: str) -> None:
    rng = np.random.default_rng(0)
    sizes = [6, *[5, 4, 3][: len(activations) - 1], 2]
    start = Network(
        sizes, activations, init="normal-fan-in", biases=biases != "none", rng=rng, dtype=np.float64
    )
    for b in start.biases or []:
        b[:] = rng.normal(size=b.shape)
    n = 2 * BLOCK_SIZE + 5
    inputs, targets = rng.normal(size=(n, 6)), rng.uniform(0.01, 0.99, (n, 2))
    learns = biases == "trained"
    by_loop, in_blocks, in_batches = start.copy(), start.copy(), start.copy()

    expected = plain.train(by_loop, inputs, targets, 0.05, loss, train_biases=learns)
    outputs = train_online(in_blocks, inputs, targets, 0.05, loss, train_biases=learns)
    trainer = MiniBatchTrainer(in_batches, batch_size=1, loss=loss, optimizer=SGD())
    for i in range(n):
        trainer.step(inputs[i : i + 1], targets[i : i + 1], 0.05)

    np.testing.assert_allclose(outputs, expected, rtol=1e-11, atol=1e-11)
    assert_same(in_blocks, by_loop, start, 1e-11)
    if biases != "fixed":
        assert_same(in_batches, by_loop, start, 1e-11)
    for found, before in zip(in_blocks.biases or [], start.biases or [], strict=True):
        assert np.array_equal(found, before) == (biases == "fixed")


def test_the_network_of_the_book_on_400_digits(samples: tuple[Array, Array]) -> None:
    start = Network([784, 200, 10], rng=1)
    single, double, expected = start.copy(), in_float64(start), in_float64(start)
    outputs = plain.train(expected, *samples, 0.3)
    np.testing.assert_allclose(train_online(double, *samples), outputs, atol=1e-11)
    assert_same(double, expected, start, 1e-11)
    np.testing.assert_allclose(train_online(single, *samples), outputs, atol=1e-3)
    assert_same(single, expected, start, 1e-3)
    assert single.dtype == np.float32


def test_in_parts_with_kept_gram_matrices_and_a_learning_rate_for_each() -> None:
    rng = np.random.default_rng(0)
    start = Network([6, 5, 2], biases=True, rng=rng, dtype=np.float64)
    inputs, targets = rng.normal(size=(170, 6)), rng.random((170, 2))
    network, expected = start.copy(), start.copy()
    trainer, first = OnlineTrainer(network), BLOCK_SIZE + 9
    parts: list[tuple[slice, list[Array]]] = [(slice(first), []), (slice(first, 170), [])]
    for rate in [0.0, 0.3, 0.3, 0.05]:
        for part, cache in parts:
            outputs = plain.train(expected, inputs[part], targets[part], rate)
            found = trainer.train(inputs[part], targets[part], rate, cache)
            np.testing.assert_allclose(found, outputs, rtol=1e-9)
    assert_same(network, expected, start, 1e-9)
    blocks = [inputs[:BLOCK_SIZE], inputs[BLOCK_SIZE:first]]
    for gram, x in zip(parts[0][1], blocks, strict=True):
        np.testing.assert_allclose(gram, x @ x.T, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    n=st.integers(0, 2 * BLOCK_SIZE + 2),
    biases=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_sizes(*, sizes: list[int], n: int, biases: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = Network(sizes, biases=biases, rng=rng, dtype=np.float64)
    inputs, targets = rng.normal(size=(n, sizes[0])), rng.random((n, sizes[-1]))
    network, expected = start.copy(), start.copy()
    outputs = plain.train(expected, inputs, targets, 0.3).reshape(n, sizes[-1])
    np.testing.assert_allclose(train_online(network, inputs, targets), outputs, rtol=1e-9, atol=1e-13)
    assert_same(network, expected, start, 1e-9)


def test_arrays_in_any_memory_order_and_dtype() -> None:
    rng = np.random.default_rng(0)
    inputs, targets = rng.random((90, 4)), rng.random((90, 2))
    one, two = (Network([4, 3, 2], rng=1) for _ in range(2))
    train_online(one, inputs, targets)
    train_online(two, np.asfortranarray(inputs.astype(np.float32)), np.repeat(targets, 2, axis=1)[:, ::2])
    np.testing.assert_allclose(one.weights[0], two.weights[0], rtol=1e-6)


# Mistakes


@pytest.mark.parametrize(("where", "value"), [(0, np.nan), (0, np.inf), (0, 1e30), (1, np.nan), (1, -np.inf)])
def test_numbers_that_are_not_finite_are_refused_before_training(
    samples: tuple[Array, Array], where: int, value: float
) -> None:
    network = Network([784, 10], rng=1)
    start = network.copy()
    inputs, targets = samples[0].copy(), samples[1].copy()
    (inputs, targets)[where][399, 3] = value
    with pytest.raises(NetworkError, match=r"^sample 399 has inputs or targets that are not finite numbers$"):
        train_online(network, inputs, targets)
    np.testing.assert_array_equal(network.weights[0], start.weights[0])


def test_raw_pixels_are_refused_before_training(few_digits: Digits) -> None:
    network, targets = Network([784, 10], rng=1), encode_targets(few_digits.labels)
    start = network.copy()
    pixels = few_digits.images.reshape(-1, 784)
    remedy = "scale them with scale_pixels"
    for numbers in (pixels.astype(float), pixels[:1].astype(float)):
        with pytest.raises(NetworkError, match=f"the inputs reach 255, as raw pixels do: {remedy}"):
            train_online(network, numbers, targets[: len(numbers)])
    for use in (network.predict, network.forward, lambda raw: train_online(network, raw, targets)):
        for raw in (pixels, few_digits.images):
            assert refused(use, raw) == f"the inputs are raw pixels (uint8): {remedy}"
    np.testing.assert_array_equal(network.weights[0], start.weights[0])


def test_large_numbers_that_are_no_pixels_are_accepted() -> None:
    prices = np.array([[396.9, 0.5, 711.0]])  # three columns of a table of houses
    train_online(Network([3, 1], ["linear"], rng=1), prices, np.ones((1, 1)), 1e-9, "squared-error")
    standardized = np.zeros((1, 784))
    standardized[0, 0] = 240.0  # a pixel that hardly any digit has, over its small standard deviation
    train_online(Network([784, 1], rng=1), standardized, np.ones((1, 1)))
