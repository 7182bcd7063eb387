"""Distortions against independent slow ones, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from mnist_mlp.digits.distortion import GROUP, Distortion, interpolation_matrix
from mnist_mlp.digits.mnist import load_mnist

ROWS, COLUMNS = np.mgrid[:28, :28].astype(np.float32)
FIVE = load_mnist("data", "train").images[0]


def read_bilinear(image: NDArray[np.uint8], y: float, x: float) -> float:
    """One pixel read at a fractional place, as the definition has it; outside there is paper."""
    top, left = int(np.floor(y)), int(np.floor(x))
    value = 0.0
    for row, weight_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, weight_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            if 0 <= row < 28 and 0 <= column < 28:
                value += weight_y * weight_x * float(image[row, column])
    return value


def test_zero_displacement_leaves_the_image_as_it_is() -> None:
    same = interpolation_matrix(ROWS, COLUMNS) @ FIVE.ravel().astype(np.float32)
    np.testing.assert_array_equal(same.reshape(28, 28), FIVE)
    still = Distortion().apply(FIVE.reshape(1, 784), np.random.default_rng(1))
    np.testing.assert_array_equal(still.reshape(28, 28), FIVE)


@pytest.mark.parametrize(("down", "right"), [(0, 3), (2, -5), (-1, 0), (27, 27), (28, 0), (-40, 0)])
def test_a_shift_of_whole_pixels_moves_the_image_and_leaves_paper_behind(down: int, right: int) -> None:
    moved = (interpolation_matrix(ROWS - down, COLUMNS - right) @ FIVE.ravel().astype(np.float32)).reshape(
        28, 28
    )
    expected = np.zeros((28, 28))
    for row in range(28):
        for column in range(28):
            if 0 <= row - down < 28 and 0 <= column - right < 28:
                expected[row, column] = FIVE[row - down, column - right]
    np.testing.assert_array_equal(moved, expected)


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    # Turned about the middle of the image by 90 degrees, every pixel lands on a pixel.
    turned = interpolation_matrix(27 - COLUMNS, ROWS) @ FIVE.ravel().astype(np.float32)
    np.testing.assert_array_equal(turned.reshape(28, 28), np.rot90(FIVE, -1))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_map_agrees_with_reading_pixel_by_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = (ROWS + rng.normal(0, 4, (28, 28))).astype(np.float32)
    x = (COLUMNS + rng.normal(0, 4, (28, 28))).astype(np.float32)
    image = rng.integers(0, 256, (28, 28), dtype=np.uint8)  # with ink up to its edges
    fast = (interpolation_matrix(y, x) @ image.ravel().astype(np.float32)).reshape(28, 28)
    slow = [[read_bilinear(image, float(y[i, j]), float(x[i, j])) for j in range(28)] for i in range(28)]
    np.testing.assert_allclose(fast, slow, atol=2e-3)  # of 255, in float32


class Fixed(np.random.Generator):
    """A generator whose numbers are all at the same share of the way from low to high."""

    def __init__(self, share: float) -> None:
        super().__init__(np.random.PCG64(0))
        self._share = share

    def uniform(self, low=0.0, high=1.0, size=None):  # type: ignore[no-untyped-def]
        return np.full(size, low + self._share * (high - low))


def test_rotation_turns_by_the_angle_about_the_centre() -> None:
    # At the upper end of the range the map reads at the place turned by 30 degrees about (13.5, 13.5).
    turned = Distortion(rotation=30).apply(FIVE.reshape(1, 784), Fixed(1.0)).reshape(28, 28)
    angle = np.radians(30)
    expected = np.empty((28, 28))
    for row in range(28):
        for column in range(28):
            y, x = row - 13.5, column - 13.5
            source = (
                np.cos(angle) * y - np.sin(angle) * x + 13.5,
                np.sin(angle) * y + np.cos(angle) * x + 13.5,
            )
            expected[row, column] = read_bilinear(FIVE, *source)
    np.testing.assert_allclose(turned, expected, atol=5e-3)


def test_scale_shear_and_shift_have_their_units() -> None:
    y, x = ROWS - 13.5, COLUMNS - 13.5
    image = FIVE.astype(np.float64)
    for distortion, source in [
        (Distortion(scale=0.2), (1.2 * y + 13.5, 1.2 * x + 13.5)),
        (Distortion(shear=0.3), (y + 13.5, x + 0.3 * y + 13.5)),
        (Distortion(shift=1.5), (ROWS + 1.5, COLUMNS + 1.5)),
    ]:
        got = distortion.apply(FIVE.reshape(1, 784), Fixed(1.0)).reshape(28, 28)
        np.testing.assert_allclose(got, map_coordinates(image, source, order=1), atol=5e-3)


def test_the_elastic_field_is_smoothed_noise() -> None:
    # SciPy's Gaussian filter of the same noise, with zeros outside, gives the same displacements.
    alpha, sigma = 30.0, 4.0
    distorted = Distortion(elastic=alpha, elastic_sigma=sigma).apply(
        FIVE.reshape(1, 784), np.random.default_rng(5)
    )
    rng = np.random.default_rng(5)
    rng.uniform(-1, 1, 6)  # the affine part comes first
    noise = rng.uniform(-alpha, alpha, (2, 28, 28))
    move = [gaussian_filter(field, sigma, mode="constant", truncate=8) for field in noise]
    expected = map_coordinates(FIVE.astype(np.float64), [ROWS + move[0], COLUMNS + move[1]], order=1)
    np.testing.assert_allclose(distorted.reshape(28, 28), expected, atol=0.05)


def test_the_same_seed_gives_the_same_images_and_another_seed_others() -> None:
    images = load_mnist("data", "train").images[:100].reshape(-1, 784)
    distortion = Distortion(rotation=10, scale=0.1, shear=0.1, shift=1, elastic=20)
    once, again, other = (distortion.apply(images, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).mean() > 1
    assert once.dtype == np.float32


def test_a_new_map_is_drawn_for_each_group() -> None:
    images = np.repeat(FIVE.reshape(1, 784), GROUP + 1, axis=0)
    distorted = Distortion(rotation=20).apply(images, np.random.default_rng(3))
    np.testing.assert_array_equal(distorted[0], distorted[GROUP - 1])
    assert np.abs(distorted[0] - distorted[GROUP]).max() > 10
