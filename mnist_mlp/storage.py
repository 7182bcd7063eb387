"""Files written whole or not at all, and arrays with one JSON text in a safetensors file, read without trust."""

import errno
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.errors import MnistMlpError

# The dtypes of the safetensors format that NumPy knows too; the format is always little-endian.
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
}
_CODES = {np.dtype(name): code for code, name in _DTYPES.items()}

# Parsed JSON takes up to about 25 times the room of its text, so this much stays below 64 MB.
_LONGEST_HEADER = 2 * 2**20
# What `new_arrays` keeps free at the start of a file, since shapes are known only at the end.
_HEADER_ROOM = 4096

_TEMPORARY = re.compile(r"\..+\.(\d{1,9})-[0-9a-f]{8}\.tmp", re.DOTALL)


class StorageError(MnistMlpError):
    """A file cannot be read or written, or is broken."""


def printable(text: object, limit: int = 200) -> str:
    """The text on one short line: as it is where all of it prints, else with escapes; the middle left out."""
    line = str(text)
    if not line.isprintable():
        line = repr(line)
    return line if len(line) <= limit else f"{line[: limit // 2]}...{line[-limit // 2 :]}"


def describe(error: OSError) -> str:
    """The reason of an operating system's error, and what to do about it."""
    reason = error.strerror or str(error) or type(error).__name__
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            remedy = "free some space, or choose a folder with more room"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            remedy = "check its permissions, or choose another folder"
        case errno.ENOENT | errno.ENOTDIR | errno.EISDIR | errno.ENAMETOOLONG:
            remedy = "check the path"
        case _:
            remedy = "check the disk, then try again"
    return f"{printable(reason)}; {remedy}"


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` that takes its name once all of it is on the disk.

    On any failure, an interruption included, the temporary file is removed and an older file stays as it was.

    Raises:
        StorageError: the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"{printable(path)}: cannot be written: {describe(error)}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Put the new name itself on the disk, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a whole file, see `atomic_write`."""
    with atomic_write(path) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Write a whole UTF-8 file, see `atomic_write`."""
    write_bytes(path, text.encode())


def remove_leftovers(folder: str | Path) -> None:
    """Remove temporary files that killed processes left in `folder`; call it before writing there.

    A file belongs to a killed process if none of its number runs, or if this process has the number by now.
    """
    with suppress(OSError):
        for entry in Path(folder).iterdir():
            match = _TEMPORARY.fullmatch(entry.name)
            if match and not _other_process_runs(int(match[1])):
                with suppress(OSError):
                    entry.unlink()


def _other_process_runs(number: int) -> bool:
    if os.name == "nt" or number == os.getpid():
        return False  # Windows refuses to remove an open file, and os.kill(n, 0) would end the process
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


class _Place(NamedTuple):
    """Where an array lies in a file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


class ArrayWriter:
    """Arrays written piece by piece, one array after the other, so that they may be larger than memory."""

    def __init__(self, file: BinaryIO) -> None:
        self.metadata: dict[str, Any] = {}
        self._file = file
        self._places: dict[str, _Place] = {}
        self._position = 0
        file.write(bytes(_HEADER_ROOM))

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Add rows to the array `name`, which is either new or the last one written to.

        Args:
            name: the array's name.
            rows: (n, ...), of the same dtype and the same shape behind n each time.
        """
        dtype, shape, start = rows.dtype, rows.shape, self._position
        if name in self._places:
            last = self._places[name]
            if (last.dtype, last.shape[1:], last.stop) != (dtype, shape[1:], start):
                raise ValueError(f"cannot append {dtype} {shape} to {name}, {last}, at {start}")
            shape, start = (last.shape[0] + shape[0], *shape[1:]), last.start
        self._file.write(np.ascontiguousarray(rows).data.cast("B") if rows.size else b"")
        self._position += rows.nbytes
        self._places[name] = _Place(dtype, shape, start, self._position)

    def write_header(self) -> None:
        """Fill in the room left for the header, now that the shapes are known."""
        header = _header(self._places, self.metadata)
        if len(header) > _HEADER_ROOM:
            raise ValueError(f"the header of {len(header)} bytes is too long for {_HEADER_ROOM}")
        self._file.seek(0)
        self._file.write((_HEADER_ROOM - 8).to_bytes(8, "little") + header[8:].ljust(_HEADER_ROOM - 8))


@contextmanager
def new_arrays(path: str | Path) -> Iterator[ArrayWriter]:
    """Write a safetensors file in pieces; like `save_arrays`, it takes its name once it is complete.

    Raises:
        StorageError: the file cannot be written.
    """
    with atomic_write(path) as file:
        writer = ArrayWriter(file)
        yield writer
        writer.write_header()


def save_arrays(path: str | Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write arrays and plain values to a safetensors file: the same content gives the same bytes.

    The file's own metadata is one key, `json`, since several are written in random order.

    Raises:
        StorageError: the file cannot be written.
    """
    places, position = {}, 0
    for name, array in arrays.items():
        places[name] = _Place(array.dtype, array.shape, position, position + array.nbytes)
        position += array.nbytes
    header = _header(places, metadata)
    if len(header) > _LONGEST_HEADER:
        raise StorageError(f"{printable(path)}: cannot be written: its metadata is longer than 2 MB")
    with atomic_write(path) as file:
        file.write(header)
        for array in arrays.values():
            file.write(array.tobytes())
