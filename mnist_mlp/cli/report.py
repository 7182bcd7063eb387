"""`mnist-mlp report`: make the page of a run anew, and open it in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_mlp.cli.options import DataDir, complete_run
from mnist_mlp.files.atomic import write_text

EXAMPLES = """
  mnist-mlp report --open
  mnist-mlp report runs/my-run --out page.html
"""


def report(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            autocompletion=complete_run,
            help="A run's folder. [default: the newest run under ./runs]",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page. [default: report.html in the run's folder]")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Make the page of a run: its scores, and a place to draw.

    The network reads what you draw there, and shows how.
    """
    import webbrowser

    from mnist_mlp.cli.screen import Screen, model_file
    from mnist_mlp.cli.sources import Source, read_data
    from mnist_mlp.runs.folder import REPORT
    from mnist_mlp.runs.plan import places_of
    from mnist_mlp.runs.results import page_of

    screen = Screen()
    folder = model_file(run, screen).parent
    places = places_of(folder)
    path = out or folder / REPORT
    write_text(path, page_of(folder, read_data(places, Source(data_dir or places.data_dir), screen)))
    screen.result(f"{path}")
    if open_ and not webbrowser.open(path.absolute().as_uri()):
        screen.note("no browser could be opened; open the file yourself")
