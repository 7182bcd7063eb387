"""Stops trainings and sweeps at random moments, resumes them, and checks that nothing is lost.

For each kill the real command is started, stopped at a random moment, resumed until it is done, and its
models are compared byte by byte with those of a command that was never stopped. A training is stopped by
signal 9; a third of the kills wait for the temporary file of a random checkpoint. A sweep is stopped by
signal 9, SIGTERM or SIGINT in turn, or loses a worker, and must then go on by itself. In the end no finished
network may have been touched, and no temporary file, no checkpoint and no process may be left.

    python -m scripts.reliability.kill --kills 100 --recipe tutorial --threads 2
    python -m scripts.reliability.kill --kills 20 --sweep
"""

import argparse
import os
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from tempfile import TemporaryDirectory

import numpy as np

from mnist_mlp import load_mnist
from mnist_mlp.digits.mnist import FILES, write_csv
from scripts.reliability.processes import ROOT, left_behind, started, workers

# Distortions, Adam, softmax and the weights of the best epoch: everything that a checkpoint can hold.
PATIENT = 'base = "best"\npatience = 1000\nvalidation = 50\n'
SWEPT = ("learning_rate=0.2,0.5", "hidden=10,20", "--repeats", "2", "--validation", "100")
WAYS = ("a worker", "SIGKILL", "SIGTERM", "SIGINT")  # to stop a sweep


class Bench:
    """A folder with two small files of digits, in which runs are stopped and finished."""

    def __init__(self, folder: Path, asked: argparse.Namespace) -> None:
        self.folder, self.run, self.asked = folder, folder / "run", asked
        self.rng = np.random.default_rng(asked.seed)
        for (split, names), count in zip(FILES.items(), (asked.samples, 500), strict=True):
            write_csv(load_mnist(ROOT / "data", split)[:count], folder / names.csv)
        (folder / "patient.toml").write_text(PATIENT)
        begin = time.perf_counter()
        self.finish(*self.command(folder / "whole"))
        self.seconds = time.perf_counter() - begin

    def command(self, out: Path) -> list[str | Path]:
        """The arguments that start a training or a sweep from the beginning."""
        asked = self.asked
        source = ("--data-dir", self.folder, "--offline", "--out", out)
        if asked.sweep:
            return ["sweep", "--recipe", "fast", f"epochs={asked.epochs}", *SWEPT, *source]
        recipe = self.folder / "patient.toml" if asked.recipe == "patient" else asked.recipe
        return ["train", "--recipe", recipe, "--epochs", str(asked.epochs), *source, "--force"]

    def finish(self, *arguments: str | Path) -> None:
        """Run the command until it is done."""
        with started(*arguments, threads=self.asked.threads) as process:
            errors = process.communicate()[1]
        if process.returncode:
            sys.exit(f"{' '.join(map(str, arguments))} failed:\n{errors}")

    def kill(self, way: str, *, aimed: bool) -> list[str]:
        """Start a run, stop it, and finish it; return how far it had come, and then all that is wrong."""
        stopped = False
        while not stopped:  # another time if it had ended before
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
                stopped = process.poll() is None
                errors = stop(process, way) if stopped else ""
        state, before = self._state(), finished(self.run)
        faults = ["a traceback:\n" + errors] * ("Traceback" in errors)
        if way == "a worker" and process.returncode:
            faults.append(f"exit code {process.returncode}")
        elif process.returncode:
            kind = "sweep" if self.asked.sweep else "train"
            plan = self.run / ("sweep.json" if self.asked.sweep else "run.json")
            self.finish(*([kind, "--resume", self.run] if plan.exists() else self.command(self.run)))
        faults += left_behind(process, self.folder)
        faults += map(str, [*self.run.rglob("checkpoint*"), *self.run.rglob(".*")])
        after = finished(self.run)
        faults += [f"{name} was touched" for name, written in before.items() if after.get(name) != written]
        if models(self.run) != models(self.folder / "whole"):
            faults.append("another model")
        return [state, *faults]

    def _wait_for_checkpoint(self, process: "Popen[str]") -> None:
        """Wait until the temporary file of a random checkpoint has just appeared, or the process ends."""
        number = int(self.rng.integers(1, self.asked.epochs + 1))
        seen: set[Path] = set()
        while len(seen) < number and process.poll() is None:
            with suppress(OSError):  # the folder is not there yet, or a file no more
                seen |= set(self.run.rglob(".checkpoint.*.tmp"))
            time.sleep(0.0002)
        time.sleep(self.rng.exponential(0.0005))

    def _has(self, pattern: str) -> bool:
        return any(self.run.rglob(pattern))

    def _state(self) -> str:
        """In a few words, how far a run had come."""
        if self.asked.sweep:
            return f"with {len(finished(self.run))} networks finished"
        states = {
            "after the scorecard was written": (self.run / "scorecard.json").exists(),
            "while writing a checkpoint": self._has(".checkpoint.*.tmp"),
            "while writing another file": any(self.folder.rglob("*.tmp")),
            "while writing results": self._has("model.safetensors"),
            "between checkpoints": self._has("checkpoint.safetensors"),
            "before the first checkpoint": self._has("run.json"),
        }
        return next((state for state, holds in states.items() if holds), "before run.json")


def stop(process: "Popen[str]", way: str) -> str:
    """Stop a process in a way, or one of its workers; return what it said on standard error."""
    if way == "a worker":
        for number in workers(process)[:1]:
            os.kill(number, signal.SIGKILL)
    elif way == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    else:
        process.send_signal(signal.Signals[way])
    return process.communicate()[1]


def finished(run: Path) -> dict[Path, int]:
    """When the model of each finished network of a sweep was written."""
    cards = run.glob("*=*/seed-*/scorecard.json")
    return {card: card.with_name("model.safetensors").stat().st_mtime_ns for card in cards}


def models(run: Path) -> dict[Path, bytes]:
    """The content of each model in a run's folder."""
    return {path.relative_to(run): path.read_bytes() for path in run.rglob("model.safetensors")}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--sweep", action="store_true", help="stop sweeps of recipe fast, by signals in turn")
    parser.add_argument("--recipe", default="patient", help="a recipe, or patient: best with patience")
    parser.add_argument("--samples", type=int, default=10_000, help="training digits")
    parser.add_argument("--epochs", type=int, default=20)
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
            aimed = number % 3 == 1 and not asked.sweep
            way = WAYS[number % len(WAYS)] if asked.sweep else "SIGKILL"
            state, *faults = bench.kill(way, aimed=aimed)
            states[state] += 1
            right += not faults
            how = f" by {way}" if asked.sweep else " (aimed)" if aimed else ""
            print(f"{number:>4}  killed {state}{how}: {', '.join(faults) or 'same bytes'}", flush=True)
    for state, count in states.most_common():
        print(f"{count:>4} killed {state}")
    what = "sweep" if asked.sweep else f"recipe {asked.recipe}"
    print(f"{right} of {asked.kills} byte-identical, with nothing left over ({what})")
    return int(right != asked.kills)


if __name__ == "__main__":
    sys.exit(main())
