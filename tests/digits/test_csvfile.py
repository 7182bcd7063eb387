"""Digits as text: what is read, in what other forms, and what is refused by which sentence."""

import bz2
import csv
import gzip
import io
import lzma
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_mlp.digits.csvfile import format_rows, parse
from mnist_mlp.digits.images import DataError
from mnist_mlp.digits.mnist import describe_csv, read_csv

PLAIN_LINE = b"5" + b",0" * 783 + b",255\n"
NAMES = [f"pixel{number}" for number in range(784)]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def read(folder: Path, content: bytes) -> NDArray[np.uint8]:
    path = folder / "digits.csv"
    path.write_bytes(content)
    with path.open("rb", buffering=0) as file:
        return np.concatenate([np.empty((0, 785), np.uint8), *parse(file)])


def random_rows(count: int, seed: int = 1) -> NDArray[np.uint8]:
    rows = np.random.default_rng(seed).integers(0, 256, (count, 785), np.uint8)
    rows[:, 0] %= 10
    return rows


ROWS = random_rows(3)


def test_a_line_written_by_hand(tmp_path: Path) -> None:
    row = read(tmp_path, PLAIN_LINE)
    assert row.shape == (1, 785)
    assert (row[0, 0], row[0, 1], row[0, 784], row.sum()) == (5, 0, 255, 260)
    assert format_rows(row) == PLAIN_LINE


def test_every_number_in_every_column_is_read_and_written_as_python_does(tmp_path: Path) -> None:
    rows = ((np.arange(512)[:, None] + np.arange(785)) % 256).astype(np.uint8)
    rows[:, 0] %= 10
    text = "".join(",".join(map(str, row)) + "\n" for row in rows.tolist()).encode()
    assert format_rows(rows) == text
    np.testing.assert_array_equal(read(tmp_path, text), rows)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PLAIN_LINE * 2, id="plain"),
        pytest.param(b"\n" + PLAIN_LINE * 2 + b"\n\n", id="empty lines before and at the end"),
        pytest.param(PLAIN_LINE + b"\r\n \n" + PLAIN_LINE, id="empty lines between"),
        pytest.param((PLAIN_LINE * 2)[:-1], id="no line end at the end"),
        pytest.param(b"\xef\xbb\xbf" + PLAIN_LINE * 2, id="byte order mark"),
        pytest.param((PLAIN_LINE * 2).replace(b"\n", b"\r\n"), id="line ends of Windows"),
        pytest.param((PLAIN_LINE * 2).replace(b"\n", b"\r"), id="line ends of old Macs"),
        pytest.param(PLAIN_LINE + PLAIN_LINE.replace(b"\n", b"\r\n"), id="mixed line ends"),
        pytest.param((PLAIN_LINE * 2).replace(b",", b" ,\t"), id="spaces"),
        pytest.param((PLAIN_LINE * 2).replace(b"5,", b"0005,"), id="leading zeros"),
        pytest.param((PLAIN_LINE * 2).replace(b"5,", b"0" * 5000 + b"5,"), id="many leading zeros"),
        pytest.param((PLAIN_LINE * 2).replace(b"5,", b"+5.,"), id="a sign and a point"),
        pytest.param(gzip.compress(PLAIN_LINE * 2), id="compressed"),
    ],
)
def test_forms_that_mean_the_same(tmp_path: Path, text: bytes) -> None:
    np.testing.assert_array_equal(read(tmp_path, text), np.repeat(read(tmp_path, PLAIN_LINE), 2, axis=0))


# Files as other programs write them


def lines(rows: list[list[str]], separator: str = ",", end: str = "\n") -> bytes:
    return "".join(separator.join(row) + end for row in rows).encode()


def cells(write: Callable[[int], str] = str) -> list[list[str]]:
    return [[write(number) for number in row] for row in ROWS.tolist()]


def savetxt(**options: object) -> bytes:
    file = io.BytesIO()
    np.savetxt(file, ROWS, **options)  # type: ignore[arg-type]
    return file.getvalue()


