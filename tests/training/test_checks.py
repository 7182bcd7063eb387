"""Checks of digits and networks: each wrong file is named rightly, and nothing is said of right ones."""

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

import numpy as np
import pytest
import scipy.ndimage
from numpy.typing import NDArray

from mnist_mlp.digits.images import Digits
from mnist_mlp.training.checks import examine_digits, examine_network, examine_overlap
from mnist_mlp.training.recipe import RECIPES
from mnist_mlp.training.scoring import outputs_for
from mnist_mlp.training.trainer import train

Change = Callable[[Digits], Digits]


def labels_from_the_last_column(digits: Digits) -> Digits:
    """What is read of lines that hold the 784 pixels first and then the label."""
    lines = np.column_stack([digits.images.reshape(-1, 784), digits.labels])
    return Digits(lines[:, 1:].reshape(-1, 28, 28), lines[:, 0])


def sorted_by_label(digits: Digits) -> Digits:
    order = digits.labels.argsort(kind="stable")
    return Digits(digits.images[order], digits.labels[order])


def without(labels: list[int], digits: Digits) -> Digits:
    kept = ~np.isin(digits.labels, labels)
    return Digits(digits.images[kept], digits.labels[kept])


def inverted_in_a_spot_of_light(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Dark ink on paper that has 70 % of the light in its corners."""
    y, x = np.mgrid[-13.5:14, -13.5:14]
    return np.asarray((255 - images) * (1 - (y**2 + x**2) / 1215), np.uint8)


def with_images(change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Change:
    return lambda digits: Digits(change(digits.images), digits.labels)


INVERTED = (
    "the border of the _ images has the mean {}, where MNIST's is 0: they may be inverted (dark ink on light "
    "paper); subtract each pixel from 255"
)
CHANGED = "the _ images resemble MNIST's more when {}: they may have to be changed so"
MISSING = "no _ digit is a {}, so * {}: the file may be small or incomplete"

# How a file is wrong, and what is said of it, with _ for the role of the digits, and * for any words.
WRONG: dict[str, tuple[Change, str]] = {
    "inverted": (with_images(lambda i: 255 - i), INVERTED.format(255)),
    "inverted, uneven light": (with_images(inverted_in_a_spot_of_light), INVERTED.format("*")),
    "too light": (
        with_images(lambda i: np.minimum(i, 99)),
        "no pixel of the _ images is above 99: they may have to be scaled to 0 to 255",
    ),
    "transposed": (
        with_images(lambda i: i.swapaxes(1, 2)),
        CHANGED.format("transposed (rows and columns exchanged)"),
    ),
    "mirrored": (with_images(lambda i: i[:, :, ::-1]), CHANGED.format("mirrored left to right")),
    "bottom up": (with_images(lambda i: i[:, ::-1]), CHANGED.format("mirrored top to bottom")),
    "turned": (with_images(lambda i: i[:, ::-1, ::-1]), CHANGED.format("turned upside down")),
    "label last": (
        labels_from_the_last_column,
        "each _ digit has the label 0, and its last pixel is from 0 to 9: the labels may be in the last "
        "column of the file; put them into the first",
    ),
    "one class missing": (lambda digits: without([4], digits), MISSING.format("4", "it")),
    "three missing": (lambda digits: without([0, 3, 8], digits), MISSING.format("0, 3 or 8", "them")),
    "alike": (with_images(np.ones_like), "all _ images are the same: the file may have been written wrongly"),
}


@pytest.mark.parametrize("role", ["training", "test"])
@pytest.mark.parametrize("count", [100, 300, 10_000])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_named_rightly_and_as_nothing_else(
    name: str, count: int, role: str, mnist_train: Digits
) -> None:
    change, sentence = WRONG[name]
    findings = examine_digits(change(mnist_train[:count]), role=role)  # type: ignore[arg-type]
    (finding,) = [finding for finding in findings if not finding.startswith("there are only")]
    assert fnmatchcase(finding, sentence.replace("_", role))


@pytest.mark.parametrize("count", [300, 10_000])
def test_training_digits_sorted_by_label_are_named_but_test_digits_may_be(
    count: int, mnist_train: Digits
) -> None:
    digits = sorted_by_label(mnist_train[:count])
    assert examine_digits(digits, role="training")[-1] == (
        "the label changes only 9 times from one training digit to the next: the file may be sorted by "
        "label; shuffle its lines, or choose a recipe that shuffles them"
    )
    assert examine_digits(digits, role="test") == []


@pytest.mark.parametrize(
    ("count", "changes", "told"), [(100, 16, True), (100, 17, False), (22, 1, True), (20, 1, False)]
)
def test_sorted_is_a_third_of_the_changes_that_chance_makes(
    count: int, changes: int, told: bool, mnist_train: Digits
) -> None:
    # Of two labels in equal shares, half of the count less one changes by chance; too few tell nothing.
    blocks = [[0, 1]] * (changes // 2) + [[changes % 2 ^ 1] * (count // 2 - changes // 2)]
    labels = np.concatenate([*blocks, [changes % 2] * (count // 2 - changes // 2)]).astype(np.uint8)
    findings = examine_digits(Digits(mnist_train.images[:count], labels), role="training")
    assert any(finding.startswith(f"the label changes only {changes} times") for finding in findings) == told


def test_two_things_wrong_are_both_named(mnist_train: Digits) -> None:
    both = with_images(lambda images: 255 - images.swapaxes(1, 2))(mnist_train[:2000])
    inverted, transposed = examine_digits(both, role="test")
    assert "inverted" in inverted
    assert "when transposed" in transposed


def test_nothing_is_wrong_with_mnist(mnist_train: Digits, mnist_test: Digits) -> None:
    assert examine_digits(mnist_train, role="training") == []
    assert examine_digits(mnist_test, role="test") == []
    assert examine_overlap(mnist_train, mnist_test) == []


def test_a_digit_that_is_rare_in_a_large_file_is_not_missing(mnist_train: Digits) -> None:
    labels = np.where(mnist_train.labels == 4, 9, mnist_train.labels).astype(np.uint8)
    labels[1] = 4  # one of 60,000
    assert examine_digits(Digits(mnist_train.images, labels), role="test") == []


@pytest.mark.parametrize("degrees", [-10, 10])
@pytest.mark.parametrize("count", [300, 10_000])
def test_nothing_is_wrong_with_digits_turned_a_little(count: int, degrees: int, mnist_test: Digits) -> None:
    images = scipy.ndimage.rotate(mnist_test.images[:count], degrees, axes=(1, 2), reshape=False, order=1)
    assert examine_digits(Digits(images, mnist_test.labels[:count]), role="test") == []


def test_nothing_more_is_said_of_few_or_uneven_or_single_digits(
    mnist_train: Digits, mnist_test: Digits
) -> None:
    for start in range(0, 5000, 10):  # each ten of them by themselves
        said = examine_digits(mnist_test[start : start + 10], role="test")
        assert all(" digit is a " in finding for finding in said)
    mostly_ones = np.flatnonzero((mnist_test.labels == 1) | (np.arange(10_000) % 100 == 0))
    uneven = Digits(mnist_test.images[mostly_ones], mnist_test.labels[mostly_ones])
    assert examine_digits(uneven, role="training") == []
    assert examine_digits(mnist_test[:1], role="test") == [
        "no test digit is a 0, 1, 2, 3, 4, 5, 6, 8 or 9, so the accuracy says nothing of them: the file may "
        "be small or incomplete"
    ]
    (zeros,) = examine_digits(without(list(range(1, 10)), mnist_train[:30_000]), role="training")
    assert zeros.startswith(
        "no training digit is a 1, 2, 3, 4, 5, 6, 7, 8 or 9, so the network cannot learn "
    )


def test_nothing_is_said_of_noise_nor_of_digits_that_lie_both_ways(mnist_test: Digits) -> None:
    noise = np.random.default_rng(1).integers(10, size=(10_000, 28, 28)).astype(np.uint8)
    assert examine_digits(Digits(np.maximum(mnist_test.images, noise), mnist_test.labels), role="test") == []
    half = mnist_test.images.copy()
    half[:6000] = half[:6000, :, ::-1]
    assert examine_digits(Digits(half, mnist_test.labels), role="test") == []
    gray = np.minimum(mnist_test.images, 100)
    assert examine_digits(Digits(gray, mnist_test.labels), role="test") == []


def test_a_small_training_set_is_named(mnist_train: Digits) -> None:
    assert examine_digits(mnist_train[:1000], role="training") == []
    assert examine_digits(mnist_train[:999], role="training") == [
        "there are only 999 training digits, where MNIST has 60,000: expect more mistakes"
    ]


def test_digits_in_both_sets_are_counted(mnist_train: Digits, mnist_test: Digits) -> None:
    images = np.concatenate([mnist_test.images[:9], mnist_train.images[[5, 59_999, 5]]])
    assert examine_overlap(mnist_train, Digits(images, np.zeros(12, np.uint8))) == [
        "3 of 12 test digits are training digits too, so the accuracy says little about new digits: one file "
        "may have been made from the other; test with other digits"
    ]
    (finding,) = examine_overlap(mnist_train, mnist_train[:15_000])  # of more than 10,000 every second
    assert finding.startswith("7,500 of 7,500 test digits are training digits too, ")


MAY_BE = (
    "the learning rate may be much too large or too small, the updates too few so far, or something may be "
    "wrong with the images, the labels or their order"
)


def always_3(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    assert len(images) == 500
    return np.tile(np.eye(10)[3], (len(images), 1))


def brightest_of_ten_pixels(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    return images.reshape(-1, 784)[:, :10].astype(float)


def test_a_network_with_one_answer_is_named_unless_there_is_one_label(mnist_train: Digits) -> None:
    assert examine_network(always_3, mnist_train) == [
        f"the network gives the same answer to all training digits that it was shown: {MAY_BE}"
    ]
    threes = Digits(mnist_train.images[:1000], np.full(1000, 3, np.uint8))
    assert examine_network(always_3, threes) == []


@pytest.mark.parametrize(("right", "guessing"), [(70, True), (71, False)])
def test_guessing_is_being_right_no_more_than_by_chance(right: int, guessing: bool) -> None:
    # 500 digits with ten labels: 50 are right by chance, with a standard error of sqrt(500 * 0.09) = 6.7.
    labels = (np.arange(500) % 10).astype(np.uint8)
    answers = np.where(np.arange(500) < right, labels, (labels + 1) % 10)
    images = np.zeros((500, 784), np.uint8)
    images[np.arange(500), answers] = 255
    found = examine_network(brightest_of_ten_pixels, Digits(images.reshape(-1, 28, 28), labels))
    sentence = f"the network's answers to training digits are no better than guessing: {MAY_BE}"
    assert found == [sentence] * guessing


@pytest.mark.parametrize("name", RECIPES)
def test_no_recipe_is_said_to_guess_after_an_epoch_of_mnist(name: str, mnist_train: Digits) -> None:
    recipe, digits = RECIPES[name], mnist_train[:10_000]
    network = recipe.network()
    train(network, digits, replace(recipe, epochs=1))
    assert examine_network(partial(outputs_for, network), digits) == []
