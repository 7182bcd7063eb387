"""Print recipes side by side as Markdown tables: `python -m scripts.ladder RUN...` of finished runs.

Each run is of one recipe: `mnist-mlp train --recipe fast --repeats 5 --out runs/fast`. All figures are means
over its seeds. Accuracies on changed digits are measured here, which takes some seconds for each seed.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, stdev

from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.mnist import find_data_folder, load_mnist
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.report.scorecard import Scorecard, percent
from mnist_mlp.runs.folder import MODEL, load_model
from mnist_mlp.runs.results import read_card
from mnist_mlp.runs.score import score


def main(runs: Sequence[str], digits: Digits) -> None:
    ladder = {run: [_scored(folder, digits) for folder in _folders(Path(run))] for run in runs}
    names = [str(seeds[0].recipe["name"]) for seeds in ladder.values()]
    head = ["recipe", "seeds", "accuracy", "training, s", "calibration error", "left open", "refused"]
    _print_table(head, ([name, *_row(seeds)] for name, seeds in zip(names, ladder.values(), strict=True)))
    rows = [
        [f"{change['change']}, {_amount(change['amount'], change['unit'])}"]
        + [percent(fmean(c.more["robustness"][i]["accuracy"] for c in seeds)) for seeds in ladder.values()]
        for i, change in enumerate(next(iter(ladder.values()))[0].more["robustness"])
    ]
    _print_table(["change", *names], rows)


def _amount(amount: float, unit: str) -> str:
    return f"{amount:g} {unit.removesuffix('s') if amount == 1 else unit}"


def _folders(run: Path) -> list[Path]:
    return sorted(run.glob("seed-*"), key=lambda folder: (len(folder.name), folder)) or [run]


def _scored(folder: Path, digits: Digits) -> Scorecard:
    model, card = load_model(folder / MODEL), read_card(folder)
    return score(
        model.network,
        digits,
        threshold=model.threshold,
        robustness=True,
        seconds=card.seconds,
        facts={"recipe": card.recipe},
    )


def _row(seeds: Sequence[Scorecard]) -> Iterable[str]:
    accuracies = [card.accuracy for card in seeds]
    spread = f" \N{PLUS-MINUS SIGN} {100 * stdev(accuracies):.2f}" if len(seeds) > 1 else ""
    yield str(len(seeds))
    yield f"{100 * fmean(accuracies):.2f}{spread} %"
    yield f"{fmean(card.seconds['train'] for card in seeds):.1f}"
    yield percent(fmean(c.more["calibration"]["expected_calibration_error"] for c in seeds))
    yield percent(fmean(card.more["answers"]["left_open"] / card.total for card in seeds))
    nondigits = [card.more["nondigits"] for card in seeds]
    yield percent(fmean(counts["refused"] / counts["drawn"] for counts in nondigits))


def _print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    print("\n".join(f"| {' | '.join(line)} |" for line in lines), end="\n\n")


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    try:
        main(sys.argv[1:], load_mnist(find_data_folder(), "test"))
    except MnistMlpError as error:
        sys.exit(f"{error}")
