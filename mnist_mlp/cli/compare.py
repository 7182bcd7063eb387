"""`mnist-mlp compare`: finished runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_mlp.cli.options import Json, complete_run
from mnist_mlp.files.atomic import write_text
from mnist_mlp.training.recipe import RECIPES

EXAMPLES = """
  mnist-mlp compare runs/*
  mnist-mlp compare my-run your-run
"""


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", autocompletion=complete_run, help="Folders of finished runs or sweeps."
        ),
    ],
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write the table there as well.")
    ] = None,
    json: Json = False,
) -> None:
    """Show how good finished runs are, and what differs.

    Of exactly two runs on the same digits it tells whether they differ by more than chance.
    """
    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.report import compare as comparison
    from mnist_mlp.report.sweeps import value_label
    from mnist_mlp.runs.folder import is_under_way
    from mnist_mlp.runs.results import read_cards

    screen = Screen()
    under_way = [run for run in runs if is_under_way(run)]
    if len(under_way) < len(runs):  # as where all of runs/* are compared
        for folder in under_way:
            screen.note(f"{folder}: is not finished; left out")
        runs = [folder for folder in runs if folder not in under_way]
    found = [comparison.Run(read_cards(folder), str(folder)) for folder in dict.fromkeys(runs)]
    found.sort(key=lambda run: -run.mean)
    difference = comparison.difference(*found) if len(found) == 2 else None
    if csv is not None:
        write_text(csv, comparison.to_csv(found))
        screen.note(f"written to {csv}")
    if json:
        screen.json({"runs": comparison.to_dicts(found), "difference": difference and vars(difference)})
        return
    headings, cells = comparison.table(found)
    screen.table(headings, cells)
    lines = []
    for run, settings in zip(found, comparison.differences(found), strict=True):
        # Where recipes have other names, what follows from the name need not be told.
        known = RECIPES[settings["name"]].to_dict() if settings.get("name") in RECIPES else {}
        told = {name: value for name, value in settings.items() if name == "name" or known.get(name) != value}
        if told:
            lines.append(f"{run.name}: " + ", ".join(f"{n}={value_label(v, ',')}" for n, v in told.items()))
    sections = {"what differs": lines, "not the same data": comparison.data_lines(found)}
    for title, lines in sections.items():
        if lines:
            screen.result(f"\n{title}:")
        for line in lines:
            screen.paragraph(line, indent="  ")
    if difference is not None:
        screen.result()
        screen.paragraph(difference.sentence)
