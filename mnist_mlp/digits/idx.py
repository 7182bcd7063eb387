"""Arrays of bytes in the IDX format that MNIST was published in, plain or compressed, read without trust."""

import gzip
import math
import os
from io import FileIO

import numpy as np
from numpy.typing import NDArray

# Deflate never makes more than this of one byte (https://zlib.net/zlib_tech.html).
_LARGEST_RATIO = 1032
_PIECE = 2**20  # bytes that are unpacked at a time, beside those that are there already


def read_array(file: FileIO, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, see http://yann.lecun.com/exdb/mnist.

    Args:
        file: an unbuffered file on the disk, at its start.
        shape: of one item; () for labels, (28, 28) for images.

    Returns:
        (n, *shape), at least one item, read-only; a memory map if the file is not compressed.

    Raises:
        ValueError: the file is broken or holds something else.
        EOFError, OSError, zlib.error: a .gz file is damaged.
    """
    size = os.fstat(file.fileno()).st_size
    is_compressed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if is_compressed:
        return _read_compressed(file, size, shape)
    start = _header_size(shape)
    count = _count(file.read(start), shape)
    expected = start + count * math.prod(shape)
    if size != expected:
        raise ValueError(f"holds {size} bytes instead of the {expected} that it announces; fetch it anew")
    return np.asarray(np.memmap(file, np.uint8, "r", start, (count, *shape)))


def _read_compressed(file: FileIO, size: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    with gzip.GzipFile(fileobj=file) as stream:
        count = _count(stream.read(_header_size(shape)), shape)
        expected = count * math.prod(shape)
        if expected > _LARGEST_RATIO * size:
            raise ValueError(f"announces {expected} bytes, more than its {size} can hold; fetch it anew")
        data, found = np.empty(expected + 1, np.uint8), 0
        while piece := stream.readinto(data[found : found + _PIECE].data):
            found += piece
    if found != expected:
        fault = "more" if found > expected else "fewer"
        raise ValueError(f"holds {fault} than the {expected} bytes that it announces; fetch it anew")
    data.flags.writeable = False
    return data[:expected].reshape(count, *shape)


def _header_size(shape: tuple[int, ...]) -> int:
    return 4 + 4 * (1 + len(shape))


def _count(header: bytes, shape: tuple[int, ...]) -> int:
    """The items a header announces: two zeros, 8 for unsigned bytes, the number of dimensions, each size."""
    magic = bytes([0, 0, 8, 1 + len(shape)])
    if len(header) < _header_size(shape) or header[:4] != magic:
        kind = "images" if shape else "labels"
        raise ValueError(
            f"is not an IDX file of {kind}: starts with {header[:4].hex()} instead of {magic.hex()}"
        )
    count, *found = (int.from_bytes(header[at : at + 4], "big") for at in range(4, len(header), 4))
    if tuple(found) != shape:
        sizes = [" x ".join(map(str, numbers)) for numbers in (found, shape)]
        raise ValueError(f"holds images of {sizes[0]} pixels instead of {sizes[1]}")
    if not count:
        raise ValueError("holds no digits")
    return count
