"""A Dask cluster as an engine: real schedulers and workers, as processes of their own."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from commands import ROOT, end
from commands import start as start_command
from folders import models
from networks import content

from mnist_mlp import __version__
from mnist_mlp.digits.mnist import write_csv
from mnist_mlp.errors import printable
from mnist_mlp.runs.cluster import dask_engine
from mnist_mlp.runs.job import Data, Job, Result, run_one
from mnist_mlp.runs.workers import WorkerError, run_all
from mnist_mlp.training.recipe import Recipe

RECIPE = Recipe(name="small", hidden=12, batch_size=10, epochs=2, learning_rate=0.5, validation=100)
needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="needs the extra: cluster")
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.mark.parametrize(
    "address",
    [
        "tcp://192.0.2.1:8786",
        "192.0.2.1:8786",
        "tcp://localhost.example.org:8786",
        "ws://[2001:db8::1]:1",
        "\x1b[2J",
    ],
)
def test_a_scheduler_on_another_machine_needs_tls_or_trust(address: str, data: Data) -> None:
    with pytest.raises(WorkerError) as refused:
        dask_engine(address, data).__enter__()
    assert str(refused.value) == (
        f"{printable(address)}: whoever reaches a Dask scheduler without TLS can run programs on all its "
        "machines; use tls://, or --insecure in a network where you trust everybody"
    )


@pytest.mark.parametrize(
    ("address", "insecure"),
    [
        ("tls://127.0.0.1:1", False),
        ("what://[::1]:1", False),
        ("localhost:1", False),
        ("what://192.0.2.1:1", True),
    ],
)
def test_on_this_machine_with_tls_or_with_trust_a_scheduler_is_asked(
    address: str, insecure: bool, data: Data
) -> None:
    needed = "^--dask needs more packages: pip install 'mnist-mlp\\[cluster\\]'$"  # where they are not
    with pytest.raises(WorkerError, match=f"^{re.escape(address)}: no scheduler answers: |{needed}"):
        dask_engine(address, data, insecure=insecure).__enter__()


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Start]:
    """Starts `dask scheduler` and `dask worker` processes, which end with the test."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, path: Path = ROOT) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "dask", *map(str, arguments), "--no-dashboard"]
        environment = {**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
        with (tmp_path / "log").open("ab") as log:
            processes.append(subprocess.Popen(command, cwd=path, env=environment, stdout=log, stderr=log))
        return processes[-1]

    yield start
    for process in processes:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.fixture
def scheduler(dask: Start, tmp_path: Path) -> "tuple[str, subprocess.Popen[bytes]]":
    """The address of a scheduler, and its process."""
    return start_scheduler(dask, tmp_path / "log")


def start_scheduler(dask: Start, log: Path, path: Path = ROOT) -> "tuple[str, subprocess.Popen[bytes]]":
    process = dask("scheduler", "--host", "127.0.0.1", "--port", 0, path=path)
    return wait_for(lambda: log.exists() and log.read_text(), "Scheduler at: ").split()[0], process


def wait_for(read: Callable[[], object], text: str) -> str:
    """Read again and again until there is a line with this text; what follows in that line."""
    for _ in range(600):
        found = str(read() or "").partition(text)[2]
        if "\n" in found:
            return found.partition("\n")[0]
        time.sleep(0.1)
    raise AssertionError(f"no {text}")


def start_worker(dask: Start, address: str, folder: Path, path: Path = ROOT) -> "subprocess.Popen[bytes]":
    """Start a worker of one thread and wait until the scheduler knows it."""
    folder.mkdir()
    process = dask("worker", address, "--nthreads", 1, "--no-nanny", "--local-directory", folder, path=path)
    log = folder.parent / "log"
    known = log.read_text().count("Registered to:")
    while log.read_text().count("Registered to:") == known:
        time.sleep(0.1)
        assert process.poll() is None, log.read_text()
    return process


@needs_dask
@pytest.mark.cluster
def test_a_cluster_gives_the_same_networks_even_where_a_worker_is_killed(
    dask: Start, scheduler: tuple[str, object], data: Data, tmp_path: Path
) -> None:
    workers = [start_worker(dask, scheduler[0], tmp_path / name) for name in ("a", "b")]
    jobs = [Job(replace(RECIPE, seed=seed, epochs=40), tmp_path / "none") for seed in range(1, 6)]
    broken = Job(replace(RECIPE, learning_rate=1000.0, weight_decay=1.0), tmp_path / "none")
    found: dict[int, Result] = {}
    with dask_engine(scheduler[0], data) as engine:
        for job, outcome in run_all([*jobs, broken], engine):
            if job is broken:
                assert "the loss is no longer finite" in str(outcome)
                continue
            assert isinstance(outcome, Result)
            found[job.recipe.seed] = outcome
            if len(found) == 1:
                workers[0].kill()
    assert not (tmp_path / "none").exists()  # it needs no shared folder
    for job in jobs:
        alone = run_one(replace(job, checkpoint_seconds=None), data)
        assert found[job.recipe.seed].card.confusion.tolist() == alone.card.confusion.tolist()
        assert content(found[job.recipe.seed].network) == content(alone.network)


@needs_dask
@pytest.mark.cluster
def test_a_scheduler_that_is_lost_is_told_within_15_seconds(
    dask: Start, scheduler: tuple[str, "subprocess.Popen[bytes]"], data: Data, tmp_path: Path
) -> None:
    address, process = scheduler
    with pytest.raises(WorkerError, match="the cluster has no workers; start some with: dask worker"):
        dask_engine(address, data).__enter__()
    start_worker(dask, address, tmp_path / "a")
    endless = Job(replace(RECIPE, epochs=100_000), tmp_path)
    begin = time.monotonic()
    lost = pytest.raises(WorkerError, match="the scheduler is lost; what is finished stays: go on with --res")
    with lost, dask_engine(address, data) as engine:
        future = engine.submit(endless)
        process.kill()
        begin = time.monotonic()
        list(run_all([endless], replace(engine, submit=lambda _: future)))
    assert time.monotonic() - begin < 15
    with pytest.raises(WorkerError, match=f"{address}: no scheduler answers: "):
        dask_engine(address, data).__enter__()


@needs_dask
@pytest.mark.cluster
def test_a_worker_with_another_version_is_named(
    dask: Start, scheduler: tuple[str, object], data: Data, tmp_path: Path
) -> None:
    package = shutil.copytree(ROOT / "mnist_mlp", tmp_path / "other" / "mnist_mlp")
    init = (package / "__init__.py").read_text()
    (package / "__init__.py").write_text(init.replace(f'"{__version__}"', '"99.9"'))
    worker = start_worker(dask, scheduler[0], tmp_path / "a", path=tmp_path / "other")
    with dask_engine(scheduler[0], data) as engine:  # as with a worker that comes after the check
        ((_, outcome),) = run_all([Job(RECIPE, tmp_path)], engine)
    assert str(outcome) == f"a worker has mnist_mlp 99.9, not {__version__}; install the same everywhere"
    worker.kill()
    worker.wait()

    facts = tmp_path / "other" / "mnist_mlp-99.9.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.4\nName: mnist-mlp\nVersion: 99.9\n")
    start_worker(dask, scheduler[0], tmp_path / "b", path=tmp_path / "other")
    message = f"has mnist_mlp 99.9, and here it is {version('mnist-mlp')}; install the same everywhere"
    with pytest.raises(WorkerError, match=message):
        dask_engine(scheduler[0], data).__enter__()

    (tmp_path / "log").unlink()
    other, _ = start_scheduler(dask, tmp_path / "log", tmp_path / "other")
    start_worker(dask, other, tmp_path / "c")
    with pytest.raises(WorkerError, match=f"the scheduler {message}"):
        dask_engine(other, data).__enter__()


