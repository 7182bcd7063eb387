"""What a sweep found: the networks of each setting summed up, the best first, as tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from mnist_mlp.report.scorecard import percent
from mnist_mlp.report.tables import Table, csv_text

Settings = Mapping[str, Any]

_MOST_COLUMNS = 4
AS_GOOD = "as good: less than 2 standard errors of the difference below the best"


@dataclass(frozen=True)
class Entry:
    """What became of one network.

    Attributes:
        settings: by name, those that the sweep varies.
        seed: the random seed.
        held_out: fraction of the held-out digits that was right; None without a network.
        seconds: of its training, likewise.
        folder: of the training, from the sweep's.
        failed: why there is no network, else None.
    """

    settings: Settings
    seed: int
    held_out: float | None
    seconds: float | None
    folder: str
    failed: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain values: its settings by name, then the rest."""
        return {**self.settings, **{name: value for name, value in vars(self).items() if name != "settings"}}


@dataclass(frozen=True)
class Row:
    """The networks of one setting, summed up.

    The scores are accuracies on the held-out digits, from 0 to 1, of the networks that could be trained;
    `failed` counts the others, and a training took `seconds` on average.
    """

    settings: Settings
    scores: Sequence[float]
    failed: int
    seconds: float

    @property
    def mean(self) -> float:
        """The mean of the scores, 0 without any."""
        return fmean(self.scores or [0.0])

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation (n - 1) of the scores, None with less than two."""
        return stdev(self.scores) if len(self.scores) > 1 else None

    def as_good_as(self, best: "Row") -> bool:
        """Whether its mean is less than 2 standard errors of the difference below that of the best.

        The standard error is that of B. L. Welch (1938, Biometrika 29, 350-362), from the deviations of both;
        with one network of a setting nothing is known of it.
        """
        if self.deviation is None or best.deviation is None or self.failed:
            return False
        error = sqrt(self.deviation**2 / len(self.scores) + best.deviation**2 / len(best.scores))
        return best.mean - self.mean <= 2 * error


def summarize(entries: Iterable[Entry]) -> list[Row]:
    """Sum up the networks of each setting, the best mean first; settings with failed networks come last."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(label(entry.settings), []).append(entry)
    rows = [
        Row(
            group[0].settings,
            [entry.held_out for entry in group if entry.held_out is not None],
            sum(entry.held_out is None for entry in group),
            fmean([entry.seconds for entry in group if entry.seconds is not None] or [0.0]),
        )
        for group in groups.values()
    ]
    return sorted(rows, key=lambda row: (row.failed > 0, -row.mean))


def table(rows: Sequence[Row]) -> Table:
    """Headings and cells of a table of settings, each in a column where they are few and in all rows."""
    names = varied([row.settings for row in rows])
    apart = len(names) <= _MOST_COLUMNS and all(row.settings.keys() >= set(names) for row in rows)
    columns = names if apart else ["setting"]
    cells = []
    for i, row in enumerate(rows):
        settings = [value_label(row.settings[name]) for name in names] if apart else [label(row.settings)]
        deviation = "-" if row.deviation is None else percent(row.deviation)
        note = f"{row.failed} failed" if row.failed else "best" if i == 0 else ""
        note = note or "as good" * row.as_good_as(rows[0])
        mean = percent(row.mean if row.scores else None)
        cells.append([*settings, mean, deviation, str(len(row.scores)), f"{row.seconds:.1f} s", note])
    return [*columns, "mean", "deviation", "networks", "time", ""], cells


def varied(settings: Sequence[Settings]) -> list[str]:
    """The names of those that are not the same in all settings, in the order in which they were given."""
    names = dict.fromkeys(name for one in settings for name in one)
    return [name for name in names if len({value_label(one.get(name)) for one in settings}) > 1]


def to_csv(entries: Sequence[Entry]) -> str:
    """The entries as CSV text with a header line."""
    names = dict.fromkeys(name for entry in entries for name in entry.settings)
    records = [
        entry.to_dict() | {name: value_label(value) for name, value in entry.settings.items()}
        for entry in entries
    ]
    return csv_text([*names, "seed", "held_out", "seconds", "folder", "failed"], records)


def label(settings: Settings, none: str = "recipe") -> str:
    """The settings on one line and as a folder's name, as in ``learning_rate=0.1,hidden=300x100``."""
    return ",".join(f"{name}={value_label(value)}" for name, value in settings.items()) or none


def value_label(value: Any, between: str = "x") -> str:
    """A value of a setting as it is typed for a sweep; for an option a comma stands between hidden layers."""
    if isinstance(value, tuple | list):
        return between.join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")
