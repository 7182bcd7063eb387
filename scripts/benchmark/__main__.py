"""Times this program beside what a person would otherwise use, in turn; prints a Markdown table.

Compared are the program of T. Rashid's book "Make Your Own Neural Network", written plainly from its steps,
and, where installed (the extra `bench`), PyTorch and scikit-learn with the same network, loss, batches and
digits. It all runs with the settings of BLAS that are taken where nobody sets any.

    python -m scripts.benchmark --out docs/benchmark.md
"""

import argparse
import os
import platform
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

if __name__ == "__main__":  # before NumPy is imported
    for setting in [n for n in os.environ if n.startswith(("OPENBLAS_", "OMP_", "MKL_", "PYTHONPATH"))]:
        del os.environ[setting]

from threadpoolctl import threadpool_info

from mnist_mlp import load_mnist
from mnist_mlp.report.machine import machine_facts
from scripts.benchmark import growth, learning, page, programs, several
from scripts.benchmark.measure import ROOT, Setup
from scripts.benchmark.rivals import installed
from scripts.benchmark.table import Comparison, Result, markdown, save_plot

PARTS = {
    "online": learning.online,
    "batches": learning.batches,
    "tutorial": programs.tutorial,
    "fast": programs.fast,
    "reading": programs.reading,
    "predictions": learning.predictions,
    "help": programs.help_text,
    "distorting": learning.distorting,
    "growth": growth.growth,
    "several": several.several,
    "page": page.page,
}

REMARKS = """
{train:,} training and {test:,} test digits. The two programs of a line took turns, {rounds} times (the
book's whole program: {whole}). The table has medians of these rounds. The last column is the median of the
ratios of the rounds, with the smallest and the greatest ratio in brackets. "The book's program" is the
plain program of T. Rashid's book "Make Your Own Neural Network" (2016), written anew in
`scripts/book_program.py`.

For mini-batches, all programs train the same network on cross-entropy by plain gradient descent, and a
measurement is one epoch. `mnist-mlp` has the images as bytes and scales each mini-batch; the others have
float32 inputs in memory. For whole programs, the CSV files and the libraries are in the memory of the
operating system, so they are not read from a disk. Anonymous memory is the memory of a process that belongs
to no file.
"""


def machine() -> str:
    """What the numbers depend on besides the programs."""
    facts = machine_facts()
    kernels = {pool["architecture"] for pool in threadpool_info() if pool["internal_api"] == "openblas"}
    facts["BLAS kernels"] = ", ".join(sorted(kernels))
    names = filter(installed, ("numpy", "scipy", "torch", "scikit-learn"))
    facts["Python"] = ", ".join([platform.python_version(), *(f"{name} {version(name)}" for name in names)])
    return "".join(f"- {name}: {value}\n" for name, value in facts.items())


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="of every measurement but one (5)")
    parser.add_argument("--whole-rounds", type=int, default=1, help="of the book's whole program (1)")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part; may be given again")
    parser.add_argument("--quick", action="store_true", help="see that it works, on a few hundred digits")
    parser.add_argument("--out", type=Path, help="write the table there as well, and a picture beside it")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    asked = parse(arguments)
    train, test = (load_mnist(ROOT / "data", split) for split in ("train", "test"))
    if asked.quick:
        train, test, asked.rounds, asked.whole_rounds = train[:300], test[:100], 1, 1
    results: list[Result] = []
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        setup = Setup(Path(folder), train, test, asked.rounds, asked.whole_rounds, asked.quick)
        for name in asked.only or PARTS:
            start = perf_counter()
            results += PARTS[name](setup)
            print(f"{name}: {perf_counter() - start:.0f} s", file=sys.stderr)
    remarks = REMARKS.format(train=len(train), test=len(test), rounds=asked.rounds, whole=asked.whole_rounds)
    text = f"# Speed\n\n{machine()}{remarks}\n{markdown(results)}"
    if asked.out and any(isinstance(result, Comparison) for result in results):
        text += f"\n![How many times faster than others]({asked.out.with_suffix('.png').name})\n"
    print(text, end="")
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(text, encoding="utf-8")
        save_plot(asked.out.with_suffix(".png"), results)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the folder of large files goes
    main()
