"""Digits as lines of text, a label and 784 pixels each: read and written in blocks."""

import gzip
import io
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.csvform import Form, check_is_text, recognize
from mnist_mlp.errors import printable

_NO_DIGITS = "holds no digits; there should be a line for each"
_LONGEST_LINE = 2**16
_BLOCK = 250  # lines parsed at once

NumberedLine = tuple[int, str]
"""A line of text with its end, and its number, counted from 1."""


def parse(file: io.FileIO) -> Iterator[NDArray[np.uint8]]:
    """Read digits block by block, in little memory however long the file is.

    In what forms files may come is told by `csvform.recognize`. In all of them numbers are whole, but may be
    written as 7.0, with quotes or with spaces around; there may be empty lines, a byte order mark, and any
    kind of line ends.

    Args:
        file: a CSV file, plain or .gz, unbuffered and at its start.

    Yields:
        Rows (n, 785), label first.

    Raises:
        ValueError: the file holds something else; the message names line and column, counted from 1.
        EOFError, OSError, zlib.error: a .gz file is damaged.
    """
    lines = _numbered_lines(file)
    first = list(islice(lines, 2))
    form = _form_of(first)
    lines, is_empty = chain(first[form.has_header :], lines), True
    while block := list(islice(lines, _BLOCK)):
        yield _parse_block(block, form)
        is_empty = False
    if is_empty:
        raise ValueError(_NO_DIGITS)


def recognize_form(file: io.FileIO) -> Form:
    """Tell the form of a CSV file from its first lines; raises what `parse` raises."""
    return _form_of(list(islice(_numbered_lines(file), 2)))


def _numbered_lines(file: io.FileIO) -> Iterator[NumberedLine]:
    """The lines of a CSV file, plain or .gz, that are not empty."""
    with open(os.dup(file.fileno()), "rb") as plain:  # noqa: PTH123
        source = gzip.GzipFile(fileobj=plain) if plain.peek(2).startswith(b"\x1f\x8b") else plain
        check_is_text(source.peek(1000)[:1000])
        text = io.TextIOWrapper(source, "utf-8-sig", errors="replace", newline=None)
        for number, line in enumerate(iter(partial(text.readline, _LONGEST_LINE), ""), 1):
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


def _parse_block(block: Sequence[NumberedLine], form: Form) -> NDArray[np.uint8]:
    lines = [line for _, line in block]
    text = "".join(lines)
    is_plain = form.columns == tuple(range(form.width))
    has_floats = any(mark in text for mark in ".eEnN")  # n: nan, inf
    with suppress(ValueError):
        values = np.loadtxt(
            lines,
            np.float64 if has_floats else np.uint8,  # bytes are parsed in half the time
            comments=None,
            delimiter=form.separator,
            quotechar='"' if '"' in text else None,
            usecols=None if is_plain else form.columns,
            ndmin=2,
        )
        is_whole = values.shape[1] == 785
        if not is_plain:  # loadtxt does not count the columns that it leaves out
            is_whole &= all(len(line.split(form.separator)) == form.width for line in lines)
        with np.errstate(invalid="ignore"):  # of what is no byte: it will not be equal
            rows = values.astype(np.uint8)
        if is_whole and (rows == values).all() and rows[:, 0].max() <= 9:
            return rows
    return np.array([_parse_line(number, line, form) for number, line in block], np.uint8)


def _parse_line(number: int, line: str, form: Form) -> list[int]:
    """The numbers of a line: slow, but tells what is wrong."""
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
