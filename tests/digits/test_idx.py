import gzip
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_mlp.digits.idx import read_array
from mnist_mlp.digits.images import DataError
from mnist_mlp.digits.mnist import read_idx

ARCHIVES = Path(__file__).parents[2] / "data"

LABELS = b"\x00\x00\x08\x01" + b"\x00\x00\x00\x03" + b"\x05\x00\x09"
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
    assert images[0, 2, 3] == 2 * 28 + 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x00", r"not an IDX file of labels: starts with 0000 instead of 00000801"),
        (LABELS[:6], r"not an IDX file of labels"),
        (b"label,1x1\n5,0\n", r"starts with 6c616265 instead of 00000801"),
        (IMAGE_HEADER + bytes(784), r"not an IDX file of labels: starts with 00000803 instead of 00000801"),
        (LABELS.replace(b"\x08", b"\x0d", 1), r"starts with 00000d01 instead of 00000801"),
        (LABELS[:-1], r"holds 10 bytes instead of the 11 that it announces; fetch it anew"),
        (LABELS + b"\x00", r"holds 12 bytes instead of the 11 that it announces"),
        (LABELS[:4] + b"\xff\xff\xff\xff" + b"\x05", r"holds 9 bytes instead of the 4294967303"),
        (LABELS[:4] + bytes(4), r"holds no digits"),
        (gzip.compress(LABELS[:-1]), r"holds fewer than the 3 bytes that it announces"),
        (gzip.compress(LABELS + b"\x00"), r"holds more than the 3 bytes that it announces"),
        (gzip.compress(b"<html>"), r"not an IDX file of labels"),
        (
            gzip.compress(LABELS[:4] + b"\xff\xff\xff\xff"),
            r"announces 4294967295 bytes, more than its \d+ can hold",
        ),
    ],
)
def test_broken_labels(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(LABELS)[:-9],
        gzip.compress(LABELS)[:5],
        gzip.compress(LABELS)[:-8] + bytes(8),
        gzip.compress(LABELS)[:10] + b"\xff" * 20,
        gzip.compress(LABELS) + b"trailing",
    ],
)
def test_damaged_archives(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"labels\.gz: is a damaged \.gz file; copy or fetch it anew"):
        read_idx(ARCHIVES / "t10k-images-idx3-ubyte.gz", tmp_path / "labels.gz")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_images_of_another_size(tmp_path: Path, pack) -> None:  # type: ignore[no-untyped-def]
    header = IMAGE_HEADER.replace(b"\x1c", b"\x20", 1)
    with pytest.raises(ValueError, match="holds images of 32 x 28 pixels instead of 28 x 28"):
        read(tmp_path, pack(header + bytes(32 * 28)), (28, 28))


@pytest.mark.parametrize(("announced", "fault"), [(100_000, "more"), (160_000, "fewer")])
def test_an_expanding_archive_is_refused_before_much_is_allocated(
    tmp_path: Path, announced: int, fault: str
) -> None:
    # 150,000 nearly empty images: 118 MB that compress to 200 kB and announce too few or too many
    header = IMAGE_HEADER[:4] + announced.to_bytes(4, "big") + IMAGE_HEADER[8:]
    with gzip.open(tmp_path / "packed", "wb", 6) as file:
        file.write(header + np.random.default_rng(1).bytes(39_200))
        for _ in range(150):
            file.write(bytes(783_739))
    content = (tmp_path / "packed").read_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(
            ValueError, match=f"holds {fault} than the {announced * 784} bytes that it announces"
        ):
            read(tmp_path, content, (28, 28))
        assert tracemalloc.get_traced_memory()[1] < 2**26 + 4 * len(content)
    finally:
        tracemalloc.stop()


def test_a_large_honest_archive_is_read_after_a_first_look(tmp_path: Path) -> None:
    header = IMAGE_HEADER[:4] + (90_000).to_bytes(4, "big") + IMAGE_HEADER[8:]  # 71 MB
    images = read(tmp_path, gzip.compress(header + bytes(90_000 * 784 - 1) + b"\x07"), (28, 28))
    assert images.shape == (90_000, 28, 28)
    assert (images[-1, -1, -1], images.sum()) == (7, 7)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_files_are_refused_or_read(scratch: Path, data: st.DataObject) -> None:
    shape: tuple[int, ...] = data.draw(st.sampled_from([(), (28, 28)]))
    content = bytearray(IMAGE_HEADER + bytes(range(196)) * 4 if shape else LABELS)
    if data.draw(st.booleans()):
        content = bytearray(gzip.compress(content))
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content)))
        content[where : where + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    try:
        array = read(scratch, bytes(content), shape)
    except (ValueError, EOFError, OSError, zlib.error):
        return
    assert array.dtype == np.uint8
    assert array.shape[1:] == shape
