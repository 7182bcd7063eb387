import gzip
import hashlib
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_mlp.digits.images import DataError, Digits, encode_targets, scale_pixels
from mnist_mlp.digits.mnist import NoDigitsError, has_mnist, load_mnist, read_csv, read_idx, write_csv
from mnist_mlp.errors import MnistMlpError

ARCHIVES = Path(__file__).parents[2] / "data"
PUBLISHED = {  # two projects publish these sums of the pjreddie files
    "mnist_train.csv": "fb60bc58af4dac3554e394af262b3184479833d3cc540ff8783f274b73492d5d",
    "mnist_test.csv": "51c292478d94ec3a01461bdfa82eb0885d262eb09e615679b2d69dedb6ad09e7",
}


def random_digits(count: int, seed: int = 1) -> Digits:
    rng = np.random.default_rng(seed)
    return Digits(rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count, np.uint8))


def assert_same(found: Digits, expected: Digits) -> None:
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_idx(digits: Digits, folder: Path, prefix: str = "train", end: str = "") -> tuple[Path, Path]:
    paths = folder / f"{prefix}-images-idx3-ubyte{end}", folder / f"{prefix}-labels-idx1-ubyte{end}"
    for path, array in zip(paths, (digits.images, digits.labels), strict=True):
        content = idx_bytes(array)
        path.write_bytes(gzip.compress(content) if end else content)
    return paths


def cache_of(csv: Path) -> Path:
    return csv.with_name(f".{csv.name}.cache")


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "digits.csv"
    write_csv(random_digits(200), path)
    return path


# MNIST itself


@pytest.mark.parametrize(
    ("split", "count", "first"), [("train", 60_000, [5, 0, 4]), ("test", 10_000, [7, 2, 1])]
)
def test_the_published_csv_comes_out_of_the_archives(
    tmp_path: Path, split: str, count: int, first: list[int]
) -> None:
    name = f"mnist_{split}.csv"
    digits = load_mnist(ARCHIVES, split)
    assert (len(digits), digits.labels[:3].tolist()) == (count, first)
    write_csv(digits, tmp_path / name)
    assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == PUBLISHED[name]

    for _ in range(2):  # parsed, then from the cache
        again = load_mnist(tmp_path, split)
        assert_same(again, digits)
        assert again.files == {name: PUBLISHED[name]}


def test_archives_are_named_with_their_published_digests() -> None:
    assert load_mnist(ARCHIVES, "test").files == {
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    }


# What a network is given


def test_pixels_are_scaled_within_one_unit_of_the_last_place() -> None:
    images = np.resize(np.arange(256, dtype=np.uint8), (2, 28, 28))
    inputs = scale_pixels(images)
    assert inputs.shape == (2, 784)
    assert inputs.dtype == np.float32
    exact = [Fraction(1, 100) + Fraction(99, 100) * int(pixel) / 255 for pixel in images.ravel()]
    nearest = np.array([float(value) for value in exact], np.float32)
    assert (abs(inputs.ravel() - nearest) <= np.spacing(nearest)).all()
    assert (inputs.min(), inputs.max()) == (np.float32(0.01), 1)


def test_pixels_are_scaled_into_a_given_array() -> None:
    out = np.empty((3, 784), np.float32)
    rows = random_digits(3).images.reshape(3, 784)
    assert scale_pixels(rows, out=out) is out
    np.testing.assert_array_equal(out, scale_pixels(rows.reshape(3, 28, 28)))


def test_targets() -> None:
    targets = encode_targets(np.array([3, 0], np.uint8))
    assert targets.shape == (2, 10)
    assert targets.dtype == np.float32
    expected = np.full((2, 10), 0.01)
    expected[0, 3] = expected[1, 0] = 0.99
    np.testing.assert_array_equal(targets, expected.astype(np.float32))


# The set of digits


def test_a_slice_is_a_view_of_some_digits() -> None:
    digits = random_digits(5)
    last = digits[-2:]
    assert len(last) == 2
    assert np.shares_memory(last.images, digits.images)
    assert last.labels.tolist() == digits.labels[3:].tolist()
    assert len(digits[5:]) == 0


