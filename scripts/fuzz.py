"""Gives broken, mutated and hostile files to every reader: each must be read, or refused decently.

Decently means: an error of this package with one printable line, at most 64 MB plus four times the file's
size allocated, no more than a few seconds, and nothing left behind. Prints counts for each reader.

    python scripts/fuzz.py --seconds 600 --readers csv model
"""

import argparse
import gzip
import io
import json
import shutil
import sys
import tempfile
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mnist_mlp import Digits, Network, Recipe, Scorecard, load_mnist, scale_pixels  # noqa: E402
from mnist_mlp.csvfile import format_rows  # noqa: E402
from mnist_mlp.digits import read_csv, read_idx  # noqa: E402
from mnist_mlp.errors import MnistMlpError, harmless  # noqa: E402
from mnist_mlp.recipes import load_recipe  # noqa: E402
from mnist_mlp.runs import PLAN, Plan, _read_card, _restore, load_model  # noqa: E402
from mnist_mlp.scorecard import RepeatedScorecard  # noqa: E402
from mnist_mlp.storage import save_arrays  # noqa: E402
from mnist_mlp.training import Training  # noqa: E402

Rng = np.random.Generator
SECONDS_ALLOWED = 5.0  # of processor time, for files of a few megabytes at most
RECIPE = Recipe(
    hidden=4, epochs=3, optimiser="adam", biases=True, batch_size=32, averaging=1.0, shuffled=True
)
DATA = {"train.csv": "0" * 64}
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


@dataclass(frozen=True)
class Reader:
    """What reads a kind of file: valid files, how to change them, hostile ones, and the reading."""

    name: str
    valid: list[bytes]
    read: Callable[[Path], object]
    mutate: Callable[[bytes, Rng], bytes]
    hostile: list[bytes]


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


def readers(folder: Path) -> list[Reader]:
    """All readers, with valid files made of a few digits of MNIST."""
    digits = load_mnist(ROOT / "data", "test")[:20]
    rows = np.column_stack([digits.labels, digits.images.reshape(20, 784)])
    images, labels = idx((20, 28, 28)) + digits.images.tobytes(), idx((20,)) + digits.labels.tobytes()
    network = Network([784, RECIPE.hidden, 10], biases=True, rng=1)
    identity = {"recipe": RECIPE.to_dict(), "data": DATA}
    network.save(folder / "model", identity)
    training = Training(network, digits, RECIPE)
    training.run_epoch()
    arrays, values = training.state()
    save_arrays(folder / "checkpoint", arrays, {**identity, **values})
    outputs = network.forward(scale_pixels(digits.images))
    card = Scorecard.from_outputs(digits.labels, outputs, **identity, seed=1, seconds={"train": 1.0})
    (folder / "labels").write_bytes(labels)
    (folder / "images").write_bytes(images)

    def read_pair(path: Path) -> None:
        for pair in ((path, folder / "labels"), (folder / "images", path)):
            try:
                look_at(read_idx(*pair))
                return
            except MnistMlpError as error:
                refused = error
        raise refused

    def read_network(path: Path) -> None:
        loaded, _ = load_model(path)
        with np.errstate(over="ignore", invalid="ignore"):
            loaded.forward(scale_pixels(digits.images))

    def read_checkpoint(path: Path) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            _restore(Training(network, digits, RECIPE), path, identity)

    def read_scorecard(path: Path) -> None:
        read = _read_card(path, {"recipe": RECIPE.to_dict(), "data": DATA})
        read.to_json(), read.to_markdown(), RepeatedScorecard([read, read]).to_markdown()

    def read_plan(path: Path) -> None:
        shutil.copyfile(path, folder / PLAN)
        Plan.read(folder).check_same({"epochs": 3})

    def file(name: str) -> bytes:
        return (folder / name).read_bytes()

    toml = [replace(RECIPE, name="a").to_toml().encode(), b'base = "best"\nepochs = 3\n']
    plan = Plan(RECIPE, 2, train_csv="/a/train.csv", data_dir="/a").to_json().encode()
    return [
        Reader("csv", [format_rows(rows)], lambda path: look_at(read_csv(path)), mutate_bytes, hostile_csv()),
        Reader("idx", [images, labels], read_pair, mutate_bytes, hostile_idx()),
        Reader(
            "gz", [gzip.compress(images, 1), gzip.compress(labels, 1)], read_pair, mutate_gzip, hostile_gzip()
        ),
        Reader("model", [file("model")], read_network, mutate_arrays, hostile_arrays()),
        Reader("checkpoint", [file("checkpoint")], read_checkpoint, mutate_arrays, hostile_arrays()),
        Reader("recipe", toml, lambda path: load_recipe(str(path)), mutate_toml, hostile_toml()),
        Reader("scorecard", [card.to_json().encode()], read_scorecard, mutate_json, hostile_json()),
        Reader("plan", [plan], read_plan, mutate_json, hostile_json()),
    ]


