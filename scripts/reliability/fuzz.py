"""Gives broken, changed and hostile files to every reader: each must be read, or refused decently.

Decently means: an error of this package with one printable line, at most 64 MB plus four times the file's
size allocated, no more than a few seconds, and no temporary file left. A file that shows a defect is made as
small as Hypothesis can, and kept.

    python -m scripts.reliability.fuzz --seconds 600 --readers csv model
"""

import argparse
import gzip
import sys
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import count, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from mnist_mlp import Digits, MnistMlpError, Recipe, load_mnist, load_recipe, read_image, scale_pixels
from mnist_mlp.digits.mnist import read_csv, read_idx, write_csv
from mnist_mlp.errors import escape_controls
from mnist_mlp.report.markdown import repeated_page, scorecard_page
from mnist_mlp.report.scorecard import RepeatedScorecard
from mnist_mlp.runs.folder import CHECKPOINT, MODEL, SCORECARD, load_model
from mnist_mlp.runs.job import Callbacks, Data, Job, run_one
from mnist_mlp.runs.plan import PLAN, DataPlaces, Plan
from mnist_mlp.runs.results import read_card
from mnist_mlp.training.history import EpochRecord
from scripts.reliability import files
from scripts.reliability.processes import ROOT

SECONDS_ALLOWED = 5.0  # of processor time, for files of a few megabytes at most
RECIPE = Recipe(hidden=4, epochs=3, optimizer="adam", biases=True, batch_size=32, shuffle=True)


class DefectError(AssertionError):
    """A file that was neither read nor refused decently."""


class Reader(NamedTuple):
    """What reads a kind of file.

    `read` is given a file that is named as the first of the valid ones, and `change` changes what they hold.
    """

    kind: str
    read: Callable[[Path], object]
    valid: dict[str, bytes]
    change: Callable[[bytes], SearchStrategy[bytes]] = files.changed_bytes
    hostile: Callable[[], list[bytes]] = list


def write_valid_files(folder: Path, digits: Digits) -> None:
    """Write a file of each kind that is read."""

    def keep(record: EpochRecord) -> None:
        (folder / f"epoch-{record.epoch}").write_bytes((folder / CHECKPOINT).read_bytes())

    result = run_one(Job(RECIPE, folder), Data(digits, digits), Callbacks(on_epoch=keep))
    result.network.save(folder / MODEL, {"recipe": result.card.recipe, "data": result.card.data})
    (folder / SCORECARD).write_text(result.card.to_json())
    (folder / PLAN).write_text(Plan(RECIPE, places=DataPlaces(data_dir="/a")).to_json())
    (folder / "all.toml").write_text(RECIPE.to_toml())
    (folder / "base.toml").write_text('base = "best"\nepochs = 3\n')
    write_csv(digits, folder / "a.csv")
    (folder / "b.csv.gz").write_bytes(gzip.compress((folder / "a.csv").read_bytes() * 30))
    for name, array in (("images", digits.images), ("labels", digits.labels)):
        content = files.idx(array.shape) + array.tobytes()
        (folder / name).write_bytes(content)
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    line = np.pad(np.hstack([255 - image for image in digits.images[:5]]), 9, constant_values=255)
    for kind in ("PNG", "JPEG"):
        (folder / f"a.{kind}").write_bytes(files.picture(line, kind))


def readers(folder: Path) -> list[Reader]:
    """All readers, with valid files made of a few digits of MNIST in a folder."""
    digits = load_mnist(ROOT / "data", "test")[:20]
    data, inputs = Data(digits, digits), scale_pixels(digits.images)
    write_valid_files(folder, digits)

    def valid(*names: str) -> dict[str, bytes]:
        return {name: (folder / name).read_bytes() for name in names}

    def read_pair(path: Path) -> None:
        try:
            rows(read_idx(path, folder / "labels"))
        except MnistMlpError:
            rows(read_idx(folder / "images", path))

    def read_model(path: Path) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            load_model(path).network.forward(inputs)

    def read_checkpoint(path: Path) -> None:
        run_one(Job(RECIPE, path.parent), data)

    def read_scorecard(path: Path) -> None:
        card = read_card(path.parent)
        card.to_json(), scorecard_page(card), repeated_page(RepeatedScorecard([card, card]))

    def read_plan(path: Path) -> None:
        Plan.read(path.parent).check_same({"epochs": 3})

    packed, pictures = valid("images.gz", "labels.gz"), valid("a.PNG", "a.JPEG")
    tables, recipes = valid("a.csv", "b.csv.gz"), valid("all.toml", "base.toml")
    return [
        Reader("csv", lambda path: rows(read_csv(path)), tables, files.changed_csv, files.hostile_csv),
        Reader("idx", read_pair, valid("images", "labels"), hostile=files.hostile_idx),
        Reader("gz", read_pair, packed, files.changed_gzip, files.hostile_gzip),
        Reader("picture", read_image, pictures, hostile=files.hostile_pictures),
        Reader("model", read_model, valid(MODEL), files.changed_arrays),
        Reader("checkpoint", read_checkpoint, valid(CHECKPOINT, "epoch-1"), files.changed_arrays),
        Reader("recipe", lambda path: load_recipe(str(path)), recipes, files.changed_toml),
        Reader("scorecard", read_scorecard, valid(SCORECARD), files.changed_json),
        Reader("plan", read_plan, valid(PLAN), files.changed_json),
    ]


