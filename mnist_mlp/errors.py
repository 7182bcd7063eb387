"""The one base of every error a person can cause, and what makes the words of its one line.

By their base the command line can tell these errors from defects.
"""

from collections.abc import Iterable
from pathlib import Path


class MnistMlpError(Exception):
    """One line for a person: what was wrong, where (file, line, value) and what to do."""


def escape_controls(text: str) -> str:
    """The text, its lines kept, with escapes for control characters and all else that does not print.

    File names and what files say go to the terminal by way of this.
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def close_matches(word: str, known: Iterable[str]) -> list[str]:
    """The known word that is spelled most like a word that was typed; none where none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - takes time to import, which --help does without

    return get_close_matches(word, known, 1, cutoff=0.7)


def quoted(path: str | Path) -> str:
    """A path as it can be typed in a command."""
    return f'"{path}"' if " " in str(path) else str(path)


def printable(text: object, limit: int = 200) -> str:
    """The text on one short line: as it is where all of it prints, else with escapes; the middle left out."""
    line = str(text)
    if not line.isprintable():
        line = repr(line)
    return line if len(line) <= limit else f"{line[: limit // 2]}...{line[-limit // 2 :]}"
