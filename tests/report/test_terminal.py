"""Digits as text: escape sequences are decoded back to pixels by a small terminal of the test's own."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mnist_mlp.report.text import Colours, digit_text, digits_side_by_side, output_bars, shows_blocks

IMAGES = arrays(np.uint8, (28, 28))
CELL = re.compile(r"\x1b\[([0-9;]+)m|([^\x1b\x00-\x1f\x7f])")


def grey(parameters: list[str]) -> int | None:
    """The grey of a sequence like 38;2;r;g;b or 48;5;n; None for another colour."""
    if parameters[1] == "2":
        red, green, blue = map(int, parameters[2:5])
        return red if red == green == blue else None
    number = int(parameters[2])
    return 8 + 10 * (number - 232) if number >= 232 else None  # the grey ramp of 256 colours


def cells(line: str) -> list[tuple[str, int | None, int | None]]:
    """What a terminal shows of a line: characters with the greys before and behind them, None for its own."""
    assert "".join(match.group() for match in CELL.finditer(line)) == line  # nothing but text and colours
    shown: list[tuple[str, int | None, int | None]] = []
    before: int | None = None
    behind: int | None = None
    for sequence, character in CELL.findall(line):
        if character:
            shown.append((character, before, behind))
            continue
        parameters = sequence.split(";")
        while parameters:
            if parameters[0] == "0":
                before = behind = None
                parameters = parameters[1:]
            else:
                assert parameters[0] in ("38", "48")
                if parameters[0] == "38":
                    before = grey(parameters)
                else:
                    behind = grey(parameters)
                parameters = parameters[5 if parameters[1] == "2" else 3 :]
    assert before is behind is None  # reset at the line's end
    return shown


def half_block_pixels(text: str) -> NDArray[np.float64]:
    """The greys of a picture in half blocks, two rows a line."""
    rows: list[list[int | None]] = []
    for line in text.split("\n"):
        shown = cells(line)
        assert {character for character, _, _ in shown} <= {" ", "▀"}
        rows.append([before if character == "▀" else behind for character, before, behind in shown])
        rows.append([behind for _, _, behind in shown])
    return np.array(rows, dtype=np.float64)


def ink(greys: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light paper, 238, and dark ink, 18, back to pixels from 0 to 255."""
    return (238 - greys) / (238 - 18) * 255


def plain_image() -> NDArray[np.uint8]:
    """A 7 of full ink."""
    image = np.zeros((28, 28), dtype=np.uint8)
    image[5:8, 8:20] = 255
    image[8:23, 16:20] = 255
    return image


# A grey is one of 221 levels with 24-bit colours (half a level is 0.58 of 255), one of 23 with 256.
@pytest.mark.parametrize(("colours", "tolerance"), [("truecolor", 0.6), ("256", 6.4)])
@settings(deadline=None, max_examples=30)
@given(image=IMAGES)
def test_colours_show_every_pixel_and_a_margin_of_paper(
    image: NDArray[np.uint8], colours: Colours, tolerance: float
) -> None:
    pixels = ink(half_block_pixels(digit_text(image, colours)))

    assert pixels.shape == (30, 30)  # 30 columns and 15 lines: a square
    assert np.abs(pixels[1:-1, 1:-1] - image).max() <= tolerance
    pixels[1:-1, 1:-1] = 0
    assert not pixels.any()


@pytest.mark.parametrize(("colours", "tolerance"), [("truecolor", 0.6), ("256", 6.4)])
@settings(deadline=None, max_examples=10)
@given(image=IMAGES)
def test_colours_without_blocks_show_two_spaces_a_pixel(
    image: NDArray[np.uint8], colours: Colours, tolerance: float
) -> None:
    text = digit_text(image, colours, unicode=False)

    assert text.isascii()
    rows = [cells(line) for line in text.split("\n")]
    assert {character for row in rows for character, _, _ in row} == {" "}
    pixels = ink(np.array([[behind for _, _, behind in row] for row in rows], dtype=np.float64))
    assert pixels.shape == (30, 60)  # square again
    assert np.array_equal(pixels[:, 0::2], pixels[:, 1::2])
    assert np.abs(pixels[1:-1, 2:-2:2] - image).max() <= tolerance


@settings(deadline=None, max_examples=30)
@given(image=IMAGES)
def test_half_blocks_without_colours_show_ink(image: NDArray[np.uint8]) -> None:
    lines = digit_text(image, "none").split("\n")

    halves = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    assert [len(line) for line in lines] == [28] * 14
    shown = np.array([[halves[character] for character in line] for line in lines])
    assert np.array_equal(shown.transpose(0, 2, 1).reshape(28, 28), image >= 85)


def test_ascii_is_denser_where_there_is_more_ink() -> None:
    image = np.zeros((28, 28), dtype=np.uint8)
    image[0:2] = np.linspace(0, 255, 28).astype(np.uint8)
    image[2] = 255

    first, second, third, *_ = digit_text(image, "none", unicode=False).split("\n")

    assert list(first) == sorted(first, key=" .:-=+*#%@".index)
    assert set(first) == set(" .:-=+*#%@")
    assert set(second) <= {"=", "+"}  # ink in one half of two
    assert set(third) == {" "}


