"""The history of a training: what each epoch came to, as records and as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

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
    """Read what `history_to_csv` wrote; HistoryError if it is something else, or not of epochs 1, 2, 3 ..."""
    try:
        header, *rows = csv.reader(io.StringIO(text))
        if header != _NAMES:
            raise ValueError("another header")
        return [_record(epoch, row) for epoch, row in enumerate(rows, 1)]
    except (ValueError, csv.Error):
        raise HistoryError("its history cannot be read") from None


def _record(epoch: int, row: Sequence[str]) -> EpochRecord:
    numbers: dict[str, Any] = {
        name: None if text == "" and name.startswith("validation") else float(text)
        for name, text in zip(_NAMES, row, strict=True)
    }
    if numbers["epoch"] != epoch or not all(n is None or 0 <= n < 1e9 for n in numbers.values()):
        raise ValueError("epochs are missing, or numbers out of range")
    return EpochRecord(**{**numbers, "epoch": epoch})
