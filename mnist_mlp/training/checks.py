"""Checks of digits and of networks: a sentence says what was seen, then what it may mean or lead to."""

from collections.abc import Callable, Iterator
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.images import Digits

_MOST_IMAGES = 10_000  # of a set, spread evenly over it
_MOST_ASKED = 500  # training digits that a network is shown

# MNIST's mean image of each digit, 0 to 9, reduced to 7 x 7 pixels, row by row, in steps of 20 of 255:
# np.rint(images[labels == digit].reshape(-1, 7, 4, 7, 4).mean(axis=(0, 2, 4)) / 20) of the training digits.
_MNIST_MEANS = (
    "0000000002672001665600461260055264003885100000000",
    "0000000000341000064000008100002810000351000000000",
    "0001000014761001236200025610037863002643200000000",
    "0000000014751001256100038610011262003675100011000",
    "0000000001122001526200385820014661000143000001000",
    "0000000002443001563200166410012352002564100011000",
    "0001100002530000451100175630018773000363000000000",
    "0000000001220003778200122710001550000262000023100",
    "0000000002662001556300049610015741001674100011000",
    "0000000001330001657200266810003550000153000012100",
)


def examine_digits(digits: Digits, *, role: Literal["training", "test"]) -> list[str]:
    """Look for what may be wrong with a set of digits, in at most 10,000 of its images.

    Args:
        digits: at least one.
        role: what they are for; test digits may be few, and in any order.

    Returns:
        A sentence for each finding; none for MNIST's own digits.
    """
    step = -(-len(digits) // _MOST_IMAGES)
    images, labels = digits.images[::step], digits.labels[::step]
    if len(images) > 1 and (images == images[0]).all():
        return [f"all {role} images are the same: the file may have been written wrongly"]
    findings = [*_wrong_pixels(images, role), *_wrong_labels(images, digits.labels, role)]
    findings += _turned(images, labels, role)
    return findings + list(_few_or_sorted(digits.labels)) if role == "training" else findings


def examine_overlap(train: Digits, test: Digits) -> list[str]:
    """Look for test digits, among at most 10,000 of them, that are training digits too: a sentence if so."""
    test_images = [image.tobytes() for image in test.images[:: -(-len(test) // _MOST_IMAGES)]]
    wanted = set(test_images)
    found = {content for image in train.images if (content := image.tobytes()) in wanted}
    shared = sum(content in found for content in test_images)
    if not shared:
        return []
    return [
        f"{shared:,} of {len(test_images):,} test digits are training digits too, so the accuracy says little"
        " about new digits: one file may have been made from the other; test with other digits"
    ]


def examine_network(
    outputs: Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]], train: Digits
) -> list[str]:
    """Look at what a network has learned so far, by showing it some hundred of its training digits.

    `outputs` gives its outputs (n, 10) for images (n, 28, 28). Returns a sentence for each finding, always
    the same for the same finding.
    """
    step = -(-len(train) // _MOST_ASKED)
    labels = train.labels[::step]
    guessing = float(np.bincount(labels).max() / len(labels))
    if guessing == 1:
        return []  # all have the same label, which `examine_digits` tells
    answers = outputs(train.images[::step]).argmax(axis=1)
    if (answers == answers[0]).all():
        seen = "the network gives the same answer to all training digits that it was shown"
    # Within three standard errors of always giving the most frequent label.
    elif (answers == labels).mean() <= guessing + 3 * sqrt(guessing * (1 - guessing) / len(labels)):
        seen = "the network's answers to training digits are no better than guessing"
    else:
        return []
    return [
        f"{seen}: the learning rate may be much too large or too small, the updates too few so far, or "
        "something may be wrong with the images, the labels or their order"
    ]


def _wrong_pixels(images: NDArray[np.uint8], role: str) -> Iterator[str]:
    greatest = images.max()
    if greatest < 100:
        yield f"no pixel of the {role} images is above {greatest}: they may have to be scaled to 0 to 255"
    border = np.concatenate([images[:, [0, -1]], images[:, :, [0, -1]].swapaxes(1, 2)]).mean()
    if border > 0.6 * greatest:
        yield (
            f"the border of the {role} images has the mean {border:.0f}, where MNIST's is 0: they may be "
            "inverted (dark ink on light paper); subtract each pixel from 255"
        )


def _wrong_labels(images: NDArray[np.uint8], labels: NDArray[np.uint8], role: str) -> Iterator[str]:
    last_pixels = images[:, -1, -1]
    missing = np.flatnonzero(np.bincount(labels, minlength=10) == 0)
    if not labels.any() and last_pixels.max() <= 9 and len(np.unique(last_pixels)) > 2:
        yield (
            f"each {role} digit has the label 0, and its last pixel is from 0 to 9: the labels may be in the "
            "last column of the file; put them into the first"
        )
    elif len(missing):
        names = " or ".join(", ".join(map(str, missing)).rsplit(", ", 1))
        them = "them" if len(missing) > 1 else "it"
        effect = "the network cannot learn" if role == "training" else "the accuracy says nothing of"
        yield f"no {role} digit is a {names}, so {effect} {them}: the file may be small or incomplete"


def _few_or_sorted(labels: NDArray[np.uint8]) -> Iterator[str]:
    if len(labels) < 1000:
        yield f"there are only {len(labels):,} training digits, where MNIST has 60,000: expect more mistakes"
    changes = np.count_nonzero(np.diff(labels))
    expected = (len(labels) - 1) * (1 - ((np.bincount(labels) / len(labels)) ** 2).sum())  # in random order
    if expected > 10 and changes < expected / 3:
        yield (
            f"the label changes only {changes:,} times from one training digit to the next: the file may be "
            "sorted by label; shuffle its lines, or choose a recipe that shuffles them"
        )


def _turned(images: NDArray[np.uint8], labels: NDArray[np.uint8], role: str) -> Iterator[str]:
    """Compare the mean image of each label with MNIST's, as it is and changed."""
    present = np.unique(labels)
    means = np.array([images[labels == digit].mean(0).reshape(7, 4, 7, 4).mean((1, 3)) for digit in present])
    mnist = np.array([list(_MNIST_MEANS[digit]) for digit in present], dtype=float)
    views = {
        "as they are": means,
        "transposed (rows and columns exchanged)": means.swapaxes(1, 2),
        "mirrored left to right": means[:, :, ::-1],
        "mirrored top to bottom": means[:, ::-1],
        "turned upside down": means[:, ::-1, ::-1],
    }
    # All digits have ink in the center, so compare how they differ; inverting changes only the sign of that.
    expected = (mnist - mnist.mean(0)).ravel()
    with np.errstate(invalid="ignore"):  # where nothing differs
        found = {
            view: abs(float(np.corrcoef((seen - seen.mean(0)).ravel(), expected)[0, 1]))
            for view, seen in views.items()
        }
    best = max(found, key=found.__getitem__)
    if found[best] > max(0.6, found["as they are"] + 0.2):
        yield f"the {role} images resemble MNIST's more when {best}: they may have to be changed so"
