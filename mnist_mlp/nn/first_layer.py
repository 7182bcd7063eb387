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

from mnist_mlp.nn.blas import Floats, multiply_into
from mnist_mlp.nn.shared_blocks import CARRY_OUT_FORM, SharedBlocks
from mnist_mlp.nn.worker import Worker


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
    """The same with nearly all products of the inputs made by a process beside this one.

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
        self._worker = Worker(self._shared.carry_out, CARRY_OUT_FORM)
        self._step = 0.0

    @contextmanager
    def training(self, blocks: Sequence[Floats], inner: list[Floats]) -> Iterator[None]:
        """See `FirstLayer.training`."""
        with super().training(blocks, inner):
            self._worker.start()
            self._shared.weights[...] = self._weights
            try:
                ahead = range(min(2, len(blocks)))
                for number in ahead:
                    self._worker.ask(0, 0, 0.0, *self._to_compute(number))
                yield
                for _ in ahead:  # the last updates
                    self._worker.wait()
            except BaseException:
                self._worker.end()  # what it has still to do must not come before what it is asked for next
                raise
            self._weights[...] = self._shared.weights

    def _to_compute(self, number: int) -> tuple[int, int, bool]:
        """Share a block's inputs, if there is such a block; the part of a request that concerns it."""
        if number >= len(self._blocks):
            return 0, 0, False
        rows = len(self._blocks[number])
        self._shared.inputs(number, rows)[...] = self._blocks[number]
        return number, rows, number >= len(self._inner)

    def products(self, number: int) -> tuple[Floats, Floats]:
        """See `FirstLayer.products`."""
        x, rows = self._blocks[number], len(self._blocks[number])
        is_new = number == len(self._inner)
        if is_new:  # the other process has enough to do then
            multiply_into(self._shared.inner(number, rows)[-rows:], x, x.T)
        self._worker.wait()
        if is_new:
            self._inner.append(self._shared.inner(number, rows).copy())
        sums, inner = self._shared.sums(number, rows), self._inner[number]
        if number:
            before = len(inner) - rows
            deltas = self._shared.deltas(number - 1, before)
            multiply_into(sums, inner[:before].T, deltas, scale=-self._step, keep=1.0)
        return sums, inner[-rows:]

    def update(self, number: int, deltas: Floats, step: float) -> None:
        """See `FirstLayer.update`."""
        self._shared.deltas(number, len(deltas))[...] = deltas
        self._worker.ask(number, len(deltas), step, *self._to_compute(number + 2))
        self._step = step
