"""The first layer in online training, which has nearly all of the arithmetic: the products of each block.

While this process goes through the rows of a block, which is a long chain of small steps, a process beside it
can bring the weights up to date with the block before and compute the weighted sums of the block after. These
lack what the block under way will change; once that is known it is added, by the rule of `online` for two
blocks in place of two rows:

    X_b W_b^T = X_b W_(b-1)^T - step (X_b X_(b-1)^T) D_(b-1)
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from mnist_mlp.products import Floats, multiply_into
from mnist_mlp.worker import BLAS, SharedBlocks, Worker


class FirstLayer:
    """The weights of a first layer, which learn in place, block by block.

    Args:
        weights: (n_out, n_in).
    """

    def __init__(self, weights: Floats) -> None:
        self._weights = weights
        self._blocks: Sequence[Floats] = []
        self._inner: list[Floats] = []

    @contextmanager
    def training(self, blocks: Sequence[Floats], inner: list[Floats]) -> Iterator[None]:
        """Go through blocks: for each, in order and numbered from 0, call `products` and then `update`.

        Args:
            blocks: the inputs, (n, n_in) in each, as many in all but the last, which may have fewer.
            inner: what was computed from the inputs alone: at first an empty list, which is filled; with the
                same inputs again this list.
        """
        self._blocks, self._inner = blocks, inner
        yield

    def products(self, number: int) -> tuple[Floats, Floats]:
        """The weighted sums of a block, (n, n_out), and its Gram matrix, (n, n)."""
        x = self._blocks[number]
        if number == len(self._inner):
            self._inner.append(_product(x, x.T))
        return _product(x, self._weights.T), self._inner[number]

    def update(self, number: int, deltas: Floats, step: float) -> None:
        """Let the weights learn from a block's deltas, (n, n_out), a step down."""
        multiply_into(self._weights, deltas.T, self._blocks[number], scale=-step, keep=1.0)


def _product(a: Floats, b: Floats) -> Floats:
    out = np.empty((len(a), b.shape[1]), a.dtype)
    multiply_into(out, a, b)
    return out


class FirstLayerBeside(FirstLayer):
    """The same with all products of the inputs made by a process beside this one.

    The weights are those after the last update only when `training` is over.

    Args:
        weights: (n_out, n_in).
        block_size: rows of all blocks but the last.

    Raises:
        WorkerError: while training, if the process cannot be started or dies.
    """

    def __init__(self, weights: Floats, block_size: int) -> None:
        super().__init__(weights)
        self._shared = SharedBlocks(weights, block_size)
        self._worker = Worker(self._shared)
        self._step = 0.0

    @contextmanager
    def training(self, blocks: Sequence[Floats], inner: list[Floats]) -> Iterator[None]:
        """See `FirstLayer.training`."""
        with super().training(blocks, inner), BLAS.limit(limits=1):
            self._worker.start()
            self._shared.weights[...] = self._weights
            try:
                self._compute(0)
                self._compute(1)
                yield
                self._worker.finish()
            except BaseException:
                self._worker.end()  # what it has still to do must not come before what it is asked for next
                raise
            self._weights[...] = self._shared.weights

    def _compute(self, number: int) -> None:
        if number < len(self._blocks):
            rows = len(self._blocks[number])
            self._shared.inputs(number, rows)[...] = self._blocks[number]
            self._worker.compute(number, rows, cross=number >= len(self._inner))

    def products(self, number: int) -> tuple[Floats, Floats]:
        """See `FirstLayer.products`."""
        x, rows = self._blocks[number], len(self._blocks[number])
        gram = _product(x, x.T) if number == len(self._inner) else None
        self._worker.wait()
        if gram is not None:
            self._inner.append(np.concatenate([self._shared.cross(number, rows), gram]))
        sums, inner = self._shared.sums(number, rows), self._inner[number]
        if number:
            before = len(inner) - rows
            deltas = self._shared.deltas(number - 1, before)
            multiply_into(sums, inner[:before].T, deltas, scale=-self._step, keep=1.0)
        return sums, inner[-rows:]

    def update(self, number: int, deltas: Floats, step: float) -> None:
        """See `FirstLayer.update`."""
        self._shared.deltas(number, len(deltas))[...] = deltas
        self._worker.update(number, len(deltas), step)
        self._step = step
        self._compute(number + 2)
