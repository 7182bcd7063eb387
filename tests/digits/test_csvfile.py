import hashlib
import io
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_mlp.digits.csvfile import format_rows, parse

PLAIN_LINE = b"5" + b",0" * 783 + b",255\n"


def read(content: bytes) -> NDArray[np.uint8]:
    return np.concatenate([np.empty((0, 785), np.uint8), *parse(io.BytesIO(content), hashlib.sha256())])


def random_rows(count: int, seed: int = 1) -> NDArray[np.uint8]:
    rows = np.random.default_rng(seed).integers(0, 256, (count, 785), np.uint8)
    rows[:, 0] %= 10
    return rows


def reference(content: bytes) -> list[list[int]] | None:
    """The form in other words: a list of rows, or None if the content has not the form."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    if re.match(r"[ \t\r\n\v\f]*<", text):
        return None
    rows = []
    for number, line in enumerate(text.split("\n")):
        fields = line.split(",")
        if re.fullmatch(r"[ \t\r\v\f]*", line):
            continue
        if number == 0 and len(fields) == 785 and all(re.search("[a-zA-Z]", field) for field in fields):
            continue
        matches = [re.fullmatch(r"[ \t\r\v\f]*([0-9]+)[ \t\r\v\f]*", field) for field in fields]
        row = [int(match[1]) for match in matches if match]
        if len(fields) != 785 or len(row) != 785 or row[0] > 9 or max(row) > 255:
            return None
        rows.append(row)
    return rows


def test_a_line_written_by_hand() -> None:
    row = read(PLAIN_LINE)
    assert row.shape == (1, 785)
    assert (row[0, 0], row[0, 1], row[0, 784], row.sum()) == (5, 0, 255, 260)
    assert format_rows(row) == PLAIN_LINE


def test_every_number_in_every_column_is_read_and_written_as_python_does() -> None:
    rows = ((np.arange(512)[:, None] + np.arange(785)) % 256).astype(np.uint8)
    rows[:, 0] %= 10
    text = "".join(",".join(map(str, row)) + "\n" for row in rows.tolist()).encode()
    assert format_rows(rows) == text
    np.testing.assert_array_equal(read(text), rows)


HEADERS = {
    "1x1": ",".join(["label", *(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))]),
    "pixel0": ",".join(["label", *(f"pixel{number}" for number in range(784))]),
    "quoted": ",".join(['"label"', *(f'"pixel{number}"' for number in range(784))]),
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_one_header_line_is_passed_over(header: str, line_end: bytes) -> None:
    rows = random_rows(300)  # several blocks
    text = (HEADERS[header].encode() + b"\n" + format_rows(rows)).replace(b"\n", line_end)
    np.testing.assert_array_equal(read(text), rows)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PLAIN_LINE * 2, id="plain"),
        pytest.param(PLAIN_LINE * 2 + b"\n\n", id="empty lines at the end"),
        pytest.param(PLAIN_LINE + b"\r\n \n" + PLAIN_LINE, id="empty lines between"),
        pytest.param((PLAIN_LINE * 2)[:-1], id="no line end at the end"),
        pytest.param(b"\xef\xbb\xbf" + PLAIN_LINE * 2, id="byte order mark"),
        pytest.param((PLAIN_LINE * 2).replace(b"\n", b"\r\n"), id="CR LF"),
        pytest.param(PLAIN_LINE + PLAIN_LINE.replace(b"\n", b"\r\n"), id="mixed line ends"),
        pytest.param((PLAIN_LINE * 2).replace(b",", b" ,\t"), id="spaces"),
        pytest.param((PLAIN_LINE * 2).replace(b"5,", b"0005,"), id="leading zeros"),
        pytest.param((PLAIN_LINE * 2).replace(b"5,", b"0" * 5000 + b"5,"), id="many leading zeros"),
    ],
)
def test_forms_that_mean_the_same(text: bytes) -> None:
    np.testing.assert_array_equal(read(text), np.repeat(read(PLAIN_LINE), 2, axis=0))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b",255\n", b",256\n", r"line 301, column 785: '256' is not a pixel from 0 to 255; correct the file"),
        (b",255\n", b",999\n", r"line 301, column 785: '999' is not a pixel"),
        (b",255\n", b",1255\n", r"line 301, column 785: '1255' is not a pixel"),
        (b",255\n", b",-1\n", r"line 301, column 785: '-1' is not a pixel"),
        (b",255\n", b",0.5\n", r"line 301, column 785: '0.5' is not a pixel"),
        (b",255\n", b",2_5\n", r"line 301, column 785: '2_5' is not a pixel"),
        (b",255\n", b",2 5\n", r"line 301, column 785: '2 5' is not a pixel"),
        (b",255\n", b",\n", r"line 301, column 785: '' is not a pixel"),
        (b",255\n", b",\xff\n", r"line 301, column 785: '.' is not a pixel"),
        (b",255\n", b",\x1b[31m\n", r"line 301, column 785: '\\x1b\[31m' is not a pixel"),
        (b",255\n", b"," + b"9" * 5000 + b"\n", r"line 301, column 785: '9{40}'\.\.\. is not a pixel"),
        (b"5,0", b"10,0", r"line 301, column 1: '10' is not a label from 0 to 9"),
        (b"5,0", b"five,0", r"line 301, column 1: 'five' is not a label"),
        (b"5,0", b",0", r"line 301, column 1: '' is not a label"),
        (b"5,0", b"5;0", r"line 301 has 784 columns instead of 785: a line holds a label and 784 pixels"),
        (b"5,0", b"5,0,0", r"line 301 has 786 columns instead of 785"),
        (b"5,0", b"5\n0", r"line 301 has 1 column instead of 785"),
        (b"5,0", b"5,0\n0", r"line 301 has 2 columns instead of 785"),
        (PLAIN_LINE, PLAIN_LINE[:-5] + b"\n255," + PLAIN_LINE, r"line 301 has 784 columns instead of 785"),
        (PLAIN_LINE, HEADERS["1x1"].encode() + b"\n", r"line 301, column 1: 'label' is not a label"),
        (PLAIN_LINE, b"\0" * 5000 + b"\n", r"line 301 has 1 column instead of 785"),
        (PLAIN_LINE, b"<" + b"x" * 250_000 + b"\n", r"line 301 has 1 column instead of 785"),
        (PLAIN_LINE, b"0," * 200_000, r"line 301 is longer than 262144 bytes"),
    ],
)
@pytest.mark.parametrize("comma", [b",", b" , "])  # many lines at a time, and line by line
def test_a_broken_line_deep_in_a_file_is_named(old: bytes, new: bytes, message: str, comma: bytes) -> None:
    first = format_rows(random_rows(300)).replace(b",", comma)
    text = first + PLAIN_LINE.replace(old, new, 1) + PLAIN_LINE
    with pytest.raises(ValueError, match=message) as caught:
        read(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text",
    [
        b"<!DOCTYPE html>\n<html>",
        b"\n\n  <html><body>",
        b"\xef\xbb\xbf<?xml version='1.0'?>",
        b"<html>" + b"x" * 300_000,
    ],
)
def test_a_web_page_is_recognised(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"looks like a web page.*mnist-mlp download"):
        read(text)


def test_a_first_line_of_numbers_is_never_taken_for_a_header() -> None:
    with pytest.raises(ValueError, match=r"line 1, column 1: '5\.0' is not a label"):
        read(b"5.0" + b",0.0" * 784 + b"\n" + PLAIN_LINE)


def test_a_header_must_name_every_column() -> None:
    with pytest.raises(ValueError, match="line 1 has 2 columns instead of 785"):
        read(b"label,pixels\n" + PLAIN_LINE)


def test_a_header_may_be_long_but_not_endless() -> None:
    names = [f"pixel{'_' * 300}{i}" for i in range(785)]
    with pytest.raises(ValueError, match="line 1 is longer than 262144 bytes"):
        read(",".join(names).encode() + b"_" * 99_999 + b"\n" + PLAIN_LINE)
    assert len(read(",".join(names).encode() + b"\n" + PLAIN_LINE)) == 1


def test_the_digest_is_of_the_whole_file() -> None:
    text = b"\xef\xbb\xbf" + HEADERS["1x1"].encode() + b"\r\n" + format_rows(random_rows(300)) + b"\n\n"
    digest = hashlib.sha256()
    assert sum(len(rows) for rows in parse(io.BytesIO(text), digest)) == 300
    assert digest.hexdigest() == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("line_end", [b"\n", b"  \n"])  # the fast and the slow way
def test_memory_does_not_grow_with_the_file(line_end: bytes) -> None:
    text = format_rows(random_rows(100)).replace(b"\n", line_end)

    def peak(repeats: int) -> int:
        source = io.BytesIO(text * repeats)
        tracemalloc.start()
        try:
            for _ in parse(source, hashlib.sha256()):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(6) < peak(2) + 500_000
    assert peak(6) < 12 * 2**20


ROWS = st.integers(0, 2**32).flatmap(lambda seed: st.integers(1, 4).map(lambda n: random_rows(n, seed)))


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_what_is_written_is_read_back(rows: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(read(format_rows(rows)), rows)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_text_is_read_as_the_form_says_or_refused(data: st.DataObject) -> None:
    text = bytearray(PLAIN_LINE * 2 + format_rows(random_rows(1)))
    piece = st.binary(max_size=6) | st.text("0123456789,\n\r \t", max_size=6).map(str.encode)
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(text)))
        text[where : where + data.draw(st.integers(0, 3))] = data.draw(piece)
    try:
        rows = read(bytes(text)).tolist()
    except ValueError:
        rows = None
    assert rows == reference(bytes(text))
