"""Arrays and one JSON text in a safetensors file, read without trust."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from mnist_mlp.errors import printable
from mnist_mlp.files.atomic import StorageError, atomic_write, reading, write_bytes

# The dtypes of the safetensors format that NumPy knows too; the format is always little-endian.
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
}
_CODES = {np.dtype(name): code for code, name in _DTYPES.items()}

# Parsed JSON takes up to about 25 times the room of its text, so this much stays below 64 MB.
_LONGEST_HEADER = 2 * 2**20
# What `new_arrays` keeps free at the start of a file, since shapes are known only at the end.
_HEADER_ROOM = 4096


class OtherKindError(StorageError):
    """A file that is broken from its first bytes on, likely since it is of another kind."""


def save_arrays(path: str | Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write arrays and plain values to a safetensors file: the same content gives the same bytes.

    The file's own metadata is one key, `json`, since several are written in random order.

    Raises:
        StorageError: the file cannot be written.
    """
    for name, array in arrays.items():
        if array.dtype not in _CODES:
            raise TypeError(f"cannot save {name} of dtype {array.dtype}")
    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    data = safetensors.numpy.save(ordered, {"json": _to_json(metadata)})
    if int.from_bytes(data[:8], "little") > _LONGEST_HEADER:
        raise StorageError(f"{printable(path)}: cannot be written: its metadata is longer than 2 MB")
    write_bytes(path, data)


def load_arrays(path: str | Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `save_arrays` or `new_arrays` wrote.

    Returns:
        The arrays by name, in memory and writable, and the metadata.

    Raises:
        StorageError: the file cannot be read or is broken.
    """
    with reading(path) as file:
        header, _ = _read_header(file)
        data = np.fromfile(file, np.uint8)
        return _arrays(header, data), _metadata(header)


def map_arrays(path: str | Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Like `load_arrays`, but the arrays are read-only and stay on the disk until they are looked at.

    Raises:
        StorageError: the file cannot be read or is broken.
    """
    with reading(path) as file:
        header, start = _read_header(file)
        data = np.asarray(np.memmap(file, np.uint8, mode="r", offset=start))
        return _arrays(header, data), _metadata(header)


def _read_header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The JSON header (a length of 8 bytes, then the text) and the position where the arrays start."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
        fault = "it does not start as a safetensors file does"
        raise OtherKindError(f"{printable(file.name)}: is broken: {fault}; make or fetch it anew")
    return _from_json(file.read(length)), 8 + length


def _metadata(header: Mapping[str, Any]) -> dict[str, Any]:
    match header:
        case {"__metadata__": {"json": str(text), **others}} if not others:
            return _from_json(text)
    raise ValueError("it was not written by mnist-mlp")


def _arrays(header: Mapping[str, Any], data: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Views of `data`, which they must fill without gap or overlap, as the format demands."""
    places = [_place(name, entry) for name, entry in header.items() if name != "__metadata__"]
    places.sort(key=lambda place: (place.start, place.stop))
    position = 0
    for place in places:
        if place.start != position or place.stop - place.start != place.size:
            raise ValueError(f"array {printable(place.name, 60)} is not where its header says")
        position = place.stop
    if position != data.size:
        raise ValueError(f"it should hold {position} bytes of arrays and holds {data.size}")
    return {p.name: data[p.start : p.stop].view(p.dtype).reshape(p.shape) for p in places}


class _Place(NamedTuple):
    """Where an array lies, in bytes from where the arrays start."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def size(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def _place(name: str, entry: object) -> _Place:
    match entry:
        case {"dtype": str(code), "shape": [*shape], "data_offsets": [start, stop]} if code in _DTYPES:
            numbers = [*shape, start, stop]
            if len(shape) <= 8 and all(type(n) is int and 0 <= n < 2**60 for n in numbers):
                return _Place(name, np.dtype(_DTYPES[code]), tuple(shape), start, stop)
    raise ValueError(f"array {printable(name, 60)} has a header that makes no sense")


def _to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def _from_json(text: str | bytes) -> dict[str, Any]:
    """One JSON object of finite numbers.

    Raises:
        ValueError: the text is something else.
    """
    value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    if not isinstance(value, dict):
        raise ValueError("its JSON is not an object")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"its JSON holds the number {printable(text, 60)}")
    return number


class ArrayWriter:
    """Arrays written piece by piece, one array after the other, so that they may be larger than memory."""

    def __init__(self, file: BinaryIO) -> None:
        self.metadata: dict[str, Any] = {}
        self._file = file
        self._places: list[_Place] = []
        file.write(bytes(_HEADER_ROOM))

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Add rows to the array `name`, which is either new or the last one written to.

        Args:
            name: the array's name.
            rows: (n, ...), each time of the same dtype and the same shape behind n.
        """
        last = self._places[-1] if self._places else None
        if last and last.name == name:
            if (last.dtype, last.shape[1:]) != (rows.dtype, rows.shape[1:]):
                raise ValueError(
                    f"{name}: cannot append {rows.dtype} {rows.shape} to {last.dtype} {last.shape}"
                )
            self._places.pop()
            place = last._replace(
                shape=(len(rows) + last.shape[0], *last.shape[1:]), stop=last.stop + rows.nbytes
            )
        else:
            start = last.stop if last else 0
            place = _Place(name, rows.dtype, rows.shape, start, start + rows.nbytes)
        self._places.append(place)
        self._file.write(np.ascontiguousarray(rows).data)

    def write_header(self) -> None:
        """Fill in the room left for the header, now that the shapes are known."""
        header: dict[str, Any] = {
            place.name: {
                "dtype": _CODES[place.dtype],
                "shape": place.shape,
                "data_offsets": (place.start, place.stop),
            }
            for place in self._places
        }
        header["__metadata__"] = {"json": _to_json(self.metadata)}
        text = _to_json(header).encode().ljust(_HEADER_ROOM - 8)
        if len(text) != _HEADER_ROOM - 8:
            raise ValueError(f"a header of {len(text)} bytes does not fit into {_HEADER_ROOM - 8}")
        self._file.seek(0)
        self._file.write(len(text).to_bytes(8, "little") + text)


@contextmanager
def new_arrays(path: str | Path) -> Iterator[ArrayWriter]:
    """Write a safetensors file in pieces; like that of `save_arrays`, it takes its name once complete.

    Raises:
        StorageError: the file cannot be written.
    """
    with atomic_write(path) as file:
        writer = ArrayWriter(file)
        yield writer
        writer.write_header()
