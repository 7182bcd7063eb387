"""Starts two trainings at the same moment on an empty data folder, and checks that neither harms the other.

Both download the four IDX archives from a server on this machine, and train: into folders of their own, or
with --same-folder into one, which only one of them may have.

    python scripts/together.py --rounds 20
"""

import argparse
import functools
import http.server
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECIPE = 'base = "fast"\nepochs = 1\nhidden = 4\nbatch_size = 500\nvalidation = 50000\n'


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and does not log."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def serve(folder: Path) -> str:
    """Serve a folder for as long as this process lives, and return its address."""
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def start(folder: Path, out: Path, mirror: str) -> "subprocess.Popen[str]":
    """Start a training that downloads first."""
    (folder / "tiny.toml").write_text(RECIPE)
    options = {
        "--recipe": folder / "tiny.toml",
        "--data-dir": folder / "data",
        "--mirror": mirror,
        "--out": out,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "mnist_mlp", "train", *(str(x) for option in options.items() for x in option)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def faults(folder: Path, mirror: str, same_folder: bool) -> list[str]:
    """What went wrong in one round."""
    outs = [folder / name for name in (("run", "run") if same_folder else ("first", "second"))]
    processes = [start(folder, out, mirror) for out in outs]
    errors = [process.communicate()[1] for process in processes]
    codes = sorted(process.returncode for process in processes)
    found = []
    if codes != ([0, 1] if same_folder else [0, 0]):
        found.append(f"exit codes {codes}: {errors}")
    if same_folder and not any("in use by another" in e or "holds a" in e for e in errors):
        found.append(f"nobody was told that the folder is taken: {errors}")
    found += [
        f"{path.name} is broken"
        for path in (ROOT / "data").glob("*.gz")
        if (folder / "data" / path.name).read_bytes() != path.read_bytes()
    ]
    if len({(out / "model.safetensors").read_bytes() for out in outs}) != 1:
        found.append("the models differ")
    return found + [str(path) for path in folder.rglob("*.tmp")]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--same-folder", action="store_true", help="let both train into one folder")
    asked = parser.parse_args()
    mirror, right = serve(ROOT / "data"), 0
    for number in range(1, asked.rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            found = faults(Path(folder), mirror, asked.same_folder)
        right += not found
        print(f"{number:>3}  {'; '.join(found) or 'both as they should be'}", flush=True)
    print(f"{right} of {asked.rounds} rounds without harm")
    sys.exit(right != asked.rounds)


if __name__ == "__main__":
    main()
