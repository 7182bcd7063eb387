"""Handwritten digits, and what a network is given of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.errors import MnistMlpError


class DataError(MnistMlpError):
    """A file of digits is missing, broken, or holds something else."""


@dataclass(frozen=True, eq=False)
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
        if self.images.dtype != np.uint8 or self.images.ndim != 3 or self.images.shape[1:] != (28, 28):
            raise DataError(f"images must be uint8 (n, 28, 28), not {self.images.dtype} {self.images.shape}")
        if self.labels.dtype != np.uint8 or self.labels.ndim != 1:
            raise DataError(f"labels must be uint8 (n), not {self.labels.dtype} {self.labels.shape}")
        if len(self.images) != len(self.labels):
            raise DataError(f"{len(self.images)} images do not go with {len(self.labels)} labels")
        if self.labels.max(initial=0) > 9:
            row = int(np.argmax(self.labels > 9))
            raise DataError(f"row {row + 1}: {self.labels[row]} is not a label from 0 to 9")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice) -> "Digits":
        return Digits(self.images[rows], self.labels[rows], self.files)


def scale_pixels(images: NDArray[np.uint8], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """The network's inputs: 0.01 + 0.99 * pixel / 255, in [0.01, 1].

    Args:
        images: (n, 28, 28) or (n, 784), uint8.
        out: (n, 784), float32, to be filled instead of a new array.

    Returns:
        (n, 784), float32, within one unit of the last place.
    """
    pixels = images.reshape(len(images), 784)
    inputs = np.empty(pixels.shape, np.float32) if out is None else out
    np.copyto(inputs, pixels)  # converting takes twice as long within a multiplication
    return scale_in_place(inputs)


def scale_in_place(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Do to pixels of any shape, float32 already, what `scale_pixels` does; the same array returns."""
    pixels *= np.float32(0.99 / 255)
    pixels += np.float32(0.01)
    return pixels


def encode_targets(labels: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """The outputs to learn: (n, 10), float32, 0.99 for the label and 0.01 elsewhere, for labels (n,)."""
    targets: NDArray[np.float32] = np.where(np.eye(10, dtype=bool), np.float32(0.99), np.float32(0.01))[
        labels
    ]
    return targets
