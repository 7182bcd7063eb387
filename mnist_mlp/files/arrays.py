"""Arrays and one JSON text in a safetensors file, read without trust."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from mnist_mlp.errors import printable
from mnist_mlp.files.atomic import StorageError, reading, write_bytes

# Parsed JSON takes up to about 25 times the memory of its text, so this much stays below 64 MB.
_LONGEST_HEADER = 2 * 2**20


class OtherKindError(StorageError):
    """A file that does not even start as a safetensors file does, likely since it is of another kind."""


def save_arrays(path: str | Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write arrays and plain values to a safetensors file: the same content gives the same bytes.

    The file's own metadata is one key, `json`, since several are written in random order.

    Raises:
        StorageError: the file cannot be written.
        TypeError: the dtype of an array is none of the format's.
        ValueError: the metadata holds a number that is not finite.
    """
    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    for name, array in ordered.items():
        if array.dtype.kind not in "biuf":
            raise TypeError(f"cannot save {name} of dtype {array.dtype}")
    text = json.dumps(metadata, sort_keys=True, allow_nan=False, separators=(",", ":"))
    data = safetensors.numpy.save(ordered, {"json": text})
    if int.from_bytes(data[:8], "little") > _LONGEST_HEADER:
        raise StorageError(f"{printable(path)}: cannot be written: its metadata is longer than 2 MB")
    write_bytes(path, data)


def load_arrays(path: str | Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `save_arrays` wrote.

    Whether the arrays' names, shapes and values make sense is left to the caller.

    Returns:
        The arrays by name, in memory and writable, and the metadata.

    Raises:
        OtherKindError: the file does not start as a safetensors file does.
        StorageError: the file cannot be read or is broken.
    """
    with reading(path) as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        header = file.read(length) if length <= _LONGEST_HEADER else b""
        if len(header) < max(2, length):
            fault = "it does not start as a safetensors file does"
            raise OtherKindError(f"{printable(path)}: is broken: {fault}; make or fetch it anew")
        try:
            arrays = safetensors.numpy.load(start + header + file.read())
        except (SafetensorError, KeyError) as error:  # KeyError: a dtype that NumPy does not have
            raise ValueError(error) from error
        return arrays, _metadata(json.loads(header))


def _metadata(header: Mapping[str, Any]) -> dict[str, Any]:
    match header.get("__metadata__"):
        case {"json": str(text), **others} if not others:
            value = json.loads(text, parse_constant=_finite, parse_float=_finite)
            if isinstance(value, dict):
                return value
    raise ValueError("it was not written by mnist-mlp")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"its JSON holds the number {printable(text, 60)}")
    return number
