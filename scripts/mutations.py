"""Hostile files, and what can be done to valid ones, for fuzz.py."""

import gzip
import io
import json
from typing import Any

import numpy as np

Rng = np.random.Generator
VALUES: list[Any] = [
    *(None, True, -1, 0, 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e-320, 1e308, -1e308),
    *("", "\x1b[31m" * 40, "\udcff", "a" * 300, "../../x", "NaN", "sigmoid", "F32", [], {}, [[]], {"a": {}}),
]
PIECES = [
    *(
        b"\0",
        b"\xff",
        b"\n",
        b"\r\n",
        b",",
        b"\x1b[31m",
        b"-1",
        b"256",
        b"1e999",
        b"NaN",
        b"Infinity",
        b"null",
    ),
    *(
        b"[" * 3000,
        b'{"a":' * 2000,
        b"9" * 5000,
        b"\xff" * 8,
        b"\0" * 8,
        b"\x7f" + b"\xff" * 3,
        b'"',
        b"\\ud800",
    ),
]

# Ways to write a number in a cell of a CSV file.
ALLOWED = [b"#", b"#", b"#", b"0#", b"000#", b" #", b"#\t", b"\v#\r"]
REFUSED = [b"", b"256", b"999", b"-#", b"#.0", b"1#00", b"#_0", b"0x#", b"\xa0#", b'"#"']


def mutate_bytes(data: bytes, rng: Rng) -> bytes:
    """Change, cut out, repeat or put in bytes, at a few places."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(changed) + 1))
        if rng.random() < 0.5:  # headers are at the start
            at = min(at, int(rng.integers(256)))
        end = min(len(changed), at + int(rng.geometric(0.1)))
        match int(rng.integers(6)):
            case 0:
                changed[at:end] = rng.bytes(end - at)
            case 1:
                del changed[at:end]
            case 2:
                changed[at:at] = changed[at:end] * int(rng.integers(1, 20))
            case 3:
                changed[at:at] = PIECES[rng.integers(len(PIECES))]
            case 4:
                changed[at:end] = PIECES[rng.integers(len(PIECES))]
            case _:
                del changed[at + int(rng.integers(1 << 12)) :]
    return bytes(changed)


def mutate_csv(data: bytes, rng: Rng) -> bytes:
    """Write the lines in another way that the form allows or nearly allows, or change bytes."""
    if rng.random() < 0.4:
        return mutate_bytes(data, rng)
    lines = [line.split(b",") for line in data.splitlines()]
    lines = lines[: rng.integers(1, len(lines) + 1)]
    if rng.random() < 0.1:  # longer than the block that is parsed at once
        lines = [line.copy() for line in lines * int(200 / len(lines))]
    for _ in range(rng.integers(4)):
        cells = lines[rng.integers(len(lines))]
        at = 0 if rng.random() < 0.2 else int(rng.integers(len(cells)))
        largest = 9 if at == 0 else 255
        number = b"%d" % rng.integers(largest + 1)
        forms = ALLOWED if rng.random() < 0.8 else REFUSED
        cells[at] = forms[rng.integers(len(forms))].replace(b"#", number)
    texts = [b",".join(cells) for cells in lines]
    for _ in range(rng.integers(3)):
        texts.insert(int(rng.integers(len(texts) + 1)), (b"", b" ", b"\t ", b"\r")[rng.integers(4)])
    if rng.random() < 0.3:  # one in ten ends too early, one in ten names a column by a number
        names = [b"label", *(b"pixel%d" % i for i in range(783 if rng.random() < 0.1 else 784))]
        if rng.random() < 0.1:
            names[rng.integers(len(names))] = b"7"
        texts.insert(0, b",".join(names))
    end = (b"\n", b"\n", b"\r\n", b" \n")[rng.integers(4)]
    mark = b"\xef\xbb\xbf" if rng.random() < 0.2 else b""
    return mark + end.join(texts) + (end if rng.random() < 0.7 else b"")


def mutate_value(value: Any, rng: Rng) -> Any:
    """Replace, drop or repeat something somewhere in nested lists and objects."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
        return VALUES[rng.integers(len(VALUES))]
    changed = value.copy()
    keys = list(changed) if isinstance(changed, dict) else list(range(len(changed)))
    key = keys[rng.integers(len(keys))]
    match int(rng.integers(8)):
        case 0:
            del changed[key]
        case 1 if isinstance(changed, dict):
            changed[str(VALUES[rng.integers(len(VALUES))])] = changed[key]
        case 1 if isinstance(changed, list):
            changed.insert(key, changed[key])
        case _:
            changed[key] = mutate_value(changed[key], rng)
    return changed


