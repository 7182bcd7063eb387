"""Measuring in turn, in rounds of A B A B, functions as well as whole processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"

# BLAS and OpenMP threads wait in a loop for a while before they sleep, which would disturb what comes next.
_PAUSE = 0.3  # seconds


def seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def microseconds(work: Callable[[], object], count: int) -> Callable[[], float]:
    """A measurement of work on a number of rows: the time of one."""
    return lambda: 1e6 * seconds(work) / count


def in_turn(
    measurements: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: bool = True
) -> dict[str, list[float]]:
    """Take each measurement once a round, one after the other.

    Args:
        measurements: by name.
        rounds: how many.
        warm_up: whether a round before them, in which code and data are fetched, is not counted; a single
            round does without it.

    Returns:
        By name, one value a round.
    """
    values: dict[str, list[float]] = {name: [] for name in measurements}
    uncounted = int(warm_up and rounds > 1)
    for number in range(uncounted + rounds):
        for name, measure in measurements.items():
            sleep(_PAUSE)
            value = measure()
            if number >= uncounted:
                values[name].append(value)
    return values


@dataclass(frozen=True)
class Process:
    """A process that has ended.

    Attributes:
        answered: seconds from its start to its first line of output.
        seconds: from its start to its end.
        peak: the most memory it held at once, in MB, mapped files included; None where that is not known.
        output: what it printed.
    """

    answered: float
    seconds: float
    peak: float | None
    output: str


def run(*arguments: str | Path, **environment: str) -> Process:
    """Run this Python with arguments, and wait for it to end.

    Raises:
        RuntimeError: it failed.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), str(SCRIPTS), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, *map(str, arguments)]
    answer = subprocess.run(
        [sys.executable, str(SCRIPTS / "benchmarks" / "launcher.py"), *command],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    result = json.loads(answer.stdout)
    if result["code"]:
        raise RuntimeError(f"{' '.join(command)} failed:\n{result['errors']}")
    return Process(result["answered"], result["seconds"], result["peak"], result["output"])
