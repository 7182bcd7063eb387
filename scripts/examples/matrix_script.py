"""A 3-5-1 network of a tutorial in a few lines of NumPy: no biases, all four samples at once, 1,000 updates.

The tutorial's targets are just the first input, so a straight line can separate the samples: it is not XOR.
Its script updates the output weights before it propagates the error through them; here they are used as they
were. It ends by printing its outputs, but its start is not known. So the outputs from 50 starts are shown.
"""

import numpy as np

from mnist_mlp import Network
from mnist_mlp.nn.minibatch import SGD, MiniBatchTrainer

INPUTS = np.array([[0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])
UPDATES = 1000


def trained(seed: int) -> Network:
    """Train one random start, weights normal(0, 0.1), with learning rate 1 on the sum over the samples."""
    rng = np.random.default_rng(seed)
    network = Network.from_arrays([rng.normal(0, 0.1, (5, 3)), rng.normal(0, 0.1, (1, 5))])
    trainer = MiniBatchTrainer(network, batch_size=4, optimizer=SGD())
    for _ in range(UPDATES):
        # A step follows the mean over the samples; for the sum over four it is four times as long.
        trainer.step(INPUTS, TARGETS, learning_rate=4.0)
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
        sample = " ".join(map(str, inputs))
        print(f"{sample:<28}{low:10.4f}{median:10.4f}{high:10.4f}{TARGETS[column, 0]:9.0f}")
    sides = sum(on_their_sides(network) for network in networks)
    print(f"\nAll four outputs on their sides of 0.5: {sides} of {starts} starts.")


if __name__ == "__main__":
    main()
