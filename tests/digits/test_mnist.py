"""MNIST's files: finding them, reading them, and the cache beside a CSV file."""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import assert_same, idx_bytes, random_digits, write_idx

from mnist_mlp.digits.images import DataError, Digits
from mnist_mlp.digits.mnist import (
    NoDigitsError,
    find_data_folder,
    has_mnist,
    load_mnist,
    read_csv,
    read_idx,
    write_csv,
)
from mnist_mlp.files.atomic import StorageError, temporary_name

ROOT = Path(__file__).parents[2]
ARCHIVES = ROOT / "data"


def cache_of(csv: Path) -> Path:
    return csv.with_name(f".{csv.name}.cache")


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "digits.csv"
    write_csv(random_digits(200), path)
    return path


# MNIST itself


def test_the_published_csv_comes_out_of_the_archives_and_is_read(tmp_path: Path) -> None:
    digits = load_mnist(ARCHIVES, "test")
    assert (len(digits), digits.labels[:3].tolist()) == (10_000, [7, 2, 1])
    write_csv(digits, tmp_path / "mnist_test.csv")
    for _ in range(2):  # parsed, then from the cache
        again = load_mnist(tmp_path, "test")
        assert_same(again, digits)
        # two projects publish this sum of the file of pjreddie.com
        assert again.files == {
            "mnist_test.csv": "51c292478d94ec3a01461bdfa82eb0885d262eb09e615679b2d69dedb6ad09e7"
        }


def test_archives_are_named_with_their_published_digests_and_leave_no_cache() -> None:
    before = set(ARCHIVES.iterdir())
    assert load_mnist(ARCHIVES, "test").files == {
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    }
    assert set(ARCHIVES.iterdir()) == before


# Finding files


def test_the_folder_named_comes_first_then_data_then_the_digits_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_data_folder("absent") == Path("absent")
    assert (
        len(load_mnist(find_data_folder(), "test")) == 10_000
    )  # of the package or, in a checkout, beside it
    for prefix in "train", "t10k":
        Path("data").mkdir(exist_ok=True)
        assert find_data_folder() != Path("data")
        write_idx(random_digits(2), Path("data"), prefix)
    assert find_data_folder() == Path("data")
    assert find_data_folder(Path("other")) == Path("other")


def test_the_archives_and_their_notice_are_part_of_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    in_package = [f"mnist_mlp/digits/mnist/{path.name}" for path in ARCHIVES.glob("*.gz")]
    included = settings["wheel"]["force-include"]
    assert sorted(included.values()) == sorted([*in_package, "mnist_mlp/digits/mnist/README.md"])
    assert all((ROOT / path).exists() for path in included)


def test_a_folder_without_digits(tmp_path: Path) -> None:
    assert not has_mnist(tmp_path)
    assert not has_mnist(tmp_path / "absent")
    with pytest.raises(NoDigitsError) as caught:
        load_mnist(tmp_path, "test")
    assert str(caught.value) == (
        f"{tmp_path}: holds no MNIST test digits; name a folder (--data-dir) that has mnist_test.csv, or "
        "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz, or run: "
        f"mnist-mlp download --data-dir {tmp_path}"
    )
    (tmp_path / "file").touch()
    for name in ("absent", "file"):
        with pytest.raises(NoDigitsError, match=f"{name}: there is no such folder; name a folder"):
            load_mnist(tmp_path / name)
    write_idx(random_digits(2), tmp_path)[1].unlink()
    with pytest.raises(NoDigitsError, match="holds no MNIST train digits"):
        load_mnist(tmp_path, "train")


def test_there_are_two_splits() -> None:
    with pytest.raises(
        DataError, match=r"MNIST has no split 'validation', only 'train' and 'test'; .* hold out"
    ):
        load_mnist(ARCHIVES, "validation")


def test_csv_wins_over_idx_and_plain_idx_over_compressed(tmp_path: Path) -> None:
    compressed, plain, text = (random_digits(2, seed) for seed in (1, 2, 3))
    write_idx(compressed, tmp_path, end=".gz")
    write_idx(compressed, tmp_path, "t10k", ".gz")
    assert_same(load_mnist(tmp_path), compressed)
    assert has_mnist(tmp_path)
    write_idx(plain, tmp_path)
    assert_same(load_mnist(tmp_path), plain)
    write_csv(text, tmp_path / "mnist_train.csv")
    assert_same(load_mnist(tmp_path), text)
    assert_same(load_mnist(tmp_path, "test"), compressed)


def test_the_other_spelling_of_idx_names(tmp_path: Path) -> None:
    for path in write_idx(random_digits(2), tmp_path):
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    assert_same(load_mnist(tmp_path), random_digits(2))
    write_idx(random_digits(2, 7), tmp_path, end=".gz")  # plain ones come first, however they are spelled
    assert_same(load_mnist(tmp_path), random_digits(2))


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_files_that_do_not_go_together(tmp_path: Path, end: str) -> None:
    images, labels = write_idx(random_digits(2), tmp_path, end=end)
    for wrong, message in [
        (np.array([9, 1, 3], np.uint8), "2 images do not go with 3 labels; fetch it anew"),
        (np.array([9, 12], np.uint8), "sample 1: 12 is not a label from 0 to 9; fetch it anew"),
    ]:
        content = idx_bytes(wrong)
        labels.write_bytes(gzip.compress(content) if end else content)
        with pytest.raises(DataError, match=rf"train-labels.*: {message}"):
            read_idx(images, labels)


