"""Matrix products written straight into their result, so that a training step allocates nothing large.

All of them go through SciPy's BLAS: it can add to a result in place, which NumPy's `dot` cannot, and a hot
loop that alternates between the two libraries' thread pools runs several times slower.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas

Floats = NDArray[np.floating[Any]]

_GEMM: dict[np.dtype[Any], Any] = {np.dtype(np.float32): blas.sgemm, np.dtype(np.float64): blas.dgemm}


def multiply_into(out: Floats, a: Floats, b: Floats, *, scale: float = 1.0, keep: float = 0.0) -> None:
    """Compute ``out = keep * out + scale * (a @ b)`` in place.

    Args:
        out: (m, n), C-ordered, float32 or float64. With ``keep=0`` its old values do not matter.
        a: (m, k), C- or Fortran-ordered; another order or dtype costs a copy.
        b: (k, n), likewise.
        scale: factor of the product.
        keep: factor of the old values.
    """
    # BLAS stores by columns: what it calls C is our out.T = b.T @ a.T, and a C-ordered array's transpose
    # is what it wants to see, without a copy.
    left, transpose_left = (b.T, 0) if b.flags.c_contiguous else (b, 1)
    right, transpose_right = (a.T, 0) if a.flags.c_contiguous else (a, 1)
    _GEMM[out.dtype](scale, left, right, keep, out.T, transpose_left, transpose_right, 1)
