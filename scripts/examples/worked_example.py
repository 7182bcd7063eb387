"""One network worked out by hand: 2-2-2, its weights after one update and its errors up to 10,000 updates.

The network is that of M. Mazur, "A Step by Step Backpropagation Example", whose targets are 0.01 and 0.99. An
introductory tutorial runs it in Python with the targets 0.01 and 0.09. Both train it on one sample again and
again with the learning rate 0.5; the biases are not trained.
"""

import numpy as np

from mnist_mlp import Network, train_online
from mnist_mlp.nn.blas import Floats

INPUTS = np.array([[0.05, 0.10]])
LEARNING_RATE = 0.5
UPDATES = (0, 1, 9_999, 10_000)

MAZUR_TARGETS = np.array([[0.01, 0.99]])
MAZUR_WEIGHTS = [
    [[0.149780716, 0.19956143], [0.24975114, 0.29950229]],
    [[0.35891648, 0.408666186], [0.511301270, 0.561370121]],
]
MAZUR_ERRORS = {0: 0.298371109, 1: 0.291027924, 10_000: 0.0000351085}

TUTORIAL_TARGETS = np.array([[0.01, 0.09]])
TUTORIAL_ERRORS = {0: 0.508006728, 1: 0.496045683, 10_000: 0.000018102}


def start() -> Network:
    """The network before its first update; the units of a layer share one bias."""
    return Network.from_arrays(
        weights=[[[0.15, 0.20], [0.25, 0.30]], [[0.40, 0.45], [0.50, 0.55]]],
        biases=[[0.35, 0.35], [0.60, 0.60]],
    )


def trained(targets: Floats, updates: int) -> Network:
    """The network after as many updates on the one sample."""
    network = start()
    inputs, targets = np.repeat(INPUTS, updates, axis=0), np.repeat(targets, updates, axis=0)
    train_online(network, inputs, targets, LEARNING_RATE, "squared-error", train_biases=False)
    return network


def error(network: Network, targets: Floats) -> float:
    """Half the squared error, summed over both outputs."""
    return float(0.5 * np.square(network.forward(INPUTS) - targets).sum())


def print_errors(source: str, targets: Floats, printed: dict[int, float]) -> None:
    print(f"\n{f'error, targets {targets[0, 0]} and {targets[0, 1]}':<32}{source:>16}{'here':>20}")
    for updates in UPDATES:
        given = f"{printed[updates]:.10f}" if updates in printed else ""
        here = error(trained(targets, updates), targets)
        count = f"after {updates:,} update{'s' * (updates != 1)}"
        print(f"{count:<32}{given:>16}{here:20.13f}")


def main() -> None:
    print(start())
    once = trained(MAZUR_TARGETS, 1)
    print(f"\n{'weights after one update':<32}{'Mazur':>16}{'here':>20}")
    for layer, (weights, given) in enumerate(zip(once.weights, MAZUR_WEIGHTS, strict=True)):
        for (unit, source), here in np.ndenumerate(weights):
            name = f"layer {layer}, unit {unit}, input {source}"
            print(f"{name:<32}{given[unit][source]:16.9f}{here:20.12f}")
    print_errors("Mazur", MAZUR_TARGETS, MAZUR_ERRORS)
    print("Mazur's 0.291027924 belongs to hidden weights updated through output weights")
    print("that were updated before. His last error is the one before the last update.")
    print_errors("the tutorial", TUTORIAL_TARGETS, TUTORIAL_ERRORS)


if __name__ == "__main__":
    main()