def mutate_json(data: bytes, rng: Rng) -> bytes:
    """Change a value in a JSON text, or its bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(data, rng)
    value = json.loads(data)
    for _ in range(rng.integers(1, 3)):
        value = mutate_value(value, rng)
    return json.dumps(value).encode()


def mutate_arrays(data: bytes, rng: Rng) -> bytes:
    """Change a safetensors file: a value of its header, of its metadata or of its arrays, or its bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(data, rng)
    length = int.from_bytes(data[:8], "little")
    header, arrays = json.loads(data[8 : 8 + length]), data[8 + length :]
    match int(rng.integers(3)):
        case 0:
            header = mutate_value(header, rng)
        case 1:
            text = header["__metadata__"]["json"].encode()
            header["__metadata__"]["json"] = mutate_json(text, rng).decode("utf-8", "replace")
        case _:
            numbers = np.frombuffer(arrays[: len(arrays) // 4 * 4], np.float32).copy()
            numbers[rng.integers(len(numbers), size=3)] = rng.choice([np.nan, np.inf, 3e38, -3e38, 1e-40, 0])
            arrays = numbers.tobytes()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + arrays


def mutate_gzip(data: bytes, rng: Rng) -> bytes:
    """Change what is compressed, or the compressed bytes."""
    if rng.random() < 0.5:
        return mutate_bytes(data, rng)
    return gzip.compress(mutate_bytes(gzip.decompress(data), rng), 1)


def mutate_toml(data: bytes, rng: Rng) -> bytes:
    """Give a setting another value, or change bytes."""
    if rng.random() < 0.5:
        return mutate_bytes(data, rng)
    lines = data.decode().splitlines()
    at = int(rng.integers(len(lines)))
    value = VALUES[rng.integers(len(VALUES))]
    lines[at] = f"{lines[at].split(' = ')[0]} = {json.dumps(value)}"
    return "\n".join(lines).encode()


def header_of_arrays(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def hostile_arrays() -> list[bytes]:
    huge = {"dtype": "F32", "shape": [2**20, 2**20], "data_offsets": [0, 2**42]}
    empty = {"dtype": "F32", "shape": [0, 2**59], "data_offsets": [0, 0]}
    return [
        b"",
        b"\xff" * 8,
        (2**62).to_bytes(8, "little") + b"{}",
        header_of_arrays({"layers.0.weight": huge, "__metadata__": {"json": "{}"}}),
        header_of_arrays({"layers.0.weight": empty, "__metadata__": {"json": '{"activations":["sigmoid"]}'}}),
        header_of_arrays({"__metadata__": {"json": "[" * 100_000}}),
        header_of_arrays({"__metadata__": {"json": '{"a":' + "9" * 100_000 + "}"}}),
        header_of_arrays({str(i): empty for i in range(20_000)}),
        b"PK\x03\x04" + bytes(1000),
        b"\x80\x04cos\nsystem\n(S'touch owned'\ntR.",
    ]


def hostile_json() -> list[bytes]:
    return [
        b"",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"9" * 100_000,
        b'{"confusion": 1e999}',
        b"[" + b"{}," * 600_000 + b"{}]",
        b"\xff\xfe" + b"{\0}\0",
        b"\xef\xbb\xbf{}",
    ]


def idx(shape: tuple[int, ...], kind: int = 8) -> bytes:
    return bytes([0, 0, kind, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)


def hostile_idx() -> list[bytes]:
    return [
        b"",
        idx((2**32 - 1, 28, 28)),
        idx((2**32 - 1, 2**32 - 1, 2**32 - 1)),
        idx((1, 28, 28), 0x0D) + bytes(784),
        idx((0, 28, 28)),
        idx((3, 27, 28)) + bytes(3 * 27 * 28),
    ]


def gzip_bomb(megabytes: int, header: bytes = b"") -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb") as file:
        file.write(header)
        for _ in range(megabytes):
            file.write(bytes(2**20))
    return stream.getvalue()


def hostile_gzip() -> list[bytes]:
    return [
        *map(gzip.compress, hostile_idx()),
        gzip_bomb(100),
        gzip_bomb(100, idx((2**32 - 1, 28, 28))),
        gzip_bomb(100, idx((20, 28, 28))),
        gzip_bomb(100, idx((130_000, 28, 28))),
        gzip.compress(b"") * 100_000,
        gzip.compress(gzip_bomb(50)),
    ]


def hostile_csv() -> list[bytes]:
    row = b",".join([b"1"] * 785) + b"\n"
    return [
        b"",
        b"\n" * 3_000_000,
        b"," * 3_000_000,
        b"9" * 3_000_000,
        b"<html>" + bytes(10_000),
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1000,
        b"\xef\xbb\xbf" * 1000,
        b"1," * 784 + b"\x1b[2J\n",
        row * 300 + b"0" * 100_000,
        (b" " * 300).join([b"", *[b"1,"] * 784, b"1\n"]),
    ]


def hostile_toml() -> list[bytes]:
    return [
        b"",
        b".".join([b"a"] * 32_000) + b"=1",
        b"a=" + b"[" * 30_000,
        b"a=" + b"{b=" * 10_000,
        b"epochs=" + b"9" * 60_000,
        b'epochs="\\u001b[31m"',
        b'name="' + b"x" * 60_000 + b'"',
        b'base="\\u0007"',
        b"learning_rate=nan",
        b"epochs=1979-05-27",
        bytes(70_000),
        b"".join(b"[[a]]\nb=1\n" for _ in range(6000)),
        b"".join(b"[a%d.b]\nc=1\n" % i for i in range(900)),
    ]
