"""What changes from update to update: the learning rate, by hand, and the order of the samples."""

from math import sqrt

import numpy as np
import pytest

from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.schedule import learning_rate_at, shuffled


def rates(recipe: Recipe, steps_per_epoch: int = 4) -> list[float]:
    return [learning_rate_at(recipe, i, steps_per_epoch) for i in range(recipe.epochs * steps_per_epoch)]


def test_the_learning_rate_is_constant_or_decays_as_a_line_or_half_a_cosine() -> None:
    recipe = Recipe(epochs=2, learning_rate=0.8, decay_fraction=0.5)
    assert rates(recipe) == [0.8] * 8
    assert rates(recipe.with_settings({"schedule": "linear"})) == pytest.approx([0.8] * 5 + [0.6, 0.4, 0.2])
    # (1 + cos) / 2 of 0, 45, 90 and 135 degrees.
    decay = [0.8, 0.4 * (1 + sqrt(0.5)), 0.4, 0.4 * (1 - sqrt(0.5))]
    assert rates(recipe.with_settings({"schedule": "cosine"})) == pytest.approx([0.8] * 4 + decay)


def test_it_first_rises_in_the_warm_up_while_a_decay_goes_on() -> None:
    # An epoch and a half of 4 updates each: in sixths.
    recipe = Recipe(epochs=2, learning_rate=0.6, warmup_epochs=1.5)
    rise = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6, 0.6]
    assert rates(recipe) == pytest.approx(rise)
    assert rates(Recipe(epochs=1, learning_rate=0.5, warmup_epochs=0.625)) == pytest.approx(
        [0.2, 0.4, 0.5, 0.5]  # in two updates and a half
    )
    decaying = [rate * (8 - i) / 8 for i, rate in enumerate(rise)]
    assert rates(recipe.with_settings({"schedule": "linear"})) == pytest.approx(decaying)


@pytest.mark.parametrize(("count", "size"), [(1, 1), (10, 3), (256, 256), (1000, 64), (20_000, 2048)])
def test_shuffling_takes_each_sample_once_in_whole_chunks(count: int, size: int) -> None:
    chunks = list(shuffled(count, size, np.random.default_rng(1)))
    assert sorted(np.concatenate(chunks).tolist()) == list(range(count))
    assert {len(chunk) for chunk in chunks[:-1]} <= {size}
    assert 0 < len(chunks[-1]) <= size


@pytest.mark.parametrize("seed", range(5))
def test_sixty_thousand_shuffled_samples_keep_nothing_of_their_order(seed: int) -> None:
    order = np.concatenate(list(shuffled(60_000, 128, np.random.default_rng(seed))))
    # 235 stretches of samples move as wholes: the standard error of a correlation is 1 / sqrt(235) = 0.065.
    assert abs(np.corrcoef(order, np.arange(60_000))[0, 1]) < 3 * 0.065
    assert (np.diff(order) == 1).mean() < 0.001  # neighbors are parted
    # The first 64 stretches of 256 samples are shuffled together; the last, of 96, may be one of them.
    assert len(np.unique(order[: 63 * 256 + 96] // 256)) == 64
    tenths = order.reshape(10, 6000).mean(axis=1)  # each tenth of an epoch meets early and late samples
    assert tenths.min() > 15_000
    assert tenths.max() < 45_000