def look_at(digits: Digits) -> None:
    """Use every byte of digits, which may be a map of a file."""
    if digits.labels.max() > 9 or digits.images.max() > 255:
        raise AssertionError("digits out of range")


def cases(reader: Reader, rng: Rng) -> Iterator[bytes]:
    """Valid files, hostile ones, then mutations of both without end."""
    yield from reader.valid
    yield from reader.hostile
    small = [data for data in reader.hostile if len(data) < 10_000 and data[:1] != b"\x1f"]
    while True:
        if small and rng.random() < 0.1:
            yield mutate_bytes(small[rng.integers(len(small))], rng)
        yield reader.mutate(reader.valid[rng.integers(len(reader.valid))], rng)


def fault(reader: Reader, data: bytes, folder: Path) -> tuple[str, str | None]:
    """Read a file; return what came of it, and what is wrong with that."""
    path = folder / "file.toml"
    path.write_bytes(data)
    names = {entry.name for entry in folder.iterdir()} | {PLAN}
    outcome, wrong = "read", None
    tracemalloc.start()
    start = time.process_time()
    try:
        reader.read(path)
    except MnistMlpError as error:
        outcome, message = "refused", str(error)
        if message != harmless(message) or "\n" in message or len(message) > 700:
            wrong = f"message {message!r:.300}"
    except Exception:
        wrong = traceback.format_exc()
    seconds, allocated = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (folder / ".file.toml.cache").unlink(missing_ok=True)
    if allocated > 2**26 + 4 * len(data):
        wrong = f"{allocated:,} bytes allocated for {len(data):,}"
    if seconds > SECONDS_ALLOWED:
        wrong = f"{seconds:.1f} seconds for {len(data):,} bytes"
    if left := {entry.name for entry in folder.iterdir()} - names:
        wrong = f"left behind: {left}"
    return outcome, wrong


def fuzz(reader: Reader, seconds: float, rng: Rng, folder: Path, keep: Path) -> int:
    """Fuzz one reader for so long; print counts, keep the files that show a defect, return their number."""
    outcomes, defects, end = Counter[str](), Counter[str](), time.monotonic() + seconds
    for number, data in enumerate(cases(reader, rng)):
        if number >= len(reader.valid) + len(reader.hostile) and time.monotonic() > end:
            break
        outcome, wrong = fault(reader, data, folder)
        if number < len(reader.valid) and outcome != "read":
            wrong = wrong or "a valid file was refused"
        outcomes[outcome] += 1
        if wrong:
            kind = wrong.splitlines()[-1][:60]
            defects[kind] += 1
            if defects[kind] == 1:  # the first of its kind
                path = keep / f"{reader.name}-{number}"
                path.write_bytes(data)
                print(f"{path}: {wrong}", flush=True)
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"{reader.name}: {outcomes.total():,} files, {counts}, {defects.total()} defects", flush=True)
    return defects.total()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600, help="for each reader")
    parser.add_argument("--readers", nargs="*", help="their names; all if left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()), help="where defects go")
    asked = parser.parse_args()
    defects = 0
    with tempfile.TemporaryDirectory() as place:
        folder, work = Path(place), Path(place) / "work"
        work.mkdir()
        for reader in readers(folder):
            if not asked.readers or reader.name in asked.readers:
                defects += fuzz(reader, asked.seconds, np.random.default_rng(asked.seed), work, asked.keep)
    sys.exit(defects > 0)


if __name__ == "__main__":
    main()
