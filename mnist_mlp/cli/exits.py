"""How a command ends: in one line and an exit code, whatever a person, a signal or a stream does to it."""

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import wraps
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import typer

from mnist_mlp.errors import MnistMlpError, escape_controls, quoted
from mnist_mlp.training.recipe import RECIPES


class Stopped(BaseException):
    """Ctrl-C or SIGTERM arrived; the advice, if there is any by then, says what to do next."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.advice = ""


_STOPS: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def exit_cleanly(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a person can cause in a command into one line and an exit code."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        arrived: list[int] = []

        def stop(number: int, _frame: FrameType | None) -> NoReturn:
            arrived.append(number)
            raise Stopped(number)

        try:
            with _signals_to(stop):
                command(*args, **kwargs)
                sys.stdout.flush()
        except MnistMlpError as error:
            fail(str(error), 1)
        except OSError as error:
            _fail_by(error)
        except MemoryError:
            fail("not enough memory; choose fewer hidden units, smaller batches or fewer digits", 1)
        except Stopped as stopped:
            fail(_STOPS[stopped.number] + stopped.advice, 128 + stopped.number)
        except Exception:
            if arrived:  # what was being imported just then fails in ways of its own
                fail(_STOPS[arrived[0]], 128 + arrived[0])
            raise

    return run


@contextmanager
def stops_after_a_chunk() -> Iterator[Callable[[], None]]:
    """Put off Ctrl-C and SIGTERM until the function given is called; a second one is not put off.

    One that comes after the last call stops nothing: what is left to do then is done.

    Raises:
        Stopped: by that function, or by a second signal.
    """
    wanted: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        wanted.append(number)
        if len(wanted) > 1:
            raise Stopped(number)

    def check() -> None:
        if wanted:
            raise Stopped(wanted[0])

    with _signals_to(ask):
        yield check


@contextmanager
def _signals_to(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _STOPS}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)


@contextmanager
def safe_streams() -> Iterator[None]:
    """Stand in for output streams that are closed, escape what an encoding lacks, and end where one fails."""
    # A stream is missing where it was closed, as by >&-
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - open until the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does
    try:
        yield
    except OSError as error:
        _fail_by(error)


def _fail_by(error: OSError) -> NoReturn:
    """End because of an operating system's error that nothing else took care of."""
    if error.filename is None:  # an output stream failed: nothing more must be flushed into it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):  # who read our output has had enough
        raise SystemExit(1)
    fail(f"{error.filename or 'output'}: {error.strerror}", 1)


def fail(message: str, code: int) -> NoReturn:
    """End with one line on standard error and an exit code."""
    typer.echo(escape_controls(as_started(f"mnist-mlp: {message}")), err=True)
    raise SystemExit(code)


def run_app(app: typer.Typer) -> None:
    """Run the command line; wrong usage ends in one line that says what would be right."""
    try:
        code = app(prog_name="mnist-mlp", standalone_mode=False)
    except UsageError as error:
        message, context = _usage(error), getattr(error, "ctx", None)
        command = context.command_path if context else "mnist-mlp"
        fail(message if message.endswith("?") else f"{message}; see {command} --help", 2)
    raise SystemExit(code or 0)


# Typer exports this one of Click's errors; which package the others are in depends on Typer's version.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def _usage(error: Any) -> str:
    """What was wrong with the arguments, and what comes nearest to them."""
    message = error.format_message().rstrip(".").replace("\n", " ").removeprefix("Invalid value: ")
    if error.ctx is None:
        return str(message)
    wrong = getattr(error, "option_name", None)
    if wrong is not None:
        names = [name for option in error.ctx.command.get_params(error.ctx) for name in option.opts]
        return f"there is no option {wrong}{_did_you_mean(wrong, names)}"
    if extra := re.search(r"unexpected extra argument.* \((.*)\)", message):
        meant = f"; did you mean --recipe {extra[1]}?" if extra[1] in RECIPES else ""
        return f"{extra[1]!r} is one argument too many{meant}"
    if unknown := re.match("No such command '([^']*)'", message):
        return (
            f"there is no command {unknown[1]}{_did_you_mean(unknown[1], list(error.ctx.command.commands))}"
        )
    return f"{message[:1].lower()}{message[1:]}"


def _did_you_mean(word: str, known: list[str]) -> str:
    """The known word that is meant most likely: one close to it, or one that it abbreviates, as --lr does."""
    letters = ".*".join(map(re.escape, word))
    near = [name for name in known if re.fullmatch(letters + ".*", name)]
    near += get_close_matches(word, known, 1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


def as_started(text: str) -> str:
    """The text with commands of this program spelled so that they work as they stand."""
    return re.sub(r"(?<![\w.-])mnist-mlp (?=[a-z-])", f"{_program()} ", text)


def _program() -> str:
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{quoted(sys.orig_argv[0])} -m mnist_mlp"  # python may have been typed with its folder
    found = shutil.which("mnist-mlp")
    if not started.exists() or (found and Path(found).absolute() == started.absolute()):
        return "mnist-mlp"
    return quoted(started)
