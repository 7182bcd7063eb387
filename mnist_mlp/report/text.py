"""Digits, and a network's outputs for one, as text for the terminal."""

from collections.abc import Sequence
from itertools import groupby, zip_longest
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GAP = 2  # columns between digits, and between a digit and bars
_LEAST_BARS, _MOST_BARS = 40, 80  # columns of bars with their digits, numbers and notes

_HALVES = " ▄▀█"  # ink in neither half of a character, in the lower, in the upper, in both
_DENSITIES = " .:-=+*#%@"
_EIGHTHS = " ▏▎▍▌▋▊▉█"

# Of the 256 colors. Those of bars stand out from black as from white, for all kinds of color vision. Those of
# digits are the lightest and nearly the darkest of the 24 grays from 232 on.
_GRAY, _BLUE, _ORANGE = 244, 32, 166
_PAPER, _INK = 255, 233
_RESET = "\x1b[0m"


class Terminal(NamedTuple):
    """Its columns, and whether it shows block characters in 256 colors, block characters, or neither."""

    width: int
    style: Literal["colors", "blocks", "ascii"]

    @classmethod
    def of(cls, width: int, colors: bool, encoding: str | None) -> "Terminal":
        """The terminal for text of an encoding, with or without colors."""
        try:
            (_HALVES + _EIGHTHS).encode(encoding or "ascii")
        except (LookupError, UnicodeEncodeError):
            return cls(width, "ascii")
        return cls(width, "colors" if colors else "blocks")


def digit_with_bars(
    image: NDArray[np.uint8], outputs: ArrayLike, label: int | None, terminal: Terminal
) -> str:
    """Draw a digit (28, 28) with a network's ten outputs, see `output_bars`, in few lines.

    The bars stand beside the digit where the terminal is wide enough (15 lines at most), else below it, and
    then its blank margins are left out (21 lines at most for digits of MNIST's size).
    """
    lines = _digit_lines(image, terminal)
    room = terminal.width - 28 - 2 * (terminal.style == "colors") - _GAP
    if room < _LEAST_BARS:
        return digits_text([image], terminal) + "\n" + output_bars(outputs, label, terminal)
    bars = ["", "", *output_bars(outputs, label, terminal._replace(width=room)).split("\n")]
    pairs = zip_longest(lines, bars, fillvalue="")
    return "\n".join((line + " " * _GAP + bar).rstrip(" ") for line, bar in pairs)


def digit_text(image: NDArray[np.uint8], terminal: Terminal) -> str:
    """Draw a digit (28, 28), 0 is paper and 255 is ink, for characters twice as high as wide.

    In colors, each pixel has its shade of gray, with a margin of paper. In blocks, pixels of at least a third
    of full ink have the terminal's own color. In ASCII, each character shows the ink of two pixels.
    """
    return "\n".join(_digit_lines(image, terminal))


def digits_text(images: Sequence[NDArray[np.uint8]], terminal: Terminal) -> str:
    """Draw as many digits side by side as fit, at least one; margins that are blank in all are left out."""
    ink = np.any(images, axis=0)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cropped = np.asarray(images)
    if len(rows):
        cropped = cropped[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    taken = cropped.shape[2] + 2 * (terminal.style == "colors") + _GAP
    shown = cropped[: max(1, (terminal.width + _GAP) // taken)]
    lines = zip(*(_digit_lines(image, terminal) for image in shown), strict=True)
    return "\n".join((" " * _GAP).join(line) for line in lines)


def output_bars(outputs: ArrayLike, label: int | None, terminal: Terminal) -> str:
    """Draw ten outputs as bars from 0 to 1, with the answer (the largest) and the true digit marked.

    Args:
        outputs: (10,).
        label: the true digit, where it is known; the answer is blue if it is not wrong, else orange.
        terminal: of 40 columns or more; 80 are used at most.
    """
    values = np.asarray(outputs, dtype=np.float64)
    answer = int(values.argmax())
    room = max(_LEAST_BARS, min(terminal.width, _MOST_BARS)) - len("0    -0.000  answer, true digit")
    lines = []
    for digit, value in enumerate(values.tolist()):
        color = _GRAY if digit != answer else _BLUE if label in (None, answer) else _ORANGE
        notes = ["answer"] * (digit == answer) + ["true digit"] * (digit == label)
        bar = _bar(value, room, terminal)
        rest = " " * (room - len(bar))
        if bar and terminal.style == "colors":
            bar = f"\x1b[38;5;{color}m{bar}{_RESET}"
        number = f"{value:.3f}" if abs(value) < 100 else f"{value:.0e}"
        lines.append(f"{digit}  {bar}{rest}{number:>8}  {', '.join(notes)}".rstrip())
    return "\n".join(lines)


def _bar(value: float, room: int, terminal: Terminal) -> str:
    length = float(np.nan_to_num(np.clip(value, 0, 1))) * room
    if terminal.style == "ascii":
        return "#" * round(length)
    whole, eighths = divmod(round(8 * length), 8)
    return (_EIGHTHS[8] * whole + _EIGHTHS[eighths]).rstrip()


def _digit_lines(image: NDArray[np.uint8], terminal: Terminal) -> list[str]:
    """Draw an image of any size, two rows of pixels a line."""
    margin = int(terminal.style == "colors")
    pixels = np.pad(image, ((margin, margin + len(image) % 2), (margin, margin))).astype(int)
    upper, lower = pixels[0::2], pixels[1::2]
    if margin:
        return [_paint(*rows) for rows in zip(upper, lower, strict=True)]
    if terminal.style == "blocks":
        characters, index = _HALVES, 2 * (upper >= 85) + (lower >= 85)
    else:
        characters, index = _DENSITIES, np.rint((upper + lower) / 510 * 9).astype(int)
    return ["".join(characters[i] for i in row) for row in index.tolist()]


def _paint(upper: NDArray[np.int_], lower: NDArray[np.int_]) -> str:
    """One line of two rows of pixels; a new color is set only where it changes."""
    line = ""
    grays = np.rint(_PAPER + (_INK - _PAPER) * np.stack([upper, lower]) / 255).astype(int)
    for (above, below), run in groupby(zip(*grays.tolist(), strict=True)):
        character = " " if above == below else "▀"
        line += f"\x1b[38;5;{above};48;5;{below}m{character * len(list(run))}"
    return line + _RESET
