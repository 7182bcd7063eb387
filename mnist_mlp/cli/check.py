"""`mnist-mlp check`: show how a CSV file of digits is understood."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_mlp.cli.options import CSV_FILE, Json

EXAMPLES = """
  mnist-mlp check mine.csv
  mnist-mlp check mine.csv --json
"""


def check(
    file: Annotated[Path, typer.Argument(metavar=CSV_FILE, help="A file of digits.", show_default=False)],
    json: Json = False,
) -> None:
    """Show how a CSV file of digits is understood.

    That is its form, its first digits, and what looks wrong.
    """
    import numpy as np

    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.digits.mnist import describe_csv, read_csv
    from mnist_mlp.report.text import digits_text
    from mnist_mlp.training.checks import examine_digits

    screen = Screen()
    with screen.progress() as progress:
        digits = read_csv(file, progress)
    form = describe_csv(file)
    counts = np.bincount(digits.labels, minlength=10).tolist()
    warnings = examine_digits(digits, role="test")
    if json:
        screen.json({"digits": len(digits), "form": form, "labels": counts, "warnings": warnings})
        return
    screen.result(f"{file}: {len(digits):,} digits; {form}")
    labels = ", ".join(f"{digit}: {count:,}" for digit, count in enumerate(counts))
    screen.result(f"labels  {labels}")
    first = list(digits.images[:8])
    screen.result(f"the first digits, with the labels {' '.join(map(str, digits.labels[:8]))}:")
    screen.raw(digits_text(first, screen.terminal))
    for warning in warnings:
        screen.warning(warning)