def rows(digits: Digits) -> bytes:
    """Every byte of digits, which may be a map of a file."""
    return digits.images.tobytes() + digits.labels.tobytes()


def feed(reader: Reader, data: bytes) -> str:
    """Have a file read, and return whether it was "read" or "refused".

    Raises:
        DefectError: if it was neither, or not decently.
    """
    message, faults = None, []
    with TemporaryDirectory() as folder:
        path = Path(folder, next(iter(reader.valid)))
        path.write_bytes(data)
        tracemalloc.start()
        begin = time.process_time()
        try:
            reader.read(path)
        except MnistMlpError as error:
            message = str(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also what Rust raises when it panics
            raise DefectError(escape_controls(traceback.format_exc())) from error
        finally:
            seconds, allocated = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        faults += [f"{left.name} is left behind" for left in path.parent.rglob("*.tmp")]
    if message is not None and not (message.isprintable() and 0 < len(message) < 700):
        faults.append(f"refused with {message!r:.300}")
    if allocated > 2**26 + 4 * len(data):
        faults.append(f"{allocated:,} bytes allocated for {len(data):,}")
    if seconds > SECONDS_ALLOWED:
        faults.append(f"{seconds:.1f} seconds for {len(data):,} bytes")
    if faults:
        raise DefectError("; ".join(faults))
    return "refused" if message else "read"


def fuzz(
    reader: Reader, keep: Path, seeds: Iterable[int], *, examples: int = 100, hostile: bool = True
) -> Counter[str]:
    """Feed a reader with files until one shows a defect; that one is kept, as small as it can be made.

    Args:
        reader: what reads.
        keep: the folder for that file.
        seeds: for each one, other changed files are fed.
        examples: changed files a seed.
        hostile: whether the hostile files are fed first.

    Returns:
        How many files were read, were refused and showed a defect.
    """
    counts, latest = Counter(read=0, refused=0, defects=0), b""

    def attempt(data: bytes) -> None:
        nonlocal latest
        latest = data
        counts[feed(reader, data)] += 1

    def changes(data: bytes) -> SearchStrategy[bytes]:
        return files.changed_bytes(data) | reader.change(data)

    changed = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )(given(st.sampled_from(list(reader.valid.values())).flatmap(changes))(attempt))
    try:
        for data in reader.hostile() if hostile else ():
            attempt(data)
        for number in seeds:
            seed(number)(changed)()
    except (DefectError, Flaky) as defect:
        counts["defects"] += 1
        (keep / f"{reader.kind}-defect").write_bytes(latest)
        print(f"{keep / reader.kind}-defect: {defect}", flush=True)
    return counts


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600, help="for each reader")
    parser.add_argument("--readers", nargs="*", help="their names; all if left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path(gettempdir()), help="where files with defects go")
    asked = parser.parse_args(arguments)
    asked.keep.mkdir(parents=True, exist_ok=True)

    def seeds() -> Iterator[int]:
        end = time.monotonic() + asked.seconds
        yield from takewhile(lambda _: time.monotonic() < end, count(asked.seed))

    defects = 0
    with TemporaryDirectory() as folder:
        for reader in readers(Path(folder)):
            if not asked.readers or reader.kind in asked.readers:
                counts = fuzz(reader, asked.keep, seeds())
                defects += counts["defects"]
                print(f"{reader.kind}:", ", ".join(f"{n:,} {what}" for what, n in counts.items()), flush=True)
    return int(defects > 0)


if __name__ == "__main__":
    sys.exit(main())
