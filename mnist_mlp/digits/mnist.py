"""The files that digits are read from, and the cache beside a CSV file."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits import csvfile, idx
from mnist_mlp.digits.images import DataError, Digits
from mnist_mlp.errors import printable, quoted
from mnist_mlp.files.arrays import map_arrays, new_arrays
from mnist_mlp.files.atomic import StorageError, atomic_write, describe, remove_leftovers

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called often during long work with what is done, and how many bytes of how many (0 if unknown)."""

_CSV_NAMES = {"train": "mnist_train.csv", "test": "mnist_test.csv"}
_IDX_PREFIXES = {"train": "train", "test": "t10k"}
_CACHE_FORMAT = 1


class NoDigitsError(DataError):
    """A folder holds no MNIST files at all, so that they should be downloaded."""


def has_mnist(folder: str | Path) -> bool:
    """Whether `load_mnist` would find files for both splits in the folder."""
    return all(_csv_file(folder, split) or find_idx(folder, split) for split in _CSV_NAMES)


def load_mnist(folder: str | Path, split: str = "train", progress: Progress | None = None) -> Digits:
    """Read the training or test digits of MNIST from a folder: its CSV file if there, else its IDX files.

    Args:
        folder: holds mnist_train.csv, or train-images-idx3-ubyte and train-labels-idx1-ubyte (plain or .gz);
            for the test digits mnist_test.csv, or the same beginning with t10k.
        split: "train" or "test".
        progress: told of bytes read while a CSV file is parsed.

    Raises:
        NoDigitsError: there is none of these files.
        DataError: a file is broken.
    """
    if csv := _csv_file(folder, split):
        return read_csv(csv, progress)
    if files := find_idx(folder, split):
        return read_idx(*files)
    shown = printable(folder)
    raise NoDigitsError(
        f"{shown}: holds no MNIST {split} digits; run: mnist-mlp download --data-dir {quoted(shown)}"
    )


def _csv_file(folder: str | Path, split: str) -> Path | None:
    path = Path(folder) / _CSV_NAMES[split]
    return path if path.exists() else None


def find_idx(folder: str | Path, split: str) -> tuple[Path, Path] | None:
    """The IDX files of images and labels that the folder holds for a split, if it holds both."""
    images = _first_file(folder, f"{_IDX_PREFIXES[split]}-images", "idx3-ubyte")
    labels = _first_file(folder, f"{_IDX_PREFIXES[split]}-labels", "idx1-ubyte")
    return (images, labels) if images and labels else None


def _first_file(folder: str | Path, start: str, end: str) -> Path | None:
    """The uncompressed file if there is one, else the compressed; names come with a hyphen or a dot."""
    names = (f"{start}{mark}{end}{packing}" for packing in ("", ".gz") for mark in "-.")
    return next((path for name in names if (path := Path(folder, name)).exists()), None)


def read_idx(images: str | Path, labels: str | Path) -> Digits:
    """Read digits from a pair of IDX files, each plain (then mapped, not read) or compressed.

    Raises:
        DataError: a file cannot be read, is broken, or they do not belong together.
    """
    images, labels = Path(images), Path(labels)
    pixels, images_digest = _read_idx_file(images, (28, 28))
    numbers, labels_digest = _read_idx_file(labels, ())
    try:
        return Digits(pixels, numbers, {images.name: images_digest, labels.name: labels_digest})
    except DataError as error:
        raise DataError(f"{printable(labels)}: {error}; fetch it anew") from error


def _read_idx_file(path: Path, shape: tuple[int, ...]) -> tuple[NDArray[np.uint8], str]:
    with _opened(path) as file:
        array = idx.read_array(file, shape)
        file.seek(0)
        return array, hashlib.file_digest(file, "sha256").hexdigest()


