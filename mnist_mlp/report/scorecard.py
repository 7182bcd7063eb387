"""What a network got right and what it got wrong, in numbers, and as JSON for programs."""

import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.errors import MnistMlpError, printable
from mnist_mlp.report.trust import check_facts

_FACTS = ("recipe", "seed", "data", "seconds", "versions", "machine")


class ScoreError(MnistMlpError):
    """Outputs that cannot be scored, or a scorecard that cannot be read."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong answer: the digit's index, its true label, the answer, and the output for that answer."""

    index: int
    label: int
    predicted: int
    output: float


@dataclass(frozen=True, slots=True)
class DigitScore:
    """How well one digit was recognized; None where a value is undefined (0 / 0)."""

    digit: int
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, eq=False, repr=False)
class Scorecard:
    """The answers of one network to one set of digits, and the facts about the run that made it.

    Everything counted follows from the confusion matrix, so the numbers on a scorecard cannot disagree.

    Attributes:
        confusion: int64 (10, 10); row: the true label, column: the answer.
        mistakes: the wrong answers, by index.
        recipe: every setting of the training.
        seed: the random seed of the training, None where it is not known.
        data: file name to SHA-256, for each file that was read.
        seconds: stage to seconds.
        versions: program or library to version.
        machine: what the result depends on besides, see `mnist_mlp.report.machine`.
        more: whatever else stands in the JSON, by name.
    """

    confusion: NDArray[np.int64]
    mistakes: tuple[Mistake, ...]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_outputs(
        cls, labels: NDArray[np.integer], outputs: NDArray[np.floating], **facts: Any
    ) -> "Scorecard":
        """Score a network's outputs; its answer to a digit is the index of the largest.

        Args:
            labels: (n,) integers from 0 to 9.
            outputs: (n, 10) finite numbers.
            **facts: the attributes from `recipe` on.

        Raises:
            ScoreError: the shapes do not fit, there is nothing to score, or an output is not finite.
        """
        _check(labels, outputs)
        predicted = outputs.argmax(axis=1)
        confusion = np.zeros((10, 10), dtype=np.int64)
        np.add.at(confusion, (labels, predicted), 1)
        mistakes = tuple(
            Mistake(int(i), int(labels[i]), int(predicted[i]), float(outputs[i, predicted[i]]))
            for i in np.flatnonzero(predicted != labels)
        )
        return cls(confusion, mistakes, **facts)

    def __repr__(self) -> str:
        return f"<Scorecard: {percent(self.accuracy)}, {self.correct:,} of {self.total:,} digits right>"

    @property
    def total(self) -> int:
        """The number of digits scored."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """The number of right answers."""
        return int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        """The share of right answers, 0 to 1."""
        return self.correct / self.total

    @property
    def confidence_interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy, see `wilson_interval`."""
        return wilson_interval(self.correct, self.total)

    @property
    def per_digit(self) -> list[DigitScore]:
        """Precision, recall, F1 and the number of digits, for 0 to 9."""
        scores = []
        for digit in range(10):
            hits = int(self.confusion[digit, digit])
            support = int(self.confusion[digit].sum())
            answered = int(self.confusion[:, digit].sum())
            precision, recall = _ratio(hits, answered), _ratio(hits, support)
            f1 = _ratio(2 * hits, answered + support)  # the harmonic mean of the two
            scores.append(DigitScore(digit, precision, recall, f1, support))
        return scores

    def most_confused(self, limit: int = 10) -> list[tuple[int, int, int]]:
        """The most frequent kinds of mistake as label, answer and how many, the most frequent first."""
        wrong = np.where(np.eye(10), 0, self.confusion)
        pairs = [(label, answer, int(wrong[label, answer])) for label, answer in np.argwhere(wrong).tolist()]
        return sorted(pairs, key=lambda pair: -pair[2])[:limit]

    def to_json(self) -> str:
        """The scorecard as JSON text with a stable order of keys, ending in a newline."""
        return _json_text(self._to_dict())

    @classmethod
    def from_json(cls, text: str) -> "Scorecard":
        """Read what `to_json` wrote; numbers that follow from the confusion matrix are computed anew.

        Raises:
            ScoreError: the text is no JSON, or no scorecard.
        """
        try:
            card = cls._from_dict(json.loads(text))
            _json_text(
                {"runs": [card._to_dict()]}
            )  # refuses infinite numbers, and lists too deep to be written
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            what = printable(f"{type(error).__name__}: {error}", 100)
            raise ScoreError(f"this is no scorecard ({what}); score the network again") from error
        return card

    def _to_dict(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy,
            "correct": self.correct,
            "total": self.total,
            "confidence_interval": list(self.confidence_interval),
            "confusion": self.confusion.tolist(),
            "per_digit": [asdict(score) for score in self.per_digit],
            "mistakes": [asdict(mistake) for mistake in self.mistakes],
            **{name: getattr(self, name) for name in _FACTS},
            **self.more,
        }

    @classmethod
    def _from_dict(cls, record: dict[str, Any]) -> "Scorecard":
        confusion = np.array(record["confusion"])
        if confusion.shape != (10, 10) or confusion.dtype != np.int64:
            raise ValueError("the confusion matrix is not one of 10 x 10 counts")
        if confusion.min() < 0 or not 0 < confusion.max() < 2**53:  # what every reader of JSON keeps exactly
            raise ValueError("the confusion matrix has a count out of range")
        mistakes = tuple(
            Mistake(int(m["index"]), int(m["label"]), int(m["predicted"]), float(m["output"]))
            for m in record["mistakes"]
        )
        texts = {key: {k: str(v) for k, v in record[key].items()} for key in ("data", "versions", "machine")}
        seconds = {stage: float(taken) for stage, taken in record["seconds"].items()}
        seed = None if record["seed"] is None else int(record["seed"])
        card = cls(confusion, mistakes, {**record["recipe"]}, seed, seconds=seconds, **texts)
        pairs = {(label, answer): count for label, answer, count in card.most_confused(limit=90)}
        if Counter((m.label, m.predicted) for m in mistakes) != pairs:
            raise ValueError("the mistakes are not those of the confusion matrix")
        known = card._to_dict()
        more = {name: value for name, value in record.items() if name not in known}
        check_facts(more)
        return replace(card, more=more)


