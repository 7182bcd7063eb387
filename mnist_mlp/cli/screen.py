"""What the commands print: results on standard output, progress and messages on standard error."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import TextWrapper

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Column, Table

from mnist_mlp.cli.exits import as_started
from mnist_mlp.errors import escape_controls
from mnist_mlp.report.text import Terminal
from mnist_mlp.runs.folder import Model, find_model, load_model, seeds_in

_NARROW = 64  # columns; on a narrower screen progress is shown without bars
_JOINED = "\N{NO-BREAK SPACE}"


class Screen:
    """The two output streams. No bars are drawn where standard error is no terminal, or a dumb one.

    Args:
        quiet: whether to leave out all progress.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self._err = Console(
            stderr=True, quiet=quiet, soft_wrap=True, highlight=False, markup=False, emoji=False
        )
        self._bars = sys.stderr.isatty() and not self._err.is_dumb_terminal

    @property
    def width(self) -> int:
        """Columns of standard output."""
        return self._out.width

    @property
    def narrow(self) -> bool:
        """Whether there is no room for bars of progress."""
        return self._err.width < _NARROW

    @property
    def terminal(self) -> Terminal:
        """What digits on standard output can be drawn with."""
        colors = not self._out.no_color and self._out.color_system in {"256", "truecolor"}
        return Terminal.of(self.width, colors, sys.stdout.encoding)

    def result(self, text: str = "") -> None:
        """Print a line of a result."""
        self._out.print(escape_controls(text))

    def paragraph(self, text: str, indent: str = "") -> None:
        """Print a sentence of a result, broken between words."""
        self.result(_broken(text, self.width, indent))

    def table(self, headings: list[str], rows: list[list[str]]) -> None:
        """Print a table of results, numbers to the right; where the screen is too narrow, a list of rows."""
        table = Table(
            box=None, pad_edge=False, header_style="bold", padding=(0, 1 if self.width < 60 else 2, 0, 0)
        )
        for heading in headings:
            table.add_column(heading, justify="right", no_wrap=True)
        for row in rows:  # long names and paths take several lines
            table.add_row(*(re.sub(r"(.{20,34}[/,]|.{34})(?=.)", r"\1\n", cell) for cell in row))
        anywhere = self._out.options.update(width=10_000)
        if self._out.measure(table, options=anywhere).maximum <= self.width:
            self._out.print(table)
            return
        for row in rows:
            named = zip(headings, row, strict=True)
            self.paragraph(
                ", ".join(
                    " ".join(pair).replace("\n", " ").strip() for pair in named if pair[1] not in ("", "-")
                )
            )

    def json(self, value: object) -> None:
        """Print a result as JSON."""
        self.raw(json.dumps(value, indent=2, allow_nan=False))

    def raw(self, text: str) -> None:
        """Print text that carries its own colors."""
        sys.stdout.write(text + "\n")

    def note(self, text: str) -> None:
        """Print progress or advice to standard error, broken between words; indented lines stay whole."""
        lines = as_started(escape_controls(text)).split("\n")
        whole = (line if line.startswith("  ") else _broken(line, self._err.width) for line in lines)
        self._err.print("\n".join(whole))

    def warning(self, text: str) -> None:
        """Print a sentence about something that seems wrong, to standard error."""
        self.note(f"warning: {text}")

    @contextmanager
    def bars(self, *columns: ProgressColumn) -> Iterator[Progress]:
        """Show bars with these columns, where there is a terminal, until the end."""
        if self.narrow:
            columns = tuple(column for column in columns if not isinstance(column, BarColumn))
        with Progress(*columns, console=self._err, transient=True, disable=not self._bars) as progress:
            yield progress

    @contextmanager
    def progress(self, *amount: ProgressColumn) -> Iterator[Callable[[str, int, int], None]]:
        """Show how far things have come, as told by calls with a name, how much is done, and how much in all.

        Args:
            *amount: columns that say how much that is; without any, bytes and their speed.
        """
        whole = Column(no_wrap=True)  # the name is shortened first
        amount = amount or (DownloadColumn(table_column=whole), TransferSpeedColumn(whole))
        name = TextColumn("{task.description}", markup=False, table_column=Column(overflow="ellipsis"))
        tasks: dict[str, TaskID] = {}
        with self.bars(name, BarColumn(20), *amount) as progress:

            def report(name: str, done: int, total: int) -> None:
                what = escape_controls(name)
                if what not in tasks:
                    tasks[what] = progress.add_task(what, total=None)
                progress.update(tasks[what], completed=done, total=total or None)

            yield report


def _broken(line: str, width: int, indent: str = "") -> str:
    """The line in lines of the width, or of 80 columns, those after the first further indented.

    Figures stay together with their unit, and what a no-break space joins.
    """
    wrapper = TextWrapper(
        min(width, 80) - 1, indent, indent + "  ", break_long_words=False, break_on_hyphens=False
    )
    return wrapper.fill(line.replace(" %", f"{_JOINED}%")).replace(_JOINED, " ")


def model_file(model_or_run: Path | None, screen: Screen) -> Path:
    """Find a model, and say so where it is one of several that could be meant."""
    path = find_model(model_or_run)
    seed = path.parent
    if model_or_run not in (path, seed) and len(seeds_in(seed.parent)) > 1:
        screen.note(f"{seed.parent}: several seeds; taking the first, {seed.name}")
    return path


def load_chosen(model_or_run: Path | None, screen: Screen) -> tuple[Path, Model]:
    """Find and load a model, and say which where none is named."""
    path = model_file(model_or_run, screen)
    if model_or_run is None:
        screen.note(f"model {path}")
    return path, load_model(path)
