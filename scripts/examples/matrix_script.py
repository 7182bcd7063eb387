"""The 3-5-1 network of the matrix script: no biases, all four rows at once, 1,000 updates.

The document's targets are just the first input, so the rows can be told apart by a straight line: it is not
XOR. Its script updates the output weights before it propagates through them; here they are used as they were.
It prints no outputs; what is asked is that each ends on its own side of 0.5.
"""

import numpy as np

from mnist_mlp import Network
from mnist_mlp.nn.minibatch import SGD, MiniBatchTrainer

INPUTS = np.array([[0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])
UPDATES = 1000


def trained(seed: int) -> Network:
    """Train one random start, weights normal(0, 0.1), with learning rate 1 on the sum over the rows."""
    rng = np.random.default_rng(seed)
    network = Network.from_arrays([rng.normal(0, 0.1, (5, 3)), rng.normal(0, 0.1, (1, 5))])
    # A step goes down the mean over the rows, so the sum over four rows is four times the rate.
    trainer = MiniBatchTrainer(network, batch_size=4, loss="squared-error", optimizer=SGD())
    for _ in range(UPDATES):
        trainer.step(INPUTS, TARGETS, learning_rate=1.0 * len(INPUTS))
    return network


def on_their_sides(network: Network) -> bool:
    """Whether all four outputs are on their targets' sides of 0.5."""
    return bool(np.array_equal(network.forward(INPUTS) > 0.5, TARGETS > 0.5))


def main(starts: int = 50) -> None:
    networks = [trained(seed) for seed in range(starts)]
    print(networks[0], "\n")
    outputs = np.array([network.forward(INPUTS)[:, 0] for network in networks])
    print(f"outputs after {UPDATES:,} updates      lowest    median   highest   target")
    for column, inputs in enumerate(INPUTS.astype(int)):
        low, median, high = np.quantile(outputs[:, column], [0, 0.5, 1])
        row = " ".join(map(str, inputs))
        print(f"{row:<28}{low:10.4f}{median:10.4f}{high:10.4f}{TARGETS[column, 0]:9.0f}")
    sides = sum(on_their_sides(network) for network in networks)
    print(f"\nAll four outputs on their sides of 0.5: {sides} of {starts} starts.")


if __name__ == "__main__":
    main()
