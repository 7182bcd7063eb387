"""An existing Dask cluster as an engine for many jobs; it needs no shared folder."""

import gc
import logging
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from mnist_mlp import __version__
from mnist_mlp.errors import printable
from mnist_mlp.runs.job import Data, Job, Result, run_one
from mnist_mlp.runs.plan import RunError
from mnist_mlp.runs.workers import Engine, WorkerError


@contextmanager
def dask_engine(address: str, data: Data, *, insecure: bool = False) -> Iterator[Engine]:
    """The workers of a cluster. Where one is lost, the cluster itself tries its job again.

    Args:
        address: of the scheduler; TLS is set up in Dask's own configuration.
        data: the digits.
        insecure: whether a cluster on other machines may do without TLS.

    Raises:
        WorkerError: if it cannot be reached, is not safe, has no workers, or has other versions.
    """
    shown = printable(address, 80)
    if not (insecure or address.startswith("tls://") or _is_here(address)):
        raise WorkerError(
            f"{shown}: whoever reaches a Dask scheduler without TLS can run programs on all its machines; "
            "use tls://, or --insecure in a network where you trust everybody"
        )
    try:
        from distributed import Client, KilledWorker  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise WorkerError("--dask needs more packages: pip install 'mnist-mlp[cluster]'") from None
    reason = ""
    with _quiet():
        try:
            client = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            reason = printable(error, 160)
        if reason:
            gc.collect()  # what is left of the client would wait 20 seconds when the program ends
            raise WorkerError(f"{shown}: no scheduler answers: {reason}")
        with client:
            _check_versions(client, shown)
            # As a task's result the digits are made again where a worker that held them is lost.
            digits = client.submit(_as_is, data, pure=False)
            executor = client.get_executor(pure=False)

            def submit(job: Job) -> Future[Result]:
                job = replace(job, checkpoint_seconds=None)
                future: Future[Result] = executor.submit(_run, job, digits, __version__)
                return future

            try:
                # The scheduler gives jobs to workers; those that come later get some too.
                yield Engine(submit, lost=KilledWorker)
            except CancelledError:
                raise WorkerError(
                    f"{shown}: the scheduler is lost; what is finished stays: go on with --resume"
                ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's log and warnings from the screen; what matters is said in one line."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _as_is(data: Data) -> Data:
    return data


def _run(job: Job, data: Data, version: str) -> Result:
    if version != __version__:  # of a worker that came later
        raise RunError(f"a worker has mnist_mlp {__version__}, not {version}; install the same everywhere")
    return run_one(job, data)


def _is_here(address: str) -> bool:
    try:
        host = urlsplit(address if "://" in address else f"tcp://{address}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_versions(client: Any, shown: str) -> None:
    """Check that scheduler and workers have what is here: the models depend on it."""
    names = ("mnist_mlp", "distributed", "numpy", "scipy")
    versions = client.get_versions(packages=list(names))
    if not versions["workers"]:
        raise WorkerError(f"{shown}: the cluster has no workers; start some with: dask worker {shown}")
    for place, facts in {"the scheduler": versions["scheduler"], **versions["workers"]}.items():
        for name in names:
            found, here = (side["packages"].get(name) for side in (facts, versions["client"]))
            if found != here:
                raise WorkerError(
                    f"{shown}: {place} has {name} {found or 'not at all'}, and here it is {here}; "
                    "install the same everywhere"
                )
