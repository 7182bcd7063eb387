"""The life of the process beside: it does its work, and never outlives or outwits the one it belongs to."""

import errno
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mnist_mlp.digits.images import Digits
from mnist_mlp.nn.network import Network
from mnist_mlp.nn.online import OnlineDescent
from mnist_mlp.nn.worker import WorkerError, worker_pays
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.trainer import Training

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a second process is for Linux alone")

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
INPUTS, TARGETS = RNG.random((50, 6)), RNG.random((50, 2))


def children(process: int | str = "self") -> list[int]:
    found = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text().split()]


def open_files(process: int | str = "self") -> set[str]:
    return {path.name for path in Path(f"/proc/{process}/fd").iterdir()}


def descent() -> OnlineDescent:
    return OnlineDescent(Network([6, 5, 2], rng=1), block_size=8, beside=True)


@pytest.fixture
def one_more() -> Iterator[None]:
    """No process of another test is left."""
    gc.collect()
    assert children() == []
    yield
    gc.collect()
    assert children() == []


def gone(process: int) -> bool:
    for _ in range(500):
        if not Path(f"/proc/{process}").exists():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.usefixtures("one_more")
def test_it_lives_as_long_as_the_descent_and_holds_nothing_else() -> None:
    with Path(__file__).open():  # an open file may have a lock on it
        online = descent()
        assert children() == []
        online.train(INPUTS, TARGETS, 0.3)
        (child,) = children()
        online.train(INPUTS, TARGETS, 0.3)
        assert children() == [child]
        assert open_files(child) == {"0", "1"}
    del online
    assert gone(child)


@pytest.mark.usefixtures("one_more")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_go_to_both_are_for_the_other_to_act_on(number: int) -> None:
    online = descent()
    online.train(INPUTS, TARGETS, 0.3)
    (child,) = children()
    os.kill(child, number)
    online.train(INPUTS, TARGETS, 0.3)
    assert children() == [child]


@pytest.mark.usefixtures("one_more")
def test_when_it_dies_that_is_told_and_another_can_take_over() -> None:
    online = descent()
    online.train(INPUTS, TARGETS, 0.3)
    (child,) = children()
    os.kill(child, signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"second process has died; try again.* OPENBLAS_NUM_THREADS=1"):
        online.train(INPUTS, TARGETS, 0.3)
    assert children() == []
    online.train(INPUTS, TARGETS, 0.3)
    assert len(children()) == 1


@pytest.mark.usefixtures("one_more")
def test_what_an_interrupted_training_asked_for_is_forgotten() -> None:
    online, whole = descent(), descent()
    block, interrupt = online._first_layer.update, [True, False]

    def update(number: int, deltas: np.ndarray, step: float) -> None:
        block(number, deltas, step)
        if number == 3 and interrupt.pop(0):
            raise KeyboardInterrupt

    online._first_layer.update = update  # type: ignore[method-assign]
    inner: list[np.ndarray] = []
    with pytest.raises(KeyboardInterrupt):
        online.train(INPUTS, TARGETS, 0.3, inner)
    online._network.weights[1][...] = whole._network.weights[1]  # the first were not touched
    np.testing.assert_array_equal(
        online.train(INPUTS, TARGETS, 0.3, inner), whole.train(INPUTS, TARGETS, 0.3)
    )
    np.testing.assert_array_equal(online._network.weights[0], whole._network.weights[0])


@pytest.mark.usefixtures("one_more")
def test_where_none_can_be_started_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_free() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", none_free)
    before = open_files()
    with pytest.raises(WorkerError, match="second process cannot be started: Resource temporarily unava"):
        descent().train(INPUTS, TARGETS, 0.3)
    assert open_files() == before


@pytest.mark.usefixtures("one_more")
def test_there_is_one_where_products_may_use_two_threads() -> None:
    with threadpool_limits(2, user_api="blas"):
        assert worker_pays()
    with threadpool_limits(1, user_api="blas"):
        assert not worker_pays()


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.usefixtures("one_more")
def test_as_long_as_there_is_any_each_process_has_one_thread() -> None:
    with threadpool_limits(2, user_api="blas"):
        one, two = descent(), descent()
        one.train(INPUTS, TARGETS, 0.3)
        two.train(INPUTS, TARGETS, 0.3)
        assert blas_threads() == {1}
        assert worker_pays()  # for one more
        del one
        assert blas_threads() == {1}
        del two
        assert blas_threads() == {2}


@pytest.mark.usefixtures("one_more")
def test_it_goes_on_from_a_state_to_the_same_bytes(few_digits: Digits) -> None:
    def begin() -> Training:
        return Training(Network([784, 16, 10], rng=1), few_digits, Recipe(epochs=3))

    def parameters(training: Training) -> list[bytes]:
        while not training.finished:
            training.run_epoch()
        assert children()
        return [array.tobytes() for array in training.result().parameters()]

    with threadpool_limits(2, user_api="blas"):
        stopped, resumed = begin(), begin()
        stopped.run_epoch()
        resumed.restore(*stopped.state())
        assert parameters(resumed) == parameters(begin())
        del stopped, resumed


# With the command


def start_training(run: Path, csv_files: tuple[Path, Path]) -> "subprocess.Popen[str]":
    """A training that is long enough to be met under way."""
    options = ["--train-csv", str(csv_files[0]), "--test-csv", str(csv_files[1]), "--epochs", "2000"]
    return subprocess.Popen(
        [sys.executable, "-m", "mnist_mlp", "train", *options, "--offline", "--out", str(run)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def child_of(process: "subprocess.Popen[str]") -> int:
    assert process.stderr is not None
    next(line for line in process.stderr if line.startswith("epoch    2/"))
    (child,) = children(process.pid)
    return child


def test_ctrl_c_stops_both(tmp_path: Path, csv_files: tuple[Path, Path]) -> None:
    with start_training(tmp_path / "run", csv_files) as process:
        child = child_of(process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-2:] == [
        "mnist-mlp: interrupted; go on with",
        f"  mnist-mlp train --resume {tmp_path / 'run'}",
    ]
    assert gone(child)


def test_it_does_not_outlive_a_killed_command(tmp_path: Path, csv_files: tuple[Path, Path]) -> None:
    with start_training(tmp_path / "run", csv_files) as process:
        child = child_of(process)
        process.kill()
    assert gone(child)


def test_a_command_that_loses_it_ends_in_one_line(tmp_path: Path, csv_files: tuple[Path, Path]) -> None:
    with start_training(tmp_path / "run", csv_files) as process:
        os.kill(child_of(process), signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.splitlines()[-1].startswith("mnist-mlp: the second process has died; ")
