"""Starts two trainings at the same moment on an empty data folder, and checks that neither harms the other.

Both download the four IDX archives from a server on this machine, and train: into folders of their own, or
with --same-folder into one, which only one of them may have.

    python -m scripts.reliability.together --rounds 20
"""

import argparse
import functools
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.reliability.processes import ROOT, left_behind, started

RECIPE = 'base = "fast"\nepochs = 1\nhidden = 4\nbatch_size = 500\nvalidation = 50000\n'


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and does not log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def faults(folder: Path, mirror: str, *, same_folder: bool) -> list[str]:
    """Start both trainings in a folder, and return what went wrong."""
    recipe, data = folder / "tiny.toml", folder / "data"
    recipe.write_text(RECIPE)
    outs = [folder / name for name in (("run", "run") if same_folder else ("first", "second"))]
    options = ("--recipe", recipe, "--data-dir", data, "--mirror", mirror)
    with (
        started("train", *options, "--out", outs[0]) as one,
        started("train", *options, "--out", outs[1]) as two,
    ):
        errors = [process.communicate()[1] for process in (one, two)]
    codes = sorted(process.returncode for process in (one, two))
    found = left_behind(one, folder) + left_behind(two)
    if codes != ([0, 1] if same_folder else [0, 0]):
        found.append(f"exit codes {codes}: {errors}")
    if same_folder and not any("in use by another" in e or "holds a" in e for e in errors):
        found.append(f"nobody was told that the folder is taken: {errors}")
    found += [
        f"{path.name} is broken"
        for path in (ROOT / "data").glob("*.gz")
        if (data / path.name).read_bytes() != path.read_bytes()
    ]
    if len({(out / "model.safetensors").read_bytes() for out in outs}) != 1:
        found.append("the models differ")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--same-folder", action="store_true", help="let both train into one folder")
    asked = parser.parse_args(arguments)
    handler = functools.partial(Quiet, directory=str(ROOT / "data"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    mirror, right = f"http://127.0.0.1:{server.server_port}", 0
    for number in range(1, asked.rounds + 1):
        with TemporaryDirectory() as folder:
            found = faults(Path(folder), mirror, same_folder=asked.same_folder)
        right += not found
        print(f"{number:>3}  {'; '.join(found) or 'both as they should be'}", flush=True)
    print(f"{right} of {asked.rounds} rounds without harm")
    return int(right != asked.rounds)


if __name__ == "__main__":
    sys.exit(main())
