from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from networks import content
from numpy.typing import NDArray
from refusals import refused

from mnist_mlp import Network, train_online
from mnist_mlp.nn.minibatch import SGD, MiniBatchTrainer
from mnist_mlp.nn.network import NetworkError

WEIGHTS = [np.array([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]]), np.array([[1.0, 2.0, -1.0]])]
BIASES = [np.array([0.0, 1.0, -1.0]), np.array([0.5])]


# Initial weights


def test_a_seed_or_its_generator_makes_the_same_network() -> None:
    one, two, other = (Network([7, 5, 3], rng=rng) for rng in (1, np.random.default_rng(1), 2))
    for W, same, different in zip(one.weights, two.weights, other.weights, strict=True):
        np.testing.assert_array_equal(W, same)
        assert np.not_equal(W, different).all()


def test_the_network_of_the_book_is_the_default() -> None:
    network = Network([784, 200, 10], rng=1)
    assert [W.shape for W in network.weights] == [(200, 784), (10, 200)]
    assert network.biases is None
    assert network.activations == ("sigmoid", "sigmoid")
    assert network.dtype == np.float32
    for W in network.weights:
        assert -0.5 <= W.min() < -0.49
        assert 0.49 < W.max() <= 0.5
        assert W.mean() == pytest.approx(0, abs=0.03)
        assert W.std() == pytest.approx(12**-0.5, rel=0.03)  # of a uniform distribution of width 1


@pytest.mark.parametrize(
    ("init", "deviations"), [("normal-fan-out", (0.1, 0.2)), ("normal-fan-in", (0.05, 0.1))]
)
def test_normal_weights_and_biases_of_zero(init: str, deviations: tuple[float, float]) -> None:
    # 400 inputs, 100 hidden, 25 outputs: 1/sqrt(100) and 1/sqrt(25), or 1/sqrt(400) and 1/sqrt(100)
    network = Network([400, 100, 25], init=init, rng=1)
    for W, deviation in zip(network.weights, deviations, strict=True):
        assert W.std() == pytest.approx(deviation, rel=0.05)
        assert W.mean() == pytest.approx(0, abs=4 * deviation / W.size**0.5)
        within = (abs(W) < deviation).mean()  # 68.3 % of a normal distribution, 57.7 % of a uniform one
        assert within == pytest.approx(0.683, abs=0.03)
    biases = Network([4, 3, 2], init=init, biases=True, rng=1, dtype=np.float64).biases or []
    assert [b.tolist() for b in biases] == [[0, 0, 0], [0, 0]]
    assert {b.dtype.name for b in biases} == {"float64"}


# Networks of given arrays


@pytest.mark.parametrize(
    ("given", "kept"),
    [(np.float32, np.float32), (np.float64, np.float64), (np.float16, np.float64), (np.int64, np.float64)],
)
def test_from_arrays_keeps_the_dtype(given: type, kept: type) -> None:
    network = Network.from_arrays([W.astype(given) for W in WEIGHTS])
    assert network.dtype == kept
    assert network.forward([[1.0, 2.0]]).dtype == kept
    mixed = Network.from_arrays([WEIGHTS[0].astype(given), WEIGHTS[1]], BIASES)
    assert {array.dtype for array in mixed.parameters()} == {np.dtype(np.float64)}


def test_from_arrays_and_copy_copy() -> None:
    weights, biases = [W.copy() for W in WEIGHTS], [b.copy() for b in BIASES]
    network = Network.from_arrays([np.asfortranarray(W) for W in weights], biases)
    assert all(W.flags.c_contiguous for W in network.weights)
    other = network.copy()
    for array in [*weights, *biases, *other.parameters()]:
        np.add(array, 1, out=array)
    assert content(network) == content(Network.from_arrays(WEIGHTS, BIASES))
    assert other.activations == network.activations


def test_a_network_describes_itself() -> None:
    network = Network([784, 200, 10], ["tanh", "softmax"], biases=True, rng=1)
    assert repr(network) == "<Network 784-200-10, tanh, softmax, with biases, float32>"
    assert repr(Network([5, 2], rng=1, dtype=np.float64)) == "<Network 5-2, sigmoid, no biases, float64>"
    assert str(network).splitlines() == [
        "network 784-200-10, float32, 159,010 parameters",
        "  layer 0: 156,800 weights + 200 biases, tanh",
        "  layer 1: 2,000 weights + 10 biases, softmax",
    ]


