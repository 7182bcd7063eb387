"""Says in plain words what seems wrong with digits before a training, and with the network during it."""

from collections.abc import Iterator
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network

_FEW_ROWS = 1000
# Of more rows than this the images of as many are looked at, in stretches spread over the file.
_MOST_ROWS, _STRETCH = 1 << 16, 1 << 12
_MOST_ASKED = 500


def examine_digits(train: Digits, test: Digits) -> list[str]:
    """Look at the digits before a training, at the images of 65,536 at most from each set.

    Returns:
        A sentence for each thing that seems wrong: what it is, what it likely comes from, or what to do.
    """
    findings = (_few_rows(train), _images_alike(train), _labels_missing(train), _rows_shared(train, test))
    return [finding for finding in findings if finding]


def examine_network(network: Network, train: Digits) -> list[str]:
    """Look at what a network has learnt after an epoch, by asking it some hundred of its training digits.

    Args:
        network: as trained so far, fit for what `scale_pixels` gives.
        train: the digits it is trained on.

    Returns:
        A sentence for each thing that seems wrong, always the same one for the same thing.
    """
    step = -(-len(train) // _MOST_ASKED)
    labels = train.labels[::step]
    chance = float(np.bincount(labels).max() / len(labels))
    if chance == 1:
        return []  # a single label is a matter of the digits
    answers = network.predict(scale_pixels(train.images[::step]))
    if (answers == answers[0]).all():
        return [
            "the network answers the same whatever it is shown: likely the learning rate is far too "
            "large or too small, or the images hardly differ"
        ]
    # Within three standard errors of always giving the most frequent answer.
    if (answers == labels).mean() <= chance + 3 * sqrt(chance * (1 - chance) / len(labels)):
        return [
            "the network does no better than guessing: likely the learning rate is far too large or too "
            "small, or the labels do not belong to the images"
        ]
    return []


def _few_rows(train: Digits) -> str | None:
    if len(train) >= _FEW_ROWS:
        return None
    return (
        f"there are only {len(train):,} training digits, likely a sample: few will be recognised; "
        "MNIST's own file has 60,000"
    )


def _images_alike(train: Digits) -> str | None:
    first = train.images[:1].reshape(1, 784)
    if len(train) < 2 or any((images != first).any() for _, images in _stretches(train)):
        return None
    return (
        "all training images are alike, so nothing can be learnt from them: likely the file was made "
        "wrongly; look at a few with show-digit --csv"
    )


def _labels_missing(train: Digits) -> str | None:
    missing = [str(label) for label in np.flatnonzero(np.bincount(train.labels, minlength=10) == 0)]
    if not missing:
        return None
    return (
        f"no training digit has the label {', '.join(missing)}, so it will never be the answer: likely the "
        "file is sorted and cut off, or a small sample"
    )


def _rows_shared(train: Digits, test: Digits) -> str | None:
    shared = _count_shared(train, test)
    if not shared:
        return None
    least = "at least " if max(len(train), len(test)) > _MOST_ROWS else ""
    return (
        f"{least}{shared:,} of the {len(test):,} test digits are training digits too, so the accuracy will "
        "flatter: likely one file was made from the other; test with other digits"
    )


def _count_shared(train: Digits, test: Digits) -> int:
    """The test images, of those looked at, that are among the training images looked at."""
    rows, hashes = (
        np.concatenate(parts)
        for parts in zip(*((rows, _hashes(images)) for rows, images in _stretches(train)), strict=True)
    )
    order = hashes.argsort()
    rows, hashes = rows[order], hashes[order]
    shared = 0
    for _, images in _stretches(test):
        wanted = _hashes(images)
        places = hashes.searchsorted(wanted).clip(max=len(hashes) - 1)
        same_hash = hashes[places] == wanted
        candidates = train.images[rows[places[same_hash]]].reshape(-1, 784)
        shared += int((candidates == images[same_hash]).all(axis=1).sum())
    return shared


def _stretches(digits: Digits) -> Iterator[tuple[NDArray[np.intp], NDArray[np.uint8]]]:
    """Neighbouring rows and their images (n, 784), of all digits or of stretches spread evenly over them."""
    count = len(digits)
    starts = np.arange(0, count, _STRETCH)
    if count > _MOST_ROWS:
        starts = np.linspace(0, count - _STRETCH, _MOST_ROWS // _STRETCH).astype(np.intp)
    for start in starts:
        images = digits.images[start : start + _STRETCH]
        yield np.arange(start, start + len(images)), np.ascontiguousarray(images).reshape(-1, 784)


def _hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A number of 64 bits for each image (n, 784): eight pixels at a time, weighted by odd numbers."""
    weights = np.cumprod(np.full(98, 0x9E3779B97F4A7C15, np.uint64))
    return np.asarray(images.view(np.uint64) @ weights, np.uint64)