IMAGES, LABELS = np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.reshape(3, 784), LABELS, r"images must be uint8 \(n, 28, 28\), not uint8 \(3, 784\)"),
        (IMAGES / 255, LABELS, r"images must be uint8 .*, not float64"),
        (IMAGES, LABELS.astype(int), r"labels must be uint8 \(n\), not int64"),
        (IMAGES, LABELS[:2], "3 images do not go with 2 labels"),
        (IMAGES, np.array([0, 10, 11], np.uint8), "row 2: 10 is not a label from 0 to 9"),
    ],
)
def test_digits_of_another_form(images: NDArray[np.uint8], labels: NDArray[np.uint8], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Digits(images, labels)


# Finding files


def test_a_folder_without_digits(tmp_path: Path) -> None:
    assert not has_mnist(tmp_path)
    assert not has_mnist(tmp_path / "absent")
    with pytest.raises(
        NoDigitsError, match="holds no MNIST test digits; run: mnist-mlp download --data-dir "
    ):
        load_mnist(tmp_path, "test")
    write_idx(random_digits(2), tmp_path)[1].unlink()
    with pytest.raises(NoDigitsError, match="holds no MNIST train digits"):
        load_mnist(tmp_path, "train")


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


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_files_that_do_not_belong_together(tmp_path: Path, end: str) -> None:
    images, _ = write_idx(random_digits(3), tmp_path, end=end)
    _, labels = write_idx(random_digits(2), tmp_path, "t10k", end)
    with pytest.raises(DataError, match=r"t10k-labels.*: 3 images do not go with 2 labels; fetch it anew"):
        read_idx(images, labels)


@pytest.mark.parametrize("end", ["", ".gz"])
def test_a_label_above_nine_in_an_idx_file(tmp_path: Path, end: str) -> None:
    images, labels = write_idx(random_digits(2), tmp_path, end=end)
    content = idx_bytes(np.array([9, 12], np.uint8))
    labels.write_bytes(gzip.compress(content) if end else content)
    with pytest.raises(
        DataError, match=r"train-labels.*: row 2: 12 is not a label from 0 to 9; fetch it anew"
    ):
        read_idx(images, labels)


# Files that cannot be read


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: cannot be read: No such file.*; check the path"):
        read_csv(tmp_path / "absent.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match=r"empty\.csv: is empty; fetch it anew"):
        read_csv(tmp_path / "empty.csv")
    with pytest.raises(DataError, match="is not a file; check the path"):
        read_csv(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.csv")
        with pytest.raises(DataError, match=r"pipe\.csv: is not a file"):
            read_csv(tmp_path / "pipe.csv")


def test_a_broken_csv_leaves_no_cache(csv: Path) -> None:
    content = csv.read_bytes()
    csv.write_bytes(content + b"1,2,3\n")
    with pytest.raises(DataError, match=r"digits\.csv: line 201 has 3 columns instead of 785: .*"):
        read_csv(csv)
    csv.write_bytes(b"\n\n")
    with pytest.raises(DataError, match=r"digits\.csv: holds no digits; fetch it anew"):
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


def test_a_changed_csv_is_read_again(csv: Path) -> None:
    read_csv(csv)
    status = csv.stat()
    write_csv(random_digits(100, seed=2), csv)
    os.utime(csv, ns=(status.st_atime_ns, status.st_mtime_ns))  # other size, same time
    assert_same(read_csv(csv), random_digits(100, seed=2))

    status, content = csv.stat(), csv.read_bytes()
    label = (content[0] - ord("0") + 1) % 10
    csv.write_bytes(b"%d" % label + content[1:])
    os.utime(csv, ns=(status.st_atime_ns, status.st_mtime_ns + 1))  # same size, other time
    assert read_csv(csv).labels[0] == label


@pytest.mark.parametrize(
    "damage", ["empty", "text", "shortened", "longer", "labels", "digest", "another csv's"]
)
def test_a_damaged_cache_is_not_believed(csv: Path, damage: str) -> None:
    good = random_digits(200)
    digest = read_csv(csv).files[csv.name].encode()
    cache = cache_of(csv)
    content = cache.read_bytes()
    cache.unlink()  # since it is mapped
    if damage == "another csv's":
        write_csv(random_digits(200, seed=2), csv.with_name("other"))
        read_csv(csv.with_name("other"))
        cache_of(csv.with_name("other")).replace(cache)
    else:
        cache.write_bytes(
            {
                "empty": b"",
                "text": b"hello",
                "shortened": content[:-1],
                "longer": content + b"\0",
                "labels": content[:-1] + b"\x0a",
                "digest": content.replace(digest, b"x" * 64),
            }[damage]
        )
    for _ in range(2):
        again = read_csv(csv)
        assert_same(again, good)
        assert again.files[csv.name].encode() == digest


def test_without_room_for_a_cache_digits_stay_in_memory(csv: Path) -> None:
    cache_of(csv).mkdir()
    (cache_of(csv) / "occupied").touch()
    digits = read_csv(csv)
    assert_same(digits, random_digits(200))
    assert digits.files == {"digits.csv": hashlib.sha256(csv.read_bytes()).hexdigest()}
    assert sorted(path.name for path in csv.parent.iterdir()) == [".digits.csv.cache", "digits.csv"]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    count = 25_000
    write_csv(Digits(np.zeros((count, 28, 28), np.uint8), np.zeros(count, np.uint8)), tmp_path / "a.csv")
    tracemalloc.start()
    try:
        assert len(read_csv(tmp_path / "a.csv")) == count
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20  # 19 MB of pixels
    finally:
        tracemalloc.stop()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_leaves_no_part_of_a_cache(csv: Path) -> None:
    with largest_file(100_000):
        assert_same(read_csv(csv), random_digits(200))
    assert list(csv.parent.iterdir()) == [csv]


def test_a_csv_that_grows_meanwhile_is_not_cached(csv: Path) -> None:
    content = csv.read_bytes()

    def append(_name: str, _done: int, _total: int) -> None:
        with csv.open("ab") as file:
            file.write(content)

    with pytest.raises(DataError, match=r"digits\.csv: changed while it was read; try again"):
        read_csv(csv, append)
    assert list(csv.parent.iterdir()) == [csv]


def test_a_csv_that_is_rewritten_meanwhile_is_not_cached(csv: Path) -> None:
    def touch(_name: str, _done: int, _total: int) -> None:
        os.utime(csv)

    with pytest.raises(DataError, match="changed while it was read"):
        read_csv(csv, touch)
    assert not cache_of(csv).exists()


READ = """
import sys
from mnist_mlp.digits.mnist import read_csv
digits = read_csv(sys.argv[1])
print(int(digits.images.sum()), digits.files["digits.csv"])
"""


def test_processes_that_cache_at_once_do_not_harm_each_other(csv: Path) -> None:
    write_csv(random_digits(2000), csv)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", READ, str(csv)]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(4)]
    outputs = [process.communicate()[0].decode() for process in processes]
    digest = hashlib.sha256(csv.read_bytes()).hexdigest()
    assert outputs == [f"{random_digits(2000).images.sum()} {digest}\n"] * 4
    assert sorted(path.name for path in csv.parent.iterdir()) == [".digits.csv.cache", "digits.csv"]


# Anything at all


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.sampled_from(["", ".gz"]))
def test_what_is_written_is_read_back(scratch: Path, seed: int, count: int, end: str) -> None:
    digits = random_digits(count, seed)
    write_csv(digits, scratch / "digits.csv")
    assert_same(read_csv(scratch / "digits.csv"), digits)
    assert_same(read_csv(scratch / "digits.csv"), digits)
    assert_same(read_idx(*write_idx(digits, scratch, end=end)), digits)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_mutated_files_are_refused_or_read(scratch: Path, data: st.DataObject) -> None:
    digits, csv = random_digits(3), scratch / "digits.csv"
    write_csv(digits, csv)
    read_csv(csv)
    images, labels = write_idx(digits, scratch, end=data.draw(st.sampled_from(["", ".gz"])))
    victim = data.draw(st.sampled_from([csv, cache_of(csv), images, labels]))
    content = bytearray(victim.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content)))
        content[where : where + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    victim.write_bytes(content)
    for read, paths in (read_csv, (csv,)), (read_idx, (images, labels)):
        try:
            found = read(*paths)
        except MnistMlpError as error:
            message = str(error)
        else:
            message = f"{len(found)} digits"
        assert message.isprintable()


@pytest.mark.parametrize("path", ["", ".", "/", ".."])
def test_a_path_without_a_name_is_no_csv_file(path: str) -> None:
    with pytest.raises(DataError, match="is not a file"):
        read_csv(path)