# Files that cannot be read


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"absent\.csv: cannot be read: No such file.*; check the path"):
        read_csv(tmp_path / "absent.csv")
    for path in ("", "/", tmp_path):
        with pytest.raises(StorageError, match="is not a file; check the path"):
            read_csv(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.csv")
        with pytest.raises(StorageError, match=r"pipe\.csv: is not a file"):
            read_csv(tmp_path / "pipe.csv")


def test_a_broken_csv_leaves_no_cache(csv: Path) -> None:
    csv.write_bytes(csv.read_bytes() + b"1,2,3\n")
    with pytest.raises(DataError, match=r"digits\.csv: line 201 has 3 columns instead of 785: .*"):
        read_csv(csv)
    assert list(csv.parent.iterdir()) == [csv]


# The cache


def test_the_second_reading_maps_the_cache(csv: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    first = read_csv(csv, lambda *call: calls.append(call))
    size = csv.stat().st_size
    assert calls[-1] == ("digits.csv", size, size)
    calls.clear()
    second = read_csv(csv, lambda *call: calls.append(call))
    assert calls == []
    for digits in (first, second):
        assert_same(digits, random_digits(200))
        assert digits.files == {"digits.csv": hashlib.sha256(csv.read_bytes()).hexdigest()}
        assert not digits.images.flags.owndata
        assert not digits.images.flags.writeable
    assert sorted(path.name for path in csv.parent.iterdir()) == [".digits.csv.cache", "digits.csv"]


def test_a_csv_changed_in_place_is_read_again_even_if_it_keeps_size_and_time(csv: Path) -> None:
    before, status, content = read_csv(csv), csv.stat(), csv.read_bytes()
    cached = cache_of(csv).stat().st_ino
    (csv.parent / temporary_name("a", 999_999_999)).touch()  # left by a process that was killed
    csv.write_bytes(content.replace(b",7,", b",8,", 1))
    os.utime(csv, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert int(read_csv(csv).images.sum(dtype=int)) == int(before.images.sum(dtype=int)) + 1
    assert cache_of(csv).stat().st_ino != cached
    assert sorted(path.name for path in csv.parent.iterdir()) == [".digits.csv.cache", "digits.csv"]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "text": lambda _: b"hello",
    "deep facts": lambda content: b"[" * 256 + content[256:],
    "shortened": lambda content: content[:-1],
    "a digit fewer": lambda content: content[: 256 + 199 * 784] + bytes(199),
    "labels": lambda content: content[:-1] + b"\x0a",
    "another format": lambda content: (
        content.replace(b'"format": 3', b'"format": 2')[:-1] + bytes([content[-1] ^ 1])
    ),
    "digest": lambda content: re.sub(rb'"sha256": "\w', b'"sha256": "x', content),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_not_believed(csv: Path, damage: str) -> None:
    digest = read_csv(csv).files[csv.name]
    content = cache_of(csv).read_bytes()
    cache_of(csv).unlink()  # since it is mapped
    cache_of(csv).write_bytes(DAMAGES[damage](content))
    for _ in range(2):
        again = read_csv(csv)
        assert_same(again, random_digits(200))
        assert again.files[csv.name] == digest


def test_without_room_for_a_cache_digits_stay_in_memory(csv: Path) -> None:
    cache_of(csv).mkdir()
    (cache_of(csv) / "occupied").touch()
    digits = read_csv(csv)
    assert_same(digits, random_digits(200))
    assert digits.files == {"digits.csv": hashlib.sha256(csv.read_bytes()).hexdigest()}
    assert sorted(path.name for path in csv.parent.iterdir()) == [".digits.csv.cache", "digits.csv"]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    count, calls = 25_000, []
    digits = Digits(np.zeros((count, 28, 28), np.uint8), np.zeros(count, np.uint8))
    write_csv(digits, tmp_path / "a.csv", lambda *call: calls.append(call))
    line = 2 * 785  # of zeros, commas and a line end
    assert calls == [("a.csv", line * done, 0) for done in range(1000, count + 1, 1000)]
    tracemalloc.start()
    try:
        assert len(read_csv(tmp_path / "a.csv")) == count
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20  # 19 MB of pixels
    finally:
        tracemalloc.stop()


def grow(csv: Path) -> None:
    csv.write_bytes(csv.read_bytes() * 2)


def touch(csv: Path) -> None:
    os.utime(csv, ns=(0, csv.stat().st_mtime_ns + 1))


def swap(csv: Path) -> None:
    Path(shutil.copy2(csv, csv.with_name("copy"))).replace(csv)  # of the same size and time


@pytest.mark.parametrize("change", [grow, touch, swap])
def test_a_csv_that_changes_meanwhile_is_not_cached(csv: Path, change: Callable[[Path], None]) -> None:
    write_csv(random_digits(600), csv)  # several blocks
    size, calls = csv.stat().st_size, list[tuple[str, int, int]]()

    def progress(*call: Any) -> None:
        calls.append(call)
        if len(calls) < 20:
            change(csv)

    with pytest.raises(DataError, match=r"digits\.csv: changed while it was read; try again$"):
        read_csv(csv, progress)
    assert len(calls) < 5
    name, done, total = calls[0]
    assert (name, total) == (csv.name, size)
    assert 0 < done < size
    assert list(csv.parent.iterdir()) == [csv]


READ = """
import sys
from mnist_mlp.digits.mnist import read_csv
digits = read_csv(sys.argv[1])
print(int(digits.images.sum()), digits.files["digits.csv"])
"""


def test_processes_that_cache_at_once_do_not_harm_each_other(csv: Path) -> None:
    write_csv(random_digits(2000), csv)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", READ, str(csv)]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(3)]
    outputs = [process.communicate()[0].decode().split() for process in processes]
    digest = hashlib.sha256(csv.read_bytes()).hexdigest()
    assert outputs == [[str(random_digits(2000).images.sum()), digest]] * 3
    assert sorted(path.name for path in csv.parent.iterdir()) == [".digits.csv.cache", "digits.csv"]
