"""Scorecards as Markdown pages for people."""

import json
from collections.abc import Iterable, Mapping, Sequence

from mnist_mlp.errors import escape_controls
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard, most_confident, percent
from mnist_mlp.report.sweeps import AS_GOOD, Row, label, table
from mnist_mlp.report.tables import calibration_table, digits_table, seeds_table


def scorecard_page(
    card: Scorecard, *, pictures: Iterable[str] = (), explanations: Mapping[str, str] = {}
) -> str:
    """One network's scorecard as a page.

    Args:
        card: the scorecard.
        pictures: the names of those that are in its folder, such as learning_curve.png.
        explanations: setting of the recipe to a sentence about it.
    """
    low, high = map(percent, card.confidence_interval)
    return _page(
        "# Scorecard",
        f"**{percent(card.accuracy)}** of {card.total:,} digits were recognized: {card.correct:,} right, "
        f"{card.total - card.correct:,} wrong. On all digits of this kind, the accuracy likely lies between "
        f"{low} and {high} (95 % confidence interval).",
        *(f"![{name.removesuffix('.png').replace('_', ' ')}]({name})" for name in pictures),
        "## Digit by digit",
        _table(*digits_table(card)),
        "Precision: of the answers with this digit, the share that was right. Recall: of these digits, the "
        "share that was recognized. F1: the harmonic mean of the two.",
        *_trust(card),
        *(_mistakes(card) if card.correct < card.total else ()),
        *_run_facts(card, explanations),
    )


def repeated_page(repeated: RepeatedScorecard, *, explanations: Mapping[str, str] = {}) -> str:
    """The scorecards of several seeds side by side, as a page; `explanations` as for `scorecard_page`."""
    runs = f"{len(repeated.runs)} run{'s' * (len(repeated.runs) > 1)}"
    return _page(
        "# Scorecard of several seeds",
        f"Mean accuracy **{percent(repeated.mean)}**{repeated.spread}, {runs}. "
        "The runs differ only in the random seed.",
        _table(*seeds_table(repeated)),
        *_run_facts(repeated.runs[0], explanations),
    )


def sweep_page(
    rows: Sequence[Row], tested: RepeatedScorecard, *, explanations: Mapping[str, str] = {}
) -> str:
    """What a sweep found as a page.

    Args:
        rows: the settings, the best first.
        tested: the networks of the best setting, on the test digits.
        explanations: as for `scorecard_page`.
    """
    first = tested.runs[0]
    return _page(
        "# Sweep",
        f"Each setting was judged by its networks' accuracy on {first.recipe['validation']:,} held-out "
        f"training digits. The test digits were used once, for the best: `{label(rows[0].settings)}` "
        f"came to **{percent(tested.mean)}**{tested.spread}, on {first.total:,} test digits.",
        "![the settings and their accuracy](sweep.png)",
        _table(*table(rows)),
        f"Mean and deviation (n - 1) of the networks of a setting, and mean time of a training; {AS_GOOD}.",
        *_run_facts(first, explanations),
    )


def _trust(card: Scorecard) -> Iterable[str]:
    """What the threshold leaves open, and how often answers with an output are right."""
    if answers := card.more.get("answers"):
        yield "## I don't know"
        share = percent(answers["answered_right"] / answers["answered"] if answers["answered"] else None)
        yield (
            f"An output below {answers['threshold']:.2f} is no answer. This leaves {answers['left_open']:,} "
            f"of {card.total:,} digits open; {share} of the others are right."
        )
        if nondigits := card.more.get("nondigits"):
            refused = percent(nondigits["refused"] / nondigits["drawn"])
            yield f"Of {nondigits['drawn']:,} drawn images that are no digits, {refused} get no answer."
    if calibration := card.more.get("calibration"):
        yield "## What an output is worth"
        error = percent(calibration["expected_calibration_error"])
        yield (
            "Of the answers with an output of about 0.9, nine of ten should be right. On average the outputs "
            f"are off by {error} (expected calibration error)."
        )
        yield _table(*calibration_table(calibration))
    if robustness := card.more.get("robustness"):
        yield "## Changed digits"
        rows = [
            (row["change"], f"{row['amount']:g} {row['unit']}", percent(row["accuracy"]))
            for row in robustness
        ]
        yield _table(("change", "amount", "accuracy"), rows, align=":--")


def _mistakes(card: Scorecard) -> Iterable[str]:
    counts = [
        (f"**{digit}**", *(count or "" for count in row)) for digit, row in enumerate(card.confusion.tolist())
    ]
    confident = [
        (m.index, m.label, m.predicted, f"{m.output:.3f}") for m in most_confident(card.mistakes, 10)
    ]
    yield "## Most frequent confusions"
    yield _table(("true digit", "answer", "times"), card.most_confused())
    yield "## Every answer"
    yield "Rows are true digits, columns are answers."
    yield _table(("", *range(10)), counts)
    yield "## Most confident mistakes"
    yield _table(("index", "true digit", "answer", "output"), confident)


def _run_facts(card: Scorecard, explanations: Mapping[str, str]) -> Iterable[str]:
    """Tables of what the result depends on: settings, files, programs and the machine."""
    settings = {**card.recipe, **({} if card.seed is None else {"seed": card.seed})}
    seconds = {stage: round(taken, 2) for stage, taken in card.seconds.items()}
    tables = {
        ("Recipe", "setting", "value", "meaning"): [
            (*row, explanations.get(name, "")) for name, row in zip(settings, _coded(settings), strict=True)
        ],
        ("Data", "file", "SHA-256"): _coded(card.data),
        ("Time", "stage", "seconds"): _coded(seconds),
        ("Versions", "program", "version"): _coded(card.versions),
        ("Machine", "part", "what it is"): _coded(card.machine),
    }
    for (title, *header), rows in tables.items():
        if rows:
            yield f"## {title}"
            yield _table(header, rows, align=":--")


def _page(*sections: str) -> str:
    return "\n\n".join(sections) + "\n"


def _table(header: Sequence[object], rows: Iterable[Sequence[object]], align: str = "--:") -> str:
    lines = [header, [align] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _coded(facts: Mapping[str, object]) -> list[tuple[str, ...]]:
    return [(_code(name), _code(fact)) for name, fact in facts.items()]


def _code(fact: object) -> str:
    """A fact as Markdown code in a table cell; what would break out of either, or of the line, is escaped."""
    text = fact if isinstance(fact, str) else json.dumps(fact)
    text = escape_controls(text).replace("\n", "\\n")
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`"
