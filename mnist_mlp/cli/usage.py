"""The command line's arguments: what is wrong with them is said in one line, with what comes nearest."""

import re
from difflib import get_close_matches
from typing import Any

import typer

from mnist_mlp.cli.exits import fail
from mnist_mlp.training.recipe import RECIPES

# Typer exports this one of Click's errors; which package the others are in depends on Typer's version.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def run_app(app: typer.Typer) -> None:
    """Run the command line; wrong usage ends in one line that says what would be right."""
    try:
        code = app(prog_name="mnist-mlp", standalone_mode=False)
    except UsageError as error:
        message, context = _what_is_wrong(error), getattr(error, "ctx", None)
        command = context.command_path if context else "mnist-mlp"
        fail(message if message.endswith("?") else f"{message}; see {command} --help", 2)
    raise SystemExit(code or 0)


def _what_is_wrong(error: Any) -> str:
    message = str(error.format_message()).rstrip(".").replace("\n", " ").removeprefix("Invalid value: ")
    if error.ctx is None:
        return message
    command = error.ctx.command
    if option := getattr(error, "option_name", None):
        names = [name for known in command.get_params(error.ctx) for name in known.opts]
        return f"there is no option {option}{_did_you_mean(option, names)}"
    if extra := re.search(r"unexpected extra argument.* \((.*)\)", message):
        meant = f"; did you mean --recipe {extra[1]}?" if extra[1] in RECIPES else ""
        return f"{extra[1]!r} is one argument too many{meant}"
    if unknown := re.match("No such command '([^']*)'", message):
        return f"there is no command {unknown[1]}{_did_you_mean(unknown[1], list(command.commands))}"
    return f"{message[:1].lower()}{message[1:]}"


def _did_you_mean(word: str, known: list[str]) -> str:
    """The known word that is meant most likely: one close to it, or one that it abbreviates, as --lr does."""
    letters = ".*".join(map(re.escape, word))
    near = [name for name in known if re.match(letters, name)] + get_close_matches(
        word, known, 1, cutoff=0.75
    )
    return f"; did you mean {near[0]}?" if near else ""
