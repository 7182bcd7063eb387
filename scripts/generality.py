"""What the generality of the network class costs: its mini-batches against a loop for 784-200-10 alone.

Both train on the same 20,000 digits in batches of 64, in turn, seven rounds; prints medians and the ratio.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.linalg.blas import sgemm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mnist_mlp import Network, encode_targets, load_mnist, scale_pixels  # noqa: E402
from mnist_mlp.nn.blas import Floats  # noqa: E402
from mnist_mlp.nn.minibatch import SGD, MiniBatchTrainer  # noqa: E402

ROWS, BATCH, RATE, ROUNDS = 20_000, 64, 0.1, 7


def sigmoid(z: Floats) -> None:
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5


def special(network: Network, inputs: Floats, targets: Floats) -> None:
    """Cross-entropy, biases, two sigmoid layers, and nothing else."""
    W, V = network.weights
    b, c = network.biases or []
    H, S, D = (np.empty((BATCH, 200), np.float32) for _ in range(3))
    O = np.empty((BATCH, 10), np.float32)  # noqa: E741
    rate = np.float32(RATE / BATCH)
    for first in range(0, ROWS - BATCH + 1, BATCH):
        x = inputs[first : first + BATCH]
        sgemm(1.0, W.T, x.T, 0.0, H.T, 1, 0, 1)
        H += b
        sigmoid(H)
        sgemm(1.0, V.T, H.T, 0.0, O.T, 1, 0, 1)
        O += c  # noqa: E741
        sigmoid(O)
        O -= targets[first : first + BATCH]  # noqa: E741
        sgemm(1.0, V.T, O.T, 0.0, D.T, 0, 0, 1)
        np.multiply(H, H, out=S)
        np.subtract(H, S, out=S)
        D *= S
        sgemm(-rate, H.T, O.T, 1.0, V.T, 0, 1, 1)
        sgemm(-rate, x.T, D.T, 1.0, W.T, 0, 1, 1)
        b -= rate * D.sum(axis=0)
        c -= rate * O.sum(axis=0)


def general(network: Network, inputs: Floats, targets: Floats) -> None:
    """The same by `MiniBatchTrainer`."""
    trainer = MiniBatchTrainer(network, batch_size=BATCH, loss="cross-entropy", optimizer=SGD())
    for first in range(0, ROWS - BATCH + 1, BATCH):
        trainer.step(inputs[first : first + BATCH], targets[first : first + BATCH], RATE)


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    digits = load_mnist(ROOT / "data")[:ROWS]
    inputs, targets = scale_pixels(digits.images), encode_targets(digits.labels)
    programs: list[Callable[[Network, Floats, Floats], None]] = [special, general]
    rounds = []
    for _ in range(ROUNDS):
        times = []
        for program in programs:
            network = Network([784, 200, 10], init="normal-fan-in", biases=True, rng=1)
            start = perf_counter()
            program(network, inputs, targets)
            times.append((perf_counter() - start) / ROWS * 1e6)
        rounds.append(times)
    alone, ours = np.median(rounds, axis=0)
    ratios = [times[1] / times[0] for times in rounds]
    print(f"a loop for 784-200-10 alone {alone:.2f} us a row, the network class {ours:.2f} us")
    print(f"ratio {np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
