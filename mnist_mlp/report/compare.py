"""Finished runs side by side: how good they are, what differs, and whether the difference is chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from scipy.special import bdtr, stdtr

from mnist_mlp.report.scorecard import RepeatedScorecard, percent
from mnist_mlp.report.sweeps import label, varied
from mnist_mlp.report.tables import Table, csv_text

_CHANCE = 0.05  # a difference that is less likely by chance counts as more than chance


@dataclass(frozen=True, eq=False)
class Run(RepeatedScorecard):
    """A finished run, by the name that the person gave it."""

    name: str

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the accuracy of one network; None with several, which have a deviation."""
        return self.runs[0].confidence_interval if len(self.runs) == 1 else None

    @property
    def settings(self) -> dict[str, Any]:
        """The recipe, without the seed where repeats count it up."""
        recipe = dict(self.runs[0].recipe)
        if len(self.runs) > 1:
            recipe.pop("seed", None)
        return recipe

    @property
    def data(self) -> object:
        """Equal for runs of the same data: SHA-256 of the files, and how many of each digit were scored."""
        return sorted(self.runs[0].data.values()), self.runs[0].confusion.sum(axis=1).tolist()


@dataclass(frozen=True)
class Difference:
    """A statistical test by its name, how likely so large a difference is by chance, and that in words."""

    test: str
    p: float
    sentence: str


def difference(first: Run, second: Run) -> Difference | None:
    """Test whether two runs on the same data differ, None where no test fits.

    Two single networks are compared by their mistakes, with McNemar's test (Q. McNemar, 1947, Psychometrika
    12, 153-157) in its exact form; two runs with repeats by their accuracies, with Welch's t-test (B. L.
    Welch, 1947, Biometrika 34, 28-35).
    """
    if first.data != second.data:
        return None
    if len(first.runs) == len(second.runs) == 1:
        return _mcnemar(first, second)
    if first.standard_deviation is None or second.standard_deviation is None:
        return None
    return _welch(first, second)


def _mcnemar(first: Run, second: Run) -> Difference:
    wrong_first, wrong_second = ({m.index for m in run.runs[0].mistakes} for run in (first, second))
    only_first, only_second = len(wrong_second - wrong_first), len(wrong_first - wrong_second)
    # Under chance each digit that one of them alone got right is a toss of a coin.
    p = min(1.0, 2 * float(bdtr(min(only_first, only_second), only_first + only_second, 0.5)))
    what = f"only {first.name} got {only_first:,} digits right, only {second.name} {only_second:,}"
    return Difference("McNemar's exact test", p, f"{what}; {_in_words(p)} (McNemar's exact test)")


def _welch(first: Run, second: Run) -> Difference:
    parts = [(run.standard_deviation or 0.0) ** 2 / len(run.runs) for run in (first, second)]
    error, distance = sqrt(sum(parts)), first.mean - second.mean
    if error == 0:
        p = float(distance == 0)
    else:
        freedom = sum(parts) ** 2 / sum(
            part**2 / (len(run.runs) - 1) for part, run in zip(parts, (first, second), strict=True)
        )
        p = 2 * float(stdtr(freedom, -abs(distance) / error))
    what = f"the means differ by {percent(abs(distance))}"
    return Difference("Welch's t-test", p, f"{what}; {_in_words(p)} (Welch's t-test)")


def _in_words(p: float) -> str:
    chance = "chance alone may explain that" if p >= _CHANCE else "that is more than chance"
    return f"{chance}: p = {p:.2g}"


def differences(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """For each run its settings that are not the same in all runs."""
    differing = varied([run.settings for run in runs])
    return [{name: run.settings[name] for name in differing if name in run.settings} for run in runs]


def to_dicts(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Each run as plain values; `data` is the same letter for runs of the same data."""
    kinds = list(dict.fromkeys(str(run.data) for run in runs))
    return [
        {
            "run": run.name,
            "accuracy": run.mean,
            "low": run.interval and run.interval[0],
            "high": run.interval and run.interval[1],
            "deviation": run.standard_deviation,
            "networks": len(run.runs),
            "data": chr(ord("A") + kinds.index(str(run.data)) % 26),
            "differs": differs,
        }
        for run, differs in zip(runs, differences(runs), strict=True)
    ]


def table(runs: Sequence[Run]) -> Table:
    """Headings and cells of a table of runs, without columns that tell nothing."""
    records = to_dicts(runs)
    columns = {
        "run": [record["run"] for record in records],
        "accuracy": [percent(record["accuracy"]) for record in records],
        "95 % interval": [" to ".join(map(percent, run.interval or ())) or "-" for run in runs],
        "deviation": [percent(record["deviation"]) for record in records],
        "networks": [str(record["networks"]) for record in records],
        "data": [record["data"] for record in records],
    }
    nothing = {"95 % interval": "-", "deviation": "-", "networks": "1", "data": "A"}
    telling = {name: cells for name, cells in columns.items() if set(cells) != {nothing.get(name)}}
    return list(telling), [list(row) for row in zip(*telling.values(), strict=True)]


def data_lines(runs: Sequence[Run]) -> list[str]:
    """For each letter of the data, what it stands for; nothing where all runs have the same."""
    firsts = {
        record["data"]: run.runs[0] for record, run in zip(to_dicts(runs)[::-1], runs[::-1], strict=True)
    }
    if len(firsts) == 1:
        return []
    return [
        f"{letter}: {card.total:,} digits scored, of "
        + ", ".join(f"{name} {digest[:8]}" for name, digest in card.data.items())
        for letter, card in sorted(firsts.items())
    ]


def to_csv(runs: Sequence[Run]) -> str:
    """The runs as CSV text with a header line."""
    records = [{**record, "differs": label(record["differs"], "")} for record in to_dicts(runs)]
    return csv_text(records[0], records)
