"""What a network is given while it trains."""

import numpy as np

from mnist_mlp.digits.images import Digits, encode_targets, scale_pixels
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.samples import Samples, distortion_of

RNG = np.random.default_rng


def test_samples_come_in_their_order_unless_shuffled(few_digits: Digits) -> None:
    plain, mixed = Samples(few_digits, Recipe()), Samples(few_digits, Recipe(shuffle=True))
    in_order = np.concatenate([plain.labels(chunk) for chunk in plain.chunks(96, RNG(1))])
    np.testing.assert_array_equal(in_order, few_digits.labels)
    chunks = list(mixed.chunks(96, RNG(1)))
    assert sorted(np.concatenate(chunks).tolist()) == list(range(400))  # type: ignore[arg-type]
    for chunk in chunks:  # images and labels stay together
        np.testing.assert_array_equal(mixed.labels(chunk), few_digits.labels[chunk])
        np.testing.assert_array_equal(mixed.images(chunk), few_digits.images.reshape(-1, 784)[chunk])


def test_inputs_are_scaled_and_centered(few_digits: Digits) -> None:
    samples = Samples(few_digits, Recipe(center_inputs=True, biases=True))
    scaled = scale_pixels(few_digits.images)
    inputs = samples.inputs(samples.images(slice(None)), RNG(1))
    np.testing.assert_allclose(inputs, scaled - (0.01 + 0.99 * 0.1307), atol=1e-6)  # MNIST's mean pixel
    assert abs(inputs.mean()) < 0.01
    np.testing.assert_array_equal(Samples(few_digits, Recipe()).inputs(few_digits.images, RNG(1)), scaled)


def test_two_batches_of_the_same_images_are_distorted_differently(few_digits: Digits) -> None:
    samples, rng = Samples(few_digits, Recipe(rotation=10, shift=3)), RNG(1)
    images = samples.images(slice(64))
    first, second = samples.inputs(images, rng), samples.inputs(images, rng)
    for inputs in (first, second):
        assert abs(inputs - scale_pixels(images)).max() > 0.5
    assert abs(first - second).max() > 0.5


def test_the_distortion_has_each_of_the_recipes_settings() -> None:
    recipe = Recipe(rotation=1, scale=0.2, shear=0.3, shift=4, elastic=5, elastic_sigma=6)
    distortion = distortion_of(recipe)
    names = ("rotation", "scale", "shear", "shift", "elastic", "elastic_sigma")
    assert [getattr(distortion, name) for name in names] == [1, 0.2, 0.3, 4, 5, 6]


def test_targets_are_those_of_the_loss(few_digits: Digits) -> None:
    labels = few_digits.labels
    np.testing.assert_array_equal(Samples(few_digits, Recipe()).targets(labels), encode_targets(labels))
    softmax = Samples(few_digits, Recipe(loss="softmax-cross-entropy", biases=True)).targets(labels)
    assert (softmax.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(softmax.argmax(axis=1), labels)