def test_a_small_network_shows_every_weight() -> None:
    network = Network.from_arrays([[[0.15, 0.2], [0.25, 1e-6]], [[0.123456789, 45]]], [[0.35, 0.35], [0.6]])
    assert str(network).splitlines() == [
        "network 2-2-1, float64, 9 parameters",
        "  layer 0: 4 weights + 2 biases, sigmoid",
        "    [[0.15     0.2     ]",
        "     [0.25     0.000001]]",
        "    [0.35 0.35]",
        "  layer 1: 2 weights + 1 biases, sigmoid",
        "    [[ 0.123456789 45.         ]]",
        "    [0.6]",
    ]
    assert len(str(Network([49, 1], biases=True, rng=1)).splitlines()) > 3  # 50 parameters
    assert len(str(Network([50, 1], biases=True, rng=1)).splitlines()) == 2  # 51


# Forward


def test_forward_by_hand() -> None:
    # Inputs 2, 1: hidden sums 2-2+0 = 0, 1+0+1 = 2, 6+1-1 = 6; ReLU leaves them; out 0+4-6+0.5 = -1.5.
    # Inputs -1, 0: -1, 0.5, -4; ReLU 0, 0.5, 0; out 1 + 0.5 = 1.5.
    network = Network.from_arrays(WEIGHTS, BIASES, ["relu", "linear"])
    assert network.forward([[2, 1], [-1, 0]]).tolist() == [[-1.5], [1.5]]
    assert network.forward(np.array([[2, 1]], np.uint8)).tolist() == [[-1.5]]  # which are no pixels


def test_forward_of_several_thousand_samples_and_of_none() -> None:
    network = Network([5, 4, 3], rng=1, dtype=np.float64)
    x = np.random.default_rng(0).normal(size=(2500, 5))
    hidden = 1 / (1 + np.exp(-x @ network.weights[0].T))
    expected = 1 / (1 + np.exp(-hidden @ network.weights[1].T))
    np.testing.assert_allclose(network.forward(x), expected, rtol=1e-12)
    assert network.predict(x).tolist() == expected.argmax(axis=1).tolist()
    assert network.forward(x[:0]).shape == (0, 3)
    huge = Network.from_arrays([np.full((2, 1), 1e30, np.float32)], activations=["softmax"])
    assert np.isnan(huge.forward([[1e30]])).all()  # without a warning
    assert network.predict(x[:0]).shape == (0,)


# Mistakes


MATRIX = "each layer's weights must be a matrix (n_out, n_in)"
FINITE = "the weights and biases must be finite numbers"
NOT_FITTING: list[tuple[Callable[[], Network], str]] = [
    (lambda: Network([5], rng=1), "sizes [5]: a network needs at least two, all of them above 0"),
    (lambda: Network([5, 0, 2], rng=1), "sizes [5, 0, 2]: a network needs at least two, all of them above 0"),
    (
        lambda: Network([5, 2], init="zero", rng=1),
        "init 'zero' is not known; choose one of uniform, normal-fan-out, normal-fan-in",
    ),
    (
        lambda: Network([5, 2], ["step"], rng=1),
        "activation 'step' is not known; choose one of sigmoid, tanh, relu, linear, softmax, open-softmax",
    ),
    (lambda: Network([5, 2], ["tanh", "tanh"], rng=1), "1 layers need as many activations, not 2"),
    (lambda: Network([5, 2], rng=1, dtype=np.int32), "a network computes in float32 or float64, not int32"),
    (
        lambda: Network([5, 2], rng=1, dtype=np.float16),
        "a network computes in float32 or float64, not float16",
    ),
    (lambda: Network([5, 4, 2], ["softmax", "softmax"], rng=1), "softmax is for the last layer only"),
    (lambda: Network([5, 4, 2], ["open-softmax", "sigmoid"], rng=1), "softmax is for the last layer only"),
    (lambda: Network.from_arrays([], activations=[]), "0 layers need as many activations, not 0"),
    (lambda: Network.from_arrays([[1.0, 2.0]], activations=["tanh"]), MATRIX),
    (lambda: Network.from_arrays([np.ones((0, 2))], activations=["tanh"]), MATRIX),
    (
        lambda: Network.from_arrays([np.ones((3, 2)), np.ones((1, 4))]),
        "layer 1 takes 4 inputs, but layer 0 has 3 units",
    ),
    (lambda: Network.from_arrays(WEIGHTS, []), "each layer's biases must be one a unit"),
    (lambda: Network.from_arrays(WEIGHTS, BIASES[:1]), "each layer's biases must be one a unit"),
    (
        lambda: Network.from_arrays(WEIGHTS, [np.ones(2), np.ones(1)]),
        "each layer's biases must be one a unit",
    ),
    (lambda: Network.from_arrays([*WEIGHTS[:1], [[1, np.nan, 2]]]), FINITE),
    (lambda: Network.from_arrays(WEIGHTS, [np.ones(3), [np.inf]]), FINITE),
]


