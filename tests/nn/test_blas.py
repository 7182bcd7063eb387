from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_mlp.nn.blas import addition, multiplication, multiply_into, outer_addition, product

Dtype: TypeAlias = type[np.floating[Any]]

LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every other": lambda array: np.repeat(np.repeat(array, 2, axis=0), 2, axis=1)[::2, ::2],
    "backwards": lambda array: np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1],
}
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(*[st.integers(1, 9)] * 3),
    st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 2),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([(1.0, 0.0), (-0.3, 1.0), (2.0, 0.5)]),
)
def test_all_memory_orders_and_both_dtypes(
    sizes: tuple[int, int, int], orders: tuple[str, str], dtype: Dtype, factors: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)
    (m, k, n), (scale, keep) = sizes, factors
    a, b, before = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
    expected = keep * before.astype(np.float64) + scale * (a.astype(np.float64) @ b.astype(np.float64))
    out, tolerance = before.copy(), 100 * float(np.finfo(dtype).eps)
    multiply_into(out, LAYOUTS[orders[0]](a), LAYOUTS[orders[1]](b), scale=scale, keep=keep)
    np.testing.assert_allclose(out, expected, atol=tolerance)
    np.testing.assert_allclose(product(a, b, scale=-2), -2 * a @ b, atol=tolerance)


@both_dtypes
def test_old_values_that_are_not_kept_do_not_matter(dtype: Dtype) -> None:
    out: NDArray[Any] = np.full((2, 2), np.nan, dtype)
    multiply_into(out, np.eye(2, dtype=dtype), np.eye(2, dtype=dtype))
    assert out.tolist() == [[1, 0], [0, 1]]


@both_dtypes
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_prepared_calls_look_at_their_arrays_when_they_are_called(dtype: Dtype, layout: str) -> None:
    matrix = LAYOUTS[layout](np.array([[5, 6], [7, 8], [9, 10]], dtype))
    vector, out = np.zeros(2, dtype), np.ones(3, dtype)
    multiply = multiplication(out, matrix, vector, scale=2, keep=10)
    vector[:] = 1, 2
    multiply()  # 10 + 2 * (5*1+6*2, 7*1+8*2, 9*1+10*2)
    assert out.tolist() == [44, 56, 68]
    multiply()  # once more: 10 * that + the same product
    assert out.tolist() == [474, 606, 738]
    add = addition(vector, np.array([10, 20], dtype), scale=0.5)
    add()
    add()
    assert vector.tolist() == [11, 22]


@both_dtypes
def test_a_prepared_outer_product_adds_in_place(dtype: Dtype) -> None:
    matrix, left, right = np.ones((2, 3), dtype), np.array([1, 2], dtype), np.array([3, 4, 5], dtype)
    outer_addition(matrix, left, right, scale=-0.5)()
    assert matrix.tolist() == [[-0.5, -1, -1.5], [-2, -3, -4]]
    assert (left.tolist(), right.tolist()) == ([1, 2], [3, 4, 5])
