import gzip
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp.digits.idx import read_array
from mnist_mlp.digits.images import DataError
from mnist_mlp.digits.mnist import read_idx

ARCHIVES = Path(__file__).parents[2] / "data"

LABELS = b"\x00\x00\x08\x01" + b"\x00\x00\x00\x03" + b"\x05\x00\x09"
packed = partial(gzip.compress, mtime=0)  # the same bytes in both processes that the tests run in
BOMB = packed(LABELS[:4] + b"\xff\xff\xff\xff")
IMAGE_HEADER = b"\x00\x00\x08\x03" + b"\x00\x00\x00\x01" + b"\x00\x00\x00\x1c" + b"\x00\x00\x00\x1c"


def read(folder: Path, content: bytes, shape: tuple[int, ...] = ()) -> NDArray[np.uint8]:
    path = folder / "file"
    path.write_bytes(content)
    with path.open("rb", buffering=0) as file:
        return read_array(file, shape)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_written_by_hand(tmp_path: Path, pack) -> None:  # type: ignore[no-untyped-def]
    assert read(tmp_path, pack(LABELS)).tolist() == [5, 0, 9]
    image = np.arange(784).astype(np.uint8)
    images = read(tmp_path, pack(IMAGE_HEADER + image.tobytes()), (28, 28))
    assert images.shape == (1, 28, 28)
    np.testing.assert_array_equal(images[0], image.reshape(28, 28))
    zeros = read(
        tmp_path, pack(LABELS[:4] + b"\x00\x10\x00\x00" + bytes(2**20))
    )  # packed 1029 times as small
    np.testing.assert_array_equal(zeros, np.zeros(2**20))
    assert not zeros.flags.writeable


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x00", r"not an IDX file of labels: starts with 0000 instead of 00000801"),
        (LABELS[:6], r"not an IDX file of labels"),
        (b"label,1x1\n5,0\n", r"starts with 6c616265 instead of 00000801"),
        (IMAGE_HEADER + bytes(784), r"not an IDX file of labels: starts with 00000803 instead of 00000801"),
        (LABELS.replace(b"\x08", b"\x0d", 1), r"starts with 00000d01 instead of 00000801"),
        (b"\1" + LABELS[1:], r"starts with 01000801 instead of 00000801"),
        (LABELS[:-1], r"holds 10 bytes instead of the 11 that it announces; fetch it anew"),
        (LABELS + b"\x00", r"holds 12 bytes instead of the 11 that it announces"),
        (LABELS[:4] + b"\xff\xff\xff\xff" + b"\x05", r"holds 9 bytes instead of the 4294967303"),
        (LABELS[:4] + bytes(4), r"holds no digits"),
        (packed(LABELS[:-1]), r"holds fewer than the 3 bytes that it announces"),
        (packed(LABELS + b"\x00"), r"holds more than the 3 bytes that it announces"),
        (
            packed(LABELS[:5] + b"\x10\x00\x00" + bytes(2**20 + 1)),
            r"holds more than the 1048576",
        ),
        (packed(b"<html>"), r"not an IDX file of labels"),
        (BOMB, f"announces 4294967295 bytes, more than its {len(BOMB)} can hold; fetch it anew"),
    ],
)
def test_broken_labels(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        packed(LABELS)[:-9],
        packed(LABELS)[:5],
        packed(LABELS)[:-8] + bytes(8),
        packed(LABELS)[:10] + b"\xff" * 20,
        packed(LABELS) + b"trailing",
    ],
)
def test_damaged_archives(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"labels\.gz: is a damaged \.gz file; copy or fetch it anew"):
        read_idx(ARCHIVES / "t10k-images-idx3-ubyte.gz", tmp_path / "labels.gz")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_images_of_another_size(tmp_path: Path, pack) -> None:  # type: ignore[no-untyped-def]
    for height, width in ((32, 28), (14, 56)):
        header = IMAGE_HEADER[:8] + bytes([0, 0, 0, height, 0, 0, 0, width])
        with pytest.raises(
            ValueError, match=rf"^holds images of {height} x {width} pixels instead of 28 x 28$"
        ):
            read(tmp_path, pack(header + bytes(height * width)), (28, 28))
    with pytest.raises(
        ValueError, match=r"^is not an IDX file of images: starts with 00000801 instead of 00000803$"
    ):
        read(tmp_path, pack(LABELS), (28, 28))
