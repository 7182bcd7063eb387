"""Files written whole or not at all, and read with their errors told in one line."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mnist_mlp.errors import MnistMlpError, printable

_TEMPORARY = re.compile(r"\..+\.(\d{1,9})-[0-9a-f]{8}\.tmp", re.DOTALL)


class StorageError(MnistMlpError):
    """A file cannot be read or written, or is broken."""


def describe(error: OSError) -> str:
    """The reason of an operating system's error, and what to do about it."""
    reason = error.strerror or str(error) or type(error).__name__
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            remedy = "free some space, or choose a folder with more room"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            remedy = "check its permissions, or choose another folder"
        case errno.ENOENT | errno.ENOTDIR | errno.EISDIR | errno.EEXIST | errno.ENAMETOOLONG:
            remedy = "check the path"
        case _:
            remedy = "check the disk, then try again"
    return f"{printable(reason)}; {remedy}"


def cannot_write(path: str | Path, error: OSError) -> StorageError:
    """What to raise when a file or folder cannot be written."""
    return StorageError(f"{printable(path)}: cannot be written: {describe(error)}")


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` that takes its name once all of it is on the disk.

    On any failure, an interruption included, the temporary file is removed and an older file stays as it was.

    Raises:
        StorageError: the file cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise cannot_write(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    temporary = _temporary(path)
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        rename(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def rename(temporary: Path, path: Path) -> None:
    """Give a complete file on the disk its name.

    Raises:
        StorageError: it cannot be given.
    """
    try:
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def temporary_folder(folder: str | Path) -> Iterator[Path]:
    """A folder inside `folder` that is removed in the end with all that is in it.

    Raises:
        StorageError: it cannot be made.
    """
    path = _temporary(Path(folder) / "work")
    try:
        path.mkdir()
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")


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


def read_text(path: str | Path, limit: int = 1 << 22) -> str:
    """Read a UTF-8 file of at most `limit` bytes.

    Raises:
        StorageError: the file cannot be read, is longer, or is no such text.
    """
    with reading(path) as file:
        data = file.read(limit + 1)
        if len(data) > limit:
            raise ValueError(f"it is longer than {limit:,} bytes")
        return data.decode()


def remove_leftovers(folder: str | Path) -> None:
    """Remove temporary files and folders that killed processes left in `folder`, before writing there.

    One belongs to a killed process if none of its number runs, or if this process has the number by now.
    """
    with suppress(OSError):
        for entry in Path(folder).iterdir():
            match = _TEMPORARY.fullmatch(entry.name)
            if match and not _other_process_runs(int(match[1])):
                shutil.rmtree(entry, ignore_errors=True)
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


@contextmanager
def reading(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to read; whatever shows it to be unreadable or broken becomes a StorageError."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise StorageError(f"{printable(path)}: is not a file; check the path")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise StorageError(f"{printable(path)}: cannot be read: {describe(error)}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise StorageError(
            f"{printable(path)}: is broken: {printable(error)}; make or fetch it anew"
        ) from error