LABEL_LAST = [[*row[1:], row[0]] for row in cells()]
INDEXED = [[str(i), *row] for i, row in enumerate(cells())]
NUMBERS = [str(number) for number in range(785)]
QUOTED = [[f'"{cell}"' for cell in row] for row in [["label", *NAMES], *cells()]]

PLAIN = "commas between cells, no header line, label in the first column"
NAMED = "commas between cells, a header line, label in the first column"
SECOND = "commas between cells, a header line, label in column 2, 1 column left out"

FORMS: dict[str, tuple[bytes, str]] = {
    "pjreddie": (format_rows(ROWS), PLAIN),
    "Kaggle": (lines([["label", *NAMES], *cells()]), NAMED),
    "pandas, a named label": (lines([["label", *NUMBERS[:-1]], *cells()]), NAMED),
    "pandas, names counted from 1": (lines([["y", *NUMBERS[1:]], *cells()]), NAMED),
    "pandas, no names": (lines([NUMBERS, *cells()]), NAMED),
    "pandas, with index": (lines([["", "label", *NUMBERS[:-1]], *INDEXED]), SECOND),
    "pandas, index and no names": (lines([["", *NUMBERS], *INDEXED]), SECOND),
    "three columns without a meaning": (
        lines([["Index", "ID", "target", *NAMES, "Unnamed: 787"], *(["0", *row, "7"] for row in INDEXED)]),
        SECOND.replace("column 2, 1 column", "column 3, 3 columns"),
    ),
    "R, row names": (lines([QUOTED[0], *([f'"{i}"', *row] for i, row in enumerate(cells(), 1))]), SECOND),
    **{
        f"{name} last": (lines([[*NAMES, name], *LABEL_LAST]), NAMED.replace("first", "last"))
        for name in ("labels", "digit", "class", "target", "y")
    },
    "label last, digits of gzip": (
        gzip.compress(lines([[*NAMES, "label"], *LABEL_LAST])),
        NAMED.replace("first", "last"),
    ),
    "spreadsheet, semicolons": (lines(cells(), ";", "\r\n"), PLAIN.replace("commas", "semicolons")),
    "spreadsheet, tabs": (lines([["Label", *NAMES], *cells()], "\t"), NAMED.replace("commas", "tabs")),
    "quoted": (lines(QUOTED, ", "), NAMED),
    "R, write.table": (lines(QUOTED, " "), NAMED.replace("commas", "spaces")),
    "comma at the end": (lines(cells(), end=",\n"), PLAIN + ", 1 column left out"),
    "comma at the end, and a header": (
        lines([["digit", *NAMES]]) + lines(cells(), end=",\n"),
        NAMED + ", 1 column left out",
    ),
    "numpy.savetxt": (savetxt(), PLAIN.replace("commas", "spaces")),
    "numpy.savetxt, whole": (savetxt(fmt="%d"), PLAIN.replace("commas", "spaces")),
    "numpy.savetxt, a header": (savetxt(fmt="%3d", delimiter=",", header=",".join(["label", *NAMES])), NAMED),
    "numpy.savetxt, with index": (lines([["# id", "label", *NAMES], *INDEXED]), SECOND),
    "floats": (lines(cells(lambda number: f"{number}.0")), PLAIN),
    "floats with index": (
        lines(
            [["Unnamed: 0", "labels", *NAMES], *([row[0], *(f"{c}.0" for c in row[1:])] for row in INDEXED)]
        ),
        SECOND,
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_forms_of_other_programs_are_read_and_described(tmp_path: Path, case: str) -> None:
    text, description = FORMS[case]
    np.testing.assert_array_equal(read(tmp_path, text), ROWS)
    assert describe_csv(tmp_path / "digits.csv") == description


FRACTIONS = [[row[0], *(f"{int(cell) / 255:.3f}" for cell in row[1:])] for row in cells()]
FROM_PANDAS = [
    ["5", "0", *(f"0.{i}" for i in range(1, 783)), "7"],
    *cells(),
]  # numbers of the first line as names
SIZES = "instead of 785: a line holds a label and 784 pixels, commas between"

REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty; name another file"),
    "empty lines": (b"\n\n", "holds no digits; there should be a line for each"),
    "header only": (lines([["label", *NAMES]]), "holds no digits; there should be a line for each"),
    "scaled": (
        lines(FRACTIONS),
        r"column 2, not a pixel .*; the pixels look scaled to 0-1: multiply them by 255",
    ),
    "no label": (
        lines([row[1:] for row in cells()]),
        f"line 1 has 784 columns {SIZES}; the label seems to be missing: each line starts with the",
    ),
    "index, no header": (
        lines(INDEXED),
        rf"1 has 786 columns {SIZES}; an index column\? write the file without it \(pandas: index=False\)",
    ),
    "8 x 8 pixels": (
        lines([row[:65] for row in cells()]),
        f"1 has 65 columns {SIZES}; these may be pictures of 8 x 8 pixels, which would have to be 28 x 28",
    ),
    "30 x 30 pixels, no label": (
        lines([np.resize(ROWS[0], 900).astype(str).tolist()]),
        f"line 1 has 900 columns {SIZES}; these may be pictures of 30 x 30 pixels",
    ),
    "two labels": (
        lines([["label", "class", *NAMES[1:]]]),
        "line 1 names 2 labels and 783 pixels, instead of 1 a",
    ),
    "an index and no label": (
        lines([["id", *NAMES]]),
        "line 1 names 0 labels and 784 pixels, instead of 1 and 784",
    ),
    "digits for names": (
        lines(FROM_PANDAS),
        "line 1 is a digit that pandas took for names; read the file by header=None and write it again",
    ),
    "text": (b"hello\n", f"line 1 has 1 column {SIZES}$"),
    "decimal comma": (
        lines(cells(lambda number: f"{number},5"), ";"),
        "line 1 has '.,5' in column 1, not a label .*",
    ),
    "UTF-16 without mark": (
        PLAIN_LINE.decode().encode("utf-16-le"),
        "is not text, so it is no CSV file; name .*",
    ),
    "gzip of zeros": (gzip.compress(bytes(10**7)), "is not text, so it is no CSV file; name another file"),
    "broken gzip": (gzip.compress(PLAIN_LINE)[:-9], r"is a damaged \.gz file; copy or fetch it anew"),
    "no gzip": (b"\x1f\x8b, said the spider", r"is a damaged \.gz file; copy or fetch it anew"),
}

# Starts of files of other kinds, what they are, and what to do
OTHER_KINDS: list[tuple[list[bytes], str, str]] = [
    ([b"PK\x03\x04"], "a spreadsheet or ZIP archive", "export it as CSV"),
    ([b"\xd0\xcf\x11\xe0"], "an Excel file", "export it as CSV"),
    ([b"%PDF-1.4"], "a PDF document", "export it as CSV"),
    ([b"PAR1"], "a Parquet file", "export it as CSV"),
    ([b"\x89HDF\r\n"], "an HDF5 file", "export it as CSV"),
    ([b'{"label": 5}', b"[5]"], "a JSON file", "export it as CSV"),
    ([b"\xff\xfe5\0", b"\xfe\xff\0005"], "UTF-16 text", "save it as UTF-8"),
    (
        [b"\x93NUMPY\x01"],
        "a NumPy array",
        "write it with numpy.savetxt(name, array, fmt='%d', delimiter=',')",
    ),
    ([b"\x89PNG\r\n", b"\xff\xd8\xff\xe0", b"GIF89a"], "a picture", "read pictures with: mnist-mlp predict"),
    ([b"\0\0\x08\x03"], "an IDX file", "name its folder with --data-dir"),
    ([bz2.compress(b"5")], "a bzip2 archive", "unpack it first"),
    ([lzma.compress(b"5")], "an xz archive", "unpack it first"),
    ([b"7z\xbc\xaf\x27\x1c"], "a 7-Zip archive", "unpack it first"),
    ([b"\n <html>", b"\xef\xbb\xbf<html>"], "a web page", "MNIST can be fetched by: mnist-mlp download"),
]


@pytest.mark.parametrize(("starts", "kind", "remedy"), OTHER_KINDS)
def test_files_of_other_kinds_are_named(tmp_path: Path, starts: list[bytes], kind: str, remedy: str) -> None:
    for start in starts:
        with pytest.raises(ValueError, match=f"^is {kind}, not a CSV file; {re.escape(remedy)}$"):
            read(tmp_path, start)


def test_a_file_without_lines_cannot_be_described(tmp_path: Path) -> None:
    for content in (b"\n\n", gzip.compress(b"")):
        (tmp_path / "digits.csv").write_bytes(content)
        with pytest.raises(DataError, match="holds no digits"):
            describe_csv(tmp_path / "digits.csv")


@pytest.mark.parametrize("case", REFUSED)
def test_other_files_are_refused_with_the_sentence_that_helps(tmp_path: Path, case: str) -> None:
    content, message = REFUSED[case]
    (tmp_path / "digits.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"digits\.csv: .*{message}") as caught:
        read_csv(tmp_path / "digits.csv")
    assert str(caught.value).isprintable()
    assert [path.name for path in tmp_path.iterdir()] == ["digits.csv"]


# Broken lines


NO_PIXELS = ["256", "1255", "-1", "1.5", "nan", "inf", "-inf", "2_5", "2 5", "", "\ufffd", "٣", "1e3", "0x1"]
BROKEN_LINES: list[tuple[bytes, bytes, str]] = [
    *(
        (b",255\n", f",{cell}\n".encode(), f"has '{cell}' in column 785, not a pixel .*")
        for cell in NO_PIXELS
    ),
    (b",255\n", b",-0.5\n", "has '-0.5' in column 785, not a pixel from 0 to 255; correct the file"),
    (b",255\n", b",0.5\n", "has '0.5' .*, not .* 255; the pixels look scaled to 0-1: multiply them by 255"),
    (b",255\n", b",\xff\n", "has '\ufffd' in column 785, not a pixel .*"),
    (b",255\n", b',"1,2"\n', "has '1,2' in column 785, not a pixel .*"),
    (b",255\n", b',"1\n', r"is not a line of numbers \(unexpected end of data\); correct the file"),
    (b",255\n", b",\x1b[31m\n", r"has '\\x1b\[31m' in column 785, not a pixel .*"),
    (b",255\n", b"," + b"9" * 5000 + b"\n", r"has '9{19}\.\.\.9{19}' in column 785, not a pixel .*"),
    (b"5,0", b"10,0", ".* a label from 0 to 9; .*, or add a header line that calls the label's column label"),
    (b"5,0", b"five,0", "has 'five' in column 1, not a label .*"),
    (b"5,0", b"5;0", f"has 784 columns {SIZES}"),
    (b"5,0", b"5,0,0", f"has 786 columns {SIZES}"),
    (b"5,0", b"5\n0", f"has 1 column {SIZES}"),
    (PLAIN_LINE, PLAIN_LINE[:-5] + b"\n255," + PLAIN_LINE, f"has 784 columns {SIZES}"),
    (PLAIN_LINE, ",".join(["label", *NAMES]).encode() + b"\n", "has 'label' in column 1, not a label .*"),
    (PLAIN_LINE, b"0," * 2_100_000, "is longer than 65,535 characters; correct the file"),
]


@pytest.mark.parametrize(("old", "new", "message"), BROKEN_LINES)
def test_a_broken_line_deep_in_a_file_is_named(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^line 302 {message}$") as caught:
        read(tmp_path, b"\n" + PLAIN_LINE * 300 + PLAIN_LINE.replace(old, new, 1) + PLAIN_LINE)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_a_separator_that_does_not_print_is_shown_as_an_escape(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^line 2 is not a line of numbers \('\\t' expected after '\"'\); correct"
    ):
        read(tmp_path, (PLAIN_LINE + b'"1"2' + PLAIN_LINE[1:]).replace(b",", b"\t"))


def test_columns_that_are_left_out_are_still_counted(tmp_path: Path) -> None:
    text = lines([["", "label", *NAMES], *INDEXED, INDEXED[0][1:]])
    with pytest.raises(ValueError, match="line 5 has 785 columns instead of 786"):
        read(tmp_path, text)
    with pytest.raises(ValueError, match="line 3 has 787 columns instead of 786"):
        read(tmp_path, lines([["", "label", *NAMES], INDEXED[0], [*INDEXED[0], "0"]]))
    with pytest.raises(ValueError, match=r"line 3 has '12' in column 785, not a label .*; correct the file$"):
        read(tmp_path, lines([[*NAMES, "label"], LABEL_LAST[0], [*LABEL_LAST[1][:-1], "12"]]))


def test_only_the_first_line_can_be_a_header(tmp_path: Path) -> None:
    header = lines([["label", *NAMES]])
    with pytest.raises(ValueError, match="line 2 has 'label' in column 1, not a label from 0 to 9; correct"):
        read(tmp_path, header * 2 + PLAIN_LINE)
    with pytest.raises(ValueError, match=r"line 2 has '0\.5' in column 1, not a label .*; correct the file$"):
        read(tmp_path, header + b"0." + PLAIN_LINE)
    for first, extra in ((header, b"7,"), (PLAIN_LINE, b"1,")):  # no row name, or no header above it
        with pytest.raises(ValueError, match=r"^line 2 has 786 columns instead of 785"):
            read(tmp_path, first + extra + PLAIN_LINE)


def test_a_line_may_be_long_but_not_longer_than_65535_characters(tmp_path: Path) -> None:
    longest = PLAIN_LINE[:-1].ljust(65_534) + b"\n"
    assert len(read(tmp_path, PLAIN_LINE * 2 + longest)) == len(read(tmp_path, longest * 3)) == 3
    with pytest.raises(ValueError, match=r"^line 3 is longer than 65,535 characters; correct the file$"):
        read(tmp_path, PLAIN_LINE * 2 + b" " + longest)


def test_a_header_may_be_long(tmp_path: Path) -> None:
    names = [f"pixel{'_' * 70}{i}" for i in range(784)]
    np.testing.assert_array_equal(read(tmp_path, lines([["label", *names], *cells()])), ROWS)


# Any content


def reference(content: bytes) -> list[list[int]] | None:
    """What lines with commas mean, in other words; None if something in them is no label or pixel."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    rows = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            (fields,) = csv.reader([line], skipinitialspace=True, strict=True)
        except csv.Error:
            return None
        matches = [re.fullmatch(r"\s*[+-]?(?:([0-9]+)(?:\.0*)?|\.0+)\s*", field) for field in fields]
        row = [int(match[1] or 0) for match in matches if match]
        negative = any(match[0].strip().startswith("-") and int(match[1] or 0) for match in matches if match)
        if len(fields) != 785 or len(row) != 785 or row[0] > 9 or max(row) > 255 or negative:
            return None
        rows.append(row)
    return rows


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_text_is_read_as_it_means_or_refused(scratch: Path, data: st.DataObject) -> None:
    text = bytearray(PLAIN_LINE * 2 + format_rows(random_rows(1)))
    piece = st.binary(max_size=4) | st.text('0123456789,.-+\n\r" \t', max_size=6).map(str.encode)
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(len(PLAIN_LINE), len(text)))  # the first line tells the form
        text[where : where + data.draw(st.integers(0, 3))] = data.draw(piece)
    try:
        rows = read(scratch, bytes(text)).tolist()
    except ValueError:
        rows = None
    assert rows == reference(bytes(text))
