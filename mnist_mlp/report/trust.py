"""How far answers can be trusted: what a threshold leaves open, and how often outputs are right."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10  # of equal width, from output 0 to 1

_COUNT = range(2**53)
# What a scorecard tells of trust, as it stands in JSON; lists hold any of the forms that are given.
_FORMS: dict[str, Any] = {
    "answers": {"threshold": float, "left_open": _COUNT, "answered": _COUNT, "answered_right": _COUNT},
    "nondigits": {"drawn": range(1, 2**53), "refused": _COUNT},
    "calibration": {
        "expected_calibration_error": float,
        "bins": [
            {"answers": range(1, 2**53), "output": float, "accuracy": float},
            {"answers": range(1), "output": None, "accuracy": None},
        ],
    },
    "robustness": [{"change": str, "amount": float, "unit": str, "accuracy": float}],
}


def answers_above(
    labels: NDArray[np.integer], outputs: NDArray[np.floating], threshold: float
) -> dict[str, Any]:
    """Count the answers whose output reaches the threshold; all other digits are left open.

    Args:
        labels: (n,) from 0 to 9.
        outputs: (n, 10).
        threshold: the least output that counts as an answer.

    Returns:
        `threshold`, and the numbers of digits `left_open`, `answered` and `answered_right`.
    """
    answered = outputs.max(axis=1) >= threshold
    right = (outputs.argmax(axis=1) == labels) & answered
    return {
        "threshold": threshold,
        "left_open": int((~answered).sum()),
        "answered": int(answered.sum()),
        "answered_right": int(right.sum()),
    }


def calibration_of(labels: NDArray[np.integer], outputs: NDArray[np.floating]) -> dict[str, Any]:
    """Compare the outputs of the answers with how often these answers are right.

    The expected calibration error is the mean distance of the two over ten bins, weighted by their answers
    (Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017).

    Args:
        labels: (n,) from 0 to 9.
        outputs: (n, 10) from 0 to 1.

    Returns:
        `expected_calibration_error`, and for each of the ten `bins` the number of `answers`, their mean
        `output` and `accuracy`, which are None where there are no answers.
    """
    largest = outputs.max(axis=1).astype(float)
    right = outputs.argmax(axis=1) == labels
    places = np.clip((largest * BINS).astype(int), 0, BINS - 1)
    bins, error = [], 0.0
    for place in range(BINS):
        inside = places == place
        answers = int(inside.sum())
        output = float(largest[inside].mean()) if answers else None
        accuracy = float(right[inside].mean()) if answers else None
        if output is not None and accuracy is not None:
            error += answers / len(labels) * abs(output - accuracy)
        bins.append({"answers": answers, "output": output, "accuracy": accuracy})
    return {"expected_calibration_error": error, "bins": bins}


def check_facts(facts: Mapping[str, Any]) -> None:
    """Check that what a scorecard from a file tells of trust can be shown, or raise ValueError naming it."""
    for name, form in _FORMS.items():
        if name in facts and not _fits(facts[name], form):
            raise ValueError(f"{name} has another form")


def _fits(value: object, form: object) -> bool:
    match form:
        case dict():
            fits = isinstance(value, dict) and value.keys() == form.keys()
            return fits and all(_fits(value[name], form[name]) for name in form)  # type: ignore[index]
        case list():
            return isinstance(value, list) and all(any(_fits(one, f) for f in form) for one in value)
        case range():
            return type(value) is int and value in form
    if form is float:
        return isinstance(value, int | float) and type(value) is not bool and abs(value) < 2**53
    return value is None if form is None else isinstance(value, str)
