"""Many jobs at once: `run_one` submitted to executors, on this machine's cores or on a Dask cluster."""

import json
import multiprocessing
import os
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np

from mnist_mlp.digits.images import Digits
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.runs.job import Data, Job, Result, run_one

_MOST_TRIES = 3
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class WorkerError(MnistMlpError):
    """Workers that cannot be used, or that were lost."""


class Engine(Protocol):
    """Where jobs run: a number of places, each of which takes one job at a time."""

    places: int

    def submit(self, place: int, job: Job) -> "Future[Result]":
        """Start a job in a place; the future raises BrokenProcessPool if the worker is lost."""

    def check(self) -> None:
        """Raise WorkerError if no answer can come any more."""


def run_all(jobs: Sequence[Job], engine: Engine) -> Iterator[tuple[Job, Result | MnistMlpError]]:
    """Run jobs, as many at once as there are places, and yield what became of each as it ends.

    An error that a person can cause, as a loss that is no longer finite, is what became of a job. One whose
    worker is lost is tried again, three times in all.

    Raises:
        WorkerError: if a worker is lost again and again, or the cluster is.
    """
    waiting = deque((job, 1) for job in jobs)
    idle = list(range(engine.places))
    running: dict[Future[Result], tuple[int, Job, int]] = {}
    while waiting or running:
        while waiting and idle:
            place, (job, attempt) = idle.pop(), waiting.popleft()
            running[engine.submit(place, job)] = place, job, attempt
        engine.check()
        for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
            place, job, attempt = running.pop(future)
            idle.append(place)
            try:
                yield job, future.result()
            except BrokenProcessPool:
                if attempt == _MOST_TRIES:
                    raise WorkerError(
                        f"{job.folder}: its worker was lost {_MOST_TRIES} times, perhaps for lack of memory; "
                        "resume with fewer --jobs"
                    ) from None
                waiting.appendleft((job, attempt + 1))
            except MnistMlpError as error:
                yield job, error


class LocalEngine:
    """Worker processes on this machine, with one BLAS thread each.

    Each place is an executor of one process: where a pool of several loses one, nobody knows whose job died.
    """

    def __init__(self, places: int, data_folder: Path) -> None:
        self.places = places
        self._data_folder = data_folder
        self._workers: dict[int, Executor] = {}

    def submit(self, place: int, job: Job) -> "Future[Result]":
        """Start a job in the worker of a place; a new one takes the place of one that is lost."""
        try:
            return self._worker(place).submit(_run_mapped, job, self._data_folder)
        except BrokenProcessPool:
            del self._workers[place]
            return self._worker(place).submit(_run_mapped, job, self._data_folder)

    def _worker(self, place: int) -> Executor:
        if place not in self._workers:
            methods = multiprocessing.get_all_start_methods()
            context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
            if context.get_start_method() == "forkserver":
                context.set_forkserver_preload([__name__])
            self._workers[place] = ProcessPoolExecutor(1, context, _start_worker)
        return self._workers[place]

    def check(self) -> None:
        """Nothing can be amiss: the future of a worker that dies ends."""


@contextmanager
def local_engine(places: int, data: Data, scratch: Path) -> Iterator[LocalEngine]:
    """Workers that share the digits through files in a folder below `scratch`; both are gone at the end."""
    threads = {name: os.environ.get(name) for name in _THREADS}
    others = set(multiprocessing.active_children())
    with tempfile.TemporaryDirectory(prefix=".digits-", dir=scratch, ignore_cleanup_errors=True) as folder:
        _share(data, Path(folder))
        os.environ.update(dict.fromkeys(_THREADS, "1"))  # for the workers, which start with this environment
        try:
            yield LocalEngine(places, Path(folder))
        finally:
            for process in set(multiprocessing.active_children()) - others:
                process.kill()
                process.join()
            for name, value in threads.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def _start_worker() -> None:
    """Leave Ctrl-C to the main process, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _run_mapped(job: Job, data_folder: Path) -> Result:
    return run_one(job, _mapped(data_folder))


def _share(data: Data, folder: Path) -> None:
    """Write the digits into files that workers map into memory, so that all of them use the same pages."""
    for name, digits in (("train", data.train), ("test", data.test)):
        if digits is not None:
            np.save(folder / f"{name}-images.npy", digits.images)
            np.save(folder / f"{name}-labels.npy", digits.labels)
            (folder / f"{name}-files.json").write_text(json.dumps(dict(digits.files)), "utf-8")


@cache
def _mapped(folder: Path) -> Data:
    def digits(name: str) -> Digits:
        images, labels = (
            np.load(folder / f"{name}-{part}.npy", mmap_mode="r") for part in ("images", "labels")
        )
        return Digits(images, labels, json.loads((folder / f"{name}-files.json").read_text("utf-8")))

    return Data(digits("train"), digits("test") if (folder / "test-images.npy").exists() else None)
