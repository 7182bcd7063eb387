import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network, NetworkError
from mnist_mlp.nn.reparametrize import (
    INPUT_MEAN,
    shift_inputs,
    to_sigmoid,
    to_tanh,
    with_sigmoid,
    with_softmax,
)


def network_of(sizes: list[int], seed: int = 1) -> Network:
    network = Network(sizes, biases=True, rng=seed, dtype=np.float64)
    rng = np.random.default_rng(seed)
    for biases in network.biases or []:
        biases[:] = rng.normal(size=len(biases))
    return network


def inputs_for(network: Network, rows: int = 20) -> np.ndarray:
    return np.random.default_rng(7).random((rows, network.sizes[0]))


def test_the_mean_is_that_of_the_training_digits(mnist_train: Digits) -> None:
    assert float(mnist_train.images.mean()) / 255 == pytest.approx(0.1307, abs=5e-5)
    mean = np.mean([scale_pixels(mnist_train.images[i : i + 6000]).mean() for i in range(0, 60_000, 6000)])
    assert pytest.approx(mean, abs=5e-5) == INPUT_MEAN


def test_a_unit_goes_over_by_hand() -> None:
    # sigmoid(2x + 1) = 1/2 + tanh(x + 1/2) / 2, so 3 sigmoid(2x + 1) + 5 = 1.5 tanh(x + 0.5) + 6.5
    network = Network.from_arrays([[[2.0]], [[3.0]]], [[1.0], [5.0]])
    tanh = to_tanh(network)
    assert tanh.activations == ("tanh", "sigmoid")
    assert (tanh.biases or [])[0] == [0.5]
    assert (tanh.biases or [])[1] == [6.5]
    assert [W.item() for W in tanh.weights] == [1.0, 1.5]
    # 2x + 1 = 2 (x - 10) + 21
    shifted = shift_inputs(network, np.float64(10))
    assert (shifted.biases or [])[0] == [21.0]
    assert [W.item() for W in shifted.weights] == [2.0, 3.0]


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_other_coordinates_compute_the_same(sizes: list[int], seed: int) -> None:
    network = network_of(sizes, seed)
    x, shift = inputs_for(network), np.float64(0.137)
    y = network.forward(x)
    tanh = to_tanh(shift_inputs(network, shift))
    np.testing.assert_allclose(tanh.forward(x - shift), y, rtol=1e-12)
    back = shift_inputs(to_sigmoid(tanh), -shift)
    np.testing.assert_allclose(back.forward(x), y, rtol=1e-12)
    for found, expected in zip(back.parameters(), network.parameters(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert back.activations == network.activations


def test_the_given_network_stays_as_it_is() -> None:
    network = network_of([3, 4, 2])
    before = [array.copy() for array in network.parameters()]
    to_tanh(network)
    shift_inputs(network, np.float64(1))
    with_sigmoid(with_softmax(network), inputs_for(network))
    for found, expected in zip(network.parameters(), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert network.activations == ("sigmoid", "sigmoid")


def test_softmax_and_back_gives_the_same_answers_apart_from_0_and_1() -> None:
    network, x = network_of([5, 8, 10]), inputs_for(network_of([5, 8, 10]), 50)
    (network.biases or [])[-1][:] += 100  # all sigmoids would be 1
    softmax = with_softmax(network)
    np.testing.assert_allclose(softmax.forward(x).sum(axis=1), 1)
    back = with_sigmoid(softmax, x)
    assert back.activations == ("sigmoid", "sigmoid")
    np.testing.assert_array_equal(back.predict(x), softmax.predict(x))
    y = np.sort(back.forward(x), axis=1)
    sums = np.log(y / (1 - y))  # of the sigmoids
    assert sums[:, -2:].mean() == pytest.approx(0, abs=1e-9)


def test_without_biases_there_is_nowhere_to_put_the_shifts() -> None:
    network = Network([3, 4, 2], rng=1)
    with pytest.raises(NetworkError, match="centring needs biases"):
        shift_inputs(network, np.float32(1))
    with pytest.raises(NetworkError, match="needs biases and sigmoid hidden units"):
        to_tanh(network)
    with pytest.raises(NetworkError, match="needs biases and tanh hidden units"):
        to_sigmoid(Network([3, 4, 2], ["tanh", "sigmoid"], rng=1))
    with pytest.raises(NetworkError, match="softmax outputs need biases"):
        with_sigmoid(with_softmax(network), np.zeros((1, 3), np.float32))


def test_only_sigmoid_units_become_tanh_and_only_tanh_units_sigmoid() -> None:
    sigmoid = network_of([3, 4, 2])
    with pytest.raises(NetworkError, match="tanh hidden units"):
        to_sigmoid(sigmoid)
    with pytest.raises(NetworkError, match="sigmoid hidden units"):
        to_tanh(to_tanh(sigmoid))
