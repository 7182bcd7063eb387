"""Matrix products written straight into their result, so that a training step allocates nothing large.

All of them go through SciPy's BLAS: it can add to a result in place, which NumPy's `dot` cannot, and a hot
loop that alternates between the two libraries' thread pools runs several times slower.
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


def multiply_into(out: Floats, a: Floats, b: Floats, *, scale: float = 1.0, keep: float = 0.0) -> None:
    """Compute ``out = keep * out + scale * (a @ b)`` in place.

    Args:
        out: (m, n), C-ordered, float32 or float64. With ``keep=0`` its old values do not matter.
        a: (m, k), C- or Fortran-ordered; another order or dtype costs a copy.
        b: (k, n), likewise.
        scale: factor of the product.
        keep: factor of the old values.
    """
    if len(out) == 1:  # for one row the product of matrices would first copy all of b
        multiplication(out[0], b.T, a[0], scale=scale, keep=keep)()
        return
    # BLAS stores by columns: what it calls C is our out.T = b.T @ a.T, and a C-ordered array's transpose
    # is what it wants to see, without a copy.
    left, transpose_left = (b.T, 0) if b.flags.c_contiguous else (b, 1)
    right, transpose_right = (a.T, 0) if a.flags.c_contiguous else (a, 1)
    _GEMM[out.dtype](scale, left, right, keep, out.T, transpose_left, transpose_right, 1)


def multiplication(
    out: Floats, matrix: Floats, vector: Floats, *, scale: float = 1.0, keep: float = 0.0
) -> Call:
    """Prepare a call that computes ``out = keep * out + scale * (matrix @ vector)`` in place.

    Args:
        out: (m,), contiguous, float32 or float64.
        matrix: (m, n), C- or Fortran-ordered; another order or dtype costs a copy a call.
        vector: (n,).
        scale: factor of the product.
        keep: factor of the old values.
    """
    columns, transposed = (matrix.T, 1) if matrix.flags.c_contiguous else (matrix, 0)
    # By position, up to the last "overwrite out": names take as long to look up as the product takes.
    return partial(_GEMV[out.dtype], scale, columns, vector, keep, out, 0, 1, 0, 1, transposed, 1)


def outer_addition(matrix: Floats, left: Floats, right: Floats, *, scale: float) -> Call:
    """Prepare a call that computes ``matrix += scale * outer(left, right)`` in place.

    Args:
        matrix: (m, n), C-ordered, float32 or float64.
        left: (m,).
        right: (n,).
        scale: factor of the product.
    """
    # Both vectors may be overwritten, it says, which saves a copy: nothing is ever written to them.
    return partial(_GER[matrix.dtype], scale, right, left, 1, 1, matrix.T, 1, 1, 1)


def addition(out: Floats, vector: Floats, *, scale: float = 1.0) -> Call:
    """Prepare a call that computes ``out += scale * vector`` in place.

    Args:
        out: (n,), contiguous, float32 or float64.
        vector: (n,).
        scale: factor of the vector.
    """
    return partial(_AXPY[out.dtype], vector, out, len(out), scale)
