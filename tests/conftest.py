"""Digits for all tests, and for those of commands a folder to themselves and a finished run."""

import os
from pathlib import Path

# On a busy machine the threads of matrix products wait for each other most of the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from commands import ROOT, Outcome, call

from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.mnist import load_mnist, write_csv
from mnist_mlp.runs.job import Data


@pytest.fixture(scope="session")
def mnist_train() -> Digits:
    """The 60,000 training digits."""
    return load_mnist(ROOT / "data", "train")


@pytest.fixture(scope="session")
def mnist_test() -> Digits:
    """The 10,000 test digits."""
    return load_mnist(ROOT / "data", "test")


@pytest.fixture(scope="session")
def few_digits(mnist_train: Digits) -> Digits:
    """The first 400 training digits."""
    return mnist_train[:400]


@pytest.fixture(scope="session")
def few_test_digits(mnist_test: Digits) -> Digits:
    """The first 200 test digits."""
    return mnist_test[:200]


@pytest.fixture(scope="session")
def data(few_digits: Digits, few_test_digits: Digits) -> Data:
    """The digits of a small run."""
    return Data(few_digits, few_test_digits, seconds=0.25)


@pytest.fixture(scope="session")
def csv_files(
    tmp_path_factory: pytest.TempPathFactory, few_digits: Digits, few_test_digits: Digits
) -> tuple[Path, Path]:
    """CSV files of the digits of a small run, for reading only."""
    folder = tmp_path_factory.mktemp("digits")
    train, test = folder / "train.csv", folder / "test.csv"
    write_csv(few_digits, train)
    write_csv(few_test_digits, test)
    return train, test


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test is in an empty folder, without network, and without this machine's settings."""
    monkeypatch.chdir(tmp_path)
    settings = "NO_COLOR FORCE_COLOR TTY_COMPATIBLE COLUMNS TERM COLORTERM PYTHONUNBUFFERED"
    for name in ("MNIST_MLP_DATA", "MNIST_MLP_MIRROR", *settings.split()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MNIST_MLP_OFFLINE", "1")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(scope="session")
def csvs(csv_files: tuple[Path, Path]) -> list[object]:
    """The options that name the digits of a small run."""
    return ["--train-csv", csv_files[0], "--test-csv", csv_files[1]]


@pytest.fixture(scope="session")
def test_csv(csv_files: tuple[Path, Path]) -> Path:
    """The file of the test digits of a small run."""
    return csv_files[1]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, csvs: list[object]) -> tuple[Path, Outcome]:
    """The folder of a finished run, for reading only, and what the command showed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    outcome = call("train", *csvs, "--hidden", 30, "--validation", 50, "--seed", 3, "--out", folder)
    assert outcome.code == 0
    return folder, outcome


@pytest.fixture(scope="session")
def run(trained: tuple[Path, Outcome]) -> Path:
    """The folder of that run."""
    return trained[0]