@needs_dask
@pytest.mark.cluster
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_a_cluster_with_tls_as_the_documentation_sets_it_up(
    dask: Start, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "sweeps.md").read_text("utf-8")
    ((make_key, configuration),) = re.findall(r"(?s)\n +(openssl [^\n]+)\n.*```yaml\n(.*?)```", text)
    for name in ("lab", "stranger"):
        (tmp_path / name).mkdir()
        subprocess.run(shlex.split(make_key), cwd=tmp_path / name, check=True, stderr=subprocess.DEVNULL)
        own = textwrap.dedent(configuration).replace("/home/me/.config/dask", str(tmp_path / name))
        (tmp_path / name / "dask.yaml").write_text(own)
    monkeypatch.setenv("DASK_CONFIG", str(tmp_path / "lab"))
    dask("scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", 0)
    log = tmp_path / "log"
    address = wait_for(lambda: log.exists() and log.read_text(), "Scheduler at: ").split()[0]
    assert address.startswith("tls://")
    start_worker(dask, address, tmp_path / "a")
    assert data.test is not None
    write_csv(data.train, tmp_path / "mnist_train.csv")
    write_csv(data.test, tmp_path / "mnist_test.csv")
    asked = "sweep", "hidden=5,10", "epochs=1", "--validation", 100, "--data-dir", tmp_path, "--out"
    assert end(start_command(*asked, tmp_path / "cluster", "--dask", address)).code == 0
    assert end(start_command(*asked, tmp_path / "here", "--jobs", 1)).code == 0
    assert models(tmp_path / "cluster") == models(tmp_path / "here")
    monkeypatch.setenv("DASK_CONFIG", str(tmp_path / "stranger"))
    refused = end(start_command(*asked, tmp_path / "none", "--dask", address))
    assert refused.code == 1
    assert f"mnist-mlp: {address}: no scheduler answers: " in refused.err
