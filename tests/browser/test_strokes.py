"""The arithmetic that the page's is compared with, for strokes whose pixels are known."""

import numpy as np
import pytest

from browser.strokes import draw_strokes


def test_a_dot_is_drawn_on_pixel_14_and_not_enlarged() -> None:
    """A pen 2.4 pixels wide covers the pixel in the middle and most of the four beside it."""
    image = draw_strokes([[(30, 200)]])
    assert image[14, 14] == 255
    assert (image == image.T).all()
    assert image.sum(axis=0) @ np.arange(28) / image.sum() == pytest.approx(14, abs=0.1)  # half a cell
    assert image.sum() / 255 == pytest.approx(np.pi * 1.2**2, rel=0.03)


@pytest.mark.parametrize(("size", "place"), [(0.5, (0, 0)), (1.4, (60, 20))])
def test_strokes_fill_twenty_pixels_wherever_and_however_large_they_are_drawn(
    size: float, place: tuple[float, float]
) -> None:
    image = draw_strokes([np.array([(50, 30), (50, 190)]) * size + place])
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert (rows[0], rows[-1]) == (4, 24)  # 20 pixels around the middle of pixel 14: half of 4, half of 24
    assert (columns[0], columns[-1]) == (13, 15)
