"""Kills trainings at random moments, resumes them, and checks that nothing is lost.

For each kill a run is started with the real command, killed with signal 9 at a random moment, resumed until
it is done, and its models are compared byte by byte with those of a run that was never interrupted. A third
of the kills wait for the temporary file of a random checkpoint. In the end no temporary file, no checkpoint
and no process may be left.

    python -m scripts.reliability.kill --kills 100 --recipe tutorial --threads 2
"""

import argparse
import shutil
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from tempfile import TemporaryDirectory

import numpy as np

from mnist_mlp import load_mnist
from mnist_mlp.digits.mnist import write_csv
from scripts.reliability.processes import ROOT, left_behind, started

# Distortions, Adam, softmax and the weights of the best epoch: everything that a checkpoint can hold.
PATIENT = 'base = "best"\npatience = 1000\nvalidation = 50\n'


class Bench:
    """A folder with two small files of digits, in which runs are killed and finished."""

    def __init__(self, folder: Path, asked: argparse.Namespace) -> None:
        self.folder, self.run, self.asked = folder, folder / "run", asked
        self.rng = np.random.default_rng(asked.seed)
        write_csv(load_mnist(ROOT / "data", "train")[: asked.samples], folder / "train.csv")
        write_csv(load_mnist(ROOT / "data", "test")[:500], folder / "test.csv")
        (folder / "patient.toml").write_text(PATIENT)
        begin = time.perf_counter()
        self.finish(*self.command(folder / "whole"))
        self.seconds = time.perf_counter() - begin

    def command(self, out: Path) -> list[str | Path]:
        """The arguments that start a run from the beginning."""
        recipe = self.folder / "patient.toml" if self.asked.recipe == "patient" else self.asked.recipe
        return [
            *("train", "--recipe", recipe, "--epochs", str(self.asked.epochs)),
            *("--repeats", str(self.asked.repeats), "--out", out, "--force", "--offline"),
            *("--train-csv", self.folder / "train.csv", "--test-csv", self.folder / "test.csv"),
        ]

    def finish(self, *arguments: str | Path) -> None:
        """Run the command until it is done."""
        with started(*arguments, threads=self.asked.threads) as process:
            errors = process.communicate()[1]
        if process.returncode:
            sys.exit(f"{' '.join(map(str, arguments))} failed:\n{errors}")

    def kill(self, *, aimed: bool) -> list[str]:
        """Start a run, kill it, and finish it; return how far it had come, and then all that is wrong."""
        killed = False
        while not killed:  # another time if it had ended before
            if self.rng.random() < 0.25:  # so that kills also fall into the caching of digits
                for cache in self.folder.glob(".*.cache"):
                    cache.unlink()
            shutil.rmtree(self.run, ignore_errors=True)
            with started(*self.command(self.run), threads=self.asked.threads) as process:
                if aimed:
                    self._wait_for_checkpoint(process)
                else:
                    with suppress(TimeoutExpired):
                        process.wait(self.rng.uniform(0, self.seconds))
                killed = process.poll() is None
        state = self._state()
        self.finish(*(["train", "--resume", self.run] if self._has("run.json") else self.command(self.run)))
        faults = left_behind(process, self.folder) + list(map(str, self.run.rglob("checkpoint*")))
        if models(self.run) != models(self.folder / "whole"):
            faults.append("another model")
        return [state, *faults]

    def _wait_for_checkpoint(self, process: "Popen[str]") -> None:
        """Wait until the temporary file of a random checkpoint has just appeared, or the process ends."""
        number = int(self.rng.integers(1, self.asked.epochs * self.asked.repeats + 1))
        seen: set[Path] = set()
        while len(seen) < number and process.poll() is None:
            with suppress(OSError):  # the folder is not there yet, or a file no more
                seen |= set(self.run.rglob(".checkpoint.*.tmp"))
            time.sleep(0.0002)
        time.sleep(self.rng.exponential(0.0005))

    def _has(self, pattern: str) -> bool:
        return any(self.run.rglob(pattern))

    def _state(self) -> str:
        """In a few words, how far a killed run had come."""
        states = {
            "after the scorecard was written": (self.run / "scorecard.json").exists(),
            "while writing a checkpoint": self._has(".checkpoint.*.tmp"),
            "while writing another file": any(self.folder.rglob("*.tmp")),
            "while writing results": self._has("model.safetensors") and self.asked.repeats == 1,
            "between checkpoints": self._has("checkpoint.safetensors"),
            "before the first checkpoint": self._has("run.json"),
        }
        return next((state for state, holds in states.items() if holds), "before run.json")


def models(run: Path) -> dict[Path, bytes]:
    """The content of each model in a run's folder."""
    return {path.relative_to(run): path.read_bytes() for path in run.rglob("model.safetensors")}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--recipe", default="patient", help="a recipe, or patient: best with patience")
    parser.add_argument("--samples", type=int, default=10_000, help="training digits")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of BLAS")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    asked = parse(arguments)
    right, states = 0, Counter[str]()
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), asked)
        print(f"a run takes {bench.seconds:.2f} s", flush=True)
        for number in range(1, asked.kills + 1):
            aimed = number % 3 == 1
            state, *faults = bench.kill(aimed=aimed)
            states[state] += 1
            right += not faults
            how = " (aimed)" if aimed else ""
            print(f"{number:>4}  killed {state}{how}: {', '.join(faults) or 'same bytes'}", flush=True)
    for state, count in states.most_common():
        print(f"{count:>4} killed {state}")
    print(f"{right} of {asked.kills} byte-identical, with nothing left over (recipe {asked.recipe})")
    return int(right != asked.kills)


if __name__ == "__main__":
    sys.exit(main())
