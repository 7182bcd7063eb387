"""Distortions against independent slow ones, pixel by pixel."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from mnist_mlp.digits.distortion import Distortion, interpolation_matrices
from mnist_mlp.digits.mnist import load_mnist

ROWS, COLUMNS = np.mgrid[:28, :28].astype(np.float32)
DIGITS = load_mnist(Path(__file__).parents[2] / "data", "test").images[:100]
FIVE = DIGITS[8]


def read_bilinear(image: NDArray[np.uint8], y: float, x: float) -> float:
    """One pixel read at a fractional place, as the definition has it; outside there is paper."""
    top, left = int(np.floor(y)), int(np.floor(x))
    value = 0.0
    for row, weight_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, weight_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            if 0 <= row < 28 and 0 <= column < 28:
                value += weight_y * weight_x * float(image[row, column])
    return value


def moved(image: NDArray[np.uint8], y: NDArray[np.floating], x: NDArray[np.floating]) -> NDArray[np.floating]:
    """An image (28, 28), each pixel read at the place (y, x), each (28, 28)."""
    (matrix,) = interpolation_matrices(y[None], x[None])
    return (matrix @ image.ravel().astype(np.float32)).reshape(28, 28)


def test_zero_displacement_leaves_the_image_as_it_is() -> None:
    np.testing.assert_array_equal(moved(FIVE, ROWS, COLUMNS), FIVE)
    still = Distortion().apply(FIVE.reshape(1, 784), np.random.default_rng(1))
    np.testing.assert_array_equal(still.reshape(28, 28), FIVE)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([4, 40]), st.booleans())
def test_any_map_agrees_with_reading_pixel_by_pixel(seed: int, distance: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    moves = rng.normal(0, distance, (2, 28, 28)).astype(np.float32)
    y, x = np.stack([ROWS, COLUMNS]) + (np.rint(moves) if whole else moves)
    image = rng.integers(0, 256, (28, 28), dtype=np.uint8)  # with ink up to its edges
    slow = [[read_bilinear(image, float(y[i, j]), float(x[i, j])) for j in range(28)] for i in range(28)]
    np.testing.assert_allclose(moved(image, y, x), slow, atol=2e-3)  # of 255, in float32


class Drawn(np.random.Generator):
    """A generator whose next numbers are given, from -1 for the lowest to 1 for the highest possible."""

    def __init__(self, *numbers: float) -> None:
        super().__init__(np.random.PCG64(0))
        self._numbers = np.array(numbers)

    def uniform(self, low=0.0, high=1.0, size=None):  # type: ignore[no-untyped-def]
        return (low + (self._numbers + 1) / 2 * (high - low)).reshape(size)


def distorted(distortion: Distortion, rng: np.random.Generator) -> NDArray[np.floating]:
    # The last of as many images as share a map.
    return distortion.apply(np.repeat(FIVE.reshape(1, 784), 64, axis=0), rng)[63:].reshape(28, 28)


def read_at(y: NDArray[np.floating], x: NDArray[np.floating]) -> NDArray[np.floating]:
    """The five, each pixel read at another place, by SciPy."""
    image: NDArray[np.floating] = map_coordinates(FIVE.astype(np.float64), [y, x], order=1)
    return image


Y, X = ROWS - 13.5, COLUMNS - 13.5  # from the middle of the image


def test_angle_shear_width_height_and_both_shifts_are_drawn_apart() -> None:
    # From a place in the new image back to the old one: width and height, sideways by the row, turn, move.
    # The six numbers are those that are drawn, in this order.
    angle, shear, height, width, down, right = 0.5, -0.9, 0.25, -0.75, 0.8, -0.4
    y, x = (1 + 0.2 * height) * Y, (1 + 0.2 * width) * X
    x = x + 0.3 * shear * y
    cos, sin = np.cos(np.radians(20 * angle)), np.sin(np.radians(20 * angle))
    y, x = cos * y - sin * x, sin * y + cos * x
    y, x = y + 2 * down, x + 2 * right
    drawn = Drawn(angle, shear, height, width, down, right)
    got = distorted(Distortion(rotation=20, scale=0.2, shear=0.3, shift=2), drawn)
    np.testing.assert_allclose(got, read_at(y + 13.5, x + 13.5), atol=5e-3)


@pytest.mark.parametrize("options", [{"elastic_sigma": 4.0}, {}])
def test_the_elastic_field_is_smoothed_noise(options: dict[str, float]) -> None:
    # SciPy's Gaussian filter of the same noise, with zeros outside, gives the same displacements.
    got = distorted(Distortion(elastic=30.0, **options), np.random.default_rng(5))
    rng = np.random.default_rng(5)
    rng.uniform(-1, 1, 6)  # the affine part comes first
    noise = rng.uniform(-30.0, 30.0, (2, 28, 28))
    sigma = options.get("elastic_sigma", 5.0)
    down, right = (gaussian_filter(field, sigma, mode="constant", truncate=8) for field in noise)
    np.testing.assert_allclose(got, read_at(ROWS + down, COLUMNS + right), atol=0.05)


def test_a_new_map_is_drawn_for_each_group_and_each_batch() -> None:
    images, rng = np.repeat(FIVE.reshape(1, 784), 65, axis=0), np.random.default_rng(3)
    first, second = (Distortion(rotation=20).apply(images, rng) for _ in range(2))
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first[0], first[63])
    assert np.abs(first[0] - first[64]).max() > 10
    assert np.abs(first[0] - second[0]).max() > 10
