"""Times this program beside what a person would otherwise use, in turn; prints a Markdown table.

Compared are the program of the book, and, where installed (the extra `bench`),
PyTorch and scikit-learn with the same network, loss, batches and digits.

    python scripts/benchmark.py --out docs/benchmark.md --plot docs/benchmark.png
"""

import argparse
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from benchmarks import growth, learning, programs  # noqa: E402
from benchmarks.machine import description  # noqa: E402
from benchmarks.report import markdown, save_plot  # noqa: E402
from benchmarks.results import Comparison, Result  # noqa: E402
from benchmarks.setup import Setup  # noqa: E402

from mnist_mlp import load_mnist  # noqa: E402

PARTS = {
    "limit": learning.limit,
    "online": learning.online,
    "batches": learning.batches,
    "tutorial": programs.tutorial,
    "fast": programs.fast,
    "reading": programs.reading,
    "predictions": learning.predictions,
    "help": programs.help_text,
    "checkpoint": learning.checkpoint,
    "distorting": growth.distorting,
    "growth": growth.growth,
}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="of every measurement but one (5)")
    parser.add_argument(
        "--whole-rounds", type=int, default=1, help="of the book's whole program: minutes each (1)"
    )
    parser.add_argument("--only", action="append", choices=PARTS, help="one part; may be given again")
    parser.add_argument("--quick", action="store_true", help="see that it works, on a few hundred digits")
    parser.add_argument("--data-dir", type=Path, default=ROOT / "data", help="folder of the MNIST files")
    parser.add_argument("--out", type=Path, help="write the table there as well")
    parser.add_argument("--plot", type=Path, help="write a picture of the comparisons there")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the folder of large files goes
    train, test = (load_mnist(arguments.data_dir, split) for split in ("train", "test"))
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if arguments.quick:
            size = {"epochs": 1, "book_rows": 50, "copies": 2}
            setup = Setup(Path(folder), train[:300], test[:100], rounds=1, whole_rounds=1, **size)
        else:
            setup = Setup(Path(folder), train, test, arguments.rounds, arguments.whole_rounds)
        results: list[Result] = []
        for name in arguments.only or PARTS:
            start = perf_counter()
            results += PARTS[name](setup)
            print(f"{name}: {perf_counter() - start:.0f} s", file=sys.stderr)
    text = markdown(results, description(), remarks(setup))
    print(text, end="")
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text, encoding="utf-8")
    if arguments.plot and any(isinstance(result, Comparison) for result in results):
        arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        save_plot(arguments.plot, results)


def remarks(setup: Setup) -> list[str]:
    """How it was measured, as far as the numbers do not tell."""
    rounds = f"medians of {setup.rounds} rounds" if setup.rounds > 1 else "one round"
    whole = f"the book's whole program in {setup.whole_rounds}"
    return [
        f"{len(setup.train):,} training and {len(setup.test):,} test digits. The programs took turns;"
        f" {rounds} ({whole}), ratios round by round, the least and the greatest in brackets. Mini-batches:"
        " all train the same network on cross-entropy by plain gradient descent, an epoch a measurement, ours"
        " on bytes that it scales batch by batch, the others on float32 inputs in memory. Whole programs find"
        " the CSV files and their libraries in memory, not on a disk.",
    ]


if __name__ == "__main__":
    main()
