"""Hostile files of each kind, and Hypothesis strategies that change valid ones."""

import gzip
import io
import json
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import NDArray
from PIL import Image

_VALUES: SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, -1, 0, 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e-320]),
    st.sampled_from([1e308, -1e308, "", "\x1b[31m" * 40, "\udcff", "a" * 300, "../../x", "NaN", "sigmoid"]),
    st.sampled_from([[], {}, [[]], {"a": {}}]),
    st.integers() | st.floats() | st.text(max_size=20),
)
_PIECES = [
    *(b"\0", b"\xff", b"\n", b"\r", b",", b";", b'"', b" ", b".0", b"0.5", b"-1", b"256"),
    *(b"1e999", b"NaN", b"Infinity", b"null"),
    *(b"\x1b[31m", b"\\ud800", b"\xff" * 8, b"\0" * 8, b"\x7f" + b"\xff" * 3),
    *(b"[" * 3000, b'{"a":' * 2000, b"9" * 5000),
]


@st.composite
def changed_bytes(draw: DrawFn, data: bytes) -> bytes:
    """A file with bytes changed, cut out, repeated or put in, at a few places."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        size = len(changed)
        start = draw(st.integers(0, min(256, size)) | st.integers(0, size))  # headers are at the start
        end = start + draw(st.integers(0, 20))
        repeated = bytes(changed[start:end]) * draw(st.integers(0, 20))
        changed[start:end] = draw(st.just(repeated) | st.binary(max_size=20) | st.sampled_from(_PIECES))
    if draw(st.integers(0, 3)) == 0:
        del changed[draw(st.integers(0, len(changed))) :]
    return bytes(changed)


@st.composite
def _changed_value(draw: DrawFn, value: Any) -> Any:
    """A value with something replaced, dropped or repeated in its nested lists and objects."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 9)) == 0:
        return draw(_VALUES)
    changed = value.copy()
    key = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
    match draw(st.integers(0, 7)):
        case 0:
            del changed[key]
        case 1 if isinstance(changed, dict):
            changed[str(draw(_VALUES))] = changed[key]
        case 1 if isinstance(changed, list):
            changed.insert(key, changed[key])
        case _:
            changed[key] = draw(_changed_value(changed[key]))
    return changed


def changed_json(data: bytes | str) -> SearchStrategy[bytes]:
    """A JSON text with a value changed."""
    return _changed_value(json.loads(data)).map(lambda value: json.dumps(value).encode())


@st.composite
def changed_toml(draw: DrawFn, data: bytes) -> bytes:
    """A TOML text with another value for a setting."""
    lines = data.decode().splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    lines[at] = f"{lines[at].split(' = ')[0]} = {json.dumps(draw(_VALUES))}"
    return "\n".join(lines).encode()


@st.composite
def changed_arrays(draw: DrawFn, data: bytes) -> bytes:
    """A safetensors file with a value changed in its header, in its metadata or in its arrays."""
    length = int.from_bytes(data[:8], "little")
    header, arrays = json.loads(data[8 : 8 + length]), data[8 + length :]
    match draw(st.integers(0, 2)):
        case 0:
            header = draw(_changed_value(header))
        case 1:
            header["__metadata__"]["json"] = draw(changed_json(header["__metadata__"]["json"])).decode()
        case _:
            numbers = np.frombuffer(arrays, np.float32).copy()
            places = draw(st.lists(st.integers(0, len(numbers) - 1), min_size=1, max_size=3))
            numbers[places] = draw(st.sampled_from([np.nan, np.inf, 3e38, -3e38, 1e-40, 0]))
            arrays = numbers.tobytes()
    return safetensors(header, arrays)


def changed_gzip(data: bytes) -> SearchStrategy[bytes]:
    """A compressed file with bytes changed before they were compressed."""
    return changed_bytes(gzip.decompress(data)).map(lambda changed: gzip.compress(changed, 1))


@st.composite
def changed_csv(draw: DrawFn, data: bytes) -> bytes:
    """A CSV file with a few numbers # written in other ways, good and bad, and perhaps other separators."""
    cells = data.split(b",")
    for place in draw(st.lists(st.integers(0, len(cells) - 1), max_size=3)):
        form = draw(st.sampled_from([b"00#", b" #", b"#.0", b'"#"', b"+#", b"#_0", b"-#", b""]))
        cells[place] = form.replace(b"#", cells[place])
    return draw(st.sampled_from([b",", b";", b"\t"])).join(cells)


def idx(shape: tuple[int, ...], kind: int = 8) -> bytes:
    """The header of an IDX file; kind 8 is unsigned bytes."""
    return bytes([0, 0, kind, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)


def safetensors(header: object, data: bytes = b"") -> bytes:
    """A safetensors file of a header and the bytes of its arrays."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def picture(pixels: NDArray[np.uint8], kind: str) -> bytes:
    """A picture file, PNG or JPEG, of gray levels (h, w)."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def hostile_idx() -> list[bytes]:
    shapes = ((2**32 - 1, 28, 28), (2**32 - 1, 2**32 - 1, 2**32 - 1), (0, 28, 28))
    return [b"", *map(idx, shapes), idx((1, 28, 28), 0x0D) + bytes(784), idx((3, 27, 28)) + bytes(2268)]


def hostile_gzip() -> list[bytes]:
    headers = (b"", idx((2**32 - 1, 28, 28)), idx((20, 28, 28)), idx((80_000, 28, 28)))
    bombs = [gzip.compress(header + bytes(100 << 20), 1) for header in headers]
    return [*map(gzip.compress, hostile_idx()), *bombs, gzip.compress(b"") * 100_000, gzip.compress(bombs[0])]


def hostile_csv() -> list[bytes]:
    row = b",".join([b"1"] * 785) + b"\n"
    return [
        *(b"", b"\n" * 3_000_000, b"," * 3_000_000, b"9" * 3_000_000, b'"' * 3_000_000),
        *(b"<html>" + bytes(10_000), b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1000, b"\xef\xbb\xbf" * 1000),
        *(b"\xff\xfe1\0,\0", b"1," * 784 + b"\x1b[2J\n", row * 300 + b"0" * 100_000),
        *((b" " * 300).join([b"1,"] * 784) + b"1\n", gzip.compress(bytes(100 << 20), 1)),
    ]


def hostile_pictures() -> list[bytes]:
    noise = np.random.default_rng(1).integers(0, 256, (1000, 1000), np.uint8)
    large = picture(np.zeros((8000, 8000), np.uint8), "PNG")
    too_large = large.replace((8000).to_bytes(4, "big"), b"\x7f\xff\xff\xff")
    return [b"", b"GIF89a", large, too_large, large[:5000], picture(noise, "PNG"), picture(noise, "JPEG")]
