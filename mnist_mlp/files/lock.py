"""One process at a time in a folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_mlp.errors import printable
from mnist_mlp.files.atomic import StorageError


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Keep other processes that ask for the same folder out of it, at most until this process ends.

    A no-op on file systems without locking.

    Raises:
        StorageError: another process has the folder.
    """
    lock = None
    try:
        lock = _lock(Path(folder))
    except (BlockingIOError, FileExistsError):
        raise StorageError(
            f"{printable(folder)}: is in use by another process; wait for it, or choose another folder"
        ) from None
    except OSError:
        pass
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


if sys.platform == "win32":

    def _lock(folder: Path) -> int:
        """Make a file that Windows removes when it is closed, by the end of the process at the latest."""
        return os.open(folder / ".lock", os.O_CREAT | os.O_EXCL | os.O_TEMPORARY)

else:
    import fcntl

    def _lock(folder: Path) -> int:
        """Lock the folder itself, which leaves nothing behind."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor
