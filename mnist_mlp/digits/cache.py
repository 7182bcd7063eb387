"""The cache beside a CSV file: facts about that file as JSON, then images and labels for NumPy to map."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.images import DataError, Digits
from mnist_mlp.files.atomic import atomic_write

_FACTS_SIZE = 1024  # the facts are filled up with spaces to so many bytes
_SAMPLES, _SAMPLE_SIZE = 32, 2**15

State = Mapping[str, int | str]


def state_of(file: FileIO) -> State:
    """What tells whether a file has changed, as far as can be told without reading all of it.

    Size and time alone can both be the same: where a clock is coarse, or a file is copied with its times. So
    the time of the last change of any kind counts too, and a digest of samples of the content.
    """
    status = os.fstat(file.fileno())
    digest = hashlib.sha256()
    for start in range(0, status.st_size, max(status.st_size // _SAMPLES, _SAMPLE_SIZE)):
        file.seek(start)
        digest.update(file.read(_SAMPLE_SIZE))
    return {
        "format": 2,
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "ctime_ns": status.st_ctime_ns,
        "samples": digest.hexdigest(),
    }


def write_cache(cache: Path, blocks: Iterable[NDArray[np.uint8]], facts: State) -> None:
    """Write a cache in little memory, however many digits there are.

    Args:
        cache: the file to write.
        blocks: rows (n, 785), label first.
        facts: the state of the CSV file and its `sha256`.

    Raises:
        StorageError: the cache cannot be written.
    """
    labels: list[bytes] = []
    with atomic_write(cache) as file:
        file.write(bytes(_FACTS_SIZE))
        for rows in blocks:
            file.write(rows[:, 1:].tobytes())
            labels.append(rows[:, 0].tobytes())
        count = file.write(b"".join(labels))
        file.seek(0)
        file.write(json.dumps({**facts, "count": count}).encode().ljust(_FACTS_SIZE))


def read_cache(cache: Path, name: str, state: State) -> Digits | None:
    """The digits of the CSV file `name`, or None if its cache is absent, broken or out of date."""
    with suppress(OSError, ValueError, DataError, RecursionError):
        with cache.open("rb") as file:
            facts = json.loads(file.read(_FACTS_SIZE))
            content = np.memmap(file, np.uint8, "r", _FACTS_SIZE)
        match facts:
            case {"sha256": str(sha256), "count": int(count)} if re.fullmatch("[0-9a-f]{64}", sha256):
                if facts == {**state, "sha256": sha256, "count": count}:
                    images, labels = np.split(np.asarray(content), [784 * count])
                    return Digits(images.reshape(count, 28, 28), labels, {name: sha256})
    return None