@dataclass(frozen=True, eq=False)
class RepeatedScorecard:
    """The scorecards of the same training with several seeds; there is at least one."""

    runs: Sequence[Scorecard]

    @property
    def mean(self) -> float:
        """The mean accuracy, 0 to 1."""
        return statistics.fmean(run.accuracy for run in self.runs)

    @property
    def standard_deviation(self) -> float | None:
        """The sample standard deviation of the accuracies (n - 1), None with one run."""
        return statistics.stdev(run.accuracy for run in self.runs) if len(self.runs) > 1 else None

    @property
    def spread(self) -> str:
        """The standard deviation in words, to follow the mean; nothing with one run."""
        deviation = self.standard_deviation
        return "" if deviation is None else f", standard deviation {percent(deviation)}"

    def to_json(self) -> str:
        """Mean, standard deviation and the single runs without their mistakes, ending in a newline."""
        runs = [run._to_dict() for run in self.runs]
        for run in runs:
            del run["mistakes"]
        return _json_text({"mean": self.mean, "standard_deviation": self.standard_deviation, "runs": runs})


def percent(share: float | None) -> str:
    """A share from 0 to 1 as it stands in all places: 95.93 %; a hyphen where there is none."""
    return "-" if share is None else f"{100 * share:.2f} %"


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """The 95 % score interval of a share (E. B. Wilson, 1927, J. Am. Stat. Assoc. 22, 209-212).

    Unlike the share plus or minus 1.96 standard errors, it stays within 0 and 1 and is right near both ends.
    """
    z = statistics.NormalDist().inv_cdf(0.975)
    share = correct / total
    center = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half_width = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return max(0.0, center - half_width), min(1.0, center + half_width)


def most_confident(mistakes: Iterable[Mistake], limit: int) -> list[Mistake]:
    """The mistakes with the largest outputs, the largest first."""
    return sorted(mistakes, key=lambda mistake: -mistake.output)[:limit]


def _check(labels: NDArray[np.integer], outputs: NDArray[np.floating]) -> None:
    if labels.ndim != 1 or outputs.shape != (len(labels), 10):
        raise ScoreError(f"labels {labels.shape} and outputs {outputs.shape} must be (n,) and (n, 10)")
    if len(labels) == 0:
        raise ScoreError("there are no digits to score")
    if labels.min() < 0 or labels.max() > 9:
        raise ScoreError(f"label {labels[(labels < 0) | (labels > 9)][0]} is outside 0 to 9")
    broken = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
    if len(broken):
        raise ScoreError(
            f"the network's outputs are not finite for {len(broken):,} of {len(labels):,} digits, "
            f"first for index {broken[0]}; train it again with a smaller learning rate"
        )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _json_text(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=2, allow_nan=False) + "\n"
