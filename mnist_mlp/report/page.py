"""A run as one HTML file that asks for nothing else: its scorecard, and the network to draw digits for."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network
from mnist_mlp.report.chart import Epoch, learning_curve
from mnist_mlp.report.inside import effect_of_ink, imagine_digits
from mnist_mlp.report.packing import pack
from mnist_mlp.report.picture import in_two_colors, ink_on_paper, tiled
from mnist_mlp.report.scorecard import Scorecard

MOST_MISTAKES = 280  # pictures in the page; of a network with more mistakes, fewer of each kind
RIGHT_OF_EACH = 5  # right answers shown of each digit, those with the smallest outputs
FIRST_MISTAKES = 24  # that show without JavaScript
MOST_UNITS = 400  # hidden units in the picture of what they look for


def render_page(
    *,
    card: Scorecard,
    network: Network,
    digits: Digits,
    history: Sequence[Epoch] = (),
    held_out: Digits | None = None,
    threshold: float | None = None,
    name: str = "",
) -> str:
    """The page as HTML text; what is not known about the run is left out.

    Args:
        card: what the network scored on `digits`.
        network: with 784 inputs and 10 outputs.
        digits: the test digits.
        history: the epochs of its training.
        held_out: training digits that it was not trained on; they show what a threshold on the largest output
            costs. Without them the test digits do, and the page says so.
        threshold: below which the largest output is no answer.
        name: what the run is called.
    """
    inputs = scale_pixels(digits.images)
    outputs = network.forward(inputs)
    shown = _digits_to_show(digits.labels, outputs)
    imagined = imagine_digits(network)
    images = digits.images[[index for index, *_ in shown]]
    if imagined is not None:
        images = np.concatenate([images, _as_bytes(imagined)])
    packed = pack(network, images, inputs, outputs.argmax(axis=1))
    scored = (digits.labels, outputs)
    if held_out is not None and len(held_out):
        scored = (held_out.labels, network.forward(scale_pixels(held_out.images)))
    costs = costs_of_thresholds(*scored)
    facts = {
        "layers": packed.layers,
        "shown": shown,
        "threshold": threshold,
        "costs": costs,
        "payload": packed.payload,
    }
    return _filled_template(
        title=_text(f"{_percent(card.accuracy)} of digits read right"),
        run=_text(" · ".join(_run_in_words(card, network, name))),
        **_headline(card),
        paper="" if packed.layers else "hidden",
        hidden_units=f"{sum(network.sizes[1:-1]):,}",
        sizes=_text(", ".join(str(size) for size in network.sizes)),
        scored=f"{len(scored[0]):,} {'test' if scored[0] is digits.labels else 'held-out'} digits",
        scored_total=str(len(scored[0])),
        costs=_costs_table(costs, len(scored[0])),
        confusion=_confusion_table(card.confusion),
        mistakes=_mistakes(shown, digits.images, card.total - card.correct),
        units=_units(network, inputs),
        imagined=_imagined(imagined, len(shown), inputs),
        curve=_curve(history, card.accuracy),
        digits=_digits_table(card),
        settings=_settings(card),
        facts=json.dumps(facts, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
    )


def costs_of_thresholds(
    labels: NDArray[np.integer[Any]], outputs: NDArray[np.floating]
) -> list[tuple[int, int]]:
    """What the thresholds 0, 0.01 ... 0.99 on the largest output cost and save.

    Returns:
        For each how many digits stay without an answer, and how many of the answers are wrong.
    """
    largest, wrong = outputs.max(axis=1), outputs.argmax(axis=1) != labels
    open_at = [largest < hundredths / 100 for hundredths in range(100)]
    return [(int(is_open.sum()), int((wrong & ~is_open).sum())) for is_open in open_at]


def _digits_to_show(
    labels: NDArray[np.uint8], outputs: NDArray[np.floating]
) -> list[tuple[int, int, int, float]]:
    """Index, label, answer and largest output: the mistakes, the surest first, then right answers."""
    answers, largest = outputs.argmax(axis=1), outputs.max(axis=1)
    kinds = 10 * labels.astype(int) + answers
    wrong, right = np.flatnonzero(answers != labels), np.flatnonzero(answers == labels)
    wrong, right = wrong[np.argsort(-largest[wrong], kind="stable")], right[np.argsort(largest[right])]
    counts = np.bincount(kinds[wrong], minlength=100)
    limits = range(max(counts.max(initial=1), 1), 0, -1)
    limit = next((n for n in limits if np.minimum(counts, n).sum() <= MOST_MISTAKES), 1)
    chosen = [*_first_of_each(wrong, kinds, limit), *_first_of_each(right, kinds, RIGHT_OF_EACH)]
    return [(int(i), int(labels[i]), int(answers[i]), round(float(largest[i]), 4)) for i in chosen]


def _first_of_each(rows: NDArray[np.int64], kinds: NDArray[np.int64], limit: int) -> list[int]:
    seen = [0] * 100
    chosen = []
    for row in rows:
        seen[kinds[row]] += 1
        if seen[kinds[row]] <= limit:
            chosen.append(int(row))
    return chosen


def _as_bytes(signals: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Inputs of 0.01 to 1 as pixels."""
    pixels: NDArray[np.uint8] = np.clip(np.rint((signals - 0.01) / 0.99 * 255), 0, 255).astype(np.uint8)
    return pixels


