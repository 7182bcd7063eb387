"""Digits as lines of text, a label and 784 pixels each: read and written in blocks."""

import gzip
import io
import math
import os
from collections.abc import Iterator, Sequence
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
    form, number, count = None, 1, 0
    for lines in _blocks(file):
        start = 0
        if form is None:
            form, start = _recognize(lines, number)
        if form is not None:
            rows = _parse_block(lines[start:], form, number + start)
            count += len(rows)
            yield rows
        number += len(lines)
    if not count:
        raise ValueError(_NO_DIGITS)


def recognize_form(file: io.FileIO) -> Form:
    """Tell the form of a CSV file from its first lines; raises what `parse` raises."""
    form, _ = _recognize(next(_blocks(file), []), 1)
    if form is None:
        raise ValueError(_NO_DIGITS)
    return form


def _blocks(file: io.FileIO) -> Iterator[list[str]]:
    """The lines of a CSV file, plain or .gz, some at a time, each with a newline character at its end."""
    with open(os.dup(file.fileno()), "rb") as plain:  # noqa: PTH123
        source = gzip.GzipFile(fileobj=plain) if plain.peek(2).startswith(b"\x1f\x8b") else plain
        check_is_text(source.peek(1000)[:1000])
        text = io.TextIOWrapper(source, "utf-8-sig", errors="replace", newline=None)
        lines = iter(partial(text.readline, _LONGEST_LINE), "")
        number = 1
        while block := list(islice(lines, _BLOCK)):
            for i, line in enumerate(block):
                if len(line) == _LONGEST_LINE:
                    fault = f"is longer than {_LONGEST_LINE - 1:,} characters; correct the file"
                    raise ValueError(f"line {number + i} {fault}")
            yield block
            number += len(block)


def _recognize(lines: Sequence[str], first_number: int) -> tuple[Form | None, int]:
    """The form, unless all lines are empty, and how many lines there are before the digits."""
    filled = [i for i, line in enumerate(lines) if line.strip()][:2]
    if not filled:
        return None, 0
    try:
        form = recognize(lines[filled[0]], lines[filled[-1]])
    except ValueError as error:
        raise ValueError(f"line {first_number + filled[0]} {error}") from None
    return form, filled[0] + form.has_header


def _parse_block(lines: list[str], form: Form, first_number: int) -> NDArray[np.uint8]:
    filled = [line for line in lines if line.strip()]
    if not filled:
        return np.empty((0, 785), np.uint8)
    has_quotes = any('"' in line for line in filled)
    is_plain = form.columns == tuple(range(form.width))
    with suppress(ValueError):
        values = np.loadtxt(
            filled,
            comments=None,
            delimiter=form.separator,
            quotechar='"' if has_quotes else None,
            usecols=None if is_plain else form.columns,
            ndmin=2,
        )
        is_whole = values.shape[1] == 785
        if not is_plain:  # loadtxt does not count the columns that it leaves out
            is_whole &= all(len(line.split(form.separator)) == form.width for line in filled)
        with np.errstate(invalid="ignore"):  # of what is no byte: it will not be equal
            rows = values.astype(np.uint8)
        if is_whole and (rows == values).all() and rows[:, 0].max() <= 9:
            return rows
    return _parse_lines(lines, form, first_number)


def _parse_lines(lines: Sequence[str], form: Form, first_number: int) -> NDArray[np.uint8]:
    """The rows of a block, line by line: slow, but tells what is wrong."""
    rows = []
    for number, line in enumerate(lines, first_number):
        if line.strip():
            try:
                cells = form.cells(line)
                rows.append([_number(cells[column], column, form) for column in form.columns])
            except ValueError as error:
                raise ValueError(f"line {number} {error}") from None
    return np.array(rows, np.uint8).reshape(-1, 785)


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
