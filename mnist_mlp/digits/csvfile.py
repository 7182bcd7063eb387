"""Digits as lines of text, a label and 784 pixels each: read and written in blocks."""

import gzip
import io
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.csvform import Form, check_is_text, recognize
from mnist_mlp.errors import printable

_NO_DIGITS = "holds no digits; there should be a line for each"
_LONGEST_LINE = 2**16
_BLOCK = 250  # lines parsed at once

NumberedLine = tuple[int, str]
"""A line of text with its end, and its number, counted from 1."""


def parse(file: io.RawIOBase) -> Iterator[NDArray[np.uint8]]:
    """Read digits block by block, in little memory however long the file is.

    In what forms files may come is told by `csvform.recognize`. In all of them numbers are whole, but may be
    written as 7.0, with quotes or with spaces around; there may be empty lines, a byte order mark, and any
    kind of line ends.

    Args:
        file: a CSV file, plain or .gz, unbuffered and at its start; it is closed in the end.

    Yields:
        Rows (n, 785), label first.

    Raises:
        ValueError: the file holds something else; the message names line and column, counted from 1.
        EOFError, OSError, zlib.error: a .gz file is damaged.
    """
    lines = _lines(file)
    first = list(islice(_numbered(lines), 2))
    form = _form_of(first)
    if len(first) == form.has_header:
        raise ValueError(_NO_DIGITS)
    yield _parse_lines(first[form.has_header :], form)
    number = first[-1][0] + 1
    while block := list(islice(lines, _BLOCK)):
        rows = _parse_plain(block, form)
        yield _parse_lines(_numbered(block, number), form) if rows is None else rows
        number += len(block)


def recognize_form(file: io.RawIOBase) -> Form:
    """Tell the form of a CSV file from its first lines; raises what `parse` raises."""
    return _form_of(list(islice(_numbered(_lines(file)), 2)))


def _lines(file: io.RawIOBase) -> Iterator[str]:
    """The lines of a CSV file, plain or .gz; longer ones are cut."""
    with io.BufferedReader(file, 2**18) as plain:
        source = gzip.GzipFile(fileobj=plain) if plain.peek(2).startswith(b"\x1f\x8b") else plain
        check_is_text(source.peek(1000)[:1000])
        text = io.TextIOWrapper(source, "utf-8-sig", errors="replace", newline=None)
        yield from iter(partial(text.readline, _LONGEST_LINE), "")


def _numbered(lines: Iterable[str], start: int = 1) -> Iterator[NumberedLine]:
    """The lines that are not empty, with their numbers."""
    for number, line in enumerate(lines, start):
        if len(line) == _LONGEST_LINE:
            fault = f"is longer than {_LONGEST_LINE - 1:,} characters; correct the file"
            raise ValueError(f"line {number} {fault}")
        if not line.isspace():
            yield number, line


def _form_of(first: Sequence[NumberedLine]) -> Form:
    if not first:
        raise ValueError(_NO_DIGITS)
    (number, line), (_, next_line) = first[0], first[-1]
    try:
        return recognize(line, next_line)
    except ValueError as error:
        raise ValueError(f"line {number} {error}") from None


def _parse_plain(lines: Sequence[str], form: Form) -> NDArray[np.uint8] | None:
    """The rows of lines that are all as they should be, else None."""
    if max(map(len, lines)) == _LONGEST_LINE:  # it was cut
        return None
    is_plain = form.columns == tuple(range(form.width))
    for dtype in (np.uint8, np.float64):  # bytes are parsed in half the time
        with suppress(ValueError, Warning), warnings.catch_warnings(action="error"):
            if dtype == np.float64:  # without the quotes; NumPy would read ""0, too
                cells = (form.cells(line) for line in lines if not line.isspace())
                lines = [(form.separator or " ").join(line) for line in cells]
            values = np.loadtxt(
                lines,
                dtype,
                comments=None,
                delimiter=form.separator,
                usecols=None if is_plain else form.columns,
                ndmin=2,
            )
            is_whole = values.shape[1] == 785
            if not is_plain:  # loadtxt does not count the columns that it leaves out
                is_whole &= all(len(line.split(form.separator)) == form.width for line in lines)
            rows = values.astype(np.uint8, copy=False)  # what is no byte is not equal, or gives a warning
            if is_whole and (rows == values).all() and rows[:, 0].max() <= 9:
                return rows
    return None


def _parse_lines(lines: Iterable[NumberedLine], form: Form) -> NDArray[np.uint8]:
    """The rows of lines, read cell by cell: slow, but tells what is wrong."""
    rows = [_parse_line(number, line, form) for number, line in lines]
    return np.array(rows, np.uint8).reshape(-1, 785)


def _parse_line(number: int, line: str, form: Form) -> list[int]:
    try:
        cells = form.cells(line)
        return [_number(cells[column], column, form) for column in form.columns]
    except ValueError as error:
        raise ValueError(f"line {number} {error}") from None


def _number(cell: str, column: int, form: Form) -> int:
    text, is_label = cell.strip(), column == form.columns[0]
    value = math.nan
    if text.isascii() and "_" not in text:  # Python's numbers may have other digits, and _ between them
        with suppress(ValueError):
            value = float(text)
    if 0 <= value <= (9 if is_label else 255) and value == int(value):
        return int(value)
    what = "a label from 0 to 9" if is_label else "a pixel from 0 to 255"
    remedy = "correct the file"
    if is_label and not form.has_header:
        remedy += ", or add a header line that calls the label's column label"
    elif not is_label and 0 < value < 1:
        remedy = "the pixels look scaled to 0-1: multiply them by 255"
    raise ValueError(f"has {printable(repr(text), 40)} in column {column + 1}, not {what}; {remedy}")


def _texts(end: str) -> NDArray[np.uint32]:
    """The text of each number from 0 to 255 and what follows it, filled up with NUL to four bytes."""
    return np.array([f"{number}{end}" for number in range(256)], "S4").view(np.uint32)


_WITH_COMMA, _WITH_LINE_END = _texts(","), _texts("\n")


def format_rows(rows: NDArray[np.uint8]) -> bytes:
    """The lines of text for rows (n, 785), label first, as in the files of pjreddie.com."""
    texts = _WITH_COMMA[rows]
    texts[:, -1] = _WITH_LINE_END[rows[:, -1]]
    return texts.tobytes().translate(None, b"\0")
