"""The options that several commands share, and what the shell completes them with."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_mlp.training.recipe import RECIPES, SETTINGS, Recipe, load_recipe
from mnist_mlp.training.settings import RecipeError, parse

CSV_FILE = "FILE.csv"


def recipe_setting(name: str, metavar: str) -> Any:
    """The option that sets one setting of a recipe, explained as in `Recipe`; the recipe checks its value."""
    return typer.Option(metavar=metavar, help=SETTINGS[name].metadata["help"], show_default=False)


def parsed_option(name: str, text: str) -> Any:
    """The value of the option that sets a setting; what is wrong with it is wrong usage."""
    try:
        return parse(SETTINGS[name], text)
    except RecipeError as error:
        message = str(error).replace(name, f"--{name.replace('_', '-')}", 1)
        if "must be a number" in message and re.fullmatch(r"\d*,\d+", text):
            message += f"; did you mean {text.replace(',', '.')}?"
        raise typer.BadParameter(message) from None


def chosen_recipe(name_or_file: str, given: dict[str, Any]) -> Recipe:
    """Look up or read a recipe, with the settings given changed; what is wrong with it is wrong usage.

    Raises:
        RecipeError: if a recipe file will not do.
    """
    try:
        recipe = load_recipe(name_or_file)
    except RecipeError as error:
        if name_or_file.endswith(".toml"):
            raise
        raise typer.BadParameter(str(error)) from None
    try:
        return recipe.with_settings(given)
    except RecipeError as error:
        raise typer.BadParameter(str(error)) from None


def complete_recipe(start: str) -> Iterator[str]:
    """The recipes, and the recipe files here, whose names begin so."""
    names = [*RECIPES, *(str(path) for path in Path().glob("*.toml"))]
    return (name for name in names if name.startswith(start))


def complete_run(start: str) -> Iterator[str]:
    """The folders under ./runs whose names begin so, the newest first."""
    folders = sorted((path for path in Path("runs").glob("*") if path.is_dir()), reverse=True)
    return (str(path) for path in folders if str(path).startswith(start))


RecipeName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.toml",
        autocompletion=complete_recipe,
        help=f"{', '.join(RECIPES)} or a recipe file. [default: tutorial]",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Networks that are trained at once. [default: one per processor]"),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar="MNIST_MLP_DATA",
        show_envvar=False,
        help="Folder of the MNIST files. [default: ./data if it has them, else the digits that come with "
        "the program]",
    ),
]
Mirror = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        envvar="MNIST_MLP_MIRROR",
        show_envvar=False,
        help="Web folder to download from first; can be given several times.",
    ),
]
Offline = Annotated[
    bool,
    typer.Option("--offline", envvar="MNIST_MLP_OFFLINE", show_envvar=False, help="Never use the network."),
]
TestCsv = Annotated[
    Path | None, typer.Option(metavar=CSV_FILE, help="Test digits as CSV, in place of MNIST's.")
]
ModelOrRun = Annotated[
    Path | None,
    typer.Argument(
        metavar="MODEL-OR-RUN",
        autocompletion=complete_run,
        help="A model file or a run's folder. [default: the newest run under ./runs]",
        show_default=False,
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL-OR-RUN",
        autocompletion=complete_run,
        help="The network that reads. [default: the newest run under ./runs]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
