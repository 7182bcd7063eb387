"""The worked example: a 2-2-2 network, its weights after one update and its error after 10,000.

The setting and the numbers are those of M. Mazur, "A Step by Step Backpropagation Example". His error after
one update is 0.291027924, since it updates the output weights before it propagates through them; here, as in
the text beside it, the error goes back through the weights as they were. The biases are not trained.
"""

import numpy as np

from mnist_mlp import Network, train_online

INPUTS = np.array([[0.05, 0.10]])
TARGETS = np.array([[0.01, 0.99]])
LEARNING_RATE = 0.5

WEIGHTS_AFTER_ONE = {
    "hidden": [[0.149780716, 0.199561432], [0.249751144, 0.299502287]],
    "output": [[0.358916480, 0.408666186], [0.511301270, 0.561370121]],
}
ERROR_AFTER = {0: 0.298371109, 1: 0.291027774, 9_999: 0.0000351085, 10_000: 0.0000351019}


def start() -> Network:
    """The network before its first update; all neurons of a layer share one bias."""
    return Network.from_arrays(
        weights=[[[0.15, 0.20], [0.25, 0.30]], [[0.40, 0.45], [0.50, 0.55]]],
        biases=[[0.35, 0.35], [0.60, 0.60]],
    )


def updated(updates: int) -> Network:
    """The network after as many updates, each with the same row."""
    network = start()
    rows = np.repeat(INPUTS, updates, axis=0)
    targets = np.repeat(TARGETS, updates, axis=0)
    train_online(network, rows, targets, LEARNING_RATE, "squared-error", train_biases=False)
    return network


def error(network: Network) -> float:
    """Half the squared error, summed over both outputs."""
    return float(0.5 * np.square(network.forward(INPUTS) - TARGETS).sum())


def main() -> None:
    print(start(), "\n")
    once = updated(1)
    print(f"{'after one update':<22}{'document':>14}{'here':>18}")
    for weights, (layer, given) in zip(once.weights, WEIGHTS_AFTER_ONE.items(), strict=True):
        for number, (here, there) in enumerate(zip(weights.ravel(), np.ravel(given), strict=True), 1):
            print(f"{f'{layer} weight {number}':<22}{there:14.9f}{here:18.12f}")
    print(f"\n{'error after updates':<22}{'document':>14}{'here':>18}")
    for updates, document in ERROR_AFTER.items():
        print(f"{f'{updates:,}':<22}{document:14.10f}{error(updated(updates)):18.13f}")


if __name__ == "__main__":
    main()
