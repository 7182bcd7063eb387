"""XOR, row by row in order, on the 2-3-4-1 network of the layers document: the loss of each epoch.

The document takes the sigmoid's slope of the sigmoid's output, so the sigmoid is applied twice; with that
slip a loss of 0.01 is rarely reached (its program has two more: sigmoid(z) reads another variable, and
`np.np.squeeze` does not exist). Here the slope is taken of the weighted sum. The document shows a single
run from an unknown start, so 50 starts stand beside it, and the same 50 through a plain loop.
"""

from dataclasses import dataclass
from time import perf_counter

import numpy as np
import plain

from mnist_mlp import Network, train_online

SIZES, ACTIVATIONS = (2, 3, 4, 1), ("sigmoid", "sigmoid", "linear")
INPUTS = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])
LEARNING_RATE = 0.1
EPOCHS = 1000
DOCUMENT_LOSSES = {1: 1.5461586, 2: 1.0010336, 10: 0.3916952, 995: 0.0018694, 1000: 0.0016546}
DOCUMENT_OUTPUTS = {0: 0.0610148, 1: 0.98877437}


@dataclass
class Runs:
    """What came of the starts.

    Attributes:
        losses: (starts, epochs), mean over an epoch's rows of half the squared error before each update.
        outputs: (starts, 4), for the four rows after the last epoch.
    """

    losses: plain.Array
    outputs: plain.Array

    @property
    def reached(self) -> int:
        """How many starts came to a loss of 0.01."""
        return int((self.losses.min(axis=1) <= 0.01).sum())

    @property
    def learned(self) -> int:
        """How many starts end with all four outputs within 0.1 of their targets."""
        return int((abs(self.outputs - TARGETS[:, 0]) < 0.1).all(axis=1).sum())


def start(seed: int) -> Network:
    """One random start of the document's: weights 2 x normal(0, 1), biases normal(0, 1)."""
    rng = np.random.default_rng(seed)
    shapes = list(zip(SIZES[1:], SIZES[:-1], strict=True))
    return Network.from_arrays(
        weights=[2 * rng.normal(size=shape) for shape in shapes],
        biases=[rng.normal(size=n_out) for n_out, _ in shapes],
        activations=ACTIVATIONS,
    )


def by_network(starts: int) -> Runs:
    """Train each start on the four rows, epoch after epoch."""
    rows, targets = np.tile(INPUTS, (EPOCHS, 1)), np.tile(TARGETS, (EPOCHS, 1))
    losses, outputs = [], []
    for seed in range(starts):
        network = start(seed)
        before = train_online(network, rows, targets, LEARNING_RATE, "squared-error")
        losses.append(0.5 * np.square(before - targets).reshape(EPOCHS, 4).mean(axis=1))
        outputs.append(network.forward(INPUTS)[:, 0])
    return Runs(np.array(losses), np.array(outputs))


def by_plain_loop(starts: int) -> Runs:
    """The same from the same starts, through the plain loop."""
    weights, biases = plain.stacked([start(seed) for seed in range(starts)])
    rows = np.tile(INPUTS[:, None], (EPOCHS, starts, 1))
    targets = np.tile(TARGETS[:, None], (EPOCHS, starts, 1))
    before = plain.train(
        weights, biases, ACTIVATIONS, rows, targets, learning_rate=LEARNING_RATE, train_biases=True
    )
    losses = 0.5 * np.square(before - targets).reshape(EPOCHS, 4, starts).mean(axis=1)
    return Runs(losses.T, plain.outputs(weights, biases, ACTIVATIONS, INPUTS))


def main(starts: int = 50) -> None:
    print(start(0), "\n")
    began = perf_counter()
    here = by_network(starts)
    seconds = perf_counter() - began
    reference = by_plain_loop(starts)

    print(f"loss after epoch      document       here, {starts} starts: 10 %, median, 90 %")
    for epoch, document in DOCUMENT_LOSSES.items():
        quantiles = np.quantile(here.losses[:, epoch - 1], [0.1, 0.5, 0.9])
        print(f"{epoch:>16,}{document:14.7f}{'':6}", *(f"{value:12.7f}" for value in quantiles))
    print("\noutput for            document       here: 10 %, median, 90 %")
    for row, document in DOCUMENT_OUTPUTS.items():
        quantiles = np.quantile(here.outputs[:, row], [0.1, 0.5, 0.9])
        name = f"({INPUTS[row, 0]:.0f}, {INPUTS[row, 1]:.0f})"
        print(f"{name:>16}{document:14.7f}{'':6}", *(f"{value:12.7f}" for value in quantiles))

    print(f"\nof {starts} starts{'Network':>36}{'plain loop':>14}")
    print(f"{f'a loss of 0.01 within {EPOCHS:,} epochs':<36}{here.reached:12}{reference.reached:14}")
    print(f"{'all four outputs within 0.1':<36}{here.learned:12}{reference.learned:14}")
    print(f"Largest difference of a loss between the two: {abs(here.losses - reference.losses).max():.1e}")
    print(f"The Network took {seconds:.1f} s.")


if __name__ == "__main__":
    main()
