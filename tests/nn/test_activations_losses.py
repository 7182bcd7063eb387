import math
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp.nn.activations import ACTIVATIONS
from mnist_mlp.nn.losses import LOSSES

Dtype: TypeAlias = type[np.floating[Any]]

POINTS = (0.0, 4.0, -4.0, 1000.0, -1000.0)

# Value and derivative at each point. sigmoid(4) = 1 / (1 + e^-4) = 0.982013790, its derivative s (1 - s) =
# 0.017662706; tanh(4) = 0.999329300, its derivative 1 - tanh² = 0.001340951. ReLU's at 0 is taken as 0.
EXPECTED: dict[str, tuple[list[float], list[float]]] = {
    "sigmoid": ([0.5, 0.982013790, 0.017986210, 1, 0], [0.25, 0.017662706, 0.017662706, 0, 0]),
    "tanh": ([0, 0.999329300, -0.999329300, 1, -1], [1, 0.001340951, 0.001340951, 0, 0]),
    "relu": ([0, 4, 0, 1000, 0], [0, 1, 0, 1, 0]),
    "linear": (list(POINTS), [1, 1, 1, 1, 1]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EXPECTED)
def test_values_and_derivatives_without_overflow(name: str, dtype: Dtype) -> None:
    z = np.tile(np.array(POINTS, dtype), (3, 1))
    tolerance = 1e-9 if dtype == np.float64 else 2e-7
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = ACTIVATIONS[name].value(z)
        dy = ACTIVATIONS[name].derivative(y)
    assert y.dtype == dy.dtype == dtype
    values, derivatives = EXPECTED[name]
    np.testing.assert_allclose(y, np.tile(values, (3, 1)), rtol=0, atol=tolerance)
    np.testing.assert_allclose(dy, np.tile(derivatives, (3, 1)), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(z, np.tile(POINTS, (3, 1)))  # is not changed
    assert not np.shares_memory(y, z)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax(dtype: Dtype) -> None:
    # e^0 : e^(ln 3) = 1 : 3, whatever is added to both; and nothing overflows
    z = np.array([[0, math.log(3)], [-7, -7 + math.log(3)], [1000, -1000], [1000, 1000]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = ACTIVATIONS["softmax"].value(z)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, [[0.25, 0.75], [0.25, 0.75], [1.0, 0.0], [0.5, 0.5]], atol=1e-6)


# Losses


def loss(name: str, outputs: NDArray[Any], targets: NDArray[Any]) -> list[float]:
    value = LOSSES[name].value(outputs, targets)
    assert value.shape == (len(outputs),)
    return [float(v) for v in value]


def test_an_open_softmax_has_one_sum_more_that_is_always_0() -> None:
    # exp(ln 2) = 2, exp(ln 5) = 5 and exp(0) = 1, which stands for none: 2/8, 5/8 and the rest of 1/8
    value = ACTIVATIONS["open-softmax"].value
    np.testing.assert_allclose(value(np.log([[2.0, 5.0]])), [[0.25, 0.625]])
    far = np.array([[-1e4, -1e4], [1e4, -1e4], [1e4, 1e4]])
    for dtype in (np.float32, np.float64):
        y = value(far.astype(dtype))
        assert y.dtype == dtype
        np.testing.assert_allclose(y, np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]]))
    # One sum beside the 0 is the sigmoid.
    np.testing.assert_allclose(value(np.array([[1.5]])), [[1 / (1 + np.exp(-1.5))]])


@pytest.mark.parametrize("name", ["squared-error", "raw-error"])
def test_half_the_squared_error_of_each_sample(name: str) -> None:
    # M. Mazur's example before its first update: 0.274811083 + 0.023560026, and a sample without error.
    outputs = np.array([[0.751365070, 0.772928465], [0.5, 0.25]])
    targets = np.array([[0.01, 0.99], [0.5, 0.25]])
    assert loss(name, outputs, targets) == pytest.approx([0.298371109, 0], abs=1e-9)


def test_cross_entropy_of_each_sample() -> None:
    # 1: -ln 0.8 - ln(1 - 0.5) = 0.223143551 + 0.693147181.  2, with targets between 0 and 1:
    # -(0.99 ln 0.9 + 0.01 ln 0.1) - (0.01 ln 0.9 + 0.99 ln 0.1) = -ln 0.9 - ln 0.1 = 2.407945609
    outputs = np.array([[0.8, 0.5], [0.9, 0.9]])
    targets = np.array([[1.0, 0.0], [0.99, 0.01]])
    assert loss("cross-entropy", outputs, targets) == pytest.approx([0.916290732, 2.407945609], abs=1e-9)


def test_softmax_cross_entropy_of_each_sample() -> None:
    # -ln 0.5 = 0.693147181, and -(0.75 ln 0.5 + 0.25 ln 0.25) = 0.519860385 + 0.346573590
    outputs = np.array([[0.25, 0.5, 0.25], [0.5, 0.25, 0.25]])
    targets = np.array([[0, 1, 0], [0.75, 0, 0.25]])
    found = loss("softmax-cross-entropy", outputs, targets)
    assert found == pytest.approx([0.693147181, 0.866433976], abs=1e-9)
    for dtype in (np.float32, np.float64):  # the least number in place of 0, whose logarithm is not finite
        found = loss("softmax-cross-entropy", np.array([[0, 1]], dtype), np.array([[1, 0]], dtype))
        assert found == pytest.approx([-math.log(np.finfo(dtype).tiny)])


def test_cross_entropy_of_an_open_softmax_counts_none_as_an_output() -> None:
    # The outputs lack 1/8 to 1: ln 4 where the first is right, ln 8 where none is.
    outputs = np.array([[0.25, 0.625], [0.25, 0.625]])
    found = LOSSES["softmax-cross-entropy"].value(outputs, np.array([[1.0, 0.0], [0.0, 0.0]]))
    np.testing.assert_allclose(found, [np.log(4), np.log(8)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_saturated_outputs_is_finite(dtype: Dtype) -> None:
    outputs = np.array([[0, 1], [1, 0]], dtype)
    targets = np.array([[0, 1], [0, 1]], dtype)
    right, wrong = loss("cross-entropy", outputs, targets)
    assert right == pytest.approx(0, abs=1e-6)
    # as if the outputs were one rounding step from where they are
    assert wrong == pytest.approx(-2 * math.log(np.finfo(dtype).eps), rel=1e-6)
