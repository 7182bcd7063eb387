"""The command line's arguments: what is wrong with them is said in one line, with what comes nearest."""

import re
import sys
from pathlib import Path
from typing import Any

import typer

from mnist_mlp.cli.exits import fail
from mnist_mlp.errors import close_matches, quoted
from mnist_mlp.training.recipe import RECIPES, SETTINGS

# Typer exports this one of Click's errors; which package the others are in depends on Typer's version.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def run_app(app: typer.Typer) -> None:
    """Run the command line; wrong usage ends in one line that says what would be right."""
    try:
        code = app(prog_name="mnist-mlp", standalone_mode=False)
    except UsageError as error:
        message, context = _what_is_wrong(error), getattr(error, "ctx", None)
        command = context.command_path if context else " ".join(["mnist-mlp", *sys.argv[1:2]])
        fail(message if message.endswith("?") else f"{message}; see {command} --help", 2)
    raise SystemExit(code or 0)


def _what_is_wrong(error: Any) -> str:
    message = str(error.format_message()).rstrip(".").replace("\n", " ").removeprefix("Invalid value: ")
    if without := re.match("Option '([^']*)' requires an argument", message):
        return f"{without[1]} needs a value"
    if error.ctx is None:
        return message
    command = error.ctx.command
    if option := getattr(error, "option_name", None):
        return f"there is no option {option}{_option_meant(option, error.ctx)}"
    if extra := re.search(r"unexpected extra argument.* \((.*)\)", message):
        return f"{extra[1]!r} is one argument too many{_argument_meant(extra[1], command)}"
    if unknown := re.match("No such command '([^']*)'", message):
        meant = f"; did you mean train --recipe {unknown[1]}?" if unknown[1] in RECIPES else ""
        return f"there is no command {unknown[1]}{meant or _did_you_mean(unknown[1], list(command.commands))}"
    if (word := re.search(r"'([^']*)' is not a valid int", message)) and "--model" in _options(command):
        message += f"; did you mean --model {quoted(word[1])}?" if is_there(word[1]) else ""
    return f"{message[:1].lower()}{message[1:]}".replace("a valid int", "a whole number")


def _option_meant(option: str, context: Any) -> str:
    """What is meant by an option that a command does not have."""
    command, value = context.command, re.search(rf"(?<!\S){re.escape(option)}[= ](\S+)", " ".join(sys.argv))
    if users := [name for name, user in getattr(command, "commands", {}).items() if option in _options(user)]:
        return f"; write it after the command, as in mnist-mlp {users[0]} {option}"
    if option in ("--model", "--run") and any("RUN" in str(known.metavar) for known in _arguments(command)):
        return f"; write {context.command_path} {value[1] if value else 'RUN'}"
    return _setting_meant(option, value[1] if value else "...", command) or _did_you_mean(
        f"-{option}" if len(option) == 2 else option, _options(command)
    )


def _argument_meant(extra: str, command: Any) -> str:
    """What is meant by one argument too many, or by several with a space between."""
    at = next((i for i, word in reversed([*enumerate(sys.argv)]) if extra.startswith(word)), 1)
    option, before = sys.argv[at - 2], sys.argv[at - 1]
    if is_there(f"{before} {extra}"):
        return f'; put the name in quotes: "{before} {extra}"'
    if option == "--hidden" and re.fullmatch(r"[\d, ]+", extra):
        return f"; did you mean --hidden {before.rstrip(',')},{re.sub('[, ]+', ',', extra)}?"
    if "--recipe" in _options(command) and (extra in RECIPES or extra.endswith(".toml")):
        return f"; did you mean --recipe {quoted(extra)}?"
    if "--model" in _options(command) and is_there(extra):
        return f"; did you mean --model {quoted(extra)}?"
    name, _, value = extra.partition("=")
    return _setting_meant(name, value, command) if value else ""


def _setting_meant(word: str, value: str, command: Any) -> str:
    """How a setting of recipes is given to a command, if the word is one and the command has recipes."""
    name = word.lstrip("-").replace("-", "_")
    option = f"--{name.replace('_', '-')}"
    if name not in SETTINGS or "--recipe" not in _options(command):
        return ""
    if option in _options(command):
        return f"; did you mean {option} {value}?"
    if command.name == "sweep":
        return f"; did you mean {name}={value}?"
    toml = value if re.fullmatch(r"[\d.e-]+|true|false", value) else f'"{value}"'
    return (
        f"; {name} is a setting of recipe files: put {name} = {toml} into a file, and name it with "
        "--recipe FILE.toml"
    )


def is_there(name: str) -> bool:
    """Whether there is a file or folder of this name, whatever the name is."""
    try:
        return Path(name).exists()
    except OSError:  # it is too long
        return False


def _arguments(command: Any) -> list[Any]:
    return [known for known in command.params if known.param_type_name == "argument"]


def _options(command: Any) -> list[str]:
    return [name for known in command.params for name in known.opts if name.startswith("-")]


def _did_you_mean(word: str, known: list[str]) -> str:
    """The known word that is meant most likely: one close to it, or one that it abbreviates, as --lr does."""
    letters = ".*".join(map(re.escape, word))
    near = [name for name in known if name.startswith(word)]
    near += [name for name in known if re.match(letters, name)]
    near += close_matches(word, known)
    return f"; did you mean {near[0]}?" if near else ""
