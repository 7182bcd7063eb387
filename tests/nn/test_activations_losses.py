import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_mlp.nn.activations import ACTIVATIONS
from mnist_mlp.nn.losses import LOSSES

Dtype: TypeAlias = type[np.floating[Any]]

POINTS = (0.0, 4.0, -4.0, 1000.0, -1000.0)

# Value and slope at each point. sigmoid(4) = 1 / (1 + e^-4) = 0.982013790, its slope s (1 - s) =
# 0.017662706; tanh(4) = 0.999329300, its slope 1 - tanh² = 0.001340951. ReLU's slope at 0 is taken as 0.
EXPECTED: dict[str, tuple[list[float], list[float]]] = {
    "sigmoid": ([0.5, 0.982013790, 0.017986210, 1, 0], [0.25, 0.017662706, 0.017662706, 0, 0]),
    "tanh": ([0, 0.999329300, -0.999329300, 1, -1], [1, 0.001340951, 0.001340951, 0, 0]),
    "relu": ([0, 4, 0, 1000, 0], [0, 1, 0, 1, 0]),
    "linear": (list(POINTS), [1, 1, 1, 1, 1]),
}


def applied(name: str, z: NDArray[Any]) -> NDArray[Any]:
    y = z.copy()
    ACTIVATIONS[name].apply(y)
    return y


def slope(name: str, y: NDArray[Any]) -> NDArray[Any]:
    delta = np.ones_like(y)
    ACTIVATIONS[name].multiply_by_slope(delta, y, np.empty_like(y))
    return delta


@pytest.mark.parametrize("repeats", [1, 1000])  # few numbers and many take different ways
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EXPECTED)
def test_values_and_slopes_without_overflow(name: str, dtype: Dtype, repeats: int) -> None:
    z = np.tile(np.array(POINTS, dtype), (repeats, 1))
    values, slopes = EXPECTED[name]
    tolerance = 1e-9 if dtype == np.float64 else 2e-7
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = applied(name, z)
        dy = slope(name, y)
    assert y.dtype == dy.dtype == dtype
    np.testing.assert_allclose(y, np.tile(values, (repeats, 1)), rtol=0, atol=tolerance)
    np.testing.assert_allclose(dy, np.tile(slopes, (repeats, 1)), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_slope_multiplies_what_is_handed_back(name: str) -> None:
    y = applied(name, np.array([[0.5, 1.5]]))
    delta = np.array([[2.0, -3.0]])
    expected = delta * slope(name, y)
    ACTIVATIONS[name].multiply_by_slope(delta, y, np.empty_like(y))
    np.testing.assert_allclose(delta, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax(dtype: Dtype) -> None:
    # e^0 : e^(ln 3) = 1 : 3, whatever is added to both; and nothing overflows
    z = np.array([[0, math.log(3)], [-7, -7 + math.log(3)], [1000, -1000], [1000, 1000]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = applied("softmax", z)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, [[0.25, 0.75], [0.25, 0.75], [1.0, 0.0], [0.5, 0.5]], atol=1e-6)
    with pytest.raises(TypeError, match="no slope of its own"):
        slope("softmax", y)


FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)) if z > -700 else 0.0,
    "tanh": math.tanh,
    "relu": lambda z: max(z, 0.0),
    "linear": lambda z: z,
}


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(FUNCTIONS)),
    st.sampled_from([np.float32, np.float64]),
    st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=20),
)
def test_short_and_long_arrays_give_the_textbook_functions(
    name: str, dtype: Dtype, numbers: list[float]
) -> None:
    short = np.array(numbers, dtype)
    long = np.tile(short, 1000)
    expected = np.array([FUNCTIONS[name](float(z)) for z in short])
    near = 8 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(applied(name, short), expected, rtol=near, atol=near)
    np.testing.assert_allclose(applied(name, long)[: len(short)], expected, rtol=near, atol=near)


# Losses


def loss(name: str, outputs: NDArray[Any], targets: NDArray[Any]) -> list[float]:
    value = LOSSES[name].value(outputs, targets)
    assert value.shape == (len(outputs),)
    return [float(v) for v in value]


@pytest.mark.parametrize("name", ["squared-error", "raw-error"])
def test_half_the_squared_error_of_each_row(name: str) -> None:
    # The worked example before its first update: 0.274811083 + 0.023560026, and a row without error.
    outputs = np.array([[0.751365070, 0.772928465], [0.5, 0.25]])
    targets = np.array([[0.01, 0.99], [0.5, 0.25]])
    assert loss(name, outputs, targets) == pytest.approx([0.298371109, 0], abs=1e-9)


def test_cross_entropy_of_each_row() -> None:
    # Row 1: -ln 0.8 - ln(1 - 0.5) = 0.223143551 + 0.693147181.  Row 2, targets between 0 and 1:
    # -(0.99 ln 0.9 + 0.01 ln 0.1) - (0.01 ln 0.9 + 0.99 ln 0.1) = -ln 0.9 - ln 0.1 = 2.407945609
    outputs = np.array([[0.8, 0.5], [0.9, 0.9]])
    targets = np.array([[1.0, 0.0], [0.99, 0.01]])
    assert loss("cross-entropy", outputs, targets) == pytest.approx([0.916290732, 2.407945609], abs=1e-9)


def test_softmax_cross_entropy_of_each_row() -> None:
    # -ln 0.5 = 0.693147181, and -(0.75 ln 0.5 + 0.25 ln 0.25) = 0.519860385 + 0.346573590
    outputs = np.array([[0.25, 0.5, 0.25], [0.5, 0.25, 0.25]])
    targets = np.array([[0, 1, 0], [0.75, 0, 0.25]])
    assert loss("softmax-cross-entropy", outputs, targets) == pytest.approx(
        [0.693147181, 0.866433976], abs=1e-9
    )
    assert np.isfinite(loss("softmax-cross-entropy", np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]]))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_saturated_outputs_is_finite(dtype: Dtype) -> None:
    outputs = np.array([[0, 1], [1, 0]], dtype)
    targets = np.array([[0, 1], [0, 1]], dtype)
    right, wrong = loss("cross-entropy", outputs, targets)
    assert right == pytest.approx(0, abs=1e-6)
    # as if the outputs were one rounding step from where they are
    assert wrong == pytest.approx(-2 * math.log(np.finfo(dtype).eps), rel=1e-6)
