"""What changes from update to update: the learning rate, and the order of the samples."""

from collections.abc import Iterator
from math import cos, pi

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.training.recipe import Recipe

# A shuffled epoch takes stretches of neighboring samples in random order, and shuffles the samples of 64
# stretches together: random enough, and a file that is mapped into memory is still read in long stretches.
_STRETCH, _STRETCHES_TOGETHER = 256, 64


def learning_rate_at(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """The learning rate of an update, counted from 0 over the whole training.

    It rises in proportion to the updates of the first `warmup_epochs`, and decays to zero over the last
    `decay_fraction` of all updates.
    """
    done = step / (steps_per_epoch * recipe.epochs)
    rise = min(1.0, (step + 1) / max(1.0, recipe.warmup_epochs * steps_per_epoch))
    decayed = max(0.0, 1 - (1 - done) / recipe.decay_fraction)
    remaining = {"constant": 1.0, "linear": 1 - decayed, "cosine": (1 + cos(pi * decayed)) / 2}
    return recipe.learning_rate * rise * remaining[recipe.schedule]


def shuffled(count: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Go once through the numbers 0 to count - 1 in random order, `size` at a time (at last fewer)."""
    starts = rng.permutation(np.arange(0, count, _STRETCH))
    waiting = np.empty(0, np.intp)
    for first in range(0, len(starts), _STRETCHES_TOGETHER):
        stretches = [
            np.arange(start, min(start + _STRETCH, count))
            for start in starts[first : first + _STRETCHES_TOGETHER]
        ]
        waiting = np.concatenate([waiting, rng.permutation(np.concatenate(stretches))])
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if len(waiting):
        yield waiting
