"""XOR, the four samples in order, on a 2-3-4-1 network that a tutorial builds of layers: the losses.

The tutorial takes the derivative of the sigmoid at its output and not at the weighted sum, so the sigmoid is
applied twice; with that slip a loss of 0.01 is rarely reached. (Its program has two more: sigmoid(z) reads
another variable, and `np.np.squeeze` does not exist. What it calls `none` is `linear` here.) It shows a
single run from an unknown start, so here are 50 starts, some of them also trained by the textbook loop.
"""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from mnist_mlp import Network, train_online
from mnist_mlp.nn import plain
from mnist_mlp.nn.blas import Floats

SIZES = (2, 3, 4, 1)
INPUTS = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])
LEARNING_RATE = 0.1
EPOCHS = 1000
STARTS, COMPARED = 50, 5
TUTORIAL_LOSSES = {1: 1.5461586, 2: 1.0010336, 10: 0.3916952, 995: 0.0018694, 1000: 0.0016546}
TUTORIAL_OUTPUTS = {0: 0.0610148, 1: 0.98877437}


def start(seed: int) -> Network:
    """One random start: weights 2 x normal(0, 1), biases normal(0, 1)."""
    rng = np.random.default_rng(seed)
    shapes = list(zip(SIZES[1:], SIZES[:-1], strict=True))
    return Network.from_arrays(
        weights=[2 * rng.normal(size=shape) for shape in shapes],
        biases=[rng.normal(size=n_out) for n_out, _ in shapes],
        activations=("sigmoid", "sigmoid", "linear"),
    )


def runs(train: Callable[..., Floats], starts: int) -> tuple[Floats, Floats]:
    """Train starts by `train_online` or `plain.train`.

    Returns:
        The loss of each epoch, (starts, EPOCHS): half the squared error before each update, averaged over the
        four samples. And the four outputs after the last epoch, (starts, 4).
    """
    inputs, targets = np.tile(INPUTS, (EPOCHS, 1)), np.tile(TARGETS, (EPOCHS, 1))
    losses, outputs = [], []
    for seed in range(starts):
        network = start(seed)
        before = train(network, inputs, targets, LEARNING_RATE, "squared-error")
        losses.append(0.5 * np.square(before - targets).reshape(EPOCHS, 4).mean(axis=1))
        outputs.append(network.forward(INPUTS)[:, 0])
    return np.array(losses), np.array(outputs)


def reached(losses: Floats) -> int:
    """How many starts came to a loss of 0.01."""
    return int((losses.min(axis=1) <= 0.01).sum())


def learned(outputs: Floats) -> int:
    """How many starts end with all four outputs within 0.1 of their targets."""
    return int((abs(outputs - TARGETS[:, 0]) < 0.1).all(axis=1).sum())


def main() -> None:
    print(start(0), "\n")
    began = perf_counter()
    losses, outputs = runs(train_online, STARTS)
    seconds = perf_counter() - began

    print(f"loss after epoch      tutorial       here, {STARTS} starts: 10 %, median, 90 %")
    for epoch, given in TUTORIAL_LOSSES.items():
        quantiles = np.quantile(losses[:, epoch - 1], [0.1, 0.5, 0.9])
        print(f"{epoch:>16,}{given:14.7f}{'':6}", *(f"{value:12.7f}" for value in quantiles))
    print("\noutput for            tutorial       here: 10 %, median, 90 %")
    for sample, given in TUTORIAL_OUTPUTS.items():
        quantiles = np.quantile(outputs[:, sample], [0.1, 0.5, 0.9])
        name = f"({INPUTS[sample, 0]:.0f}, {INPUTS[sample, 1]:.0f})"
        print(f"{name:>16}{given:14.7f}{'':6}", *(f"{value:12.7f}" for value in quantiles))

    print(f"\nA loss of 0.01 within {EPOCHS:,} epochs: {reached(losses)} of {STARTS} starts.")
    print(f"All four outputs within 0.1 of their targets: {learned(outputs)} of {STARTS} starts.")
    difference = abs(losses[:COMPARED] - runs(plain.train, COMPARED)[0]).max()
    print(f"Largest difference of a loss from the textbook loop, over {COMPARED} starts: {difference:.1e}")
    print(f"The {STARTS} starts took {seconds:.1f} s.")


if __name__ == "__main__":
    main()
