"""How a command ends: in one line and an exit code, whatever a person, a signal or a stream does to it."""

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import typer

from mnist_mlp.errors import MnistMlpError, escape_controls, quoted

_STOPS: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Stopped(BaseException):
    """Ctrl-C or SIGTERM arrived; the advice, if there is any by then, says what to do next."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.advice = ""


def exit_cleanly(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a person can cause in a command into one line and an exit code."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        arrived: list[int] = []

        def stop(number: int, _frame: FrameType | None) -> NoReturn:
            arrived.append(number)
            raise Stopped(number)

        before = {number: signal.signal(number, stop) for number in _STOPS}
        try:
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
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    return run


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
