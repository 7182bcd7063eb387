"""Digits and bars as text: escape sequences are decoded back to the pixels that a terminal would show."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mnist_mlp.digits.images import Digits
from mnist_mlp.report.text import Terminal, digit_text, digit_with_bars, digits_text, output_bars

COLORS, BLOCKS, ASCII = Terminal(80, "colors"), Terminal(80, "blocks"), Terminal(80, "ascii")
IMAGES = arrays(np.uint8, (28, 28))
OUTPUTS = [0.004, 0.5, 0.0, 1.0, 0.25, 0.02, 0.03, 0.04, 0.05, 0.06]


def plain(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]+m", "", line)


def painted_pixels(text: str) -> NDArray[np.float64]:
    """The pixels of a digit in half blocks, two rows a line, from the grays 8, 18, ... 238."""
    rows = []
    for line in text.split("\n"):
        assert line.endswith("\x1b[0m")
        runs = re.findall(r"\x1b\[38;5;(\d+);48;5;(\d+)m([ ▀]+)", line)
        upper = [int(above if cell == "▀" else below) for above, below, cells in runs for cell in cells]
        lower = [int(below) for _, below, cells in runs for _ in cells]
        rows += [upper, lower]
    grays = 8 + 10 * (np.array(rows, dtype=np.float64) - 232)
    return (238 - grays) / (238 - 18) * 255  # light paper, 238, and dark ink, 18


def seven() -> NDArray[np.uint8]:
    """A 7 of full ink, in rows 5 to 22 and columns 8 to 19."""
    image = np.zeros((28, 28), dtype=np.uint8)
    image[5:8, 8:20] = image[8:23, 16:19] = 255
    return image


@settings(deadline=None, max_examples=20)
@given(image=IMAGES)
def test_colors_show_each_pixel_on_paper_with_a_margin(image: NDArray[np.uint8]) -> None:
    pixels = painted_pixels(digit_text(image, COLORS))

    assert pixels.shape == (30, 30)
    assert np.abs(pixels - np.pad(image, 1)).max() <= 255 / 22 / 2 + 1e-9  # half a step of gray


@settings(deadline=None, max_examples=20)
@given(image=IMAGES)
def test_blocks_show_ink(image: NDArray[np.uint8]) -> None:
    halves = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    shown = np.array(
        [[halves[character] for character in row] for row in digit_text(image, BLOCKS).split("\n")]
    )
    assert np.array_equal(shown.transpose(0, 2, 1).reshape(28, 28), image >= 85)


def test_ascii_is_denser_where_there_is_more_ink() -> None:
    image = np.zeros((28, 28), dtype=np.uint8)
    image[0:2], image[2] = np.linspace(0, 255, 28).astype(np.uint8), 255

    lines = digit_text(image, ASCII).split("\n")

    assert [len(line) for line in lines] == [28] * 14  # square
    assert lines[0] == "".join(" .:-=+*#%@"[round(9 * ink / 255)] for ink in image[0].tolist())
    assert set(lines[1]) <= {"=", "+"}  # ink in one half of two
    assert set(lines[2]) == {" "}


def test_digits_stand_side_by_side_without_the_margins_blank_in_all() -> None:
    # Ink in columns 8 to 19 and, shifted, 10 to 21: 14 columns, 16 with the margin, 18 with the gap; 18 rows.
    images = [seven(), np.roll(seven(), 2, axis=1)] * 4

    lines = digits_text(images, COLORS).split("\n")
    assert [len(plain(line)) for line in lines] == [4 * 16 + 3 * 2] * 10  # a fifth would take 88 columns
    assert len(plain(digits_text(images, Terminal(88, "colors")).split("\n")[0])) == 88
    assert digits_text(images, Terminal(5, "colors")) == digits_text(
        images[:2], Terminal(16, "colors")
    )  # one
    first = painted_pixels(digits_text(images[:2], Terminal(16, "colors")))
    assert np.array_equal(np.rint(first)[1:-1, 1:-1], images[0][5:23, 8:22])
    odd = painted_pixels(digits_text([seven()[:22]], COLORS))  # 17 rows of ink, and paper to make them even
    assert np.array_equal(np.rint(odd)[1:-2, 1:-1], seven()[5:22, 8:20])
    assert digits_text([np.zeros((28, 28), dtype=np.uint8)], BLOCKS).split("\n") == [" " * 28] * 14


def test_bars_are_as_long_as_the_outputs_and_marked() -> None:
    lines = output_bars(OUTPUTS, 1, BLOCKS).split("\n")

    longest = lines[3].count("█")
    assert 40 < longest < 60
    assert [line.count("█") for line in lines] == [round(8 * output * longest) // 8 for output in OUTPUTS]
    assert "▏▎▍▌▋▊▉█".find(lines[0][3]) == round(0.004 * longest * 8) - 1
    assert lines[2] == "2" + " " * (longest + 5) + "0.000"
    assert lines[3].endswith("1.000  answer")
    assert lines[1].endswith("0.500  true digit")
    assert sum("answer" in line or "true" in line for line in lines) == 2
    right = output_bars(OUTPUTS, 3, ASCII).split("\n")
    assert right[3].endswith("1.000  answer, true digit")
    assert [line.count("#") for line in right] == [round(output * longest) for output in OUTPUTS]
    assert max(map(len, output_bars(OUTPUTS, 3, Terminal(200, "ascii")).split("\n"))) == 80
    assert output_bars(OUTPUTS, 3, Terminal(5, "ascii")) == output_bars(OUTPUTS, 3, Terminal(40, "ascii"))
    assert "true digit" not in output_bars(OUTPUTS, None, BLOCKS)
    assert output_bars(OUTPUTS, 0, BLOCKS).split("\n")[0].endswith("0.004  true digit")
    beyond = output_bars([*OUTPUTS[:7], -99.9, -100, 300], None, ASCII).split("\n")[-3:]
    assert [line.split()[1:] for line in beyond] == [
        ["-99.900"],
        ["-1e+02"],
        ["#" * longest, "3e+02", "answer"],
    ]


@pytest.mark.parametrize(("label", "color"), [(3, 32), (None, 32), (1, 166)])
def test_the_answer_is_blue_unless_it_is_wrong(label: int | None, color: int) -> None:
    lines = output_bars(OUTPUTS, label, COLORS).split("\n")

    assert re.match(rf"3  \x1b\[38;5;{color}m█+\x1b\[0m ", lines[3])
    assert re.match(r"1  \x1b\[38;5;244m█+▌\x1b\[0m ", lines[1])  # gray, the true digit's too
    assert [plain(line) for line in lines] == output_bars(OUTPUTS, label, BLOCKS).split("\n")


def test_bars_stand_beside_the_digit_or_below_it_within_a_screen_of_24_lines(mnist_test: Digits) -> None:
    lines = digit_with_bars(seven(), OUTPUTS, 3, ASCII).split("\n")
    assert [line[30:31] for line in lines] == ["", "", *"0123456789", "", ""]
    assert max(map(len, lines)) == 80
    assert [line[:28].rstrip() for line in lines] == [
        line.rstrip() for line in digit_text(seven(), ASCII).split("\n")
    ]
    for least, terminal in ((70, ASCII), (72, COLORS)):  # 28 pixels, a margin, a gap and 40 columns of bars
        either = (terminal._replace(width=width) for width in (least, least - 1))
        few, many = (digit_with_bars(seven(), OUTPUTS, 3, each).count("\n") for each in either)
        assert few < 15 < many
    narrow = Terminal(40, "colors")
    for image in mnist_test.images[:200]:
        assert len(digit_with_bars(image, OUTPUTS, 7, COLORS).split("\n")) == 15
        below = digit_with_bars(image, OUTPUTS, 7, narrow).split("\n")
        assert len(below) <= 21  # with a title, a line about the model and the prompt: 24
        assert below[-10:] == output_bars(OUTPUTS, 7, narrow).split("\n")


@settings(deadline=None, max_examples=100)
@given(
    image=IMAGES,
    outputs=arrays(np.float64, 10),
    label=st.none() | st.integers(0, 9),
    terminal=st.builds(Terminal, st.integers(40, 160), st.sampled_from(["colors", "blocks", "ascii"])),
)
def test_whatever_is_drawn_fits_the_width(
    image: NDArray[np.uint8], outputs: NDArray[np.float64], label: int | None, terminal: Terminal
) -> None:
    both, bars = digit_with_bars(image, outputs, label, terminal), output_bars(outputs, label, terminal)
    for text in (both, bars, digits_text([image] * 5, terminal)):
        assert max(len(plain(line)) for line in text.split("\n")) <= terminal.width
        assert terminal.style == "colors" or text.replace("\n", "").isprintable()
        assert terminal.style != "ascii" or text.isascii()
    assert len(both.split("\n")) <= 25
    assert max(len(plain(line)) for line in bars.split("\n")) <= 80


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", None, "?"])
def test_without_block_characters_there_is_ascii(encoding: str | None) -> None:
    assert Terminal.of(70, True, encoding) == (70, "ascii")
    assert Terminal.of(70, True, "utf-8") == (70, "colors")
    assert Terminal.of(70, False, "UTF-16") == (70, "blocks")
