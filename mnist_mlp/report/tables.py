"""Tables of headings and cells, for the screen, for Markdown and for the page; and tables as CSV text."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard, percent

Table = tuple[list[str], list[list[str]]]


def digits_table(card: Scorecard) -> Table:
    """How well each digit was recognized."""
    rows = [
        [str(s.digit), percent(s.precision), percent(s.recall), percent(s.f1), f"{s.support:,}"]
        for s in card.per_digit
    ]
    return ["digit", "precision", "recall", "F1", "digits"], rows


def calibration_table(calibration: Mapping[str, Any]) -> Table:
    """How often answers are right by their output, see `mnist_mlp.report.trust.calibration_of`."""
    rows = [
        [
            f"{i / 10:.1f} to {i / 10 + 0.1:.1f}",
            f"{one['answers']:,}",
            f"{one['output']:.3f}",
            percent(one["accuracy"]),
        ]
        for i, one in enumerate(calibration["bins"])
        if one["answers"]
    ]
    return ["output", "answers", "mean output", "right"], rows


def seeds_table(repeated: RepeatedScorecard) -> Table:
    """The networks of several seeds side by side."""
    rows = [
        [
            str(card.seed),
            percent(card.accuracy),
            f"{card.total - card.correct:,}",
            f"{card.seconds.get('train', 0):.1f} s",
        ]
        for card in repeated.runs
    ]
    return ["seed", "accuracy", "wrong", "training"], rows


def csv_text(names: Iterable[str], records: Sequence[Mapping[str, object]]) -> str:
    """Records as CSV text with a header line; what a record lacks is left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()
