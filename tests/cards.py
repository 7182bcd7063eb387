"""A scorecard made by hand, for the tests of what is counted and of what people are shown."""

from typing import Any

import numpy as np

from mnist_mlp.report.scorecard import Scorecard

# Four 3s answered 3 3 3 5, two 5s answered 5 3, one 8 answered 3.
LABELS, ANSWERS = [3, 3, 3, 3, 5, 5, 8], [3, 3, 3, 5, 5, 3, 3]

FACTS: dict[str, Any] = {
    "recipe": {"name": "tutorial", "hidden": [200], "learning_rate": 0.3, "biases": False},
    "seed": 1,
    "data": {"mnist_test.csv": "51c292478d94ec3a"},
    "seconds": {"train": 9.5, "score": 0.126},
    "versions": {"mnist-mlp": "0.1.0"},
    "machine": {"threads": "2", "blas": "openblas 0.3.31", "processor": "AMD EPYC"},
}

# What a scorecard tells besides: 7 answers in two groups, and two changes.
_NONE = {"answers": 0, "output": None, "accuracy": None}
MORE: dict[str, Any] = {
    "answers": {"threshold": 0.5, "left_open": 3, "answered": 4, "answered_right": 3},
    "nondigits": {"drawn": 1000, "refused": 705},
    "calibration": {
        "expected_calibration_error": 0.0625,
        "bins": [
            *[_NONE] * 4,
            {"answers": 3, "output": 0.4375, "accuracy": 1 / 3},
            *[_NONE] * 4,
            {"answers": 4, "output": 0.95, "accuracy": 0.75},
        ],
    },
    "robustness": [
        {"change": "rotated", "amount": 5, "unit": "degrees", "accuracy": 0.9},
        {"change": "rotated", "amount": 10, "unit": "degrees", "accuracy": 0.8},
        {"change": "blurred", "amount": 0.5, "unit": "pixels", "accuracy": 0.7},
    ],
}


def card_for(labels: list[int], answers: list[int], **facts: Any) -> Scorecard:
    """The scorecard of a network that gives these answers to digits of these labels, each with output 0.9."""
    return Scorecard.from_outputs(np.array(labels), 0.9 * np.eye(10)[answers], **facts)
