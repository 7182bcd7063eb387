"""Each change on small images whose result is known by hand."""

from math import hypot

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp.digits.changes import CHANGES, changed
from mnist_mlp.digits.images import Digits

Images = NDArray[np.uint8]
BY_NAME = {change.name: change for change in CHANGES}


def apply(name: str, images: Images, amount: float) -> Images:
    return BY_NAME[name].apply(images, amount, np.random.default_rng(1))


def dots(*places: tuple[int, int], count: int = 1) -> Images:
    """Black images, each with a white pixel at these places."""
    images = np.zeros((count, 28, 28), np.uint8)
    for row, column in places:
        images[:, row, column] = 255
    return images


def inked(image: Images) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(image)}


def test_every_change_by_every_amount_gives_new_images(few_digits: Digits) -> None:
    images, before = few_digits.images[:20], few_digits.images[:20].copy()
    seen = list(changed(images, np.random.default_rng(1)))
    amounts: dict[str, list[float]] = {}
    for change, amount, result in seen:
        amounts.setdefault(f"{change.name}, {change.unit}", []).append(amount)
        assert (result.shape, str(result.dtype)) == ((20, 28, 28), "uint8")
        assert (result != images).any(axis=(1, 2)).mean() > 0.5  # a small square may hide only paper
    assert amounts == {
        "shifted along an axis, pixels": [1, 2, 3, 4],
        "shifted diagonally, pixels": [1, 2, 3, 4],
        "rotated, degrees": [5, 10, 15, 20, 25, 30],
        "smaller, percent": [90, 80, 70, 60],
        "larger, percent": [110, 120, 130],
        "sheared, percent": [10, 20, 30, 40],
        "thicker strokes, pixels": [1, 1.5, 2],
        "thinner strokes, pixels": [1, 1.5],
        "noisy, of 255": [30, 60, 90, 120],
        "blurred, pixels": [0.5, 1, 1.5, 2],
        "lower contrast, percent": [75, 50, 25],
        "partly covered, pixels": [4, 6, 8, 10],
    }
    np.testing.assert_array_equal(images, before)  # the given images stay as they are
    again = changed(images, np.random.default_rng(1))
    assert all((one == two).all() for (_, _, one), (_, _, two) in zip(seen, again, strict=True))


@pytest.mark.parametrize("pixels", [1, 4])
def test_digits_are_shifted_in_each_direction_in_turn(pixels: int) -> None:
    along = [inked(image) for image in apply("shifted along an axis", dots((14, 14), count=5), pixels)]
    p, q = 14 - pixels, 14 + pixels
    assert along == [{(14, p)}, {(p, 14)}, {(14, q)}, {(q, 14)}, {(14, p)}]
    diagonal = [inked(image) for image in apply("shifted diagonally", dots((14, 14), count=4), pixels)]
    assert diagonal == [{(p, p)}, {(p, q)}, {(q, p)}, {(q, q)}]


def test_a_turn_either_way_about_the_middle() -> None:
    # The angle has the cosine 0.8 and the sine 0.6. A dot 0.5 down and 3.5 right from the middle, 13.5, comes
    # to 0.8 x 0.5 + 0.6 x 3.5 = 2.5 down and 0.8 x 3.5 - 0.6 x 0.5 = 2.5 right; its mirror image turns back.
    turned = apply("rotated", np.concatenate([dots((14, 17)), dots((17, 14))]), np.degrees(np.arctan2(3, 4)))
    assert [inked(image == 255) for image in turned] == [{(16, 16)}, {(16, 16)}]


