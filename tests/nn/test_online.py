"""Online training against a plain loop over the rows, written out below in float64."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_mlp import Network, encode_targets, load_mnist, scale_pixels, train_online
from mnist_mlp.nn.network import NetworkError
from mnist_mlp.nn.online import BLOCK_SIZE, OnlineTrainer

Array = NDArray[Any]

DATA = Path(__file__).parents[2] / "data"


Function: TypeAlias = Callable[[Array], Array]

APPLY: dict[str, Function] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "linear": lambda z: z,
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(),
}
SLOPE: dict[str, Function] = {
    "sigmoid": lambda y: y * (1 - y),
    "tanh": lambda y: 1 - y**2,
    "relu": lambda y: (y > 0) * 1.0,
    "linear": np.ones_like,
}
# Whether the error is multiplied by the output's slope for the output weights, and for the layers before.
RULES = {
    "squared-error": (True, True),
    "cross-entropy": (False, False),
    "softmax-cross-entropy": (False, False),
    "raw-error": (True, False),
}


def train_row_by_row(
    network: Network, inputs: Array, targets: Array, rate: float, loss: str, *, train_biases: bool = True
) -> tuple[Network, Array]:
    """The network that the documents' loop would end with, and the outputs before each update."""
    weights = [W.astype(np.float64) for W in network.weights]
    biases = [b.astype(np.float64) for b in network.biases or [np.zeros(len(W)) for W in weights]]
    outputs = []
    for x, target in zip(inputs.astype(np.float64), targets.astype(np.float64), strict=True):
        y = [x]
        for W, b, name in zip(weights, biases, network.activations, strict=True):
            y.append(APPLY[name](W @ y[-1] + b))
        outputs.append(y[-1])
        error = y[-1] - target
        sloped = error * SLOPE.get(network.activations[-1], np.ones_like)(y[-1])
        in_weights, handed_back = RULES[loss]
        deltas = [sloped if in_weights else error]
        back = sloped if handed_back else error
        for i in range(len(weights) - 1, 0, -1):
            back = (weights[i].T @ back) * SLOPE[network.activations[i - 1]](y[i])
            deltas.insert(0, back)
        for W, b, delta, before in zip(weights, biases, deltas, y, strict=False):
            W -= rate * np.outer(delta, before)  # noqa: PLW2901  in place
            if network.biases and train_biases:
                b -= rate * delta  # noqa: PLW2901
    trained = Network.from_arrays(weights, biases if network.biases else None, network.activations)
    return trained, np.array(outputs)


def assert_same(network: Network, expected: Network, start: Network, tolerance: float) -> None:
    """Each array's difference is within the tolerance of the norm of what training changed in it."""
    for array, other, before in zip(
        network.parameters(), expected.parameters(), start.parameters(), strict=True
    ):
        # and what storing the numbers rounds, where nearly nothing changed
        assert np.linalg.norm(array - other) <= tolerance * np.linalg.norm(other - before) + 1e-13


@pytest.fixture(scope="module")
def digits() -> tuple[Array, Array]:
    first = load_mnist(DATA, "train")[:500]
    return scale_pixels(first.images), encode_targets(first.labels)


@pytest.fixture(scope="module")
def documents(digits: tuple[Array, Array]) -> tuple[Network, Network, Array]:
    """The documents' network, what their loop makes of it in 500 rows, and the outputs on the way."""
    start = Network([784, 200, 10], rng=1)
    return start, *train_row_by_row(start, *digits, 0.3, "raw-error")


@pytest.mark.parametrize("block_size", [1, 7, BLOCK_SIZE, 500])
def test_the_documents_loop_on_500_digits(
    digits: tuple[Array, Array], documents: tuple[Network, Network, Array], block_size: int
) -> None:
    start, expected, outputs = documents
    network = start.copy()
    before = train_online(network, *digits, 0.3, "raw-error", block_size=block_size)
    assert_same(network, expected, start, 1e-3)
    np.testing.assert_allclose(before, outputs, atol=1e-3)


def test_in_float64_the_difference_is_rounding_alone(
    digits: tuple[Array, Array], documents: tuple[Network, Network, Array]
) -> None:
    start, expected, outputs = documents
    network = Network.from_arrays([W.astype(np.float64) for W in start.weights])
    before = OnlineTrainer(network, "raw-error").train(*digits, 0.3)
    assert_same(network, expected, start, 1e-11)
    np.testing.assert_allclose(before, outputs, atol=1e-11)


def test_the_defaults_are_the_documents(digits: tuple[Array, Array]) -> None:
    one, two = (Network([784, 20, 10], rng=1) for _ in range(2))
    train_online(one, *digits)
    train_online(two, *digits, learning_rate=0.3, loss="raw-error")
    np.testing.assert_array_equal(one.weights[0], two.weights[0])


CASES = [
    ("raw-error", ["sigmoid", "sigmoid"]),
    ("raw-error", ["tanh", "sigmoid"]),
    ("raw-error", ["sigmoid"]),
    ("raw-error", ["relu", "tanh", "sigmoid"]),
    ("cross-entropy", ["sigmoid"]),
    ("cross-entropy", ["tanh", "sigmoid"]),
    ("squared-error", ["linear"]),
    ("squared-error", ["tanh"]),
    ("squared-error", ["relu", "linear"]),
    ("squared-error", ["sigmoid", "tanh", "linear", "tanh"]),
    ("softmax-cross-entropy", ["softmax"]),
    ("softmax-cross-entropy", ["tanh", "softmax"]),
]