def _filled_template(**parts: str) -> str:
    folder = files("mnist_mlp.report")
    scripts = [(folder / name).read_text("utf-8") for name in ("digit.js", "paper.js", "page.js")]
    style = (folder / "page.css").read_text("utf-8")
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    script = "\n".join(f"<script>{script}</script>" for script in scripts)
    template = Template((folder / "page.html").read_text("utf-8"))
    return template.substitute(policy=policy, style=style, scripts=script, **parts)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(value: object) -> str:
    """Text of any origin for HTML; what no file can hold (lone surrogates of odd file names) becomes ?."""
    return escape(str(value).encode("utf-8", "replace").decode("utf-8"))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}".replace("%", "\u00a0%")


def _run_in_words(card: Scorecard, network: Network, name: str) -> list[str]:
    words = [name] if name else []
    words.append("-".join(str(size) for size in network.sizes))
    if recipe := card.recipe.get("name"):
        words.append(f"recipe {recipe}")
    return words if card.seed is None else [*words, f"seed {card.seed}"]


def _headline(card: Scorecard) -> dict[str, str]:
    low, high = card.confidence_interval
    return {
        "accuracy": f"{100 * card.accuracy:.2f}",
        "total": f"{card.total:,}",
        "right": f"{card.correct:,}",
        "wrong": f"{card.total - card.correct:,}",
        "low": f"{100 * low:.2f}",
        "high": _percent(high),
    }


