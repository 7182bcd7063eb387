"""How far answers can be trusted, against arithmetic by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp.report.trust import answers_above, calibration_of


def outputs_with(*largest: float) -> NDArray[np.float64]:
    """Outputs that all answer 3."""
    outputs = np.zeros((len(largest), 10))
    outputs[:, 3] = largest
    return outputs


def test_answers_whose_output_reaches_the_threshold_are_counted() -> None:
    labels = np.array([3, 3, 8, 3, 8])
    outputs = outputs_with(0.9, 0.5, 0.7, 0.49, 0.1)
    assert answers_above(labels, outputs, 0.5) == {
        "threshold": 0.5,
        "left_open": 2,  # 0.49 and 0.1
        "answered": 3,  # an output that equals the threshold is an answer
        "answered_right": 2,
    }
    assert answers_above(labels, outputs, 0.0)["answered_right"] == 3
    assert answers_above(labels, outputs, 1.0)["answered"] == 0


def test_the_calibration_error_is_the_mean_distance_weighted_by_answers() -> None:
    # 0.9 and 1.0, one of two right: mean output 0.95, distance 0.45. 0.62 and 0.64 and 0.66, all right:
    # 0.64, distance 0.36. Together 2/5 x 0.45 + 3/5 x 0.36 = 0.396.
    calibration = calibration_of(np.array([3, 8, 3, 3, 3]), outputs_with(0.9, 1.0, 0.62, 0.64, 0.66))
    assert calibration["expected_calibration_error"] == pytest.approx(0.396)
    bins = calibration["bins"]
    assert [one["answers"] for one in bins] == [0, 0, 0, 0, 0, 0, 3, 0, 0, 2]
    assert (bins[6]["output"], bins[6]["accuracy"]) == pytest.approx((0.64, 1.0))
    assert (bins[9]["output"], bins[9]["accuracy"]) == pytest.approx((0.95, 0.5))
    assert (bins[0]["output"], bins[0]["accuracy"]) == (None, None)


def test_outputs_beyond_0_and_1_fall_into_the_outer_groups() -> None:
    bins = calibration_of(np.array([3, 3]), np.array([[-1.0] * 10, [2.0] * 10]))["bins"]
    assert [one["answers"] for one in bins] == [1, *[0] * 8, 1]
