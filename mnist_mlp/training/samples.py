"""What a network is given while it trains: samples in an order, as inputs and targets."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.distortion import Distortion
from mnist_mlp.digits.images import Digits, encode_targets, scale_in_place, scale_pixels
from mnist_mlp.digits.nondigits import draw_nondigits
from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.reparametrize import INPUT_MEAN
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.schedule import shuffled

Indices = NDArray[np.intp] | slice

NO_DIGIT = 10  # in place of a label
# At most so many non-digits are drawn, 16 MB; where a training has more, each serves several times an epoch.
_NONDIGITS_DRAWN = 20_000


class Samples:
    """The training digits as a recipe presents them, perhaps with samples that are no digits among them."""

    def __init__(self, digits: Digits, recipe: Recipe) -> None:
        self._images = digits.images.reshape(-1, 784)
        self._recipe = recipe
        nondigits = round(recipe.nondigits * len(digits))
        self._labels = np.append(digits.labels, np.full(nondigits, NO_DIGIT, np.uint8))
        if nondigits:
            rng = np.random.default_rng([recipe.seed, 0])  # epochs are numbered from 1
            drawn = min(nondigits, _NONDIGITS_DRAWN)
            self._nondigits = draw_nondigits(drawn, digits.images, digits.labels, rng).reshape(-1, 784)
        self._distortion = distortion_of(recipe)

    def __len__(self) -> int:
        return len(self._labels)

    def chunks(self, size: int, rng: np.random.Generator) -> Iterator[Indices]:
        """Go once through all samples, `size` at a time: slices in file order, else random indices."""
        if self._recipe.shuffle:
            yield from shuffled(len(self), size, rng)
        else:
            yield from (slice(first, first + size) for first in range(0, len(self), size))

    def labels(self, chunk: Indices) -> NDArray[np.uint8]:
        """The labels (n,) of a chunk, `NO_DIGIT` for samples that are none."""
        return self._labels[chunk]

    def images(self, chunk: Indices) -> NDArray[np.uint8]:
        """The images (n, 784) of a chunk."""
        count = len(self._images)
        if len(self) == count:
            return self._images[chunk]
        numbers = np.r_[chunk]  # of a slice, too
        images, is_none = self._images[np.minimum(numbers, count - 1)], numbers >= count
        images[is_none] = self._nondigits[(numbers[is_none] - count) % len(self._nondigits)]
        return images

    def inputs(self, chunk: Indices, rng: np.random.Generator) -> Floats:
        """The inputs (n, 784) float32 of a chunk: distorted, scaled and centered, as the recipe says."""
        images = self.images(chunk)
        if self._recipe.distorted:
            inputs = scale_in_place(self._distortion.apply(images, rng))
        else:
            inputs = scale_pixels(images)
        if self._recipe.center_inputs:
            inputs -= INPUT_MEAN
        return inputs

    def targets(self, labels: NDArray[np.uint8]) -> Floats:
        """What the outputs should be, (n, 10) float32: as `encode_targets`, but for softmax 1 and 0.

        A sample that is no digit has the low target in all ten.
        """
        if self._recipe.loss == "softmax-cross-entropy":
            return np.eye(11, 10, dtype=np.float32)[labels]
        targets = encode_targets(np.minimum(labels, 9))
        targets[labels == NO_DIGIT] = encode_targets(np.zeros(1, np.uint8))[0, 1]
        return targets


def distortion_of(recipe: Recipe) -> Distortion:
    """The distortion that a recipe trains with."""
    return Distortion(
        recipe.rotation, recipe.scale, recipe.shear, recipe.shift, recipe.elastic, recipe.elastic_sigma
    )
