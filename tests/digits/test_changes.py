"""Each change on small images whose result is known by hand."""

from typing import Any

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


def test_every_change_gives_new_bytes_of_the_same_shape(few_digits: Digits) -> None:
    images, before = few_digits.images[:20], few_digits.images[:20].copy()
    seen = list(changed(images, np.random.default_rng(1)))
    assert [(change.name, amount) for change, amount, _ in seen] == [
        (change.name, amount) for change in CHANGES for amount in change.amounts
    ]
    for _, _, result in seen:
        assert (result.shape, str(result.dtype)) == ((20, 28, 28), "uint8")
        assert (result != images).any(axis=(1, 2)).mean() > 0.5  # a small square may hide only paper
    np.testing.assert_array_equal(images, before)  # the given images stay as they are
    again = changed(images, np.random.default_rng(1))
    assert all((one == two).all() for (_, _, one), (_, _, two) in zip(seen, again, strict=True))


def test_a_larger_amount_changes_more(few_digits: Digits) -> None:
    images = few_digits.images[:100]
    for change in CHANGES:
        distances = [
            np.abs(apply(change.name, images, amount).astype(int) - images).mean()
            for amount in change.amounts
        ]
        assert distances == sorted(distances), change.name


@pytest.mark.parametrize("pixels", [1, 4])
def test_digits_are_shifted_in_each_direction_in_turn(pixels: int) -> None:
    along = [inked(image) for image in apply("shifted along an axis", dots((14, 14), count=4), pixels)]
    p, q = 14 - pixels, 14 + pixels
    assert along == [{(14, p)}, {(p, 14)}, {(14, q)}, {(q, 14)}]
    diagonal = [inked(image) for image in apply("shifted diagonally", dots((14, 14), count=4), pixels)]
    assert diagonal == [{(p, p)}, {(p, q)}, {(q, p)}, {(q, q)}]


def test_a_quarter_turn_either_way_about_the_middle() -> None:
    turned = apply("rotated", dots((3, 10), count=2), 90)
    # The middle is at 13.5: the dot is 10.5 above it and 3.5 left of it.
    assert [inked(image) for image in turned] in ([{(10, 24)}, {(17, 3)}], [{(17, 3)}, {(10, 24)}])


def test_half_the_size_is_half_as_far_from_the_middle() -> None:
    # A bar from 5.5 to 21.5, 8 pixels either way, goes from 9.5 to 17.5.
    bar = np.zeros((1, 28, 28), np.uint8)
    bar[0, 6:22, 6:22] = 255
    np.testing.assert_array_equal(inked(apply("smaller", bar, 50)[0]), inked(np.pad(np.ones((8, 8)), 10)))
    larger = apply("larger", bar, 150)[0]
    assert inked(larger) >= inked(np.pad(np.ones((22, 22)), 3))
    assert larger[0].max() == larger[:, 0].max() == 0


def test_shear_moves_rows_by_their_distance_from_the_middle() -> None:
    column = np.zeros((2, 28, 28), np.uint8)
    column[:, :, 14] = 255
    for image, sign in zip(apply("sheared", column, 40), (1, -1), strict=True):
        middles = image.astype(float) @ np.arange(28) / image.sum(axis=1)
        np.testing.assert_allclose(middles, 14 - sign * 0.4 * (np.arange(28) - 13.5), atol=0.02)


@pytest.mark.parametrize(("pixels", "covered"), [(1, 5), (1.5, 9), (2, 13)])
def test_strokes_grow_and_shrink_by_a_disk(pixels: float, covered: int) -> None:
    # Of the pixels around a pixel, with itself 5 are within 1 of it, 9 within 1.5 and 13 within 2.
    thick = apply("thicker strokes", dots((14, 14)), pixels)
    assert len(inked(thick[0])) == covered
    assert inked(apply("thinner strokes", thick, pixels)[0]) == {(14, 14)}


def test_noise_has_the_deviation_asked_for_and_stays_within_bytes() -> None:
    gray = np.full((50, 28, 28), 128, np.uint8)
    noisy = apply("noisy", gray, 30).astype(float)
    assert noisy.mean() == pytest.approx(128, abs=1)
    assert noisy.std() == pytest.approx(30, rel=0.02)
    white = apply("noisy", np.full((50, 28, 28), 255, np.uint8), 30)
    assert (white == 255).mean() == pytest.approx(0.5, abs=0.02)  # not wrapped around to 0


def test_a_blur_is_a_gaussian_that_keeps_the_ink() -> None:
    image = apply("blurred", dots((14, 14)), 1)[0].astype(float)
    assert image.sum() == pytest.approx(255, rel=0.05)
    assert image[14, 14] == pytest.approx(255 / (2 * np.pi), abs=1)  # the density's largest value
    assert image[14, 15] / image[14, 14] == pytest.approx(np.exp(-0.5), abs=0.03)


def test_contrast_is_a_share_of_each_pixel() -> None:
    image: Any = np.zeros((1, 28, 28), np.uint8)
    image[0, 0, :3] = 255, 100, 10
    assert apply("lower contrast", image, 25)[0, 0, :4].tolist() == [64, 25, 2, 0]


@pytest.mark.parametrize("side", [4, 10])
def test_a_square_in_the_middle_is_covered_another_for_each_digit(side: int) -> None:
    covered = apply("partly covered", np.full((60, 28, 28), 255, np.uint8), side)
    corners = set()
    for image in covered:
        rows, columns = np.nonzero(image == 0)
        assert len(rows) == side * side
        assert np.ptp(rows) == np.ptp(columns) == side - 1
        assert 4 <= min(rows.min(), columns.min()) < max(rows.max(), columns.max()) <= 23
        corners.add((rows.min(), columns.min()))
    assert len(corners) > 20
