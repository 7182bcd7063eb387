"""A process beside this one that does what it is asked for in memory which both share, on Linux.

It is a copy of this process, so that it starts at once. It ends with this process, or with its `Worker`.
"""

import os
import select
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from struct import Struct
from time import perf_counter
from typing import Any
from weakref import finalize

from threadpoolctl import ThreadpoolController, threadpool_limits

from mnist_mlp.errors import MnistMlpError
from mnist_mlp.files.atomic import describe

_AWAKE = 0.0005  # seconds
_DONE = b"."
_ADVICE = "try again, or with OPENBLAS_NUM_THREADS=1, which needs none"


class WorkerError(MnistMlpError):
    """The process beside this one cannot be started, or has died."""


class _OneThread:
    """Keeps BLAS in this process to one thread as long as there are workers.

    Threads come and go at a price: each is awake for a tenth of a second after its work, and takes a worker
    its processor.
    """

    def __init__(self) -> None:
        self._workers = 0
        self._limit: Any = None

    def __bool__(self) -> bool:
        return self._workers > 0

    def begin(self) -> None:
        self._workers += 1
        if self._workers == 1:
            self._limit = threadpool_limits(1, user_api="blas")

    def end(self) -> None:
        self._workers -= 1
        if self._workers == 0:
            self._limit.restore_original_limits()


_one_thread = _OneThread()


def worker_pays() -> bool:
    """Whether a process beside gets a processor of its own: where matrix products would use two.

    Elsewhere than on Linux the system's own libraries may not work in a copy of a process.
    """
    if sys.platform != "linux":
        return False
    blas = ThreadpoolController().select(user_api="blas")
    return bool(_one_thread) or any(library["num_threads"] > 1 for library in blas.info())


class Worker:
    """The process beside, which calls a function for each request, in their order.

    Args:
        work: the function.
        form: of its arguments, as numbers.
    """

    def __init__(self, work: Callable[..., None], form: str) -> None:
        self._work = work
        self._form = Struct(form)
        self._requests = self._answers = -1
        self._end: Callable[[], object] | None = None

    def start(self) -> None:
        """Start the process, unless it is there already.

        Raises:
            WorkerError: it cannot be started.
        """
        if self._end is not None:
            return
        with ExitStack() as undo:
            _one_thread.begin()  # also there
            undo.callback(_one_thread.end)
            try:
                requests, self._requests = _pipe(undo)
                self._answers, answers = _pipe(undo)
                process = _copy_of_this_process()
            except OSError as error:
                raise WorkerError(
                    f"a second process cannot be started: {describe(error)}; {_ADVICE}"
                ) from error
            if process == 0:
                try:
                    _become_worker(requests, answers)
                    self._serve()
                finally:
                    os._exit(0)
            undo.pop_all()
        os.close(requests)
        os.close(answers)
        self._end = finalize(self, _end, process, self._requests, self._answers)

    def end(self) -> None:
        """End the process, whatever it is still asked for."""
        if self._end is not None:
            self._end()
            self._end = None

    def ask(self, *arguments: float) -> None:
        """Ask for a call of the function; `wait` tells when it has returned."""
        with suppress(BrokenPipeError):  # `wait` will tell
            os.write(self._requests, self._form.pack(*arguments))

    def wait(self) -> None:
        """Wait until the first request is done that was not waited for.

        Raises:
            WorkerError: the process has died.
        """
        if _read(self._answers, len(_DONE)) != _DONE:
            raise WorkerError(f"the second process has died; {_ADVICE}")

    def _serve(self) -> None:
        """Read requests from standard input, and tell standard output what is done, to the end."""
        while request := _read(0, self._form.size):
            self._work(*self._form.unpack(request))
            os.write(1, _DONE)


def _pipe(undo: ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        undo.callback(os.close, end)
    return ends


def _read(descriptor: int, size: int) -> bytes:
    """Read from a pipe, for which to wait awake for a while: to be woken takes longer than most waits."""
    arrivals = select.poll()
    arrivals.register(descriptor, select.POLLIN)
    asleep = perf_counter() + _AWAKE
    while not arrivals.poll(0) and perf_counter() < asleep:
        os.sched_yield()
    return os.read(descriptor, size)


def _end(process: int, *descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
    with suppress(ChildProcessError):  # where a program wants no news of its children
        os.waitpid(process, 0)
    _one_thread.end()


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
