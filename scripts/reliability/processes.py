"""The command as a process of its own, and what it leaves behind."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def started(*arguments: str | Path, threads: int = 1) -> Iterator["subprocess.Popen[str]"]:
    """Start `mnist-mlp` with so many threads of BLAS, in a process group of its own; in the end kill it."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("MNIST_MLP_")}
    with subprocess.Popen(
        [sys.executable, "-m", "mnist_mlp", *arguments],
        cwd=ROOT,
        env={**settings, "OPENBLAS_NUM_THREADS": str(threads), "NO_PROXY": "127.0.0.1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=None if os.name == "nt" else 0,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def workers(process: "subprocess.Popen[str]") -> list[int]:
    """The worker processes of a command, on Linux: what its children started."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            _, parent, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) == process.pid:
                parents[int(folder.name)] = int(parent)
    return [number for number, parent in parents.items() if parents.get(parent) == process.pid]


def left_behind(process: "subprocess.Popen[str]", *folders: Path) -> list[str]:
    """The temporary files in folders, and whether an ended process has left others running."""
    found = [str(path) for folder in folders for path in folder.rglob("*.tmp")]
    end = time.monotonic() + 5
    while os.name != "nt":  # on Windows it is not known
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        if time.monotonic() > end:
            return [*found, f"a process that {process.pid} started"]
        time.sleep(0.01)
    return found
