"""Scoring a trained network: answers, what the threshold leaves open, and what changed digits do to it."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np

from mnist_mlp.digits.changes import CHANGES, changed
from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.nondigits import HELD_OUT, draw_nondigits
from mnist_mlp.nn.network import Network
from mnist_mlp.report.machine import machine_facts
from mnist_mlp.report.scorecard import Scorecard
from mnist_mlp.report.trust import answers_above, calibration_of
from mnist_mlp.training.scoring import outputs_for

_NONDIGITS = 1000
_SEED = 1  # of what is drawn to test with: it is the same for all networks


def score(
    network: Network,
    digits: Digits,
    *,
    threshold: float | None = None,
    robustness: bool = False,
    on_change: Callable[[int, int], object] = lambda *_: None,
    seconds: Mapping[str, float],
    facts: Mapping[str, Any],
) -> Scorecard:
    """Score a network on digits.

    Args:
        network: 784 inputs and 10 outputs.
        digits: to score it on.
        threshold: an output below it is no answer; None where it is not known.
        robustness: whether the digits are also scored after many changes.
        on_change: called after each change with the number of changes scored and of all.
        seconds: stage to seconds, of what was done before.
        facts: what else a scorecard tells: `recipe`, `seed`, `data`.

    Raises:
        ScoreError: if an output is not finite, or there are no digits.
    """
    start = perf_counter()
    outputs = outputs_for(network, digits.images)
    card = Scorecard.from_outputs(
        digits.labels, outputs, **facts, versions=versions(), machine=machine_facts()
    )
    more: dict[str, Any] = {}
    if threshold is not None:
        more["answers"] = answers_above(digits.labels, outputs, threshold)
        more |= _refused(network, digits, threshold)
    more["calibration"] = calibration_of(digits.labels, outputs)
    if robustness:
        more["robustness"] = _robustness(network, digits, on_change)
    taken = {**seconds, "score": perf_counter() - start}
    return replace(card, seconds=taken, more=more)


def _refused(network: Network, digits: Digits, threshold: float) -> dict[str, Any]:
    """How many images that are no digits, of kinds that no recipe trains with, get no answer."""
    if len(np.unique(digits.labels)) < 10:  # they are made of digits of all labels
        return {}
    rng = np.random.default_rng(_SEED)
    images = draw_nondigits(_NONDIGITS, digits.images, digits.labels, rng, HELD_OUT)
    refused = int((outputs_for(network, images).max(axis=1) < threshold).sum())
    return {"nondigits": {"drawn": _NONDIGITS, "refused": refused}}


def _robustness(
    network: Network, digits: Digits, on_change: Callable[[int, int], object]
) -> list[dict[str, Any]]:
    """The accuracy after each change by each amount."""
    rows: list[dict[str, Any]] = []
    total = sum(len(change.amounts) for change in CHANGES)
    for change, amount, images in changed(digits.images, np.random.default_rng(_SEED)):
        right = outputs_for(network, images).argmax(axis=1) == digits.labels
        rows.append(
            {"change": change.name, "amount": amount, "unit": change.unit, "accuracy": float(right.mean())}
        )
        on_change(len(rows), total)
    return rows


def versions() -> dict[str, str]:
    """The versions of what the numbers depend on."""
    names = ("mnist-mlp", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
