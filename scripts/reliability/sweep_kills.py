"""Kills sweeps at random moments, and checks that nothing is lost.

For each kill a sweep is started with the real command. Then a worker is killed with signal 9, or the main
process with signal 9, SIGTERM, or SIGINT as Ctrl-C sends it. A sweep that loses a worker must go on; one that
loses its main process must leave no process 2 seconds later, and be resumed. In the end no network that was
finished may have been touched, all models must be those of a sweep that nobody stopped, byte by byte, and no
temporary file may be left.

    python -m scripts.reliability.sweep_kills --kills 20
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("worker", "SIGKILL", "SIGTERM", "SIGINT")
ASKED = ["--recipe", "fast", "epochs=2", "learning_rate=0.2,0.5", "hidden=10,20", "--repeats", "2"]


def sweep(*arguments: str | Path) -> "subprocess.Popen[str]":
    """Start the command in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "mnist_mlp", "sweep", *map(str, arguments), "--data-dir", str(ROOT / "data")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def session(leader: int) -> Iterator[tuple[int, int]]:
    """The processes of a session that have not ended, each with its parent's number."""
    for folder in Path("/proc").iterdir():
        try:
            state, parent, _, of = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(of) == leader and state != "Z":
            yield int(folder.name), int(parent)


def workers(leader: int) -> list[int]:
    """The worker processes of a sweep: what its children started."""
    processes = dict(session(leader))
    return [number for number, parent in processes.items() if processes.get(parent) == leader]


def finished(folder: Path) -> dict[Path, tuple[int, str]]:
    """When each finished network was written, and the SHA-256 of its model."""
    models = (card.with_name("model.safetensors") for card in folder.glob("*=*/seed-*/scorecard.json"))
    return {
        model.relative_to(folder): (
            model.stat().st_mtime_ns,
            hashlib.sha256(model.read_bytes()).hexdigest(),
        )
        for model in models
    }


def faults_of(kind: str, folder: Path, moment: float, whole: dict[Path, str]) -> list[str]:
    """Start a sweep, kill it at a moment, resume it, and tell what is not as it should be."""
    faults = []
    process = sweep(*ASKED, "--out", folder)
    time.sleep(moment)
    if kind == "worker":
        for number in workers(process.pid)[:1]:
            os.kill(number, signal.SIGKILL)
    elif kind == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    else:
        process.send_signal(signal.Signals[kind])
    if kind != "worker":
        time.sleep(2)
        faults += [
            f"left: {Path(f'/proc/{number}/cmdline').read_text()}" for number, _ in session(process.pid)
        ]
    errors = process.communicate()[1]
    before = finished(folder)
    done = len(before)
    if process.returncode and (folder / "sweep.json").exists():
        process = sweep("--resume", folder)
        errors += process.communicate()[1]
    elif process.returncode:
        process = sweep(*ASKED, "--out", folder)
        errors += process.communicate()[1]
    after = finished(folder)
    faults += ["a traceback:\n" + errors] * ("Traceback" in errors)
    faults += [f"exit code {process.returncode}"] * bool(process.returncode)
    faults += [f"{name} was touched" for name in before if before[name] != after.get(name)]
    faults += ["other models"] * ({name: digest for name, (_, digest) in after.items()} != whole)
    faults += [f"{path} is left" for path in folder.rglob(".*")]
    print(
        f"{kind:8} after {moment:4.1f} s, {done} of {len(whole)} finished: {faults or 'same bytes'}",
        flush=True,
    )
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweep(*ASKED, "--jobs", "1", "--out", folder / "serial").wait()
        whole = {model: digest for model, (_, digest) in finished(folder / "serial").items()}
        start = time.monotonic()
        sweep(*ASKED, "--out", folder / "whole").wait()
        seconds = time.monotonic() - start
        print(f"{len(whole)} networks in {seconds:.1f} s", flush=True)
        faulty = sum(
            bool(faults_of(KINDS[i % len(KINDS)], folder / str(i), rng.uniform(0, seconds), whole))
            for i in range(asked.kills)
        )
    print(f"{asked.kills - faulty} of {asked.kills} as they should be")
    raise SystemExit(faulty > 0)


if __name__ == "__main__":
    main()