def _table(head: Iterable[str], rows: Iterable[Iterable[object]], kind: str) -> str:
    """A table of texts of any origin; the first of each row is its heading."""
    heads = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{_text(first)}</th>{"".join(f"<td>{_text(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    top = f"<thead><tr>{heads}</tr></thead>" if heads else ""
    return f'<table class="{kind}">{top}<tbody>{body}</tbody></table>'


def _costs_table(costs: Sequence[tuple[int, int]], total: int) -> str:
    """The thresholds that leave about 0, 1, 2 and 5 % of the digits open."""
    rows = []
    for share in (0, 0.01, 0.02, 0.05):
        at = max(i for i, (left_open, _) in enumerate(costs) if left_open <= share * total)
        left_open, wrong = costs[at]
        answered = total - left_open
        rows.append((f"{at / 100:.2f}", f"{left_open:,}", f"{wrong:,}", _percent(1 - wrong / answered)))
    unique = list(dict.fromkeys(rows))
    return _table(("below", "no answer", "wrong", "right"), unique, "numbers")


def _confusion_table(confusion: NDArray[np.int64]) -> str:
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


def _mistakes(shown: Sequence[tuple[int, int, int, float]], images: NDArray[np.uint8], wrong: int) -> str:
    if not wrong:
        return "<p>There are none.</p>"
    tiles = [
        f'<li><button type="button" class="tile" data-digit="{place}">'
        f'<img src="{ink_on_paper(images[index])}" alt="" width="56" height="56">'
        f"<span><b>{label}</b> read as <b>{answer}</b></span><small>{output:.2f}</small></button></li>"
        for place, (index, label, answer, output) in enumerate(shown[:FIRST_MISTAKES])
        if label != answer
    ]
    return f'<ul class="tiles" id="mistake-tiles">{"".join(tiles)}</ul>'


def _units(network: Network, inputs: NDArray[np.floating]) -> str:
    effects = effect_of_ink(network, inputs)[:MOST_UNITS]
    strongest = np.abs(effects).max(axis=(1, 2), keepdims=True) + 1e-9
    # Between a scale for each unit, which would show weak units as strong, and one for all, which hides them.
    picture = in_two_colors(tiled(1.3 * effects / np.sqrt(strongest * np.median(strongest))))
    rows = -(-len(effects) // 20)
    return (
        f'<div class="units"><img id="units" src="{picture}" width="560" height="{28 * rows}" '
        f'alt="{len(effects)} small pictures, one for each hidden unit, with blue where ink raises it and '
        f'orange where ink lowers it"><canvas id="unit-cover" width="{560 * 2}" height="{56 * rows}" '
        'aria-hidden="true"></canvas></div>'
    )


def _imagined(signals: NDArray[np.floating] | None, first: int, inputs: NDArray[np.floating]) -> str:
    if signals is None:
        return "<p>This is known for sigmoid layers only.</p>"
    difference = (signals - signals.mean(axis=0)) * inputs.std(axis=0).reshape(28, 28)
    difference /= np.abs(difference).max(axis=(1, 2), keepdims=True) + 1e-9
    tiles = [
        f'<li><button type="button" class="tile" data-digit="{first + digit}">'
        f'<img src="{ink_on_paper(_as_bytes(signals[digit]))}" alt="" width="84" height="84">'
        f'<img src="{in_two_colors(difference[digit])}" alt="" width="84" height="84">'
        f"<span><b>{digit}</b></span></button></li>"
        for digit in range(10)
    ]
    return f'<ul class="tiles imagined">{"".join(tiles)}</ul>'


def _curve(history: Sequence[Epoch], test_accuracy: float) -> str:
    if not history:
        return ""
    note = (
        "Right answers after each epoch. The scale widens toward 100 %: halving the mistakes takes the same "
        "height everywhere."
    )
    picture = learning_curve(history, test_accuracy)
    return f'<section><h2>How it learned</h2><p class="note">{note}</p>{picture}</section>'


def _digits_table(card: Scorecard) -> str:
    rows = (
        (s.digit, _percent(s.precision), _percent(s.recall), _percent(s.f1), f"{s.support:,}")
        for s in card.per_digit
    )
    return _table(("digit", "precision", "recall", "F1", "digits"), rows, "numbers")


def _settings(card: Scorecard) -> str:
    seconds = {stage: f"{value:.2f} s" for stage, value in card.seconds.items()}
    groups: dict[str, Mapping[str, Any]] = {
        "Settings": {key.replace("_", " "): _value(value) for key, value in card.recipe.items()},
        "Data (SHA-256)": card.data,
        "Versions": card.versions,
        "Time": seconds,
    }
    return "".join(
        f'<div class="facts"><h3>{title}</h3>{_table((), rows.items(), "pairs")}</div>'
        for title, rows in groups.items()
        if rows
    )


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
