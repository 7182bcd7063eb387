"""The set of digits, and what a network is given of it."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from samples import random_digits

from mnist_mlp.digits.images import DataError, Digits, encode_targets, scale_pixels

IMAGES, LABELS = np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8)


def test_a_slice_is_a_view_of_some_digits_and_knows_their_files() -> None:
    digits = Digits(random_digits(5).images, random_digits(5).labels, {"a.csv": "0" * 64})
    last = digits[-2:]
    assert len(last) == 2
    assert np.shares_memory(last.images, digits.images)
    assert last.labels.tolist() == digits.labels[3:].tolist()
    assert last.files == {"a.csv": "0" * 64}
    assert len(digits[5:]) == 0


def test_digits_are_shown_in_one_short_line() -> None:
    assert repr(Digits(IMAGES, LABELS)) == "<Digits: 3 images of 28 x 28 pixels>"
    thousands = Digits(np.zeros((1500, 28, 28), np.uint8), np.zeros(1500, np.uint8), {"a": "0" * 64, "b": ""})
    assert repr(thousands) == "<Digits: 1,500 images of 28 x 28 pixels from a, b>"


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.reshape(3, 784), LABELS, r"images must be uint8 \(n, 28, 28\), not uint8 \(3, 784\)"),
        (IMAGES / 255, LABELS, r"images must be uint8 .*, not float64"),
        (IMAGES, LABELS.astype(int), r"labels must be uint8 \(n\), not int64"),
        (IMAGES, LABELS[:, None], r"labels must be uint8 \(n\), not uint8 \(3, 1\)"),
        (IMAGES, LABELS[:2], "3 images do not go with 2 labels"),
        (IMAGES, np.array([0, 10, 13], np.uint8), "sample 1: 10 is not a label from 0 to 9"),
    ],
)
def test_digits_of_another_form(images: NDArray[np.uint8], labels: NDArray[np.uint8], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Digits(images, labels)


def test_pixels_are_scaled_within_one_unit_of_the_last_place() -> None:
    images = np.resize(np.arange(256, dtype=np.uint8), (2, 28, 28))
    inputs = scale_pixels(images)
    for same in (images.reshape(2, 784), images.astype(np.int64)):
        np.testing.assert_array_equal(scale_pixels(same), inputs)
    assert (inputs.shape, scale_pixels(np.zeros((0, 784), int)).shape) == ((2, 784), (0, 784))
    assert inputs.dtype == np.float32
    exact = [Fraction(1, 100) + Fraction(99, 100) * int(pixel) / 255 for pixel in images.ravel()]
    nearest = np.array([float(value) for value in exact], np.float32)
    assert (abs(inputs.ravel() - nearest) <= np.spacing(nearest)).all()
    assert (inputs.min(), inputs.max()) == (np.float32(0.01), 1)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            IMAGES / 255,
            r"images are float64, not whole numbers .* undo that first: numpy\.rint\(images \* 255\)",
        ),
        (IMAGES > 0, "images are bool, not whole numbers"),
        (np.full((1, 784), np.nan), "images are float64, not whole numbers"),
        (np.full((1, 784), 256), "pixels go from 256 to 256; they must be from 0 to 255"),
        (np.full((1, 784), -1), "pixels go from -1 to -1; they must be"),
        (IMAGES[0], r"images must be \(n, 28, 28\) or \(n, 784\), not \(28, 28\)"),
        (np.zeros(784, np.uint8), r"not \(784,\)"),
    ],
)
def test_what_is_no_pixel_is_not_scaled(images: NDArray[np.uint8], message: str) -> None:
    with pytest.raises(DataError, match=message):
        scale_pixels(images)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_targets(dtype: type) -> None:
    targets = encode_targets(np.array([3, 0], dtype))
    assert targets.shape == (2, 10)
    assert targets.dtype == np.float32
    expected = np.full((2, 10), 0.01)
    expected[0, 3] = expected[1, 0] = 0.99
    np.testing.assert_array_equal(targets, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([3, -1], "sample 1: -1 is not a label from 0 to 9"),
        ([10], "sample 0: 10 is not a label from 0 to 9"),
        ([3.0], r"labels must be whole numbers \(n,\), not float64 \(1,\)"),
        ([[3]], r"labels must be whole numbers \(n,\), not int64 \(1, 1\)"),
    ],
)
def test_labels_without_a_target(labels: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        encode_targets(np.array(labels))
