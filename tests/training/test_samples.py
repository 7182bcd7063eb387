"""What a network is given while it trains."""

import numpy as np
import pytest

from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.nondigits import draw_nondigits
from mnist_mlp.nn.network import Network
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.samples import NO_DIGIT, Samples, distortion_of
from mnist_mlp.training.trainer import Progress, Trainer

RNG = np.random.default_rng


def test_the_distortion_has_each_of_the_recipes_settings() -> None:
    recipe = Recipe(rotation=1, scale=0.2, shear=0.3, shift=4, elastic=5, elastic_sigma=6)
    distortion = distortion_of(recipe)
    names = ("rotation", "scale", "shear", "shift", "elastic", "elastic_sigma")
    assert [getattr(distortion, name) for name in names] == [1, 0.2, 0.3, 4, 5, 6]


# Samples that are no digits

MIXED = Recipe(hidden=30, epochs=1, biases=True, shuffle=True, batch_size=8, nondigits=0.2465)  # 98.6 of 400


def test_a_share_of_samples_that_are_no_digits_comes_in_between(few_digits: Digits) -> None:
    samples, other = (Samples(few_digits, MIXED.with_settings({"seed": seed})) for seed in (1, 2))
    drawn = draw_nondigits(99, few_digits.images, few_digits.labels, RNG([1, 0]))  # epochs count from 1
    images = np.concatenate([few_digits.images, drawn]).reshape(499, 784)
    chunks = [np.r_[chunk] for chunk in samples.chunks(96, RNG(1))]
    assert len(samples) == 499
    assert sorted(np.concatenate(chunks).tolist()) == list(range(499))
    for chunk in chunks:
        labels = samples.labels(chunk)
        assert labels.tolist() == [few_digits.labels[i] if i < 400 else NO_DIGIT for i in chunk]
        assert 0 < (labels == NO_DIGIT).sum() < len(labels) / 2
        np.testing.assert_array_equal(samples.images(chunk), images[chunk])
    others = other.images(np.arange(499))
    np.testing.assert_array_equal(others[:400], images[:400])
    assert (others[400:] != images[400:]).any(axis=1).mean() > 0.9


def test_memory_for_non_digits_is_bounded(few_digits: Digits) -> None:
    copies = Digits(np.tile(few_digits.images, (60, 1, 1)), np.tile(few_digits.labels, 60))
    samples = Samples(copies, MIXED.with_settings({"nondigits": 1.0}))
    assert len(samples) == 48_000
    images = samples.images(np.array([24_000, 43_999, 44_000, 47_999]))  # 20,000 are drawn
    np.testing.assert_array_equal(images[0], images[2])
    assert (images[0] != images[3]).any()


def test_targets_are_those_of_the_loss_and_all_low_for_what_is_no_digit(few_digits: Digits) -> None:
    labels = np.array([*range(10), NO_DIGIT], np.uint8)
    sigmoid = Samples(few_digits, MIXED).targets(labels)
    low, high = np.float32(0.01), np.float32(0.99)
    np.testing.assert_array_equal(sigmoid, np.where(np.eye(11, 10), high, low))
    softmax = Samples(few_digits, MIXED.with_settings({"loss": "softmax-cross-entropy"})).targets(labels)
    np.testing.assert_array_equal(softmax, np.eye(11, 10))


def test_accuracy_counts_digits_only(few_digits: Digits) -> None:
    # A network that answers 3 to everything is right for the 3s among the digits; it hardly learns.
    biases = np.zeros(10, np.float32)
    biases[3] = 1
    weights = np.zeros((30, 784), np.float32), np.zeros((10, 30), np.float32)
    network = Network.from_arrays(weights, [np.zeros(30, np.float32), biases])
    seen: list[Progress] = []
    trainer = Trainer(network, few_digits, MIXED.with_settings({"learning_rate": 1e-9}))
    record = trainer.run_epoch(seen.append)
    assert seen[-1].accuracy == record.accuracy == (few_digits.labels == 3).mean()
    # The loss is that of all samples: the outputs are the sigmoid of 0, and of 1 for the 3.
    labels = np.append(few_digits.labels, [NO_DIGIT] * 99)
    errors = 1 / (1 + np.exp(-biases)) - np.where(np.eye(11, 10)[labels], 0.99, 0.01)
    assert record.loss == pytest.approx(0.5 * (errors**2).sum(axis=1).mean(), rel=1e-4)