def test_ascii_is_square_and_plain() -> None:
    text = digit_text(plain_image(), "none", unicode=False)

    assert text.isascii()
    assert [len(line) for line in text.split("\n")] == [28] * 14


@pytest.mark.parametrize("unicode", [True, False])
def test_no_colours_means_no_escape_character(unicode: bool) -> None:
    image = plain_image()

    for text in (
        digit_text(image, "none", unicode),
        digits_side_by_side([image, image], 80, "none", unicode),
        output_bars(np.eye(10)[3], 3, "none", unicode),
    ):
        assert text.replace("\n", "").isprintable()


def test_digits_stand_side_by_side_without_the_columns_blank_in_all() -> None:
    # Ink in columns 8 to 19 and, shifted, 10 to 21: 14 columns, 16 with the margin, 18 with the gap.
    images = [plain_image(), np.roll(plain_image(), 2, axis=1)] * 4

    text = digits_side_by_side(images, 80, "truecolor")

    rows = [cells(line) for line in text.split("\n")]
    assert [len(row) for row in rows] == [4 * 16 + 3 * 2] * 15  # a fifth would take 88 columns
    assert all(cell == (" ", None, None) for row in rows for cell in row[16:18])
    first = half_block_pixels(digits_side_by_side(images[:2], 16, "truecolor"))
    assert np.array_equal(np.rint(ink(first))[1:-1, 1:-1], images[0][:, 8:22])


@pytest.mark.parametrize("colours", ["truecolor", "256", "none"])
@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_digits_fit_the_width(colours: Colours, unicode: bool, width: int) -> None:
    image = np.full((28, 28), 200, dtype=np.uint8)

    lines = digits_side_by_side([image] * 12, width, colours, unicode).split("\n")

    one = len(cells(digits_side_by_side([image], width, colours, unicode).split("\n")[0]))
    widths = {len(cells(line)) for line in lines}
    assert len(widths) == 1
    assert width - one - 2 < widths.pop() <= width


def test_blank_digits_are_shown_blank() -> None:
    lines = digits_side_by_side([np.zeros((28, 28), dtype=np.uint8)], 80, "none").split("\n")

    assert lines == [" " * 28] * 14


OUTPUTS = [0.004, 0.5, 0.0, 1.0, 0.25, 0.02, 0.03, 0.04, 0.05, 0.06]


def test_bars_are_as_long_as_the_outputs() -> None:
    lines = output_bars(OUTPUTS, label=1, colours="none").split("\n")

    longest = lines[3].count("█")
    assert longest == 49
    assert lines[1].count("█") == longest // 2
    assert "▌" in lines[1]  # half of 49 is 24 and a half
    assert "▏▎▍▌▋▊▉█".find(lines[0][3]) == round(0.004 * longest * 8) - 1
    assert lines[2].split() == ["2", "0.000"]


def test_answer_and_true_digit_are_marked() -> None:
    lines = output_bars(OUTPUTS, label=1, colours="none").split("\n")

    assert lines[3].endswith("1.000  answer")
    assert lines[1].endswith("0.500  true digit")
    assert sum("answer" in line or "true" in line for line in lines) == 2
    assert output_bars(OUTPUTS, 3, "none").split("\n")[3].endswith("1.000  answer, true digit")
    assert "true digit" not in output_bars(OUTPUTS, None, "none")


def test_bars_in_ascii() -> None:
    text = output_bars(OUTPUTS, label=3, colours="none", unicode=False)

    assert text.isascii()
    assert [line.count("#") for line in text.split("\n")] == [0, 24, 0, 49, 12, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("colours", ["truecolor", "256"])
def test_colours_of_bars_tell_right_from_wrong(colours: Colours) -> None:
    right, wrong = (output_bars(OUTPUTS, label, colours).split("\n") for label in (3, 1))

    def colour(line: str) -> str:
        return line[line.index("\x1b") : line.index("m")]

    assert colour(right[3]) != colour(wrong[3])
    assert colour(right[1]) == colour(wrong[1]) != colour(right[3])
    plain = output_bars(OUTPUTS, 3, "none").split("\n")
    assert ["".join(character for character, _, _ in cells(line)) for line in right] == plain


@settings(deadline=None, max_examples=50)
@given(
    outputs=arrays(np.float64, 10),
    label=st.none() | st.integers(0, 9),
    colours=st.sampled_from(["truecolor", "256", "none"]),
    unicode=st.booleans(),
    width=st.integers(40, 120),
)
def test_bars_of_any_outputs_fit_the_width(
    outputs: NDArray[np.float64], label: int | None, colours: Colours, unicode: bool, width: int
) -> None:
    lines = output_bars(outputs, label, colours, unicode, width).split("\n")

    assert len(lines) == 10
    assert all(len(cells(line)) <= width for line in lines)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", True),
        ("UTF-16", True),
        ("ascii", False),
        ("latin-1", False),
        ("cp437", False),
        (None, False),
        ("?", False),
    ],
)
def test_encodings_that_hold_block_characters(encoding: str | None, shown: bool) -> None:
    assert shows_blocks(encoding) is shown
