"""A process beside this one that multiplies matrices in memory which both share, on Linux.

It is a copy of this process, so that it starts at once, and does what it is asked for one after the other. It
ends with this process, or with its `Worker`.
"""

import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from mmap import mmap
from struct import Struct
from weakref import finalize

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from mnist_mlp.errors import MnistMlpError
from mnist_mlp.products import Floats, multiply_into
from mnist_mlp.storage import describe

BLAS = ThreadpoolController().select(user_api="blas")

# A request: its kind, the block's number and rows, and the step of an update.
_REQUEST = Struct("=cqqd")
_SUMS, _SUMS_AND_CROSS, _UPDATE, _FINISH = b"s", b"c", b"u", b"f"
_DONE = b"."
# Blocks in memory at once: of inputs two in work, the one whose update may be under way, and the next.
_INPUT_SLOTS, _SLOTS = 4, 2
_ADVICE = "try again, or with OPENBLAS_NUM_THREADS=1, which needs none"


class WorkerError(MnistMlpError):
    """The process beside this one cannot be started, or has died."""


def worker_pays() -> bool:
    """Whether a process beside gets a processor of its own: where matrix products would use two.

    Elsewhere than on Linux the system's own libraries may not work in a copy of a process.
    """
    return sys.platform == "linux" and any(library["num_threads"] > 1 for library in BLAS.info())


class SharedBlocks:
    """Memory in which two processes work on the same blocks of rows, numbered from 0.

    All blocks but the last have as many rows; a few at a time are there.

    Args:
        weights: (n_out, n_in), of which there is a copy.
        block_size: rows of a block.
    """

    def __init__(self, weights: Floats, block_size: int) -> None:
        n_out, n_in = weights.shape
        self._size = block_size
        self.weights = _shared((n_out, n_in), weights.dtype)
        self._inputs = _shared((_INPUT_SLOTS, block_size, n_in), weights.dtype)
        self._sums = _shared((_SLOTS, block_size, n_out), weights.dtype)
        self._deltas = _shared((_SLOTS, block_size, n_out), weights.dtype)
        self._cross = _shared((_SLOTS, block_size * block_size), weights.dtype)

    def inputs(self, number: int, rows: int) -> Floats:
        """(rows, n_in)."""
        return self._inputs[number % _INPUT_SLOTS, :rows]

    def sums(self, number: int, rows: int) -> Floats:
        """The weighted sums, (rows, n_out)."""
        return self._sums[number % _SLOTS, :rows]

    def deltas(self, number: int, rows: int) -> Floats:
        """(rows, n_out)."""
        return self._deltas[number % _SLOTS, :rows]

    def cross(self, number: int, rows: int) -> Floats:
        """The products of each row of the block before, if any, with each of the block, (n, rows)."""
        before = self._size if number else 0
        return self._cross[number % _SLOTS, : before * rows].reshape(before, rows)

    def compute(self, number: int, rows: int, *, cross: bool) -> None:
        """Compute a block's weighted sums by the weights as they are, and its cross products if asked."""
        x = self.inputs(number, rows)
        multiply_into(self.sums(number, rows), x, self.weights.T)
        if cross and number:
            multiply_into(self.cross(number, rows), self.inputs(number - 1, self._size), x.T)

    def update(self, number: int, rows: int, step: float) -> None:
        """Subtract from the weights step times what the block's deltas and inputs make."""
        deltas, inputs = self.deltas(number, rows), self.inputs(number, rows)
        multiply_into(self.weights, deltas.T, inputs, scale=-step, keep=1.0)


def _shared(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Floats:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap(-1, size), dtype).reshape(shape)


class Worker:
    """The process beside, which does in `SharedBlocks` what it is asked for, in that order.

    Args:
        blocks: what it works on.
    """

    def __init__(self, blocks: SharedBlocks) -> None:
        self._blocks = blocks
        self._requests = self._answers = -1
        self._end: Callable[[], object] | None = None

    def start(self) -> None:
        """Start the process, unless it is there already.

        Raises:
            WorkerError: it cannot be started.
        """
        if self._end is not None:
            return
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        try:
            process = _copy_of_this_process()
        except OSError as error:
            for descriptor in (requests, self._requests, self._answers, answers):
                os.close(descriptor)
            raise WorkerError(f"a second process cannot be started: {describe(error)}; {_ADVICE}") from error
        if process == 0:
            try:
                _become_worker(requests, answers)
                _work(self._blocks)
            finally:
                os._exit(0)
        os.close(requests)
        os.close(answers)
        self._end = finalize(self, _end, process, self._requests, self._answers)

    def end(self) -> None:
        """End the process, whatever it is still asked for."""
        if self._end is not None:
            self._end()
            self._end = None

    def compute(self, number: int, rows: int, *, cross: bool) -> None:
        """Ask for `SharedBlocks.compute`; `wait` tells when it is done."""
        self._ask(_SUMS_AND_CROSS if cross else _SUMS, number, rows)

    def update(self, number: int, rows: int, step: float) -> None:
        """Ask for `SharedBlocks.update`."""
        self._ask(_UPDATE, number, rows, step)

    def finish(self) -> None:
        """Wait until all is done.

        Raises:
            WorkerError: the process has died.
        """
        self._ask(_FINISH)
        self.wait()

    def wait(self) -> None:
        """Wait for the first `compute` that was not waited for.

        Raises:
            WorkerError: the process has died.
        """
        if os.read(self._answers, 1) != _DONE:
            raise WorkerError(f"the second process has died; {_ADVICE}")

    def _ask(self, kind: bytes, number: int = 0, rows: int = 0, step: float = 0.0) -> None:
        with suppress(BrokenPipeError):  # `wait` will tell
            os.write(self._requests, _REQUEST.pack(kind, number, rows, step))


def _end(process: int, *descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
    with suppress(ChildProcessError):  # where a program wants no news of its children
        os.waitpid(process, 0)


def _copy_of_this_process() -> int:
    """Go on as two processes: here its number, in the copy 0."""
    with warnings.catch_warnings():
        # From Python 3.12 on this warns where there are threads; the copy takes none of their locks.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _become_worker(requests: int, answers: int) -> None:
    """Let go of all that belongs to the other process: what it is sent, its files and their locks."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they go to both; the other process ends this one
    os.dup2(requests, 0)
    os.dup2(answers, 1)
    os.closerange(2, os.sysconf("SC_OPEN_MAX"))


def _work(blocks: SharedBlocks) -> None:
    """Read requests from standard input, and tell on standard output what is done, until the input ends."""
    while request := os.read(0, _REQUEST.size):
        kind, number, rows, step = _REQUEST.unpack(request)
        if kind == _UPDATE:
            blocks.update(number, rows, step)
            continue
        if kind != _FINISH:
            blocks.compute(number, rows, cross=kind == _SUMS_AND_CROSS)
        os.write(1, _DONE)