@pytest.mark.parametrize("block_size", [1, 7, 48])
@pytest.mark.parametrize("biases", ["none", "fixed", "trained"])
@pytest.mark.parametrize(("loss", "activations"), CASES)
def test_other_losses_layers_and_biases(
    loss: str, activations: list[str], biases: str, block_size: int
) -> None:
    rng = np.random.default_rng(0)
    sizes = [6, *[5, 4, 3][: len(activations) - 1], 2]
    start = Network(
        sizes, activations, init="normal-fan-in", biases=biases != "none", rng=rng, dtype=np.float64
    )
    for b in start.biases or []:
        b[:] = rng.normal(size=b.shape)
    inputs, targets = rng.normal(size=(100, 6)), rng.uniform(0.01, 0.99, (100, 2))  # 100 = 14 x 7 + 2
    options = {"rate": 0.05, "loss": loss, "train_biases": biases == "trained"}
    expected, outputs = train_row_by_row(start, inputs, targets, **options)  # type: ignore[arg-type]

    network = start.copy()
    online = OnlineTrainer(network, loss, train_biases=biases == "trained", block_size=block_size)
    before = online.train(inputs, targets, 0.05)
    assert_same(network, expected, start, 1e-11)
    np.testing.assert_allclose(before, outputs, rtol=1e-11, atol=1e-11)
    if biases == "fixed":
        for b, fixed in zip(network.biases or [], start.biases or [], strict=True):
            np.testing.assert_array_equal(b, fixed)


def test_chunk_by_chunk_with_a_rate_for_each() -> None:
    rng = np.random.default_rng(0)
    start = Network([6, 5, 2], biases=True, rng=rng, dtype=np.float64)
    network, expected = start.copy(), start
    online = OnlineTrainer(network, block_size=8)
    for rows, rate in [(20, 0.3), (20, 0.3), (7, 0.3), (20, 0.05), (3, 0.05), (20, 0.3)]:
        inputs, targets = rng.normal(size=(rows, 6)), rng.random((rows, 2))
        expected, outputs = train_row_by_row(expected, inputs, targets, rate, "raw-error")
        np.testing.assert_allclose(online.train(inputs, targets, rate), outputs, rtol=1e-9)
    assert_same(network, expected, start, 1e-9)


def test_what_was_computed_from_the_inputs_serves_again_at_any_rate() -> None:
    rng = np.random.default_rng(0)
    start = Network([6, 5, 2], biases=True, rng=rng, dtype=np.float64)
    inputs, targets = rng.normal(size=(20, 6)), rng.random((20, 2))
    network, expected = start.copy(), start
    online = OnlineTrainer(network, block_size=8)
    gram_cache: list[Array] = []
    for rate in [0.3, 0.3, 0.05]:
        expected, outputs = train_row_by_row(expected, inputs, targets, rate, "raw-error")
        np.testing.assert_allclose(online.train(inputs, targets, rate, gram_cache), outputs, rtol=1e-9)
        assert len(gram_cache) == 3  # blocks
    assert_same(network, expected, start, 1e-9)
    for products, x in zip(gram_cache, [inputs[:8], inputs[8:16], inputs[16:]], strict=True):
        np.testing.assert_allclose(products[-len(x) :], x @ x.T, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    rows=st.integers(0, 40),
    block_size=st.integers(1, 50),
    biases=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape_and_block(
    *, sizes: list[int], rows: int, block_size: int, biases: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    start = Network(sizes, biases=biases, rng=rng, dtype=np.float64)
    inputs, targets = rng.normal(size=(rows, sizes[0])), rng.random((rows, sizes[-1]))
    expected, outputs = train_row_by_row(start, inputs, targets, 0.3, "raw-error")
    network = start.copy()
    before = OnlineTrainer(network, block_size=block_size).train(inputs, targets, 0.3)
    assert_same(network, expected, start, 1e-9)
    np.testing.assert_allclose(before, outputs.reshape(before.shape), rtol=1e-9, atol=1e-13)


def test_no_rows_change_nothing() -> None:
    network = Network([4, 3, 2], biases=True, rng=1)
    start = network.copy()
    assert train_online(network, np.empty((0, 4)), np.empty((0, 2))).shape == (0, 2)
    for array, before in zip(network.parameters(), start.parameters(), strict=True):
        np.testing.assert_array_equal(array, before)


def test_arrays_in_any_memory_order_and_dtype() -> None:
    rng = np.random.default_rng(0)
    inputs, targets = rng.random((90, 4)), rng.random((90, 2))
    one, two = (Network([4, 3, 2], rng=1) for _ in range(2))
    train_online(one, inputs, targets)
    train_online(two, np.asfortranarray(inputs.astype(np.float32)), np.repeat(targets, 2, axis=1)[:, ::2])
    np.testing.assert_allclose(one.weights[0], two.weights[0], rtol=1e-6)


@pytest.mark.parametrize("rows", [0, 3])
def test_what_does_not_fit_is_told(rows: int) -> None:
    network = Network([4, 3, 2], ["sigmoid", "linear"], rng=1)
    inputs, targets = np.ones((rows, 4)), np.ones((rows, 2))
    for loss, message in [("raw-error", "needs sigmoid outputs"), ("hinge", "is not known")]:
        with pytest.raises(NetworkError, match=message):
            train_online(network, inputs, targets, loss=loss)
    with pytest.raises(NetworkError, match="rows of inputs need as many targets"):
        train_online(network, inputs, np.ones((rows + 1, 2)), loss="squared-error")
    with pytest.raises(NetworkError, match=r"targets of shape .* do not fit"):
        train_online(network, inputs, np.ones((rows, 1)), loss="squared-error")
