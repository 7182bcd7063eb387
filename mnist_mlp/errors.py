"""The one base of every error a person can cause, so that the command line can tell them from defects."""

from pathlib import Path


class MnistMlpError(Exception):
    """One line for a person: what was wrong, where (file, line, value) and what to do."""


def harmless(text: str) -> str:
    """The text, its lines kept, with escapes for control characters and all else that does not print.

    File names and what files say go to the terminal by way of this.
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def quoted(path: str | Path) -> str:
    """A path as it can be typed in a command."""
    return f'"{path}"' if " " in str(path) else str(path)