def test_a_new_size_is_as_many_times_as_far_from_the_middle() -> None:
    def square(*profile: float) -> Images:
        """The product of a profile from the left edge to the middle, and back, with itself."""
        line = [*profile, *[1] * (28 - 2 * len(profile)), *reversed(profile)]
        return np.asarray(np.rint(255 * np.outer(line, line))[None], np.uint8)

    # From 5.5 to 21.5, 8 pixels either way from the middle at 13.5, it comes to reach from 9.5 to 17.5.
    np.testing.assert_array_equal(apply("smaller", square(*[0] * 6), 50), square(*[0] * 10))
    # Column 5 is read at 13.5 - 8.5 / 2 = 9.25, a quarter of the way from 9 (paper) to 10 (ink), 6 at 9.75.
    larger = square(*[0] * 5, 0.25, 0.75)
    np.testing.assert_array_equal(apply("larger", square(*[0] * 10), 200), larger)


def test_shear_moves_rows_by_their_distance_from_the_middle() -> None:
    column = np.zeros((2, 28, 28), np.uint8)
    column[:, :, 14] = 255
    for image, sign in zip(apply("sheared", column, 40), (1, -1), strict=True):
        middles = image.astype(float) @ np.arange(28) / image.sum(axis=1)
        np.testing.assert_allclose(middles, 14 - sign * 0.4 * (np.arange(28) - 13.5), atol=0.02)


@pytest.mark.parametrize("pixels", [1, 1.5, 2])
def test_strokes_grow_and_shrink_by_a_disk(pixels: float) -> None:
    near = {(y, x) for y in range(28) for x in range(28) if hypot(y - 14, x - 14) <= pixels}
    thick = apply("thicker strokes", np.concatenate([dots((14, 14)), dots()]), pixels)
    assert [inked(image) for image in thick] == [near, set()]  # each image by itself
    thin = apply("thinner strokes", np.concatenate([thick[:1], np.full_like(thick, 255)]), pixels)
    assert [inked(image) for image in thin[:1]] == [{(14, 14)}]
    assert (thin[1:] == 255).all()


@pytest.mark.parametrize(("shade", "mean", "deviation"), [(128, 128, 30), (0, 12, 17.5), (255, 243, 17.5)])
def test_noise_has_the_deviation_asked_for_and_stays_within_bytes(
    shade: int, mean: float, deviation: float
) -> None:
    # Half of a normal distribution, and 0 for its other half: its mean is 30 / sqrt(2 pi) = 11.97, its
    # deviation sqrt(30^2 / 2 - 11.97^2) = 17.5.
    noisy = apply("noisy", np.full((500, 28, 28), shade, np.uint8), 30).astype(float)
    assert noisy.mean() == pytest.approx(mean, abs=0.3)  # rounded, not cut off, which takes 0.5
    assert noisy.std() == pytest.approx(deviation, rel=0.02)


def test_a_blur_is_a_gaussian_with_paper_outside() -> None:
    blurred = apply("blurred", np.concatenate([dots((14, 14), (0, 27)), dots()]), 1.5)
    distance = np.arange(28)[:, None] - [14, 0, 14, 27]
    a, b, c, d = np.exp(-0.5 * (distance / 1.5) ** 2).T / (1.5 * (2 * np.pi) ** 0.5)
    np.testing.assert_allclose(blurred[0], 255 * (np.outer(a, c) + np.outer(b, d)), atol=0.52)  # rounded
    assert not blurred[1].any()


def test_contrast_is_a_share_of_each_pixel() -> None:
    image = dots((0, 0))
    image[0, 0, 1:3] = 100, 10
    assert apply("lower contrast", image, 25)[0, 0, :4].tolist() == [64, 25, 2, 0]


@pytest.mark.parametrize("side", [4, 10])
def test_a_square_in_the_middle_is_covered_another_for_each_digit(side: int) -> None:
    covered = apply("partly covered", np.full((200, 28, 28), 255, np.uint8), side)
    corners = [tuple(np.argwhere(image == 0)[0].tolist()) for image in covered]
    for image, (top, left) in zip(covered, corners, strict=True):
        expected = np.full((28, 28), 255)
        expected[top : top + side, left : left + side] = 0
        np.testing.assert_array_equal(image, expected)
    for places in zip(*corners, strict=True):
        assert set(places) == set(range(4, 24 - side + 1))  # of the 20 pixels from 4 to 23
    assert len(set(corners)) > 75
