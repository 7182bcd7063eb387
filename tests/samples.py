"""Digits of random pixels, and files of them."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.images import Digits


def random_digits(count: int, seed: int = 1) -> Digits:
    """Digits of random pixels and labels."""
    rng = np.random.default_rng(seed)
    return Digits(rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count, np.uint8))


def assert_same(found: Digits, expected: Digits) -> None:
    """Check that two sets of digits have the same images and labels."""
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """The content of an IDX file: two zeros, 8 for uint8, the number of dimensions, their sizes, the data."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_idx(digits: Digits, folder: Path, prefix: str = "train", end: str = "") -> tuple[Path, Path]:
    """Write the IDX files of images and labels, compressed if their names are to end with .gz."""
    paths = folder / f"{prefix}-images-idx3-ubyte{end}", folder / f"{prefix}-labels-idx1-ubyte{end}"
    for path, array in zip(paths, (digits.images, digits.labels), strict=True):
        content = idx_bytes(array)
        path.write_bytes(gzip.compress(content) if end else content)
    return paths
