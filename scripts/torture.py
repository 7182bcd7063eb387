"""Kills a training process again and again, at random moments, and checks that nothing is lost.

For each kill a run is started with the real command, killed with signal 9 at a random moment, resumed until
it is done, and its model compared byte by byte with that of a run never interrupted. A third of the kills
wait for the temporary file of a random checkpoint. Afterwards no temporary file may be left.

    python scripts/torture.py --kills 100 --rows 12000 --epochs 40 --recipe averaged
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mnist_mlp import load_mnist  # noqa: E402
from mnist_mlp.digits.mnist import write_csv  # noqa: E402

# Distortions, Adam, softmax and averaged weights: everything that a checkpoint can hold.
AVERAGED = 'base = "best"\nepochs = {epochs}\nema_epochs = 2.0\n'


@dataclass(frozen=True)
class Bench:
    """Where the runs take place, and how long one takes, in seconds, with and without its start-up."""

    folder: Path
    recipe: str
    epochs: int
    repeats: int = 1
    threads: int = 1
    seconds: float = 0.0
    start_up: float = 0.0

    @property
    def out(self) -> Path:
        """The folder of the run that is killed and resumed."""
        return self.folder / "run"

    def command(self, out: Path) -> list[str]:
        """Start a run from the beginning."""
        return [
            *("train", "--recipe", self.recipe, "--epochs", str(self.epochs), "--repeats", str(self.repeats)),
            *("--train-csv", str(self.folder / "train.csv"), "--test-csv", str(self.folder / "test.csv")),
            *("--out", str(out), "--force", "--offline"),
        ]

    def start(self, arguments: list[str]) -> "subprocess.Popen[str]":
        """Start the command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "mnist_mlp", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": str(self.threads)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )


def prepare(folder: Path, asked: argparse.Namespace) -> Bench:
    """Write small files of digits and a recipe, and time a run that nobody interrupts."""
    write_csv(load_mnist(ROOT / "data", "train")[: asked.rows], folder / "train.csv")
    write_csv(load_mnist(ROOT / "data", "test")[:500], folder / "test.csv")
    recipe = asked.recipe
    if recipe == "averaged":
        recipe = str(folder / "averaged.toml")
        Path(recipe).write_text(AVERAGED.format(epochs=asked.epochs))
    bench = Bench(folder, recipe, asked.epochs, asked.repeats, asked.threads)
    finish(bench, bench.command(folder / "warm-up"))  # fills the caches of digits, fonts and byte code
    start = time.perf_counter()
    process = bench.start(bench.command(folder / "whole"))
    assert process.stderr
    process.stderr.readline()  # "training for ..." ends the start-up
    start_up = time.perf_counter() - start
    _, rest = process.communicate()
    if process.returncode:
        raise SystemExit(f"the uninterrupted run failed: {rest}")
    return replace(bench, seconds=time.perf_counter() - start, start_up=start_up)


def kill_at_random(bench: Bench, aimed: bool, rng: np.random.Generator) -> str:
    """Start a run and kill it before it ends; tell how far it had come."""
    while True:
        if rng.random() < 0.25:  # so that kills also fall into the caching of digits
            for cache in bench.folder.glob(".*.cache"):
                cache.unlink()
        shutil.rmtree(bench.out, ignore_errors=True)
        process = bench.start(bench.command(bench.out))
        if aimed:
            wait_for_checkpoint(bench, process, int(rng.integers(1, bench.epochs * bench.repeats + 1)))
            time.sleep(rng.exponential(0.0005))
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0, bench.seconds))
        was_running = process.poll() is None
        process.kill()
        process.communicate()
        if was_running:
            return state(bench)


def wait_for_checkpoint(bench: Bench, process: "subprocess.Popen[str]", number: int) -> None:
    """Wait until the temporary file of the checkpoint appears for the given time, or the process ends."""
    seen: set[str] = set()
    while len(seen) < number and process.poll() is None:
        for folder in (bench.out, *bench.out.glob("seed-*")):
            try:
                names = os.listdir(folder)  # noqa: PTH208
            except OSError:
                continue
            seen |= {name for name in names if name.startswith(".checkpoint.") and name.endswith(".tmp")}
        time.sleep(0.0002)


def state(bench: Bench) -> str:
    """In a few words, how far a killed run had come."""
    names = {path.name for path in bench.out.rglob("*")}
    if "scorecard.json" in {path.name for path in bench.out.glob("*")}:
        return "after the scorecard was written"
    if any(name.startswith(".checkpoint.") for name in names):
        return "while writing a checkpoint"
    if leftovers(bench):
        return "while writing another file"
    if "model.safetensors" in names and bench.repeats == 1:
        return "while writing results"
    if "checkpoint.safetensors" in names:
        return "between checkpoints"
    return "before the first checkpoint" if "run.json" in names else "before run.json"


def leftovers(bench: Bench) -> list[str]:
    """Temporary files in the run's folder or beside the digits."""
    places = [*bench.folder.glob("*"), *bench.out.rglob("*")]
    return [str(path) for path in places if path.suffix == ".tmp"]


def finish(bench: Bench, arguments: list[str]) -> None:
    """Run the command until it is done."""
    process = bench.start(arguments)
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{errors}")


def digests(run: Path) -> dict[str, str]:
    """The SHA-256 of each model in a run's folder."""
    models = sorted(run.rglob("model.safetensors"))
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in models}


def torture(bench: Bench, kills: int, rng: np.random.Generator) -> int:
    """Kill and resume, and return how often everything was as it should be."""
    right, states, whole = 0, Counter[str](), digests(bench.folder / "whole")
    all_aimed = 0
    for number in range(1, kills + 1):
        aimed = number % 3 == 1
        all_aimed += aimed
        where = kill_at_random(bench, aimed, rng)
        states[where] += 1
        resumable = (bench.out / "run.json").exists()
        finish(bench, ["train", "--resume", str(bench.out)] if resumable else bench.command(bench.out))
        faults = leftovers(bench) + [str(path) for path in bench.out.rglob("checkpoint*")]
        if digests(bench.out) != whole:
            faults.append("another model")
        right += not faults
        how = " (aimed)" if aimed else ""
        print(f"{number:>4}  killed {where}{how}: {', '.join(faults) or 'same bytes'}", flush=True)
    print(f"{all_aimed:>4} aimed at the writing of a checkpoint")
    for where, count in states.most_common():
        print(f"{count:>4} killed {where}")
    return right


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument(
        "--recipe", default="averaged", help="a named recipe, or averaged: best with averages"
    )
    parser.add_argument("--rows", type=int, default=10_000, help="training digits")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument(
        "--threads", type=int, default=1, help="of BLAS; with 2, online training has a second process"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    return parser.parse_args()


def main() -> None:
    asked = parse()
    with tempfile.TemporaryDirectory() as folder:
        bench = prepare(Path(folder), asked)
        ratio = bench.seconds / bench.start_up
        print(
            f"a run takes {bench.seconds:.2f} s, {ratio:.1f} times its start-up of {bench.start_up:.2f} s",
            flush=True,
        )
        right = torture(bench, asked.kills, np.random.default_rng(asked.seed))
    print(f"{right} of {asked.kills} byte-identical, with nothing left over (recipe {asked.recipe})")
    sys.exit(right != asked.kills)


if __name__ == "__main__":
    main()
