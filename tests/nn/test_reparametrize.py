import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import content

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network, NetworkError
from mnist_mlp.nn.reparametrize import INPUT_MEAN, from_training, to_training


def network_of(sizes: list[int], seed: int = 1) -> Network:
    network = Network(sizes, biases=True, rng=seed, dtype=np.float64)
    rng = np.random.default_rng(seed)
    for biases in network.biases or []:
        biases[:] = rng.normal(size=len(biases))
    return network


def inputs_for(network: Network, samples: int = 20) -> np.ndarray:
    return np.random.default_rng(7).random((samples, network.sizes[0]))


def test_the_mean_is_that_of_the_training_digits(mnist_train: Digits) -> None:
    assert float(mnist_train.images.mean()) / 255 == pytest.approx(0.1307, abs=5e-5)
    mean = np.mean([scale_pixels(mnist_train.images[i : i + 6000]).mean() for i in range(0, 60_000, 6000)])
    assert pytest.approx(mean, abs=5e-5) == INPUT_MEAN


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_other_coordinates_compute_the_same(sizes: list[int], seed: int) -> None:
    network = network_of(sizes, seed)
    x = inputs_for(network)
    y = network.forward(x)
    other = to_training(network, center_inputs=True)
    np.testing.assert_allclose(other.forward(x - INPUT_MEAN), y, rtol=1e-12)
    back = from_training(other, center_inputs=True)
    np.testing.assert_allclose(back.forward(x), y, rtol=1e-12)
    for found, expected in zip(back.parameters(), network.parameters(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert back.activations == network.activations


def test_the_given_network_stays_as_it_is() -> None:
    network = network_of([3, 4, 2])
    for convert, activations in (
        (to_training, ("sigmoid", "sigmoid")),
        (from_training, ("sigmoid", "open-softmax")),
    ):
        before = content(network)
        converted = convert(network, center_inputs=True, softmax=True)
        assert (content(network), network.activations) == (before, activations)
        network = converted


@pytest.mark.parametrize("center", [False, True])
def test_an_open_softmax_and_back_gives_the_same_answers(center: bool) -> None:
    network, x = network_of([5, 8, 10]), inputs_for(network_of([5, 8, 10]), 50)
    trained = to_training(network, center_inputs=center, softmax=True)
    outputs = trained.forward(x - INPUT_MEAN if center else x)
    assert (outputs.sum(axis=1) < 1).all()  # the rest is "none of these"
    back = from_training(trained, center_inputs=center, softmax=True)
    assert back.activations == ("sigmoid", "sigmoid")
    np.testing.assert_array_equal(back.predict(x), outputs.argmax(axis=1))
    # A sigmoid weighs its digit against none of these alone: y / (1 - y) is their ratio.
    y, none = back.forward(x), 1 - outputs.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(y / (1 - y), outputs / none, rtol=1e-9)


def test_to_center_the_inputs_takes_biases() -> None:
    without = Network([3, 4, 2], rng=1)
    for convert in (to_training, from_training):
        with pytest.raises(NetworkError, match="takes biases, and the network has none"):
            convert(without, center_inputs=True)
