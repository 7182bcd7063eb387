"""What reaches the disk, and how much of it may."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def watch_disk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows by what is synchronized and renamed from now on."""
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        events.append(
            "sync folder" if stat.S_ISDIR(status.st_mode) else f"sync file of {status.st_size} bytes"
        )
        fsync(descriptor)

    def watched_replace(source: Path, target: Path) -> None:
        events.append(f"rename to {Path(target).name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    return events


def next_descriptor() -> int:
    """The number of the next file to be opened, which is larger while others are open."""
    descriptor = os.dup(0)
    os.close(descriptor)
    return descriptor


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let every file be as if the disk were full after so many bytes of it."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
