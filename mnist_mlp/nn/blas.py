"""Matrix products by SciPy's BLAS, which adds to a result in place, as NumPy's `dot` cannot.

A loop that used both would run several times slower: each library brings its own BLAS with its own threads.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas

Floats = NDArray[np.floating[Any]]
Call = Callable[[], object]

_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
_GEMM: dict[np.dtype[Any], Any] = {_SINGLE: blas.sgemm, _DOUBLE: blas.dgemm}
_GEMV: dict[np.dtype[Any], Any] = {_SINGLE: blas.sgemv, _DOUBLE: blas.dgemv}
_GER: dict[np.dtype[Any], Any] = {_SINGLE: blas.sger, _DOUBLE: blas.dger}
_AXPY: dict[np.dtype[Any], Any] = {_SINGLE: blas.saxpy, _DOUBLE: blas.daxpy}


def product(a: Floats, b: Floats, *, scale: float = 1.0) -> Floats:
    """Return ``scale * (a @ b)``; see `multiply_into`."""
    out = np.empty((len(a), b.shape[1]), a.dtype)
    multiply_into(out, a, b, scale=scale)
    return out


def multiply_into(out: Floats, a: Floats, b: Floats, *, scale: float = 1.0, keep: float = 0.0) -> None:
    """Compute ``out = keep * out + scale * (a @ b)`` in place; with ``keep=0`` the old values do not matter.

    `out` (m, n) is C-ordered, float32 or float64. `a` (m, k) and `b` (k, n) have the same dtype and are C- or
    Fortran-ordered; another dtype or order costs a copy.
    """
    if len(out) == 1:  # for one row the product of matrices would first copy all of b
        multiplication(out[0], b.T, a[0], scale=scale, keep=keep)()
        return
    # BLAS stores matrices by columns: so it computes out.T = b.T @ a.T, where no transpose is a copy.
    left, transpose_left = (b.T, 0) if b.flags.c_contiguous else (b, 1)
    right, transpose_right = (a.T, 0) if a.flags.c_contiguous else (a, 1)
    _GEMM[out.dtype](scale, left, right, keep, out.T, transpose_left, transpose_right, 1)


# The arguments below go by position, up to the last "overwrite": names take as long as the operation itself.


def multiplication(
    out: Floats, matrix: Floats, vector: Floats, *, scale: float = 1.0, keep: float = 0.0
) -> Call:
    """Prepare a call that computes ``out = keep * out + scale * (matrix @ vector)``; see `multiply_into`."""
    columns, transposed = (matrix.T, 1) if matrix.flags.c_contiguous else (matrix, 0)
    return partial(_GEMV[out.dtype], scale, columns, vector, keep, out, 0, 1, 0, 1, transposed, 1)


def outer_addition(matrix: Floats, left: Floats, right: Floats, *, scale: float) -> Call:
    """Prepare a call that computes ``matrix += scale * outer(left, right)``, `matrix` being C-ordered."""
    # It is told that it may overwrite the vectors, which saves a copy; it never does.
    return partial(_GER[matrix.dtype], scale, right, left, 1, 1, matrix.T, 1, 1, 1)


def addition(out: Floats, vector: Floats, *, scale: float = 1.0) -> Call:
    """Prepare a call that computes ``out += scale * vector`` in place, `out` being contiguous."""
    return partial(_AXPY[out.dtype], vector, out, len(out), scale)
