"""Blocks of rows in memory that two processes share, and what the one does there for the other."""

from mmap import mmap

import numpy as np
import numpy.typing as npt

from mnist_mlp.nn.blas import Floats, multiply_into

# Blocks in memory at once: of inputs two in work, the one whose update may be under way, and the next.
_INPUT_SLOTS, _SLOTS = 4, 2


CARRY_OUT_FORM = "=qqdqq?"  # of its arguments, for the way from one process to the other


class SharedBlocks:
    """A first layer's weights and a few blocks at a time, which are numbered from 0.

    Args:
        weights: (n_out, n_in); only their shape and dtype are taken.
        block_size: rows of all blocks but the last, which may have fewer.
    """

    def __init__(self, weights: Floats, block_size: int) -> None:
        n_out, n_in = weights.shape
        self._size = block_size
        self.weights = _shared((n_out, n_in), weights.dtype)
        self._inputs = _shared((_INPUT_SLOTS, block_size, n_in), weights.dtype)
        self._sums = _shared((_SLOTS, block_size, n_out), weights.dtype)
        self._deltas = _shared((_SLOTS, block_size, n_out), weights.dtype)
        self._inner = _shared((_SLOTS, 2 * block_size * block_size), weights.dtype)

    def inputs(self, number: int, rows: int) -> Floats:
        """(rows, n_in)."""
        return self._inputs[number % _INPUT_SLOTS, :rows]

    def sums(self, number: int, rows: int) -> Floats:
        """The weighted sums, (rows, n_out)."""
        return self._sums[number % _SLOTS, :rows]

    def deltas(self, number: int, rows: int) -> Floats:
        """(rows, n_out)."""
        return self._deltas[number % _SLOTS, :rows]

    def inner(self, number: int, rows: int) -> Floats:
        """The products of the rows of the block before, if any, and of its own, with its rows, (n, rows)."""
        before = self._size if number else 0
        return self._inner[number % _SLOTS, : (before + rows) * rows].reshape(-1, rows)

    def carry_out(  # noqa: PLR0917, what a request is made of
        self, learn: int, learn_rows: int, step: float, compute: int, compute_rows: int, cross: bool
    ) -> None:
        """Bring the weights up to date with one block, then compute what another needs.

        Args:
            learn: the block from which the weights learn.
            learn_rows: its rows; 0 if there is nothing to learn.
            step: what its deltas are multiplied by.
            compute: the block whose weighted sums are computed.
            compute_rows: its rows; 0 if there is nothing to compute.
            cross: whether its inner products with the block before are computed too.
        """
        if learn_rows:
            deltas, inputs = self.deltas(learn, learn_rows), self.inputs(learn, learn_rows)
            multiply_into(self.weights, deltas.T, inputs, scale=-step, keep=1.0)
        if compute_rows:
            inputs = self.inputs(compute, compute_rows)
            multiply_into(self.sums(compute, compute_rows), inputs, self.weights.T)
            if cross and compute:
                before = self.inputs(compute - 1, self._size)
                multiply_into(self.inner(compute, compute_rows)[:-compute_rows], before, inputs.T)


def _shared(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Floats:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap(-1, size), dtype).reshape(shape)
