"""What a CSV file's first lines tell about it: how its cells are separated, and what is in which column."""

import csv
import math
import re
from dataclasses import dataclass

from mnist_mlp.errors import escape_controls

# None splits at any number of spaces, here, in str.split and in numpy.loadtxt.
SEPARATORS: dict[str | None, str] = {",": "commas", ";": "semicolons", "\t": "tabs", None: "spaces"}

_LABELS = {"label", "labels", "digit", "class", "target", "y"}
_LEFT_OUT = re.compile(r"|index|id|unnamed: \d+")  # what columns without a meaning are called
_TO_CSV = "export it as CSV"
_UTF_16 = ("UTF-16 text", "save it as UTF-8")
_PICTURE = ("a picture", "read pictures with: mnist-mlp predict")

# How files of other kinds start, what they are, and what to do.
_KINDS = {
    b"PK\x03\x04": ("a spreadsheet or ZIP archive", _TO_CSV),
    b"\xd0\xcf\x11\xe0": ("an Excel file", _TO_CSV),
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"\x93NUMPY": ("a NumPy array", "write it with numpy.savetxt(name, array, fmt='%d', delimiter=',')"),
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF8": _PICTURE,
    b"%PDF": ("a PDF document", _TO_CSV),
    b"\0\0\x08": ("an IDX file", "name its folder with --data-dir"),
    b"BZh": ("a bzip2 archive", "unpack it first"),
    b"\xfd7zXZ": ("an xz archive", "unpack it first"),
    b"7z\xbc\xaf": ("a 7-Zip archive", "unpack it first"),
    b"PAR1": ("a Parquet file", _TO_CSV),
    b"\x89HDF": ("an HDF5 file", _TO_CSV),
    b"{": ("a JSON file", _TO_CSV),
    b"[": ("a JSON file", _TO_CSV),
}


def check_is_text(start: bytes) -> None:
    """Check that a file's first bytes can be those of a CSV file.

    Raises:
        ValueError: they are those of another kind of file, which the message names.
    """
    for mark, (kind, remedy) in _KINDS.items():
        if start.startswith(mark):
            raise ValueError(f"is {kind}, not a CSV file; {remedy}")
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise ValueError("is a web page, not a CSV file; MNIST can be fetched by: mnist-mlp download")
    if b"\0" in start:
        raise ValueError("is not text, so it is no CSV file; name another file")


@dataclass(frozen=True)
class Form:
    """How the digits stand in a CSV file.

    Attributes:
        separator: between cells; None for any number of spaces.
        has_header: whether the first line names the columns.
        width: cells in a line.
        columns: where the label and then the 784 pixels are, counted from 0.
    """

    separator: str | None = ","
    has_header: bool = False
    width: int = 785
    columns: tuple[int, ...] = tuple(range(785))

    def __str__(self) -> str:
        label = self.columns[0]
        ends = {0: "the first column", max(self.columns): "the last column"}
        place = ends.get(label, f"column {label + 1}")
        header = "a header line" if self.has_header else "no header line"
        left_out = self.width - len(self.columns)
        others = f", {left_out} column{'s' * (left_out > 1)} left out" if left_out else ""
        return f"{SEPARATORS[self.separator]} between cells, {header}, label in {place}{others}"

    def cells(self, line: str) -> list[str]:
        """Split a line into its cells, which may be quoted.

        Raises:
            ValueError: there are more or fewer than in other lines, or a quote has no end.
        """
        try:
            if self.separator is None:
                cells = [cell.strip('"') for cell in line.split()]
            else:
                cells = next(csv.reader([line], delimiter=self.separator, skipinitialspace=True, strict=True))
        except csv.Error as error:
            raise ValueError(
                f"is not a line of numbers ({escape_controls(str(error))}); correct the file"
            ) from error
        if len(cells) != self.width:
            raise ValueError(self.explain(len(cells)))
        return cells

    def explain(self, found: int) -> str:
        """What is wrong with a line of so many cells, to be said after its number."""
        columns = "1 column" if found == 1 else f"{found} columns"
        form = f"a line holds a label and 784 pixels, {SEPARATORS[self.separator]} between"
        return f"has {columns} instead of {self.width}: {form}"


def recognize(line: str, next_line: str) -> Form:
    """Tell the form of a CSV file from its first two lines that are not empty.

    Raises:
        ValueError: they are no lines of digits; the message is to be said after the first line's number.
    """
    separator = min(SEPARATORS, key=lambda separator: abs(len(line.split(separator)) - 785))
    names, below = (_names(text, separator) for text in (line, next_line))
    has_header = _is_header(names)
    if has_header and len(below) == len(names) + 1:  # R leaves the column of row names without a name
        names = [*names, ""] if below[-1] == "" else ["", *names] if below[0] == "1" else names
    if (
        not has_header and len(set(names)) == len(names) == 785
    ):  # 0, 0.1, 0.2: what is there twice is numbered
        raise ValueError(
            "is a digit that pandas took for names; read the file by header=None and write it again"
        )
    if not has_header:
        names = ["label", *("pixel" for _ in names[1:-1]), names[-1] and "pixel"]
    pixels = [i for i, name in enumerate(names) if name not in _LABELS and not _LEFT_OUT.fullmatch(name)]
    labels = [i for i, name in enumerate(names) if name in _LABELS]
    if not labels and len(pixels) == 785:
        labels = [pixels.pop(0)]
    if (len(labels), len(pixels)) == (1, 784):
        return Form(separator, has_header, len(names), (*labels, *pixels))
    if len(names) == 785:
        raise ValueError(f"names {len(labels)} labels and {len(pixels)} pixels, instead of 1 and 784")
    raise ValueError(Form(separator).explain(len(names)) + _likely_cause(len(names)))


def _names(line: str, separator: str | None) -> list[str]:
    return [cell.strip(' \t\n"#').casefold() for cell in line.split(separator)]


def _is_header(names: list[str]) -> bool:
    """Whether each cell is a name, or all that are none count up, as pandas calls columns without a name."""
    numbers = [name for name in names if name and not _is_name(name)]
    counted = [[str(i + start) for i in range(len(numbers))] for start in (0, 1)]
    return numbers in counted and len(numbers) > 700 if numbers else any(names)


def _is_name(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return any(character.isalpha() for character in cell)
    return False


def _likely_cause(columns: int) -> str:
    side = math.isqrt(columns)
    if columns == 784:
        return "; the label seems to be missing: each line starts with the digit that it shows"
    if columns == 786:
        return "; an index column? write the file without it (pandas: index=False)"
    if side > 1 and columns - side * side in (0, 1):
        return f"; these may be pictures of {side} x {side} pixels, which would have to be 28 x 28"
    return ""
