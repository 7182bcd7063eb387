"""Files written whole or not at all, and read with their errors told in one line."""

import errno
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from mnist_mlp.errors import MnistMlpError, printable

# The computer's name, since folders are shared and a process number means nothing on another computer.
_HOST = re.sub(r"[^A-Za-z0-9]+", "-", platform.node())[:40]
_TEMPORARY = re.compile(rf"\..+\.{_HOST}-(\d{{1,9}})-[0-9a-f]{{8}}\.tmp", re.DOTALL)


class StorageError(MnistMlpError):
    """A file cannot be read or written, or is broken."""


def describe(error: OSError, option: str = "") -> str:
    """The reason of an operating system's error, and what to do about it, by way of which option."""
    by = f" with {option}" if option else ""
    reason = error.strerror or str(error) or type(error).__name__
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            remedy = f"free some space, or choose a folder with more room{by}"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            remedy = f"check its permissions, or choose another folder{by}"
        case errno.ENOENT | errno.ENOTDIR | errno.EISDIR | errno.EEXIST | errno.ENAMETOOLONG:
            remedy = "check the path"
        case _:
            remedy = "check the disk, then try again"
    return f"{printable(reason)}; {remedy}"


def cannot_write(path: str | Path, error: OSError, option: str = "") -> StorageError:
    """What to raise when a file or folder cannot be written; `option` is as of `describe`."""
    return StorageError(f"{printable(path)}: cannot be written: {describe(error, option)}")


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`, to write and read; it takes that name once it is on the disk.

    On any failure, an interruption included, the temporary file is removed and an older file stays as it was.

    Raises:
        StorageError: the file cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise cannot_write(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    temporary = path.with_name(temporary_name(path.name, os.getpid()))
    try:
        with temporary.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def temporary_name(name: str, process: int) -> str:
    """A new name for the file that a process of this computer writes before it is called `name`."""
    return f".{name}.{_HOST}-{process}-{os.urandom(4).hex()}.tmp"


def _sync_folder(folder: Path) -> None:
    """Put a new name itself on the disk, where folders can be opened (not on Windows)."""
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


def read_text(path: str | Path, limit: int = 1 << 22) -> str:
    """Read a UTF-8 file; StorageError if it cannot be read, is no such text, or longer than `limit` bytes."""
    with reading(path) as file:
        data = file.read(limit + 1)
        if len(data) > limit:
            raise ValueError(f"it is longer than {limit:,} bytes")
        return data.decode()


def remove_leftovers(folder: str | Path) -> None:
    """Remove the temporary files that processes of this computer left in `folder` when they were killed.

    A process was killed if none of its number runs, or if this process has the number by now.
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
    except OSError:  # it runs, but belongs to another user
        pass
    return True


@contextmanager
def reading(path: str | Path) -> Iterator[FileIO]:
    """Open a file to read, unbuffered; what shows it to be unreadable or broken becomes a StorageError."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise StorageError(f"{printable(path)}: is not a file; check the path")
        with path.open("rb", buffering=0) as file:
            yield file
    except OSError as error:
        raise StorageError(f"{printable(path)}: cannot be read: {describe(error)}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        fault = printable(str(error) or type(error).__name__)
        raise StorageError(f"{printable(path)}: is broken: {fault}; make or fetch it anew") from error
