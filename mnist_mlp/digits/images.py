"""Handwritten digits, and what a network is given of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.errors import MnistMlpError


class DataError(MnistMlpError):
    """A file of digits is missing, broken, or holds something else."""


@dataclass(frozen=True, eq=False, repr=False)
class Digits:
    """Images of digits, 0 for paper and 255 for ink, and what they show.

    Attributes:
        images: (n, 28, 28), uint8.
        labels: (n,), uint8, from 0 to 9.
        files: the SHA-256 of each file they come from, by file name.

    Raises:
        DataError: the arrays are of other shapes or types, or a label is above 9.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.shape[1:] != (28, 28):
            raise DataError(f"images must be uint8 (n, 28, 28), not {self.images.dtype} {self.images.shape}")
        if self.labels.dtype != np.uint8 or self.labels.ndim != 1:
            raise DataError(f"labels must be uint8 (n), not {self.labels.dtype} {self.labels.shape}")
        if len(self.images) != len(self.labels):
            raise DataError(f"{len(self.images)} images do not go with {len(self.labels)} labels")
        if self.labels.max(initial=0) > 9:
            sample = int(np.argmax(self.labels > 9))
            raise DataError(f"sample {sample}: {self.labels[sample]} is not a label from 0 to 9")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, samples: slice) -> "Digits":
        return Digits(self.images[samples], self.labels[samples], self.files)

    def __repr__(self) -> str:
        origin = f" from {', '.join(self.files)}" if self.files else ""
        return f"<Digits: {len(self):,} images of 28 x 28 pixels{origin}>"


def scale_pixels(images: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """The network's inputs: 0.01 + 0.99 * pixel / 255, in [0.01, 1].

    Args:
        images: (n, 28, 28) or (n, 784), whole numbers from 0 to 255.

    Returns:
        (n, 784), float32, within one unit of the last place.

    Raises:
        DataError: the images are of another shape, or not whole numbers from 0 to 255.
    """
    images = np.asarray(images)
    if images.shape[1:] not in ((784,), (28, 28)):
        raise DataError(f"images must be (n, 28, 28) or (n, 784), not {images.shape}; reshape them")
    if images.dtype.kind not in "iu":
        raise DataError(
            f"images are {images.dtype}, not whole numbers from 0 to 255; if they are scaled to 0-1, undo "
            "that first: numpy.rint(images * 255).astype(numpy.uint8)"
        )
    if images.dtype != np.uint8 and len(images) and not 0 <= images.min() <= images.max() <= 255:
        raise DataError(f"pixels go from {images.min()} to {images.max()}; they must be from 0 to 255")
    # Converting takes twice as long within a multiplication.
    return scale_in_place(images.reshape(len(images), 784).astype(np.float32))


def scale_in_place(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Do to pixels of any shape, float32 already, what `scale_pixels` does; the same array returns."""
    pixels *= np.float32(0.99 / 255)
    pixels += np.float32(0.01)
    return pixels


def encode_targets(labels: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """The outputs to learn: 0.99 for the label and 0.01 elsewhere.

    Args:
        labels: (n,), whole numbers from 0 to 9.

    Returns:
        (n, 10), float32.

    Raises:
        DataError: the labels are of another shape, or not whole numbers from 0 to 9.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"labels must be whole numbers (n,), not {labels.dtype} {labels.shape}")
    wrong = (labels < 0) | (labels > 9)
    if wrong.any():
        sample = int(wrong.argmax())
        raise DataError(f"sample {sample}: {labels[sample]} is not a label from 0 to 9")
    targets = np.full((len(labels), 10), 0.01, np.float32)
    targets[np.arange(len(labels)), labels] = 0.99
    return targets
