"""What a network got right and what it got wrong: as JSON for programs and as Markdown for people."""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.errors import MnistMlpError

_LARGEST_COUNT = 2**53  # what every JSON reader keeps exactly
_LARGEST_TEXT = 2_000_000  # characters; JSON of empty objects takes thirty times as many bytes in memory
_LINE_LENGTH = 140  # enough for the scores of one digit


class ScoreError(MnistMlpError):
    """Outputs that cannot be scored, or a scorecard that cannot be read."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong answer: the row's index, its true label, the answer, and the output for that answer."""

    index: int
    label: int
    predicted: int
    output: float


@dataclass(frozen=True, slots=True)
class DigitScore:
    """How well one digit was recognised; None where a value is undefined (0 / 0)."""

    digit: int
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """How many digits that were `label` were answered with `predicted`."""

    label: int
    predicted: int
    count: int


@dataclass(frozen=True, eq=False)
class Scorecard:
    """The answers of one network to one set of digits, and the facts about the run that made it.

    Everything counted follows from the confusion matrix, so the numbers on a scorecard cannot disagree.

    Attributes:
        confusion: int64 (10, 10); row: the true label, column: the answer.
        mistakes: the wrong answers, in row order.
        recipe: every setting of the training.
        seed: the seed of the training, None where it is not known.
        data: file name to sha256, for each file that was read.
        seconds: stage to seconds.
        versions: program or library to version.
    """

    confusion: NDArray[np.int64]
    mistakes: tuple[Mistake, ...]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_outputs(
        cls,
        labels: NDArray[np.integer],
        outputs: NDArray[np.floating],
        **facts: Any,
    ) -> "Scorecard":
        """Score a network's outputs; its answer is the largest output of a row.

        Args:
            labels: (n,) integers from 0 to 9.
            outputs: (n, 10) finite numbers.
            **facts: `recipe`, `seed`, `data`, `seconds` and `versions`, as the class has them.

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

    def most_confused(self, limit: int = 10) -> list[ConfusedPair]:
        """The most frequent kinds of mistake, the most frequent first."""
        pairs = [
            ConfusedPair(label, predicted, int(self.confusion[label, predicted]))
            for label in range(10)
            for predicted in range(10)
            if label != predicted and self.confusion[label, predicted]
        ]
        return sorted(pairs, key=lambda pair: -pair.count)[:limit]

    def to_json(self) -> str:
        """The scorecard as JSON text with a stable order of keys, ending in a newline."""
        return _json_text(self._as_dict()) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Scorecard":
        """Read what `to_json` wrote; numbers that follow from the confusion matrix are computed anew.

        Raises:
            ScoreError: the text is no JSON, or no scorecard, or too long for one.
        """
        if len(text) > _LARGEST_TEXT:
            raise ScoreError(f"the scorecard has {len(text):,} characters; the limit is {_LARGEST_TEXT:,}")
        try:
            record = json.loads(text, parse_float=_finite, parse_constant=_finite)
        except (ValueError, RecursionError) as error:
            raise ScoreError(f"the scorecard is no valid JSON ({error}); score the network again") from error
        return cls(
            confusion=np.array(_member(record, "confusion", _is_confusion), dtype=np.int64),
            mistakes=tuple(
                Mistake(m["index"], m["label"], m["predicted"], float(m["output"]))
                for m in _member(record, "mistakes", _are_mistakes)
            ),
            recipe=_member(record, "recipe", lambda value: isinstance(value, dict) and _is_plain(value)),
            seed=_member(record, "seed", lambda value: value is None or (type(value) is int and value >= 0)),
            data=_member(record, "data", _are_texts),
            seconds=_member(record, "seconds", _are_seconds),
            versions=_member(record, "versions", _are_texts),
        )

    def to_markdown(self) -> str:
        """The scorecard as a page for people."""
        low, high = self.confidence_interval
        return _page(
            "# Scorecard",
            f"**{_percent(self.accuracy)}** of {self.total:,} digits were recognised: "
            f"{self.correct:,} right, {self.total - self.correct:,} wrong. "
            f"The 95 % confidence interval is {_percent(low)} to {_percent(high)}.",
            "## Digit by digit",
            _table(
                ("digit", "precision", "recall", "F1", "digits"),
                (
                    (s.digit, _percent(s.precision), _percent(s.recall), _percent(s.f1), s.support)
                    for s in self.per_digit
                ),
            ),
            "Precision: how often the answer was right when the network gave it. "
            "Recall: how many of the digits it found. F1: the harmonic mean of the two.",
            *self._mistakes_in_markdown(),
            *_facts_in_markdown(self),
        )

    def _mistakes_in_markdown(self) -> list[str]:
        if self.correct == self.total:
            return []
        sections = [
            "## Most frequent confusions",
            _table(
                ("true digit", "answer", "times"),
                ((pair.label, pair.predicted, pair.count) for pair in self.most_confused()),
            ),
            "## Every answer",
            "Rows are true digits, columns are answers.",
            _table(
                ("", *range(10)),
                (
                    (f"**{digit}**", *(count or "" for count in row))
                    for digit, row in enumerate(self.confusion.tolist())
                ),
            ),
        ]
        if self.mistakes:
            rows = (
                (m.index, m.label, m.predicted, f"{m.output:.3f}") for m in most_confident(self.mistakes, 10)
            )
            sections += [
                "## Most confident mistakes",
                _table(("index", "true digit", "answer", "output"), rows),
            ]
        return sections

    def _as_dict(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy,
            "correct": self.correct,
            "total": self.total,
            "confidence_interval": list(self.confidence_interval),
            "confusion": self.confusion.tolist(),
            "per_digit": [asdict(score) for score in self.per_digit],
            "mistakes": [asdict(mistake) for mistake in self.mistakes],
            "recipe": dict(self.recipe),
            "seed": self.seed,
            "data": dict(self.data),
            "seconds": dict(self.seconds),
            "versions": dict(self.versions),
        }


@dataclass(frozen=True, eq=False)
class RepeatedScorecard:
    """The scorecards of the same training with several seeds.

    Raises:
        ScoreError: there are no runs.
    """

    runs: Sequence[Scorecard]

    def __post_init__(self) -> None:
        if not self.runs:
            raise ScoreError("there are no runs to sum up; repeat the training at least once")

    @property
    def mean(self) -> float:
        """The mean accuracy, 0 to 1."""
        return statistics.fmean(run.accuracy for run in self.runs)

    @property
    def standard_deviation(self) -> float | None:
        """The sample standard deviation of the accuracies (n - 1), None with one run."""
        return statistics.stdev(run.accuracy for run in self.runs) if len(self.runs) > 1 else None

    def to_json(self) -> str:
        """Mean, standard deviation and the single runs without their mistakes, ending in a newline."""
        runs = [run._as_dict() for run in self.runs]
        for run in runs:
            del run["mistakes"]
        record = {"mean": self.mean, "standard_deviation": self.standard_deviation, "runs": runs}
        return _json_text(record) + "\n"

    def to_markdown(self) -> str:
        """The runs side by side, as a page for people."""
        spread = (
            ""
            if self.standard_deviation is None
            else f", standard deviation {_percent(self.standard_deviation)}"
        )
        rows = (
            (run.seed, _percent(run.accuracy), run.total - run.correct, f"{sum(run.seconds.values()):.1f}")
            for run in self.runs
        )
        return _page(
            "# Scorecard of several seeds",
            f"Mean accuracy **{_percent(self.mean)}**{spread}, {len(self.runs)} runs.",
            _table(("seed", "accuracy", "wrong", "seconds"), rows),
            *_facts_in_markdown(self.runs[0]),
        )


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """The 95 % score interval of a share (E. B. Wilson, 1927, J. Am. Stat. Assoc. 22, 209-212).

    Unlike the share plus or minus 1.96 standard errors, it stays within 0 and 1 and is right near both ends.
    """
    z = statistics.NormalDist().inv_cdf(0.975)
    share = correct / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half_width = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return max(0.0, centre - half_width), min(1.0, centre + half_width)


def most_confident(mistakes: Iterable[Mistake], limit: int) -> list[Mistake]:
    """The mistakes with the largest outputs, the largest first."""
    return sorted(mistakes, key=lambda mistake: -mistake.output)[:limit]


def _check(labels: NDArray[np.integer], outputs: NDArray[np.floating]) -> None:
    if labels.ndim != 1 or outputs.shape != (len(labels), 10):
        raise ScoreError(
            f"labels {labels.shape} and outputs {outputs.shape} do not fit; it takes (n,) and (n, 10)"
        )
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


def _json_text(value: object, indent: str = "") -> str:
    """JSON with each innermost list or object on one line where it fits."""
    if not isinstance(value, dict | list):
        return json.dumps(value, allow_nan=False)
    if not any(
        isinstance(item, dict | list) for item in (value.values() if isinstance(value, dict) else value)
    ):
        line = json.dumps(value, allow_nan=False)
        if len(indent) + len(line) <= _LINE_LENGTH:
            return line
    inner = indent + "  "
    if isinstance(value, dict):
        entries = [f"{json.dumps(key)}: {_json_text(item, inner)}" for key, item in value.items()]
    else:
        entries = [_json_text(item, inner) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(entries) + f"\n{indent}{closing}"


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]!r} is no finite number")
    return number


def _member(record: object, key: str, valid: Callable[[Any], bool]) -> Any:
    if not isinstance(record, dict) or key not in record or not valid(record[key]):
        raise ScoreError(f"the scorecard has no valid {key!r}; score the network again")
    return record[key]


def _is_count(value: object, largest: int = _LARGEST_COUNT) -> bool:
    return type(value) is int and 0 <= value <= largest


def _is_confusion(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 10:
        return False
    if not all(isinstance(row, list) and len(row) == 10 and all(map(_is_count, row)) for row in value):
        return False
    return any(map(any, value))


def _are_mistakes(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(mistake, dict)
        and _is_count(mistake.get("index"))
        and _is_count(mistake.get("label"), 9)
        and _is_count(mistake.get("predicted"), 9)
        and type(mistake.get("output")) in (int, float)
        and abs(mistake["output"]) < _LARGEST_COUNT
        for mistake in value
    )


def _is_plain(value: object, depth: int = 3) -> bool:
    """Whether a value is a scalar, or lists and objects of scalars at most `depth` deep."""
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_plain(item, depth - 1) for item in items)


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _are_seconds(value: object) -> bool:
    return isinstance(value, dict) and all(
        type(seconds) in (int, float) and 0 <= seconds < _LARGEST_COUNT for seconds in value.values()
    )


def _page(*sections: str) -> str:
    return "\n\n".join(sections) + "\n"


def _table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["--:"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _facts_in_markdown(card: Scorecard) -> list[str]:
    seed = {} if card.seed is None else {"seed": card.seed}
    seconds = {stage: round(taken, 2) for stage, taken in card.seconds.items()}
    tables: list[tuple[str, str, str, Mapping[str, object]]] = [
        ("Recipe", "setting", "value", {**card.recipe, **seed}),
        ("Data", "file", "sha256", card.data),
        ("Time", "stage", "seconds", seconds),
        ("Versions", "program", "version", card.versions),
    ]
    sections = []
    for title, name, value, facts in tables:
        if facts:
            rows = [f"| {_code(key)} | {_code(fact)} |" for key, fact in facts.items()]
            sections += [f"## {title}", "\n".join([f"| {name} | {value} |", "| :-- | :-- |", *rows])]
    return sections


def _code(fact: object) -> str:
    """A fact as Markdown code in a table cell; what would break out of either, or of the line, is escaped."""
    text = fact if isinstance(fact, str) else json.dumps(fact)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`"
