"""A run as one HTML file that asks for nothing else: its scorecard, and the network to draw digits for."""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network
from mnist_mlp.report import sections
from mnist_mlp.report.curves import Epoch
from mnist_mlp.report.inside import as_pixels, imagine_digits
from mnist_mlp.report.packing import pack
from mnist_mlp.report.scorecard import Scorecard, percent
from mnist_mlp.report.tables import digits_table

MOST_MISTAKES = 160  # pictures in the page; of a network with more mistakes, fewer of each kind
RIGHT_OF_EACH = 5  # right answers shown of each digit, those with the smallest outputs


def render_page(
    *,
    card: Scorecard,
    network: Network,
    digits: Digits,
    history: Sequence[Epoch] = (),
    kept: int | None = None,
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
        kept: the epoch whose weights are the network's; None for the last.
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
        images = np.concatenate([images, as_pixels(imagined)])
    layers, payload = pack(network, images, inputs, outputs.argmax(axis=1))
    scored = (digits.labels, outputs)
    if held_out is not None and len(held_out):
        scored = (held_out.labels, network.forward(scale_pixels(held_out.images)))
    costs = costs_of_thresholds(*scored)
    facts = {
        "layers": layers,
        "shown": shown,
        "threshold": threshold,
        "costs": costs,
        "payload": payload,
    }
    return _filled_template(
        title=sections.text(f"{percent(card.accuracy)} of digits read right"),
        run=sections.text(" · ".join(sections.run_in_words(card, network, name))),
        **sections.headline(card),
        paper="" if layers else "hidden",
        too_large="" if layers else sections.TOO_LARGE,
        hidden_units=f"{sum(network.sizes[1:-1]):,}",
        scored=f"{len(scored[0]):,} {'test' if scored[0] is digits.labels else 'held-out'} digits",
        scored_total=str(len(scored[0])),
        costs=sections.costs_table(costs, len(scored[0])),
        confusion=sections.confusion_table(card.confusion),
        mistakes=sections.mistakes(shown, digits.images),
        units=sections.units(network, inputs),
        imagined=sections.imagined(imagined, len(shown), inputs),
        curve=sections.curve(history, card.accuracy, kept),
        worth=sections.worth(card),
        withstands=sections.withstands(card),
        digits=sections.table(*digits_table(card), "numbers"),
        settings=sections.settings(card),
        facts=json.dumps(facts, allow_nan=False, separators=(",", ":")),
    )


def costs_of_thresholds(
    labels: NDArray[np.integer[Any]], outputs: NDArray[np.floating]
) -> list[tuple[int, int]]:
    """For thresholds 0, 0.01 ... 0.99 on the largest output: digits without an answer, and wrong answers."""
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
    limits = range(max(counts.max(), 1), 0, -1)
    limit = next(n for n in limits if np.minimum(counts, n).sum() <= MOST_MISTAKES)
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


def _filled_template(**parts: str) -> str:
    folder = files("mnist_mlp.report")
    scripts = [(folder / name).read_text("utf-8") for name in ("digit.js", "paper.js", "cells.js", "page.js")]
    style = (folder / "page.css").read_text("utf-8")
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    script = "\n".join(f"<script>{script}</script>" for script in scripts)
    unbroken = {name: part.replace(" %", "\N{NO-BREAK SPACE}%") for name, part in parts.items()}
    template = Template((folder / "page.html").read_text("utf-8"))
    return template.substitute(policy=policy, style=style, scripts=script, **unbroken)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
