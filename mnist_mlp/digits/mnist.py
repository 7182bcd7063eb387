"""Where MNIST's files are, and reading them: CSV, IDX and compressed IDX."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits import csvfile, idx
from mnist_mlp.digits.cache import read_cache, write_cache
from mnist_mlp.digits.images import DataError, Digits
from mnist_mlp.errors import printable, quoted
from mnist_mlp.files.atomic import StorageError, atomic_write, reading, remove_leftovers

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called often during long work with what is done, and how many bytes of how many (0 if unknown)."""


class Names(NamedTuple):
    """What the files of a split are called: one CSV file, or two IDX files."""

    csv: str
    images: str
    labels: str

    @property
    def archives(self) -> tuple[str, str]:
        """The IDX files, compressed."""
        return f"{self.images}.gz", f"{self.labels}.gz"


FILES = {
    "train": Names("mnist_train.csv", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": Names("mnist_test.csv", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


class NoDigitsError(DataError):
    """A folder holds no MNIST files at all, so that they should be downloaded."""


def has_mnist(folder: str | Path) -> bool:
    """Whether `load_mnist` would find files for both splits in the folder."""
    return all(find_files(folder, split) for split in FILES)


def find_files(folder: str | Path, split: str) -> tuple[Path, ...]:
    """The files that a folder holds of a split: its CSV file, else its two IDX files, else none."""
    names = FILES[split]
    if (csv := Path(folder, names.csv)).exists():
        return (csv,)
    images, labels = (_first_file(folder, name) for name in (names.images, names.labels))
    return (images, labels) if images and labels else ()


def _first_file(folder: str | Path, name: str) -> Path | None:
    """The uncompressed file if there is one, else the compressed; some copies have .idx in place of -idx."""
    names = (spelling + end for end in ("", ".gz") for spelling in (name, name.replace("-idx", ".idx")))
    return next((path for name in names if (path := Path(folder, name)).exists()), None)


def find_data_folder(data_dir: str | Path | None = None) -> Path:
    """The folder of the MNIST files: the one named, else ./data if it has them, else that of the package.

    Raises:
        DataError: if a file is named in place of a folder.
    """
    if data_dir is not None:
        if Path(data_dir).is_file():
            raise DataError(f"{printable(data_dir)}: is a file; name the folder of the MNIST files")
        return Path(data_dir)
    in_wheel, in_checkout = Path(__file__).with_name("mnist"), Path(__file__).parents[2] / "data"
    places = (Path("data"), in_wheel, in_checkout)
    return next((folder for folder in places if has_mnist(folder)), Path("data"))


def load_mnist(folder: str | Path, split: str = "train", progress: Progress | None = None) -> Digits:
    """Read the training or test digits of MNIST from a folder: its CSV file if there, else its IDX files.

    Args:
        folder: holds mnist_train.csv, or train-images-idx3-ubyte and train-labels-idx1-ubyte (plain or .gz);
            for the test digits mnist_test.csv, or the same beginning with t10k.
        split: "train" or "test".
        progress: told of bytes read while a CSV file is parsed.

    Raises:
        NoDigitsError: there is none of these files.
        DataError: a file is broken, or there is no such split.
        StorageError: a file cannot be read.
    """
    if split not in FILES:
        raise DataError(
            f"MNIST has no split {printable(repr(split), 40)}, only 'train' and 'test'; for validation, "
            "hold out training digits: digits[:50_000] and digits[50_000:]"
        )
    match find_files(folder, split):
        case (csv,):
            return read_csv(csv, progress)
        case (images, labels):
            return read_idx(images, labels)
    shown, names = printable(folder), FILES[split]
    fault = f"holds no MNIST {split} digits" if Path(folder).is_dir() else "there is no such folder"
    raise NoDigitsError(
        f"{shown}: {fault}; name a folder (--data-dir) that has {names.csv}, or "
        f"{' and '.join(names.archives)}, or run: mnist-mlp download --data-dir {quoted(shown)}"
    )


def read_idx(images: str | Path, labels: str | Path) -> Digits:
    """Read digits from a pair of IDX files, each plain (then mapped, not read) or compressed.

    Raises:
        DataError: a file is broken, or they do not belong together.
        StorageError: a file cannot be read.
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
        return idx.read_array(file, shape), _digest(path)


def read_csv(path: str | Path, progress: Progress | None = None) -> Digits:
    """Read digits from a CSV file (see `csvfile.parse` for its form) and keep them in a cache file beside it.

    The digits come back as a read-only map of the cache, or in memory where the cache cannot be written.

    Raises:
        DataError: the file is broken; the message names the line and column.
        StorageError: the file cannot be read.
    """
    path = Path(path)
    cache = path.with_name(f".{path.name}.cache") if path.name else path
    with _opened(path) as file, ThreadPoolExecutor(1) as thread:
        before = path.stat()
        sha256 = thread.submit(_digest, path).result  # hashed while it is parsed
        if cache.is_file() and (digits := read_cache(cache, path.name, sha256())):
            return digits
        remove_leftovers(path.parent)
        with suppress(StorageError):  # a folder without permission, a full disk
            write_cache(cache, _blocks(file, before, progress), sha256)
            if digits := read_cache(cache, path.name, sha256()):
                return digits
        rows = np.concatenate(list(_blocks(file, before, progress)))
        return Digits(rows[:, 1:].reshape(-1, 28, 28), rows[:, 0].copy(), {path.name: sha256()})


def _digest(path: Path) -> str:
    """The SHA-256 of a file, read in large pieces: after each, a thread may have to wait for its turn."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(2**22):
            digest.update(piece)
    return digest.hexdigest()


def _blocks(file: FileIO, before: os.stat_result, progress: Progress | None) -> Iterator[NDArray[np.uint8]]:
    """The rows (n, 785) of a CSV file, for as long as the file stays as it was before."""
    path = Path(file.name)
    file.seek(0)
    for rows in csvfile.parse(FileIO(file.fileno(), closefd=False)):
        if file.tell() > before.st_size:
            break
        if progress:
            progress(path.name, file.tell(), before.st_size)
        yield rows
    after = path.stat()
    if any(getattr(after, fact) != getattr(before, fact) for fact in ("st_ino", "st_size", "st_mtime_ns")):
        raise ValueError("changed while it was read; try again")


def describe_csv(path: str | Path) -> str:
    """What the first lines of a CSV file tell of its form, in a few words.

    Raises:
        DataError: its first lines are none of digits.
        StorageError: the file cannot be read.
    """
    with _opened(path) as file:
        return str(csvfile.recognize_form(file))


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
def _opened(path: str | Path) -> Iterator[FileIO]:
    """Open a file of digits; what shows it to be broken becomes a DataError."""
    with reading(path) as file:
        try:
            if os.fstat(file.fileno()).st_size == 0:
                raise ValueError("is empty; name another file")
            yield file
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{printable(path)}: is a damaged .gz file; copy or fetch it anew") from error
        except ValueError as error:
            raise DataError(f"{printable(path)}: {error}") from error
