import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp.files.arrays import OtherKindError, load_arrays, save_arrays
from mnist_mlp.files.atomic import StorageError

ARRAYS: dict[str, NDArray[Any]] = {
    "weight": np.array([[1.5, -2.0], [0.25, 4.0]], np.float32),
    "count": np.array(7, np.int64),
    "truth": np.array([True, False]),
    "none": np.empty((0, 3), np.uint8),
}
METADATA = {"name": "tutorial", "rate": 0.3, "sizes": [784, 200, 10], "nothing": None}


def file_of(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: object, shape: object, offsets: object) -> object:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}, "__metadata__": {"json": "{}"}}


def with_metadata(text: object) -> object:
    return {"__metadata__": {"json": text}}


def test_arrays_and_metadata_come_back(tmp_path: Path) -> None:
    path = tmp_path / "arrays.safetensors"
    save_arrays(path, ARRAYS, METADATA)
    text = rb"{\"name\":\"tutorial\",\"nothing\":null,\"rate\":0.3,\"sizes\":[784,200,10]}"  # sorted, in JSON
    assert b'"__metadata__":{"json":"%s"}' % text in path.read_bytes()
    arrays, metadata = load_arrays(path)
    assert metadata == METADATA
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].flags.writeable


def test_a_file_written_by_hand_is_read(tmp_path: Path) -> None:
    # 258 = 0x0102, 3 = 0x0003; the lower byte comes first
    path = tmp_path / "a"
    path.write_bytes(file_of(entry("U16", [2], [0, 4]), b"\x02\x01\x03\x00"))
    assert load_arrays(path)[0]["a"].tolist() == [258, 3]
    path.write_bytes(file_of(json.dumps(with_metadata('{"longest": 1}')).encode().ljust(2 * 2**20)))
    assert load_arrays(path) == ({}, {"longest": 1})


def test_transposed_arrays_keep_their_meaning(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a", {"t": ARRAYS["weight"].T}, {})
    np.testing.assert_array_equal(load_arrays(tmp_path / "a")[0]["t"], [[1.5, 0.25], [-2.0, 4.0]])


def test_what_could_not_be_read_back_is_not_saved(tmp_path: Path) -> None:
    for array in (np.array([None]), np.array([1j]), np.array(["text"])):
        with pytest.raises(TypeError, match=f"^cannot save o of dtype {array.dtype}$"):
            save_arrays(tmp_path / "a", {"o": array}, {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_arrays(tmp_path / "a", {}, {"loss": float("nan")})
    with pytest.raises(StorageError, match=r"a: cannot be written: its metadata is longer than 2 MB$"):
        save_arrays(tmp_path / "a", {}, {"text": "x" * 2_097_130})
    assert list(tmp_path.iterdir()) == []
    save_arrays(tmp_path / "a", {}, {"text": "x" * 2_097_000})
    assert len(load_arrays(tmp_path / "a")[1]["text"]) == 2_097_000


# Files from strangers

OTHER_KINDS = {
    "empty": b"",
    "a header of one byte": file_of(b"{"),
    "a header of more than 2 MB": file_of(json.dumps(with_metadata("{}")).encode().ljust(2 * 2**20 + 1)),
    "short": b"\x05\x00",
    "text": b"this is a photograph, not a model\n" * 100,
    "a header beyond the end": (100).to_bytes(8, "little") + b"{}",
    "a header of terabytes": (2**43).to_bytes(8, "little") + b"{}",
    "a header of 50 MB": file_of(b'{"a":' + b"[" * 50_000_000),
}
BROKEN = {
    "no JSON": file_of(b"{nothing}"),
    "a list": file_of([]),
    "another program's metadata": file_of({"__metadata__": {"format": "pt"}}),
    "more metadata": file_of({"__metadata__": {"json": "{}", "format": "pt"}}),
    "metadata of another type": file_of(with_metadata(5)),
    "metadata that is no object": file_of(with_metadata("[1]")),
    "NaN": file_of(with_metadata('{"rate": NaN}')),
    "infinity": file_of(with_metadata('{"rate": 1e999}')),
    "deep nesting in the header": file_of(b"[" * 100_000),
    "deep nesting in the metadata": file_of(with_metadata('{"a":' * 100_000)),
    "a long number": file_of(with_metadata('{"a": ' + "9" * 100_000 + "}")),
    "an array without header": file_of({"a": None, "__metadata__": {"json": "{}"}}),
    "a dtype that NumPy does not have": file_of(entry("BF16", [1], [0, 2]), b"xx"),
    "an array of terabytes": file_of(entry("F64", [2**40], [0, 2**43])),
    "a shape beyond its bytes": file_of(entry("U8", [4], [0, 2]), b"xx"),
    "too many bytes": file_of(entry("U8", [4], [0, 4]), b"xxxxx"),
}


REASONS = {
    "another program's metadata": "it was not written by mnist-mlp",
    "more metadata": "it was not written by mnist-mlp",
    "NaN": "its JSON holds the number NaN",
    "infinity": "its JSON holds the number 1e999",
    **dict.fromkeys(OTHER_KINDS, "it does not start as a safetensors file does"),
}


@pytest.mark.parametrize("case", [*OTHER_KINDS, *BROKEN])
def test_a_broken_file_is_named_in_one_line_and_little_memory(tmp_path: Path, case: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes({**OTHER_KINDS, **BROKEN}[case])
    tracemalloc.start()
    try:
        with pytest.raises(
            StorageError, match=r"l\.safetensors: is broken: .+; make or fetch it anew$"
        ) as caught:
            load_arrays(path)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    assert isinstance(caught.value, OtherKindError) == (case in OTHER_KINDS)
    assert REASONS.get(case, "") in str(caught.value)
    message = str(caught.value).removeprefix(str(path))
    assert message.isprintable()
    assert len(message) < 300
