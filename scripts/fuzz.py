"""Gives broken, mutated and hostile files to every reader: each must be read, or refused decently.

Decently means: an error of this package with one printable line, at most 64 MB plus four times the file's
size allocated, no more than a few seconds, and nothing left behind. Prints counts for each reader, also when
stopped by Ctrl-C or SIGTERM.

    python scripts/fuzz.py --seconds 600 --readers csv model
"""

import argparse
import gzip
import shutil
import signal
import sys
import tempfile
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mutations import (
    Rng,
    hostile_arrays,
    hostile_csv,
    hostile_gzip,
    hostile_idx,
    hostile_json,
    hostile_toml,
    idx,
    mutate_arrays,
    mutate_bytes,
    mutate_csv,
    mutate_gzip,
    mutate_json,
    mutate_toml,
)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mnist_mlp import Digits, Recipe, Scorecard, load_mnist, scale_pixels  # noqa: E402
from mnist_mlp.digits.csvfile import format_rows  # noqa: E402
from mnist_mlp.digits.mnist import read_csv, read_idx  # noqa: E402
from mnist_mlp.errors import MnistMlpError, escape_controls  # noqa: E402
from mnist_mlp.files.arrays import save_arrays  # noqa: E402
from mnist_mlp.report.markdown import repeated_page, scorecard_page  # noqa: E402
from mnist_mlp.report.scorecard import RepeatedScorecard  # noqa: E402
from mnist_mlp.runs.folder import PLAN, Plan, load_model  # noqa: E402
from mnist_mlp.runs.run import _read_card, _restore  # noqa: E402
from mnist_mlp.training.recipe import load_recipe  # noqa: E402
from mnist_mlp.training.trainer import Trainer  # noqa: E402

SECONDS_ALLOWED = 5.0  # of processor time, for files of a few megabytes at most
RECIPE = Recipe(
    hidden=4, epochs=3, optimizer="adam", biases=True, batch_size=32, ema_epochs=1.0, shuffle=True
)
DATA = {"train.csv": "0" * 64}


@dataclass(frozen=True)
class Reader:
    """What reads a kind of file: valid files, how to change them, hostile ones, and the reading."""

    name: str
    valid: list[bytes]
    read: Callable[[Path], object]
    mutate: Callable[[bytes, Rng], bytes]
    hostile: list[bytes]


def readers(folder: Path) -> list[Reader]:
    """All readers, with valid files made of a few digits of MNIST."""
    digits = load_mnist(ROOT / "data", "test")[:20]
    rows = np.column_stack([digits.labels, digits.images.reshape(20, 784)])
    images, labels = idx((20, 28, 28)) + digits.images.tobytes(), idx((20,)) + digits.labels.tobytes()
    network = RECIPE.with_settings({"biases": True}).network()
    identity = {"recipe": RECIPE.to_dict(), "data": DATA}
    network.save(folder / "model", identity)
    training = Trainer(network, digits, RECIPE)
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
            _restore(Trainer(network, digits, RECIPE), path, identity)

    def read_scorecard(path: Path) -> None:
        read = _read_card(path, {"recipe": RECIPE.to_dict(), "data": DATA})
        read.to_json(), scorecard_page(read), repeated_page(RepeatedScorecard([read, read]))

    def read_plan(path: Path) -> None:
        shutil.copyfile(path, folder / PLAN)
        Plan.read(folder).check_same({"epochs": 3})

    def file(name: str) -> bytes:
        return (folder / name).read_bytes()

    toml = [replace(RECIPE, name="a").to_toml().encode(), b'base = "best"\nepochs = 3\n']
    plan = Plan(RECIPE, 2, train_csv="/a/train.csv", data_dir="/a").to_json().encode()
    text = format_rows(rows)
    return [
        Reader("csv", [text], lambda path: look_at(read_csv(path)), mutate_csv, hostile_csv()),
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


def look_at(digits: Digits) -> bytes:
    """Use every byte of digits, which may be a map of a file: the rows, label first."""
    if digits.labels.max() > 9:
        raise AssertionError("labels out of range")
    return np.column_stack([digits.labels, digits.images.reshape(-1, 784)]).tobytes()


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
        if message != escape_controls(message) or "\n" in message or len(message) > 700:
            wrong = f"message {message!r:.300}"
    except KeyboardInterrupt:
        raise
    except BaseException:  # also what Rust raises when it panics
        outcome, wrong = "failed", traceback.format_exc()
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
    outcomes, defects, start, stopped = Counter[str](), Counter[str](), time.monotonic(), ""
    try:
        for number, data in enumerate(cases(reader, rng)):
            if number >= len(reader.valid) + len(reader.hostile) and time.monotonic() > start + seconds:
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
                    print(f"{path}: {escape_controls(wrong)}", flush=True)
    except KeyboardInterrupt:
        stopped = "stopped after "
        raise
    finally:
        took = f"{stopped}{time.monotonic() - start:.0f} s"
        counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
        print(
            f"{reader.name}: {took}, {outcomes.total():,} files, {counts}, {defects.total()} defects",
            flush=True,
        )
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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked.keep.mkdir(parents=True, exist_ok=True)
    defects = 0
    with tempfile.TemporaryDirectory() as place:
        folder, work = Path(place), Path(place) / "work"
        work.mkdir()
        for reader in readers(folder):
            if not asked.readers or reader.name in asked.readers:
                defects += fuzz(reader, asked.seconds, np.random.default_rng(asked.seed), work, asked.keep)
    sys.exit(defects > 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # the counts are printed
        sys.exit(130)
