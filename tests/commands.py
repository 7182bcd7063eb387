"""Commands run as a person runs them: in this process, or in one of their own where that is the point."""

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from mnist_mlp.cli.app import main

ROOT = Path(__file__).parents[1]


@dataclass
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line that tells why it could not be done."""
        assert (self.code, self.out) == (1, "")
        assert self.err.startswith("mnist-mlp: ")
        assert self.err.endswith("\n")
        assert self.err[:-1].isprintable()
        return self.err.removeprefix("mnist-mlp: ").removesuffix("\n")


class Stream(io.TextIOWrapper):
    """An output stream kept in memory, which may be a terminal."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding, newline="\n")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        self.seek(0)
        return self.read()


def call(*arguments: object, out: Any = None, terminal: bool = False) -> Outcome:
    """Run a command in this process; anything but an exit code is a defect and fails the test.

    Args:
        *arguments: of the command line.
        out: standard output, if it is not kept.
        terminal: whether both streams are terminals.
    """
    code, kept, err = None, Stream(terminal=terminal), Stream(terminal=terminal)
    typed = ["mnist-mlp", *map(str, arguments)]
    with redirect_stdout(out or kept), redirect_stderr(err), patch("sys.argv", typed):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    assert code is not None
    return Outcome(code, kept.text(), err.text())


def start(*arguments: object, code: str = "", **keywords: Any) -> "subprocess.Popen[str]":
    """Start a command in a process of its own, after some lines of code if there are any."""
    program = f"{code}\nfrom mnist_mlp.__main__ import main\nif __name__ == '__main__': main()"
    run = ["-c", program] if code else ["-m", "mnist_mlp"]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    return subprocess.Popen([sys.executable, *run, *map(str, arguments)], **{**streams, **keywords})


def end(process: "subprocess.Popen[str]") -> Outcome:
    """What a process that was started came to."""
    with process:
        out, err = process.communicate(timeout=100)
    assert "Traceback" not in err
    return Outcome(process.returncode, out or "", err)