def read_csv(path: str | Path, progress: Progress | None = None) -> Digits:
    """Read digits from a CSV file (see `csvfile.parse` for its form) and keep them in a cache file beside it.

    The cache is used as long as the file keeps its size and time. The digits come back as a read-only map of
    the cache, or in memory where the cache cannot be written.

    Raises:
        DataError: the file cannot be read or is broken; the message names the line and column.
    """
    path = Path(path)
    with _opened(path) as file:
        cache = path.with_name(f".{path.name}.cache")
        key = _cache_key(file)
        if digits := _read_cache(cache, path.name, key):
            return digits
        remove_leftovers(path.parent)
        report = partial(progress or _ignore, path.name)
        with suppress(StorageError):  # a folder without permission, a full disk
            _write_cache(cache, file, key, report)
            if digits := _read_cache(cache, path.name, key):
                return digits
        return _read_into_memory(file, path.name, key, report)


def _ignore(_what: str, _done: int, _total: int) -> None:
    pass


def _cache_key(file: FileIO) -> dict[str, int]:
    status = os.fstat(file.fileno())
    return {"format": _CACHE_FORMAT, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _read_cache(cache: Path, name: str, key: Mapping[str, int]) -> Digits | None:
    """The digits of the file `name`, or None if its cache is broken, absent, or of another state of it."""
    with suppress(StorageError, DataError):
        arrays, metadata = map_arrays(cache)
        match arrays, metadata:
            case {"images": images, "labels": labels}, {"sha256": str(sha256)}:
                if metadata == {**key, "sha256": sha256} and re.fullmatch("[0-9a-f]{64}", sha256):
                    return Digits(images, labels, {name: sha256})
    return None


def _write_cache(
    cache: Path, file: FileIO, key: Mapping[str, int], report: Callable[[int, int], None]
) -> None:
    digest = hashlib.sha256()
    labels = []
    with new_arrays(cache) as writer:
        for rows in _rows(file, key, digest, report):
            writer.append("images", rows[:, 1:].reshape(-1, 28, 28))
            labels.append(rows[:, 0].copy())
        writer.append("labels", np.concatenate(labels))
        writer.metadata = {**key, "sha256": digest.hexdigest()}


def _read_into_memory(
    file: FileIO, name: str, key: Mapping[str, int], report: Callable[[int, int], None]
) -> Digits:
    digest = hashlib.sha256()
    most = key["size"] // (2 * csvfile.COLUMNS) + 1  # a number and what follows it take at least two bytes
    images, labels = np.empty((most, 28, 28), np.uint8), np.empty(most, np.uint8)
    count = 0
    for rows in _rows(file, key, digest, report):
        block = slice(count, count + len(rows))
        images[block], labels[block] = rows[:, 1:].reshape(-1, 28, 28), rows[:, 0]
        count += len(rows)
    return Digits(images[:count], labels[:count], {name: digest.hexdigest()})


def _rows(
    file: FileIO, key: Mapping[str, int], digest: csvfile.Digest, report: Callable[[int, int], None]
) -> Iterator[NDArray[np.uint8]]:
    """The rows of a CSV file in blocks (n, 785), for as long as the file stays as it was."""
    size, count = key["size"], 0
    file.seek(0)
    for rows in csvfile.parse(file, digest):
        if file.tell() > size:
            break
        report(file.tell(), size)
        count += len(rows)
        yield rows
    if _cache_key(file) != key:
        raise ValueError("changed while it was read; try again")
    if not count:
        raise ValueError("holds no digits; fetch it anew")


def write_csv(digits: Digits, path: str | Path, progress: Progress | None = None) -> None:
    """Write digits as a CSV file of the pjreddie form, byte for byte the published one if they are MNIST's.

    Raises:
        StorageError: the file cannot be written.
    """
    path = Path(path)
    with atomic_write(path) as file:
        for start in range(0, len(digits), 1000):
            block = digits[start : start + 1000]
            rows = np.column_stack([block.labels, block.images.reshape(-1, 784)])
            file.write(csvfile.format_rows(rows))
            if progress:
                progress(path.name, file.tell(), 0)


@contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    """Open a file of digits; whatever shows it to be unreadable or broken becomes a DataError."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("is not a file; check the path")
        with path.open("rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise ValueError("is empty; fetch it anew")
            yield file
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read: {describe(error)}") from error
    except ValueError as error:
        raise DataError(f"{printable(path)}: {error}") from error
