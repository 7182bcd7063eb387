"""Scorecards on the screen."""

from collections.abc import Sequence
from itertools import groupby

from mnist_mlp.cli.screen import Screen
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard, percent
from mnist_mlp.report.sweeps import AS_GOOD, Row, label, table
from mnist_mlp.report.tables import digits_table, seeds_table

_MOST_ROWS = 20  # of a table of settings


def show_scorecard(screen: Screen, card: Scorecard) -> None:
    """Print accuracy, precision and recall of each digit, and the most frequent confusions."""
    low, high = (percent(bound) for bound in card.confidence_interval)
    screen.result(f"accuracy {percent(card.accuracy)}  (95 % confidence interval {low} to {high})")
    screen.result(f"{card.correct:,} of {card.total:,} digits right, {card.total - card.correct:,} wrong\n")
    screen.table(*digits_table(card))
    if confused := card.most_confused(6):
        pairs = ", ".join(f"{digit} as {answer} ({count})" for digit, answer, count in confused)
        screen.result()
        screen.paragraph(f"most often taken for another: {pairs}")
    if answers := card.more.get("answers"):
        right = percent(answers["answered_right"] / answers["answered"] if answers["answered"] else None)
        text = f"not sure of {answers['left_open']:,} digits; of the others {right} right"
        if nondigits := card.more.get("nondigits"):
            text += (
                f"; of images that are no digits {percent(nondigits['refused'] / nondigits['drawn'])} refused"
            )
        screen.paragraph(text)
    if robustness := card.more.get("robustness"):
        screen.result("\naccuracy in percent on changed digits, by the amount of the change")
        for change, scored in groupby(robustness, key=lambda row: f"{row['change']}, {row['unit']}"):
            amounts = "  ".join(
                f"{row['amount']:g}:\N{NO-BREAK SPACE}{100 * row['accuracy']:.1f}" for row in scored
            )
            screen.paragraph(f"{change:<31}{amounts}")


def show_repeated_scorecard(screen: Screen, repeated: RepeatedScorecard) -> None:
    """Print the mean accuracy of several seeds, its spread, and each."""
    screen.result(f"mean accuracy {percent(repeated.mean)}{repeated.spread}, {len(repeated.runs)} seeds\n")
    screen.table(*seeds_table(repeated))


def show_sweep(screen: Screen, rows: Sequence[Row], tested: RepeatedScorecard) -> None:
    """Print the settings of a sweep, the best first, and what the best comes to on the test digits."""
    headings, cells = table(rows[:_MOST_ROWS])
    screen.table([heading.replace("_", "\n") for heading in headings], cells)
    if len(rows) > _MOST_ROWS:
        screen.result(f"and {len(rows) - _MOST_ROWS:,} more, which are in scorecard.md")
    if any(row.as_good_as(rows[0]) for row in rows[1:]):
        screen.result(f"\n{AS_GOOD}")
    if max(len(row.scores) for row in rows) == 1:
        screen.result()
        screen.paragraph("one network a setting does not show how much chance matters; --repeats 3 does")
    spread = "" if tested.standard_deviation is None else f" ± {percent(tested.standard_deviation)}"
    best = label(rows[0].settings, "the recipe unchanged")
    screen.result(f"\nthe best, {best}, on the test digits: {percent(tested.mean)}{spread}")
