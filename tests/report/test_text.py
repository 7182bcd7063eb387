"""Digits as text: escape sequences are decoded back to pixels by a small terminal of the test's own."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mnist_mlp.digits.images import Digits
from mnist_mlp.report.text import Terminal, digit_text, digit_with_bars, digits_text, output_bars

IMAGES = arrays(np.uint8, (28, 28))
STYLES = ["colors", "blocks", "ascii"]
TERMINALS = st.builds(Terminal, st.integers(40, 120), st.sampled_from(STYLES))
CELL = re.compile(r"\x1b\[([0-9;]+)m|([^\x1b\x00-\x1f\x7f])")
ANSI = re.compile(r"\x1b\[[0-9;]+m")


def terminal(style: str, width: int = 80) -> Terminal:
    return Terminal(width, style)  # type: ignore[arg-type]


def cells(line: str) -> list[tuple[str, int | None, int | None]]:
    """What a terminal shows of a line: characters with the colors before and behind them, if they are set."""
    assert "".join(match.group() for match in CELL.finditer(line)) == line  # nothing but text and colors
    shown: list[tuple[str, int | None, int | None]] = []
    before = behind = None
    for sequence, character in CELL.findall(line):
        if character:
            shown.append((character, before, behind))
        elif sequence == "0":
            before = behind = None
        elif match := re.fullmatch(r"38;5;(\d+);48;5;(\d+)", sequence):
            before, behind = int(match[1]), int(match[2])
        else:
            assert sequence.startswith("38;5;")
            before = int(sequence[5:])
    assert before is behind is None  # reset at the line's end
    return shown


def painted_pixels(text: str) -> NDArray[np.float64]:
    """The pixels of a picture in half blocks, two rows a line, from its grays: 8 to 238 in steps of 10."""
    rows: list[list[int | None]] = []
    for line in text.split("\n"):
        shown = cells(line)
        assert {character for character, _, _ in shown} <= {" ", "▀"}
        rows.append([before if character == "▀" else behind for character, before, behind in shown])
        rows.append([behind for _, _, behind in shown])
    grays = 8 + 10 * (np.array(rows, dtype=np.float64) - 232)
    return (238 - grays) / (238 - 18) * 255  # light paper, 238, and dark ink, 18


def seven() -> NDArray[np.uint8]:
    """A 7 of full ink, in rows 5 to 22 and columns 8 to 19."""
    image = np.zeros((28, 28), dtype=np.uint8)
    image[5:8, 8:20] = 255
    image[8:23, 16:19] = 255
    return image


@settings(deadline=None, max_examples=20)
@given(image=IMAGES)
def test_colors_show_each_pixel_on_paper_with_a_margin(image: NDArray[np.uint8]) -> None:
    pixels = painted_pixels(digit_text(image, terminal("colors")))

    assert pixels.shape == (30, 30)
    assert np.abs(pixels[1:-1, 1:-1] - image).max() <= 255 / 22 / 2 + 1e-9  # half a step of gray
    assert pixels[0].max() == pixels[-1].max() == pixels[:, 0].max() == pixels[:, -1].max() == 0


@settings(deadline=None, max_examples=20)
@given(image=IMAGES)
def test_blocks_show_ink(image: NDArray[np.uint8]) -> None:
    lines = digit_text(image, terminal("blocks")).split("\n")

    halves = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    assert [len(line) for line in lines] == [28] * 14
    shown = np.array([[halves[character] for character in line] for line in lines])
    assert np.array_equal(shown.transpose(0, 2, 1).reshape(28, 28), image >= 85)


def test_ascii_is_denser_where_there_is_more_ink() -> None:
    image = np.zeros((28, 28), dtype=np.uint8)
    image[0:2] = np.linspace(0, 255, 28).astype(np.uint8)
    image[2] = 255

    lines = digit_text(image, terminal("ascii")).split("\n")

    assert [len(line) for line in lines] == [28] * 14  # square
    assert list(lines[0]) == sorted(lines[0], key=" .:-=+*#%@".index)
    assert set(lines[0]) == set(" .:-=+*#%@")
    assert set(lines[1]) <= {"=", "+"}  # ink in one half of two
    assert set(lines[2]) == {" "}


def test_digits_stand_side_by_side_without_the_margins_blank_in_all() -> None:
    # Ink in columns 8 to 19 and, shifted, 10 to 21: 14 columns, 16 with the margin, 18 with the gap; 18 rows.
    images = [seven(), np.roll(seven(), 2, axis=1)] * 4

    rows = [cells(line) for line in digits_text(images, terminal("colors")).split("\n")]
    assert [len(row) for row in rows] == [4 * 16 + 3 * 2] * 10  # a fifth would take 88 columns
    assert all(cell == (" ", None, None) for row in rows for cell in row[16:18])
    first = painted_pixels(digits_text(images[:2], terminal("colors", width=16)))
    assert np.array_equal(np.rint(first)[1:-1, 1:-1], images[0][5:23, 8:22])
    blank = digits_text([np.zeros((28, 28), dtype=np.uint8)], terminal("blocks"))
    assert blank.split("\n") == [" " * 28] * 14


OUTPUTS = [0.004, 0.5, 0.0, 1.0, 0.25, 0.02, 0.03, 0.04, 0.05, 0.06]


def test_bars_are_as_long_as_the_outputs_and_marked() -> None:
    lines = output_bars(OUTPUTS, 1, terminal("blocks")).split("\n")

    longest = lines[3].count("█")
    assert 40 < longest < 60
    assert [line.count("█") for line in lines] == [round(8 * output * longest) // 8 for output in OUTPUTS]
    assert "▏▎▍▌▋▊▉█".find(lines[0][3]) == round(0.004 * longest * 8) - 1
    assert lines[2].split() == ["2", "0.000"]
    assert lines[3].endswith("1.000  answer")
    assert lines[1].endswith("0.500  true digit")
    assert sum("answer" in line or "true" in line for line in lines) == 2
    right = output_bars(OUTPUTS, 3, terminal("ascii")).split("\n")
    assert right[3].endswith("1.000  answer, true digit")
    assert [line.count("#") for line in right] == [round(output * longest) for output in OUTPUTS]
    assert "true digit" not in output_bars(OUTPUTS, None, terminal("blocks"))


@pytest.mark.parametrize(("label", "color"), [(3, 32), (None, 32), (1, 166)])
def test_the_answer_is_blue_unless_it_is_wrong(label: int | None, color: int) -> None:
    lines = output_bars(OUTPUTS, label, terminal("colors")).split("\n")

    assert lines[3].startswith(f"3  \x1b[38;5;{color}m█")
    assert lines[1].startswith("1  \x1b[38;5;244m█")  # gray, the true digit's too
    assert [ANSI.sub("", line) for line in lines] == output_bars(OUTPUTS, label, terminal("blocks")).split(
        "\n"
    )


def test_a_digit_and_its_bars_fit_into_a_screen_of_24_lines(mnist_test: Digits) -> None:
    for image in mnist_test.images[:200]:
        wide = digit_with_bars(image, OUTPUTS, 7, terminal("colors", width=80)).split("\n")
        narrow = digit_with_bars(image, OUTPUTS, 7, terminal("colors", width=40)).split("\n")
        assert len(wide) == 15
        assert len(narrow) <= 21  # with a title, a line about the model and the prompt: 24
    assert narrow[-10:] == output_bars(OUTPUTS, 7, terminal("colors", width=40)).split("\n")


def test_bars_stand_beside_a_digit_where_there_is_room() -> None:
    lines = digit_with_bars(seven(), OUTPUTS, 3, terminal("ascii")).split("\n")
    assert [line[30:31] for line in lines] == ["", "", *"0123456789", "", ""]
    digit = digit_text(seven(), terminal("ascii")).split("\n")
    assert [line[:28].rstrip() for line in lines] == [line.rstrip() for line in digit]


@settings(deadline=None, max_examples=100)
@given(
    image=IMAGES,
    outputs=arrays(np.float64, 10),
    label=st.none() | st.integers(0, 9),
    terminal=TERMINALS,
)
def test_whatever_is_drawn_fits_the_width(
    image: NDArray[np.uint8], outputs: NDArray[np.float64], label: int | None, terminal: Terminal
) -> None:
    for text in (
        digit_with_bars(image, outputs, label, terminal),
        output_bars(outputs, label, terminal),
        digits_text([image] * 5, terminal),
    ):
        lines = text.split("\n")
        assert len(lines) <= 25
        assert all(len(cells(line)) <= min(terminal.width, 160) for line in lines)
        if terminal.style != "colors":
            assert "\x1b" not in text
        if terminal.style == "ascii":
            assert text.isascii()


@pytest.mark.parametrize(
    ("encoding", "colors", "style"),
    [
        ("utf-8", True, "colors"),
        ("UTF-16", False, "blocks"),
        ("ascii", True, "ascii"),
        ("latin-1", False, "ascii"),
        ("cp437", False, "ascii"),
        (None, True, "ascii"),
        ("?", False, "ascii"),
    ],
)
def test_what_is_shown_depends_on_colors_and_encoding(encoding: str | None, colors: bool, style: str) -> None:
    assert Terminal.of(80, colors, encoding) == (80, style)
