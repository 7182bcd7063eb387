"""Many jobs at once: `run_one` in processes of this machine, or wherever else an engine runs it."""

import multiprocessing
import os
import shutil
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mnist_mlp.digits.images import Digits
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.runs.job import Data, Job, Result, run_one

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_SHARED = ".digits-"


class WorkerError(MnistMlpError):
    """Workers that cannot be used, or that were lost."""


@dataclass(frozen=True)
class Engine:
    """Where jobs run.

    Attributes:
        submit: takes a job, which runs as soon as a worker is free.
        lost: what the future of a job may raise whose worker was lost in each try.
    """

    submit: Callable[[Job], Future[Result]]
    lost: type[Exception] = WorkerError


def run_all(jobs: Sequence[Job], engine: Engine) -> Iterator[tuple[Job, Result | MnistMlpError]]:
    """Run jobs, several at once, and yield what became of each as it ends.

    What became of a job is its result, an error that a person can cause, or a WorkerError where its worker
    was lost in each try.

    Raises:
        WorkerError: if there are no workers any more.
    """
    running = {engine.submit(job): job for job in jobs}
    while running:
        for future in wait(running, return_when="FIRST_COMPLETED").done:
            job = running.pop(future)
            try:
                yield job, future.result()
            except engine.lost:
                yield job, WorkerError("its worker was lost in each try, perhaps for lack of memory")
            except MnistMlpError as error:
                yield job, error


@contextmanager
def local_engine(places: int, data: Data, folder: Path) -> Iterator[Engine]:
    """Each job in a process of its own with one BLAS thread, `places` at once.

    All share the digits through files below a folder, which are gone in the end, as the processes are.
    """
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload([__name__])
        resource_tracker.ensure_running()  # which unblocks Ctrl-C in the thread that starts it
    for left_over in folder.glob(f"{_SHARED}*"):
        shutil.rmtree(left_over, ignore_errors=True)
    with TemporaryDirectory(prefix=_SHARED, dir=folder, ignore_cleanup_errors=True) as scratch:
        splits = [digits for digits in (data.train, data.test) if digits is not None]
        for i, digits in enumerate(splits):
            np.save(Path(scratch, f"{i}.npy"), digits.images)
        parts = [(Path(scratch, f"{i}.npy"), d.labels, dict(d.files)) for i, d in enumerate(splits)]
        # Workers end when `life` is closed, at the latest by the system when this process ends.
        watched, life = context.Pipe(duplex=False)

        def run(job: Job) -> Result:
            for _ in range(3):  # a worker that is lost is replaced twice
                receiver, sender = context.Pipe(duplex=False)
                arguments = job, partial(_mapped, parts, data.seconds), sender, watched, scratch
                process, outcome = context.Process(target=_work, args=arguments, daemon=True), None
                with suppress(EOFError, OSError):  # as it died
                    process.start()
                    sender.close()
                    outcome = receiver.recv()
                if process.pid is not None:
                    process.join()
                if isinstance(outcome, Exception):
                    raise outcome
                if isinstance(outcome, Result):
                    return outcome
                if life.closed:
                    break
            raise WorkerError

        threads = ThreadPoolExecutor(places, initializer=_block_ctrl_c)
        with _one_blas_thread():
            try:
                yield Engine(lambda job: threads.submit(run, job))
            finally:
                life.close()
                threads.shutdown(cancel_futures=True)


def _work(job: Job, load: Callable[[], Data], sender: Any, watched: Any, scratch: str) -> None:
    """Run a job in this process, and send what becomes of it; end with the main process, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        with suppress(EOFError, OSError):
            watched.recv_bytes()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    try:
        sender.send(run_one(job, load()))
    except Exception as error:
        error.add_note(traceback.format_exc())
        sender.send(error)


def _mapped(parts: Sequence[tuple[Path, Any, Any]], seconds: float) -> Data:
    """The digits, with their images mapped from files, so that all processes use the same memory."""
    train, *test = (Digits(np.load(path, mmap_mode="r"), labels, files) for path, labels, files in parts)
    return Data(train, test[0] if test else None, seconds)


def _block_ctrl_c() -> None:
    """Leave Ctrl-C to the main thread: processes that this thread starts inherit that it blocks it."""
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Let processes that start now have one BLAS thread: on a busy machine, several take far longer."""
    before = {name: os.environ[name] for name in _THREADS if name in os.environ}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name in _THREADS:
            del os.environ[name]
        os.environ.update(before)
