"""The history of a training: what each epoch came to, as records, as CSV and read back from JSON."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

from mnist_mlp.errors import MnistMlpError


class HistoryError(MnistMlpError):
    """A history that cannot be read."""


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to.

    Attributes:
        epoch: counted from 1.
        learning_rate: of the epoch's last update.
        loss: mean training loss of the samples, each measured just before its own update.
        accuracy: fraction of the samples whose largest output was the label's, measured likewise.
        validation_loss: mean loss of the held-out digits after the epoch; None without any.
        validation_accuracy: fraction of the held-out digits that was right; None without any.
        seconds: duration of the epoch, validation included.
    """

    epoch: int
    learning_rate: float
    loss: float
    accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float


_NAMES = [field.name for field in fields(EpochRecord)]


def best_epoch(history: Sequence[EpochRecord]) -> int:
    """The first epoch with the largest accuracy on the held-out digits; 0 where none were held out."""
    known = [record for record in history if record.validation_accuracy is not None]
    best = max(known, key=lambda record: record.validation_accuracy or 0.0, default=None)
    return best.epoch if best else 0


def history_to_csv(history: Sequence[EpochRecord]) -> str:
    """The history as CSV text with a header line; what is not known stays empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_NAMES)
    writer.writerows(astuple(record) for record in history)
    return text.getvalue()


def history_from_csv(text: str) -> list[EpochRecord]:
    """Read a history that `history_to_csv` wrote.

    Raises:
        HistoryError: if the text is something else.
    """
    kinds = {"epoch": int, **dict.fromkeys(_NAMES[1:], float)}
    rows = csv.DictReader(io.StringIO(text))
    try:
        if rows.fieldnames != _NAMES:
            raise ValueError("another header")
        records = [
            {name: kinds[name](value) if value else None for name, value in row.items()} for row in rows
        ]
    except (KeyError, TypeError, ValueError, csv.Error):
        raise HistoryError("its history cannot be read") from None
    return history_from(records)


def history_from(records: object) -> list[EpochRecord]:
    """Read a history from plain values, as `dataclasses.asdict` made them of each record.

    Raises:
        HistoryError: if they are no history of epochs 1, 2, 3 ...
    """
    if not isinstance(records, list) or not all(
        isinstance(record, dict)
        and sorted(record) == sorted(_NAMES)
        and type(record["epoch"]) is int
        and record["epoch"] == epoch
        and all(_is_measured(record[name], name) for name in _NAMES[1:])
        for epoch, record in enumerate(records, 1)
    ):
        raise HistoryError("its history cannot be read")
    return [EpochRecord(**record) for record in records]


def _is_measured(value: object, name: str) -> bool:
    may_be_missing = name.startswith("validation")
    return (value is None and may_be_missing) or (type(value) is float and 0 <= value < 1e9)
