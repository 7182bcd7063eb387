"""Images that are no digits: their form, their kinds, and that they are what they say."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mnist_mlp.digits.nondigits import HELD_OUT, TRAINED, draw_nondigits
from mnist_mlp.errors import MnistMlpError

LABELS = np.arange(10, dtype=np.uint8).repeat(3)


@pytest.fixture(scope="module")
def digits() -> NDArray[np.uint8]:
    """Thirty images with ink in the middle 20 x 20, as MNIST has it."""
    rng = np.random.default_rng(1)
    images = np.zeros((30, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = 255 * (ndimage.gaussian_filter(rng.random((30, 20, 20)), (0, 2, 2)) > 0.5)
    return images


def draw(digits: NDArray[np.uint8], count: int = 40, seed: int = 1, **kinds: Any) -> NDArray[np.uint8]:
    return draw_nondigits(count, digits, LABELS, np.random.default_rng(seed), **kinds)


@pytest.mark.parametrize("kind", TRAINED + HELD_OUT)
def test_each_kind_has_the_form_of_mnist(digits: NDArray[np.uint8], kind: str) -> None:
    images = draw(digits, kinds=(kind,))
    assert images.dtype == np.uint8
    assert images.shape == (40, 28, 28)
    assert len(np.unique(images.reshape(40, -1), axis=0)) >= 9  # three digits of three labels, if no more
    if kind != "noise":  # which may be blank
        assert (images.max(axis=(1, 2)) > 128).all()
        centers = np.array([ndimage.center_of_mass(image) for image in images])
        assert np.abs(centers - 14).max() < 1.6  # half a pixel, where nothing would have left the picture
        for box in (ndimage.find_objects((image > 50).astype(int))[0] for image in images):
            assert max(side.stop - side.start for side in box) <= 23


def test_the_same_generator_gives_the_same_images(digits: NDArray[np.uint8]) -> None:
    assert (draw(digits, seed=7) == draw(digits, seed=7)).all()
    assert (draw(digits, seed=7) != draw(digits, seed=8)).any()


def test_no_kind_is_both_trained_on_and_held_out() -> None:
    assert not set(TRAINED) & set(HELD_OUT)


def test_all_kinds_are_among_many(digits: NDArray[np.uint8]) -> None:
    ink = (draw(digits, 400) > 128).mean(axis=(1, 2))
    assert ink.min() < 0.02
    assert ink.max() > 0.2


def test_only_such_digits_are_turned_as_are_nothing_then() -> None:
    marked = np.zeros((30, 28, 28), np.uint8)
    for image, label in zip(marked, LABELS, strict=True):
        image[4:24, 4 : 24 - label] = 255  # 20 - label columns wide
    widths = {int((image[14] > 128).sum()) for image in draw(marked, kinds=("upside down",))}
    assert widths <= {17, 16, 15, 13, 12}  # of 3, 4 and 7, and one less where half a pixel is lost
    assert len(widths) > 1
    heights = {int((image[:, 14] > 128).sum()) for image in draw(marked, kinds=("turned",))}
    assert max(heights) == 18  # of a 2, or of a 1 with half a pixel lost at each end; a turned 0 is still a 0


def test_pieces_are_not_of_ones_which_would_still_be_ones() -> None:
    marked = np.zeros((30, 28, 28), np.uint8)
    marked[:, 4:24, 13:15] = 255
    marked[LABELS != 1, 4:24, 4:24] = 255  # but for the ones, which are strokes, all are squares
    assert (draw(marked, kinds=("pieces",)) > 128).sum(axis=(1, 2)).min() > 110


def test_none_are_drawn_where_none_are_asked_for(digits: NDArray[np.uint8]) -> None:
    assert draw(digits, 0).shape == (0, 28, 28)


def test_they_need_digits(digits: NDArray[np.uint8]) -> None:
    with pytest.raises(MnistMlpError, match="give digits of all labels"):
        draw_nondigits(5, digits[:0], LABELS[:0], np.random.default_rng(1))
