import os
from pathlib import Path

# On a busy machine the threads of matrix products wait for each other most of the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest

from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.mnist import FILES, read_idx, write_csv
from mnist_mlp.runs.run import Data

ARCHIVES = Path(__file__).parents[1] / "data"


def _mnist(split: str) -> Digits:
    return read_idx(*(ARCHIVES / name for name in FILES[split].archives))


@pytest.fixture(scope="session")
def mnist_train() -> Digits:
    """The 60,000 training digits."""
    return _mnist("train")


@pytest.fixture(scope="session")
def mnist_test() -> Digits:
    """The 10,000 test digits."""
    return _mnist("test")


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
