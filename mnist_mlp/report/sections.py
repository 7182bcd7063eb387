"""The sections of the page as HTML text; everything that is not ours goes through `text`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.nn.network import Network
from mnist_mlp.report.curves import Epoch, draw_learning_curve, draw_reliability, draw_robustness
from mnist_mlp.report.figures import picture_bytes
from mnist_mlp.report.inside import as_pixels, effect_of_ink
from mnist_mlp.report.picture import data_url, in_two_colors, ink_on_paper, tiled
from mnist_mlp.report.scorecard import Scorecard, percent
from mnist_mlp.report.tables import calibration_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIRST_MISTAKES = 24  # that show without JavaScript
TOO_LARGE = '<p class="note">This network is too large to be part of a page, so there is no drawing here.</p>'
MOST_UNITS = 400  # hidden units in the picture of what they look for


def text(value: object) -> str:
    """Text of any origin for HTML; what no file can hold (lone surrogates of odd file names) becomes ?."""
    return escape(str(value).encode("utf-8", "replace").decode("utf-8"))


def run_in_words(card: Scorecard, network: Network, name: str) -> list[str]:
    """Name, layer sizes, recipe and seed of the run, as far as they are known."""
    words = [name] if name else []
    words.append("-".join(str(size) for size in network.sizes))
    if recipe := card.recipe.get("name"):
        words.append(f"recipe {recipe}")
    return words if card.seed is None else [*words, f"seed {card.seed}"]


def headline(card: Scorecard) -> dict[str, str]:
    """The numbers in the headline, by their names in the template."""
    low, high = card.confidence_interval
    return {
        "accuracy": f"{100 * card.accuracy:.2f}",
        "total": f"{card.total:,}",
        "right": f"{card.correct:,}",
        "wrong": f"{card.total - card.correct:,}",
        "low": f"{100 * low:.2f}",
        "high": percent(high),
    }


def table(head: Iterable[str], rows: Iterable[Iterable[object]], kind: str) -> str:
    """A table of texts of any origin; the first of each row is its heading."""
    heads = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{text(first)}</th>{"".join(f"<td>{text(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    top = f"<thead><tr>{heads}</tr></thead>" if heads else ""
    return f'<table class="{kind}">{top}<tbody>{body}</tbody></table>'


def costs_table(costs: Sequence[tuple[int, int]], total: int) -> str:
    """The largest thresholds that leave at most 0, 1, 2 and 5 % of the digits without an answer."""
    rows = []
    for share in (0, 0.01, 0.02, 0.05):
        at = max((i for i, (left_open, _) in enumerate(costs) if left_open <= share * total), default=0)
        left_open, wrong = costs[at]
        right = 1 - wrong / (total - left_open) if total > left_open else None
        rows.append((f"{at / 100:.2f}", f"{left_open:,}", f"{wrong:,}", percent(right)))
    unique = list(dict.fromkeys(rows))
    return table(("below", "no answer", "wrong", "right"), unique, "numbers")


def confusion_table(confusion: NDArray[np.int64]) -> str:
    """The confusion matrix, int64 (10, 10); cells with digits behind them are buttons."""
    rows = []
    for label, counts in enumerate(confusion.tolist()):
        cells = [f'<th scope="row">{label}</th>']
        for answer, count in enumerate(counts):
            shade = "right" if label == answer else f"wrong-{min(int(count).bit_length(), 6)}"
            told = f"{label} read as {answer}: {count}"
            content = f'<button type="button" aria-label="{told}">{count}</button>' if count else ""
            cells.append(f'<td class="{shade}" data-label="{label}" data-answer="{answer}">{content}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = "".join(f'<th scope="col">{answer}</th>' for answer in range(10))
    return (
        '<table class="confusion"><thead><tr><td></td>'
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def mistakes(shown: Sequence[tuple[int, int, int, float]], images: NDArray[np.uint8]) -> str:
    """The first of the digits to show that were read wrong, as tiles."""
    tiles = [
        f'<li><button type="button" class="tile" data-digit="{place}">'
        f'<img src="{ink_on_paper(images[index])}" alt="" width="56" height="56">'
        f"<span><b>{label}</b> read as <b>{answer}</b></span><small>{output:.2f}</small></button></li>"
        for place, (index, label, answer, output) in enumerate(shown[:FIRST_MISTAKES])
        if label != answer
    ]
    return (
        f'<ul class="tiles" id="mistake-tiles">{"".join(tiles)}</ul>' if tiles else "<p>There are none.</p>"
    )


def units(network: Network, inputs: NDArray[np.floating]) -> str:
    """The picture of what the units of the first layer look for, and a canvas over it."""
    effects = effect_of_ink(network, inputs)[:MOST_UNITS]
    strongest = np.abs(effects).max(axis=(1, 2), keepdims=True) + 1e-9
    # Between a scale for each unit, which would show weak units as strong, and one for all, which hides them.
    grid = tiled(1.3 * effects / np.sqrt(strongest * np.median(strongest)))
    height, width = grid.shape
    return (
        f'<div class="units"><img id="units" src="{in_two_colors(grid)}" width="{width}" height="{height}" '
        f'alt="{len(effects)} small pictures, one for each hidden unit, with blue where ink raises it and '
        f'orange where ink lowers it"><canvas id="unit-cover" width="{2 * width}" height="{2 * height}" '
        'aria-hidden="true"></canvas></div>'
    )


def imagined(signals: NDArray[np.floating] | None, first: int, inputs: NDArray[np.floating]) -> str:
    """What the network imagines for each digit, and how that differs from the average of all ten.

    The pictures stand in the payload from place `first` on, in this order.
    """
    if signals is None:
        return "<p>This is known for sigmoid layers only.</p>"
    difference = (signals - signals.mean(axis=0)) * inputs.std(axis=0).reshape(28, 28)
    difference /= np.abs(difference).max(axis=(1, 2), keepdims=True) + 1e-9
    tiles = [
        f'<li><button type="button" class="tile" data-digit="{first + digit}">'
        f'<img src="{ink_on_paper(as_pixels(signals[digit]))}" alt="" width="84" height="84">'
        f'<img src="{in_two_colors(difference[digit])}" alt="" width="84" height="84">'
        f"<span><b>{digit}</b></span></button></li>"
        for digit in range(10)
    ]
    return f'<ul class="tiles imagined">{"".join(tiles)}</ul>'


def curve(history: Sequence[Epoch], test_accuracy: float, kept: int | None) -> str:
    """The section with the learning curve; nothing without a history."""
    if not history:
        return ""
    draw = partial(draw_learning_curve, history=history, test=test_accuracy, kept=kept)
    picture = _drawing(draw, (6.0, 4.6))
    return f"<section><h2>How it learned</h2>{picture}</section>"


def _drawing(draw: Callable[["Axes"], "Axes"], size: tuple[float, float], told: str = "") -> str:
    """What is drawn on an `Axes`, without its title, since the page has headings of its own.

    Those who cannot see it are told its title, its legend, and what else is given.
    """
    alt = []

    def draw_untitled(axes: "Axes") -> None:
        draw(axes)
        alt.append(", ".join([axes.get_title("left"), *axes.get_legend_handles_labels()[1]]))
        axes.set_title("", loc="left")

    url = data_url(picture_bytes(draw_untitled, size=size, kind="svg"), "svg+xml")
    return f'<img class="curve" src="{url}" alt="{text(alt[0] + told)}">'


def worth(card: Scorecard) -> str:
    """The section with the reliability curve; nothing where it is not known."""
    if not (calibration := card.more.get("calibration")):
        return ""
    error = percent(calibration["expected_calibration_error"])
    note = (
        "Of the answers with an output of about 0.9, nine of ten should be right (dashed). The points show "
        "how many are, in ten groups by output, with 95 % confidence intervals: above the line, the "
        f"network is right more often than its outputs say. On average the outputs are off by {error} "
        "(expected calibration error)."
    )
    drawing = _drawing(partial(draw_reliability, calibration=calibration), (5.6, 5.6))
    groups = table(*calibration_table(calibration), "numbers")
    return (
        f'<section id="worth"><h2>What an output is worth</h2><p class="note">{note}</p>'
        f'<div class="beside">{drawing}<div>{groups}</div></div></section>'
    )


def withstands(card: Scorecard) -> str:
    """The section with the accuracy on changed digits; nothing where it is not known."""
    if not (robustness := card.more.get("robustness")):
        return ""
    note = "The test digits again, each changed in one way, by more and more: how many are still read right."
    draw = partial(draw_robustness, robustness=robustness, unchanged=card.accuracy)
    told = "".join(
        f"; {row['change']} {row['amount']:g} {row['unit']}: {percent(row['accuracy'])}" for row in robustness
    )
    return (
        f'<section id="withstands"><h2>What it withstands</h2><p class="note">{note}</p>'
        f'<div class="wide" tabindex="0">{_drawing(draw, (9.6, 7.0), told)}</div></section>'
    )


def settings(card: Scorecard) -> str:
    """Settings, data, versions and times of the run, as far as they are known."""
    seconds = {stage: f"{value:.2f} s" for stage, value in card.seconds.items()}
    groups: dict[str, Mapping[str, Any]] = {
        "Settings": {key.replace("_", " "): _value(value) for key, value in card.recipe.items()},
        "Data (SHA-256)": card.data,
        "Machine": card.machine,
        "Versions": card.versions,
        "Time": seconds,
    }
    return "".join(
        f'<div class="facts"><h3>{title}</h3>{table((), rows.items(), "pairs")}</div>'
        for title, rows in groups.items()
        if rows
    )


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
