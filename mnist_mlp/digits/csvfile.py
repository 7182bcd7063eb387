"""Digits as lines of text, a label and 784 pixels each (the pjreddie form): read and written in bulk."""

import codecs
import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

COLUMNS = 785

# The bytes parsed at once, also the longest line: what comes of them still fits into a processor's cache.
_BLOCK = 2**18
_AHEAD = 3  # blocks read while one is parsed

_LETTER = re.compile(rb"[A-Za-z]")
_FORM = "a line holds a label and 784 pixels, with commas between"


class Source(Protocol):
    """A file opened to read bytes."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer, or its start, and tell how far; 0 at the end."""


class Digest(Protocol):
    """What `hashlib.sha256()` returns."""

    def update(self, data: memoryview, /) -> None:
        """Add bytes to the digest."""


def _texts(end: str) -> NDArray[np.uint32]:
    """The text of each number from 0 to 255 and what follows it, filled up with NUL to four bytes."""
    return np.array([f"{number}{end}" for number in range(256)], "S4").view(np.uint32)


_WITH_COMMA, _WITH_LINE_END = _texts(","), _texts("\n")


def format_rows(rows: NDArray[np.uint8]) -> bytes:
    """The lines of text for rows (n, 785), label first."""
    texts = _WITH_COMMA[rows]
    texts[:, -1] = _WITH_LINE_END[rows[:, -1]]
    return texts.tobytes().translate(None, b"\0")


def parse(file: Source, digest: Digest) -> Iterator[NDArray[np.uint8]]:
    """Read digits block by block, in little memory however long the file is.

    Each line holds 785 whole numbers with commas between: a label from 0 to 9, then pixels from 0 to 255.
    Allowed are spaces around numbers, CR LF, empty lines, no line end at the very end, a byte order mark, and
    one header line.

    Args:
        file: at its start.
        digest: is given all bytes of the file.

    Yields:
        Rows (n, 785), label first.

    Raises:
        ValueError: a line is not of that form; the message names line and column, counted from 1.
    """
    np.empty(32 * _BLOCK, np.uint8)  # once this is freed, glibc keeps the memory of each block for the next
    first_line = 1
    for block, plain_rows in _parsed_ahead(_without_header(_blocks(file, digest))):
        if not block.endswith(b"\n"):
            raise ValueError(f"line {first_line} is longer than {_BLOCK} bytes: {_FORM}")
        if plain_rows is None:
            yield _parse_lines(block, first_line)
            first_line += block.count(b"\n")
        else:
            yield plain_rows
            first_line += len(plain_rows)


def _parsed_ahead(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, NDArray[np.uint8] | None]]:
    """Each block and what `_parse_plain` makes of it, in another thread, while the next are read."""
    with ThreadPoolExecutor(1) as parser:
        waiting: deque[tuple[bytes, Future[NDArray[np.uint8] | None]]] = deque()
        for block in blocks:
            waiting.append((block, parser.submit(_parse_plain, block)))
            if len(waiting) > _AHEAD:
                first, rows = waiting.popleft()
                yield first, rows.result()
        for first, rows in waiting:
            yield first, rows.result()


def _blocks(file: Source, digest: Digest) -> Iterator[bytes]:
    """As many whole lines as fit, the last of all given its line end; one without it does not fit."""
    buffer = bytearray(_BLOCK)
    view = memoryview(buffer)
    in_first_line, kept = True, 0  # an unfinished line waits at the start of the buffer
    while read := file.readinto(view[kept:]):
        digest.update(view[kept : kept + read])
        filled = kept + read
        if in_first_line and bytes(view[:filled]).removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
            raise ValueError("looks like a web page, not a CSV file; remove it and run: mnist-mlp download")
        end = buffer.rfind(b"\n", kept, filled) + 1
        if end:
            yield bytes(view[:end])
            view[: filled - end] = view[end:filled]
            in_first_line = False
        elif filled == _BLOCK:
            yield bytes(view)
        kept = filled - end
    if kept:
        yield bytes(view[:kept]) + b"\n"


def _without_header(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks without byte order mark and header, for which an empty line stays to be counted."""
    for block in blocks:
        yield _first_without_header(block)
        yield from blocks


def _first_without_header(block: bytes) -> bytes:
    block = block.removeprefix(codecs.BOM_UTF8)
    first_line, line_end, rest = block.partition(b"\n")
    names = first_line.split(b",")
    is_header = len(names) == COLUMNS and all(_LETTER.search(name) for name in names)
    return line_end + rest if is_header else block


def _parse_plain(block: bytes) -> NDArray[np.uint8] | None:
    """The rows of a block whose numbers have one to three digits and no spaces, or None if it holds more.

    All bytes are looked at together: `numbers` holds for each byte the number that ends before it, which
    counts where the byte is a comma or line end.
    """
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    text = np.frombuffer(b"\n\n\n\n" + block, np.uint8)  # four more, so as to look back from the first
    digits = text - np.uint8(ord("0"))
    is_digit = digits < 10
    digits *= is_digit
    numbers = digits[1:-3].astype(np.uint16)
    numbers *= is_digit[2:-2]
    numbers *= 10
    numbers += digits[2:-2]
    numbers *= 10
    numbers += digits[3:-1]

    body, ends = text[4:], ~is_digit
    has_empty_field = (ends[3:-1] & ends[4:]).any()
    has_long_field = (is_digit[:-4] & is_digit[1:-3] & is_digit[2:-2] & is_digit[3:-1]).any()
    positions = np.flatnonzero(ends[4:])
    lines = np.count_nonzero(body == ord("\n"))
    has_other_bytes = np.count_nonzero(body == ord(",")) + lines != len(positions)
    if has_empty_field or has_long_field or has_other_bytes or len(positions) != lines * COLUMNS:
        return None
    if (body[positions[COLUMNS - 1 :: COLUMNS]] != ord("\n")).any():
        return None
    rows = numbers.take(positions).reshape(-1, COLUMNS)
    if rows.max(initial=0) > 255 or rows[:, 0].max(initial=0) > 9:
        return None
    return rows.astype(np.uint8)


def _parse_lines(block: bytes, first_line: int) -> NDArray[np.uint8]:
    """The rows of a block, line by line: slow, but tells what is wrong. It defines the form."""
    rows = []
    for line, text in enumerate(block.split(b"\n"), first_line):
        fields = text.split(b",")
        if len(fields) == COLUMNS:
            rows.append([_number(field, line, column) for column, field in enumerate(fields, 1)])
        elif text.strip():
            found = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
            raise ValueError(f"line {line} has {found} instead of {COLUMNS}: {_FORM}")
    return np.array(rows, np.uint8).reshape(-1, COLUMNS)


def _number(field: bytes, line: int, column: int) -> int:
    text = field.strip()
    what, largest = ("label", 9) if column == 1 else ("pixel", 255)
    if (
        text.isdigit()
        and len(digits := text.lstrip(b"0")) <= 3
        and (number := int(digits or b"0")) <= largest
    ):
        return number
    shown = repr(text[:40].decode("utf-8", "replace")) + "..." * (len(text) > 40)
    raise ValueError(
        f"line {line}, column {column}: {shown} is not a {what} from 0 to {largest}; correct the file"
    )
