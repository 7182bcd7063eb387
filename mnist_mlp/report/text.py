"""Digits, and a network's outputs for one, as text for the terminal."""

from collections.abc import Sequence
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Colours = Literal["truecolor", "256", "none"]

# With colours a digit is dark ink on light paper of its own, so that it looks the same on every background.
_PAPER, _INK = 238, 18
_RESET = "\x1b[0m"
_GAP = 2  # columns between digits that stand side by side

_HALVES = " ▄▀█"  # ink in neither half of a character, in the lower, in the upper, in both
_DENSITIES = " .:-=+*#%@"
_EIGHTHS = " ▏▎▍▌▋▊▉█"

# Colours of bars: they stand out from black as from white, for all kinds of colour vision.
_GREY = {"truecolor": "38;2;128;128;128", "256": "38;5;244"}
_BLUE = {"truecolor": "38;2;0;114;178", "256": "38;5;32"}
_ORANGE = {"truecolor": "38;2;213;94;0", "256": "38;5;166"}


def shows_blocks(encoding: str | None) -> bool:
    """Whether text of this encoding can hold the block characters used here."""
    try:
        (_HALVES + _EIGHTHS).encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def digit_text(image: NDArray[np.uint8], colours: Colours, unicode: bool = True) -> str:
    """Draw a digit in square proportion, for characters that are twice as high as wide.

    With colours, each pixel has its shade of grey, and a margin of paper goes round it: half blocks, or
    two spaces for each pixel where the terminal cannot show blocks. Without, the ink has the terminal's own
    colour: half blocks where a pixel has at least a third of full ink, or characters of growing density.

    Args:
        image: (28, 28), 0 is paper and 255 is ink.
        colours: what the terminal has.
        unicode: whether it can show block characters, see `shows_blocks`.

    Returns:
        Lines without a newline at the end. With "none" no escape character; else only colours are set,
        and each line ends by resetting them.
    """
    return "\n".join(_digit_lines(image, colours, unicode))


def digits_side_by_side(
    images: Sequence[NDArray[np.uint8]], width: int, colours: Colours, unicode: bool = True
) -> str:
    """Draw as many digits as fit in a row, at least one; columns blank in all of them are left out.

    Args:
        images: (28, 28) each.
        width: columns of the terminal.
        colours: see `digit_text`, as for `unicode`.
        unicode: see there.
    """
    inked = np.flatnonzero(np.any(images, axis=(0, 1)))
    columns = slice(inked[0], inked[-1] + 1) if len(inked) else slice(None)
    cropped = np.asarray(images)[:, :, columns]
    taken = cropped.shape[2]
    if colours != "none":
        taken = (taken + 2) * (1 if unicode else 2)  # with the margin
    shown = cropped[: max(1, (width + _GAP) // (taken + _GAP))]
    rows = zip(*(_digit_lines(image, colours, unicode) for image in shown), strict=True)
    return "\n".join((" " * _GAP).join(row) for row in rows)


def output_bars(
    outputs: ArrayLike, label: int | None, colours: Colours, unicode: bool = True, width: int = 80
) -> str:
    """Draw ten outputs as bars from 0 to 1, with the answer (the largest) and the true digit marked.

    Args:
        outputs: (10,).
        label: the true digit, where it is known.
        colours: see `digit_text`, as for `unicode`.
        unicode: see there.
        width: columns of the terminal, 40 or more.
    """
    values = np.asarray(outputs, dtype=np.float64)
    answer = int(values.argmax())
    room = width - len("0    -0.000  answer, true digit")
    lines = []
    for digit, value in enumerate(values.tolist()):
        colour = _GREY if digit != answer else _BLUE if label in (None, answer) else _ORANGE
        notes = ["answer"] * (digit == answer) + ["true digit"] * (digit == label)
        bar = _bar(value, room, unicode)
        rest = " " * (room - len(bar))
        if bar and colours != "none":
            bar = f"\x1b[{colour[colours]}m{bar}{_RESET}"
        number = f"{value:.3f}" if abs(value) < 100 else f"{value:.0e}"
        lines.append(f"{digit}  {bar}{rest}{number:>8}  {', '.join(notes)}".rstrip())
    return "\n".join(lines)


def _bar(value: float, room: int, unicode: bool) -> str:
    length = float(np.nan_to_num(np.clip(value, 0, 1))) * room
    if not unicode:
        return "#" * round(length)
    whole, eighths = divmod(round(8 * length), 8)
    return (_EIGHTHS[8] * whole + _EIGHTHS[eighths]).rstrip()


def _digit_lines(image: NDArray[np.uint8], colours: Colours, unicode: bool) -> list[str]:
    if colours == "none":
        upper, lower = image[0::2].astype(int), image[1::2].astype(int)
        if unicode:
            characters, index = _HALVES, 2 * (upper >= 85) + (lower >= 85)
        else:
            characters, index = _DENSITIES, np.rint((upper + lower) / 510 * 9).astype(int)
        return ["".join(characters[i] for i in row) for row in index.tolist()]

    grey = np.rint(_PAPER + (_INK - _PAPER) * (np.pad(image, 1) / 255)).astype(int)
    if colours == "256":
        grey = np.rint((grey - 8) / 10).astype(int) * 10 + 8  # the 24 greys that such terminals have
    if unicode:
        return [_paint(upper, lower, colours) for upper, lower in zip(grey[0::2], grey[1::2], strict=True)]
    return [_paint(row, row, colours) for row in grey.repeat(2, axis=1)]


def _paint(upper: NDArray[np.int_], lower: NDArray[np.int_], colours: Colours) -> str:
    """One line of two rows of grey; a new colour is set only where it changes."""
    line = ""
    for (above, below), run in groupby(zip(upper.tolist(), lower.tolist(), strict=True)):
        character = " " if above == below else "▀"
        line += f"\x1b[38;{_grey(above, colours)};48;{_grey(below, colours)}m{character * len(list(run))}"
    return line + _RESET


def _grey(level: int, colours: Colours) -> str:
    """The parameters that choose a grey, 0 to 255, after the 38 or 48 for foreground or background."""
    return f"2;{level};{level};{level}" if colours == "truecolor" else f"5;{232 + (level - 8) // 10}"
