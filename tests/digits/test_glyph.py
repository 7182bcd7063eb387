"""From gray levels to 28 x 28: what is ink, and one digit brought into MNIST's form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_mlp.digits.glyph import bring_to_mnist, center, clean, fit, thicken, to_gray
from mnist_mlp.digits.ink import ink_contrast, ink_of, otsu_threshold, paper_of


def bar(height: int, width: int, value: float = 1, paper: float = 0) -> NDArray[np.float32]:
    """An upright bar with 20 pixels of paper on each side."""
    return np.pad(np.full((height, width), value, np.float32), 20, constant_values=paper)


@pytest.mark.parametrize(
    ("paper", "ink", "contrast"),
    [
        (200, 30, 1 - 30 / 200),
        (30, 200, (200 - 30) / 30),  # light on dark: how many times as bright
        (15, 5, (15 - 5) / 20),  # nearly black, where no level counts as below 20
        (0, 200, 200 / 20),
    ],
)
def test_contrast_is_0_on_paper_and_a_fraction_of_its_brightness_in_ink(
    paper: int, ink: int, contrast: float
) -> None:
    np.testing.assert_allclose(
        ink_contrast(bar(260, 8, ink, paper)), bar(260, 8, contrast), atol=1e-3 * contrast
    )


def test_light_on_the_paper_may_fall_off_to_one_side() -> None:
    light = np.linspace(100, 250, 400) + np.zeros((300, 1))
    ink = light.copy()
    ink[50:250, 180:200] *= 0.2
    for turned in (light, light.T):
        assert abs(paper_of(turned.astype(np.float32)) / turned - 1).max() < 0.11
        assert abs(paper_of(turned.astype(np.float32)) / turned - 1)[40:-40, 40:-40].max() < 0.01
    np.testing.assert_allclose(ink_contrast(ink.astype(np.float32))[50:250, 180:200], 0.8, atol=0.02)


def test_ink_is_more_than_half_as_far_from_paper_as_the_darkest() -> None:
    contrast = np.hstack([bar(60, 10, 0.85), bar(60, 10, 0.6), bar(60, 10, 0.4)])
    np.testing.assert_array_equal(ink_of(contrast), contrast > 0.5 * 0.85)
    assert ink_of(bar(60, 10, 0.2)).sum() == 600
    assert ink_of(bar(60, 10, 0.09)).sum() == 596  # all but the corners, which are blurred
    assert ink_of(bar(60, 10, 0.07)).sum() == 0  # too faint


def test_ink_stands_out_from_noise() -> None:
    # 4.5 standard deviations above the 30th percentile, so 4.5 - 0.52 above the mean.
    noise = np.random.default_rng(1).normal(0, 0.05, (300, 300))
    assert ink_of(noise).sum() < 10
    # A Gaussian of half a pixel leaves 0.64 of it: sqrt(sum of its squared weights 0.786, 0.107 and 0.107).
    noise[100:200, 140:180] += (4.5 - 0.52) * 0.64 * 0.05
    assert ink_of(noise)[101:199, 141:179].mean() == pytest.approx(0.5, abs=0.05)


def test_otsu_parts_values_where_the_variance_between_both_classes_is_largest() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(0.2, 0.1, 500), rng.normal(0.7, 0.2, 200)])

    def between(threshold: float) -> float:
        low, high = values[values <= threshold], values[values > threshold]
        return len(low) * len(high) * float(low.mean() - high.mean()) ** 2

    best = max(between(value) for value in np.sort(values)[:-1])
    assert between(otsu_threshold(values)) > 0.995 * best  # it looks at 127 thresholds only
    heaps = np.concatenate([np.full(500, 0.2), np.full(100, 0.8)]) + np.linspace(-0.05, 0.05, 600)
    assert 0.234 < otsu_threshold(heaps) < 0.833  # the heaps reach to 0.233 and from 0.833 on


def test_a_digit_is_cleaned_to_ink_of_1_and_paper_of_0_with_a_ramp_between() -> None:
    contrast = np.full((100, 160), 2.0, np.float32)
    contrast[:, :70] = np.repeat([1.6, 1.3, 1.0, 0.7, 0.4, 0.2, -0.2], 10)
    # Of what most ink has: 0.8, 0.65, 0.5, 0.35, 0.2, ...; the ramp goes from 0.2 to 0.8.
    expected = np.ones((100, 160))
    expected[:, :70] = np.repeat([1, 0.75, 0.5, 0.25, 0, 0, 0], 10)
    np.testing.assert_allclose(clean(contrast), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "brought_to"),
    [((40, 20), (80, 40)), ((7, 80), (7, 80)), ((100, 240), (100, 240)), ((100, 480), (50, 240))],
)
def test_a_digit_is_cleaned_at_a_size_from_80_to_240(
    shape: tuple[int, int], brought_to: tuple[int, int]
) -> None:
    np.testing.assert_array_equal(clean(np.ones(shape, np.float32)), np.ones(brought_to))
    np.testing.assert_array_equal(clean(np.zeros(shape, np.float32)), np.zeros(brought_to))


@pytest.mark.parametrize("pen", [2, 3, 4, 8])
def test_strokes_thinner_than_in_mnist_are_thickened(pen: int) -> None:
    ink = thicken(bar(100, pen, 0.6))  # more than half ink
    np.testing.assert_allclose(thicken(bar(100, pen, 0.6).T), ink.T)
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.5), np.flatnonzero(ink.max(axis=0) > 0.5)
    assert len(columns) / len(rows) * 20 == pytest.approx(2.2, rel=0.25)
    if pen == 3:
        # The distances to the edge, 1, 2 and 1, and 1 in the rows at both ends, have the mean 398 / 300; so
        # the width is taken as 4 x 1.327 - 1 = 4.307. It grows by (2.2 x 100 - 20 x 4.307) / (20 - 2.2), that
        # is 3.76 on each side, of which the ramp leaves 3.26.
        np.testing.assert_allclose(ink[89], np.pad([0.26, *[1] * 9, 0.26], 20 + 19 - 4), atol=1e-3)


def test_other_strokes_stay_as_they_are_with_some_paper_around() -> None:
    for stroke in (bar(100, 11), bar(100, 40), bar(60, 3, 0.4)):
        np.testing.assert_array_equal(thicken(stroke), np.pad(stroke, max(stroke.shape) // 8 + 2))


def test_fit_is_a_mean_over_the_area_of_each_pixel() -> None:
    ink = np.zeros((50, 50))
    ink[5:45, 10:20] = 1  # 40 x 10: by half to 20 x 5
    ink[5:45, 11:19:2] = 0
    assert (fit(ink) == [[128, 128, 128, 128, 255]] * 20).all()
    ink[5:45, 20] = 0.6  # more than half ink, so it belongs to the box: 40 x 11, to 20 x 6 (5.5, to even)
    assert fit(ink).shape == (20, 6)
    ink[2:5, 30] = 0.4  # less
    assert fit(ink).shape == (20, 6)
    assert fit(ink.T).shape == (6, 20)
    assert fit(np.full((9, 9), 0.5)).tolist() == [[0]]


@pytest.mark.parametrize(
    ("rows", "columns", "top", "left"),
    [
        (20, 1, 4, 14),  # the center of mass, row 9.5 and column 0, comes to 13.5 and 14
        (2, 20, 14, 4),  # 0.5 and 9.5 to 14.5 and 13.5
        (20, 20, 4, 4),
    ],
)
def test_center_puts_the_center_of_mass_on_pixel_14(rows: int, columns: int, top: int, left: int) -> None:
    expected = np.zeros((28, 28))
    expected[top : top + rows, left : left + columns] = 255
    np.testing.assert_array_equal(center(np.full((rows, columns), 255, np.uint8)), expected)


def test_center_cuts_nothing_off() -> None:
    for top, left, row, column in ((0, 5, 8, 13), (19, 5, 19, 13), (5, 0, 13, 8), (5, 19, 13, 19)):
        fitted = np.zeros((20, 20), np.uint8)
        fitted[top, left] = 255  # only this has mass, but all 20 x 20 stay within the image
        assert np.argwhere(center(fitted)).tolist() == [[row, column]]
    np.testing.assert_array_equal(center(np.zeros((1, 1), np.uint8)), np.zeros((28, 28)))


def test_all_steps_of_a_bar() -> None:
    steps = bring_to_mnist(bar(100, 11, 0.3))  # thick enough: 2.2 of 20
    assert list(steps) == ["cleaned", "fitted", "centered"]
    np.testing.assert_array_equal(steps["cleaned"], np.pad(bar(100, 11, 255), 140 // 8 + 2))
    np.testing.assert_array_equal(steps["fitted"], np.full((20, 2), 255))
    np.testing.assert_array_equal(steps["centered"], center(np.full((20, 2), 255, np.uint8)))
    assert to_gray(np.array([-1, 0, 0.3, 0.5, 1, 2])).tolist() == [0, 0, 77, 128, 255, 255]  # 76.5, rounded


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 60), width=st.integers(1, 60), seed=st.integers(0, 2**32), density=st.floats(0, 1)
)
def test_anything_comes_out_as_28_by_28(height: int, width: int, seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    contrast = (rng.random((height, width)) < density) * rng.random((height, width))
    steps = bring_to_mnist(contrast.astype(np.float32))
    assert steps["centered"].shape == (28, 28)
    assert max(steps["fitted"].shape) <= 20
