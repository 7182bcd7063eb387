"""What a network answers to images."""

import numpy as np

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network
from mnist_mlp.training.scoring import outputs_for


def test_outputs_are_those_of_all_images_in_the_networks_dtype(mnist_test: Digits) -> None:
    images, network = mnist_test.images[:5000], Network([784, 3], rng=1, dtype=np.float64)
    inputs, shift = scale_pixels(images), np.float32(0.5)
    for found, expected in (
        (outputs_for(network, images), network.forward(inputs)),
        (outputs_for(network, images, shift), network.forward(inputs - shift)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert outputs_for(network, images[:0]).shape == (0, 3)
