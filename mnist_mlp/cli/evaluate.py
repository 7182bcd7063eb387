"""`mnist-mlp evaluate`: score a trained network on test digits."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_mlp.cli.options import DataDir, Json, Mirror, ModelOrRun, Offline, TestCsv

EXAMPLES = """
  mnist-mlp evaluate
  mnist-mlp evaluate runs/my-run --test-csv theirs.csv
"""


def evaluate(
    model: ModelOrRun = None,
    test_csv: TestCsv = None,
    data_dir: DataDir = None,
    mirror: Mirror = None,
    offline: Offline = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write scorecard and pictures there.")
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also score digits that are shifted, rotated, noisy ...")
    ] = False,
    json: Json = False,
) -> None:
    """Score a trained network on test digits, or on a CSV file."""
    from functools import partial
    from time import perf_counter

    from rich.progress import MofNCompleteColumn

    from mnist_mlp.cli.scores import show_scorecard
    from mnist_mlp.cli.screen import Screen, model_file
    from mnist_mlp.cli.sources import Source
    from mnist_mlp.runs import folder as folders
    from mnist_mlp.runs.job import Result
    from mnist_mlp.runs.results import write_scores
    from mnist_mlp.runs.score import score
    from mnist_mlp.training.checks import examine_digits

    screen = Screen()
    if out is not None:
        folders.check_free_for_scores(out)
    path = model_file(model, screen)
    trained = folders.load_model(path)
    start = perf_counter()
    digits = Source(data_dir, mirror, offline).read("test", test_csv, screen)
    seconds = {"load": perf_counter() - start}
    for warning in examine_digits(digits, role="test"):
        screen.warning(warning)
    with screen.progress(MofNCompleteColumn()) as progress:
        card = score(
            trained.network,
            digits,
            threshold=trained.threshold,
            robustness=robustness,
            on_change=partial(progress, "changed sets of digits"),
            seconds=seconds,
            facts={**trained.facts, "data": dict(digits.files)},
        )
    if out is not None:
        folders.make_folder(out)
        write_scores(out, Result(trained.network, [], card, trained.threshold), digits)
    if json:
        screen.raw(card.to_json().rstrip())
        return
    screen.result(f"model {path}")
    screen.result(f"digits {test_csv or ', '.join(digits.files)}")
    show_scorecard(screen, card)
    if out is not None:
        screen.note(f"\nwritten to {out}")