@pytest.mark.parametrize(("build", "message"), NOT_FITTING)
def test_what_makes_no_network_is_told(build: Callable[[], Network], message: str) -> None:
    assert refused(build) == message


def in_a_mini_batch(
    network: Network, x: NDArray[Any], t: NDArray[Any], *, loss: str = "squared-error"
) -> None:
    MiniBatchTrainer(network, batch_size=4, optimizer=SGD(), loss=loss).step(x, t, 0.1)


each_use = pytest.mark.parametrize("use", [Network.gradients, train_online, in_a_mini_batch])


@each_use
def test_samples_that_do_not_fit_are_told(use: Callable[..., object]) -> None:
    network = Network([3, 2], rng=1)
    before = content(network)
    for inputs, targets, message in [
        ((3,), (1, 2), "inputs of shape (3,) do not fit: this network takes (n, 3)"),
        ((4, 2), (4, 2), "inputs of shape (4, 2) do not fit: this network takes (n, 3)"),
        ((1, 1, 3), (1, 2), "inputs of shape (1, 1, 3) do not fit: this network takes (n, 3)"),
        (
            (4, 3),
            (4, 1),
            "targets of shape (4, 1) do not fit: this network takes (n, 2)",
        ),  # would spread over both
        ((4, 3), (1, 2), "4 samples of inputs need as many targets, not 1"),
        ((4, 3), (5, 2), "4 samples of inputs need as many targets, not 5"),
    ]:
        assert refused(use, network, np.ones(inputs), np.ones(targets)) == message
    assert content(network) == before


def test_a_gradient_needs_samples_and_a_mini_batch_no_more_than_it_was_made_for() -> None:
    network = Network([3, 2], rng=1)
    refusals: list[tuple[int, Callable[..., object], str]] = [
        (0, Network.gradients, "a gradient needs at least one sample"),
        (0, in_a_mini_batch, "a batch must have 1 to 4 samples, not 0"),
        (5, in_a_mini_batch, "a batch must have 1 to 4 samples, not 5"),
    ]
    for count, use, message in refusals:
        assert refused(use, network, np.ones((count, 3)), np.ones((count, 2))) == message


@each_use
@pytest.mark.parametrize(
    ("loss", "unfit"),
    [
        ("cross-entropy", ["tanh", "relu", "linear", "softmax"]),
        ("raw-error", ["tanh", "relu", "linear", "softmax"]),
        ("softmax-cross-entropy", ["sigmoid", "tanh", "relu", "linear"]),
        ("squared-error", ["softmax"]),
        ("hinge", ["sigmoid"]),
    ],
)
def test_losses_that_do_not_fit_the_outputs(use: Callable[..., object], loss: str, unfit: list[str]) -> None:
    for output in unfit:
        with pytest.raises(NetworkError, match=rf"'{loss}' (needs .* outputs, not {output}|is not known)"):
            use(Network([3, 2], [output], rng=1), np.ones((1, 3)), np.ones((1, 2)), loss=loss)
