"""The cache beside a CSV file: facts as JSON, then images and labels for NumPy to map."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.images import DataError, Digits
from mnist_mlp.files.atomic import atomic_write

_FACTS_SIZE = 256  # the facts are filled up with spaces to so many bytes
_FORMAT = 3


def write_cache(cache: Path, blocks: Iterable[NDArray[np.uint8]], sha256: Callable[[], str]) -> None:
    """Write a cache in little memory, however many digits there are.

    Args:
        cache: the file to write.
        blocks: rows (n, 785), label first.
        sha256: gives, after the last block, that of the CSV file's content, by which it is known again.

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
        facts = {"format": _FORMAT, "sha256": sha256(), "count": count}
        file.write(json.dumps(facts).encode().ljust(_FACTS_SIZE))


def read_cache(cache: Path, name: str, sha256: str) -> Digits | None:
    """The digits of the CSV file `name`, or None if its cache is absent, broken or of other content."""
    with suppress(OSError, ValueError, DataError):
        with cache.open("rb") as file:
            facts = json.loads(file.read(_FACTS_SIZE))
            content = np.memmap(file, np.uint8, "r", _FACTS_SIZE)
        count = len(content) // 785
        if facts == {"format": _FORMAT, "sha256": sha256, "count": count}:
            images, labels = np.split(np.asarray(content), [784 * count])
            return Digits(images.reshape(count, 28, 28), labels, {name: sha256})
    return None
