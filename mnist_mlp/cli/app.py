"""The command line: `mnist-mlp COMMAND`. Each command stands in a module of its own."""

from typing import Annotated

import typer

from mnist_mlp import __version__
from mnist_mlp.cli import check, compare, download, evaluate, predict, report, show_digit, sweep, train
from mnist_mlp.cli.exits import exit_cleanly, safe_streams
from mnist_mlp.cli.usage import run_app

# Each command imports what it needs inside its function, so that --help need not wait for NumPy.

app = typer.Typer(
    help="Train a small neural network to read handwritten digits, and see how well it does.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


def main() -> None:
    """Run the command line."""
    with safe_streams():
        run_app(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mnist-mlp {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


# Each module has a function of its name, and examples.
for _module in (train, sweep, evaluate, compare, predict, report, show_digit, check, download):
    _name = _module.__name__.rsplit(".", 1)[1]
    _epilog = "\b\nExamples:\n" + _module.EXAMPLES.strip("\n")  # \b keeps the lines as they are
    app.command(_name.replace("_", "-"), epilog=_epilog)(exit_cleanly(getattr(_module, _name)))
