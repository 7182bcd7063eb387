"""M. Mazur's "A Step by Step Backpropagation Example", by hand and by all ways of training.

Inputs i = (0.05, 0.10), sigmoid s(z) = 1 / (1 + e^-z).
Hidden:  z = 0.15 x 0.05 + 0.20 x 0.10 + 0.35 = 0.3775    s = 0.593269992
         z = 0.25 x 0.05 + 0.30 x 0.10 + 0.35 = 0.3925    s = 0.596884378
Output:  z = 0.40 x 0.593269992 + 0.45 x 0.596884378 + 0.60 = 1.105905967    s = 0.751365070
         z = 0.50 x 0.593269992 + 0.55 x 0.596884378 + 0.60 = 1.224921404    s = 0.772928465
Error:   (0.751365070 - 0.01)² / 2 + (0.772928465 - 0.99)² / 2 = 0.274811083 + 0.023560026 = 0.298371109

Output deltas, error x derivative s (1 - s):
         0.741365070 x 0.186815602 = 0.138498562,  -0.217071535 x 0.175510053 = -0.038098237
Output gradients, delta x hidden output:
         0.082167041  0.082667628 / -0.022602540  -0.022740242
less half of which (the learning rate is 0.5):
         0.40 - 0.041083520 = 0.358916480,  0.45 - 0.041333814 = 0.408666186
         0.50 + 0.011301270 = 0.511301270,  0.55 + 0.011370121 = 0.561370121

Backpropagated through the weights before their update:
         0.40 x 0.138498562 + 0.50 x -0.038098237 = 0.036350306, x derivative 0.241300709 = 0.008771355
         0.45 x 0.138498562 + 0.55 x -0.038098237 = 0.041370323, x derivative 0.240613417 = 0.009954255
Hidden gradients, delta x input: 0.000438568  0.000877135 / 0.000497713  0.000995425, and so
         0.15 - 0.000219284 = 0.149780716,  0.20 - 0.000438568 = 0.199561432
         0.25 - 0.000248856 = 0.249751144,  0.30 - 0.000497713 = 0.299502287
The biases are not trained.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp import Network, train_online
from mnist_mlp.nn import plain
from mnist_mlp.nn.minibatch import SGD, MiniBatchTrainer

Array: TypeAlias = NDArray[Any]

INPUTS = np.array([[0.05, 0.10]])
TARGETS = np.array([[0.01, 0.99]])
NINE_DIGITS = 5.1e-10  # half a unit of the ninth, and a little for the rounding of the rounding


def start() -> Network:
    return Network.from_arrays(
        weights=[[[0.15, 0.20], [0.25, 0.30]], [[0.40, 0.45], [0.50, 0.55]]],
        biases=[[0.35, 0.35], [0.60, 0.60]],
    )


def by_the_loop(network: Network, updates: int) -> None:
    samples = np.repeat(INPUTS, updates, axis=0), np.repeat(TARGETS, updates, axis=0)
    plain.train(network, *samples, 0.5, "squared-error", train_biases=False)


def in_blocks(network: Network, updates: int) -> None:
    samples = np.repeat(INPUTS, updates, axis=0), np.repeat(TARGETS, updates, axis=0)
    train_online(network, *samples, 0.5, "squared-error", train_biases=False)


def in_mini_batches_of_one(network: Network, updates: int) -> None:
    trainer = MiniBatchTrainer(network, batch_size=1, optimizer=SGD())
    for _ in range(updates):
        trainer.step(INPUTS, TARGETS, 0.5)
        for biases, before in zip(network.biases or [], (0.35, 0.60), strict=True):
            biases[:] = before


each_way = pytest.mark.parametrize("learn", [by_the_loop, in_blocks, in_mini_batches_of_one])


def error(network: Network) -> float:
    return float(0.5 * np.square(network.forward(INPUTS) - TARGETS).sum())


def assert_printed(array: Array, printed: list[list[float]]) -> None:
    np.testing.assert_allclose(array, printed, rtol=0, atol=NINE_DIGITS)


def test_forward() -> None:
    network = start()
    for y in (plain.forward(network, INPUTS[0]), [y[0] for y in network.layer_outputs(INPUTS)]):
        assert_printed(np.array(y[1:]), [[0.593269992, 0.596884378], [0.751365070, 0.772928465]])
    assert error(network) == pytest.approx(0.298371109, abs=NINE_DIGITS)


def test_gradients() -> None:
    weights, biases = start().gradients(INPUTS, TARGETS)
    assert_printed(weights[1], [[0.082167041, 0.082667628], [-0.022602540, -0.022740242]])
    assert_printed(weights[0], [[0.000438568, 0.000877135], [0.000497713, 0.000995425]])
    assert biases is not None
    assert_printed(biases[1][None], [[0.138498562, -0.038098237]])
    assert_printed(biases[0][None], [[0.008771355, 0.009954255]])


@each_way
def test_one_update(learn: Callable[[Network, int], None]) -> None:
    network = start()
    learn(network, 1)
    assert_printed(network.weights[1], [[0.358916480, 0.408666186], [0.511301270, 0.561370121]])
    assert_printed(network.weights[0], [[0.149780716, 0.199561432], [0.249751144, 0.299502287]])
    assert [b.tolist() for b in network.biases or []] == [[0.35, 0.35], [0.60, 0.60]]
    assert error(network) == pytest.approx(0.291027774, abs=NINE_DIGITS)


@each_way
def test_ten_thousand_updates(learn: Callable[[Network, int], None]) -> None:
    network = start()
    learn(network, 9_999)
    assert error(network) == pytest.approx(0.0000351085, abs=0.5e-10)
    learn(network, 1)
    assert error(network) == pytest.approx(0.0000351019, abs=0.5e-10)
