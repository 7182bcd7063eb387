"""XOR, one random row at a time, on the 2-5-1 network that one document builds neuron by neuron.

Weights are uniform in [0, 1), and each layer's neurons share one bias, uniform in [0, 1), which is not
trained. (The document replaces a bias of 0 by a random one; a Network keeps the 0.) The document prints no
results, so the same starts and rows are also run through a plain loop.
"""

from time import perf_counter

import numpy as np
import plain

from mnist_mlp import Network, train_online

SIZES, ACTIVATIONS = (2, 5, 1), ("sigmoid", "sigmoid")
INPUTS = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])
LEARNING_RATE = 0.5


def start(rng: np.random.Generator) -> Network:
    """One random start of the document's."""
    _, hidden, out = SIZES
    return Network.from_arrays(
        weights=[rng.random((hidden, 2)), rng.random((out, hidden))],
        biases=[np.full(hidden, rng.random()), np.full(out, rng.random())],
        activations=ACTIVATIONS,
    )


def by_network(starts: int, updates: int) -> plain.Array:
    """The four outputs at the end of each start's training, (starts, 4)."""
    outputs = []
    for seed in range(starts):
        rng = np.random.default_rng(seed)
        network = start(rng)
        rows = rng.integers(len(INPUTS), size=updates)
        train_online(network, INPUTS[rows], TARGETS[rows], LEARNING_RATE, "squared-error", train_biases=False)
        outputs.append(network.forward(INPUTS)[:, 0])
    return np.array(outputs)


def by_plain_loop(starts: int, updates: int) -> plain.Array:
    """The same from the same starts and rows, through the plain loop."""
    rngs = [np.random.default_rng(seed) for seed in range(starts)]
    networks = [start(rng) for rng in rngs]
    rows = np.stack([rng.integers(len(INPUTS), size=updates) for rng in rngs], axis=1)
    weights, biases = plain.stacked(networks)
    plain.train(
        weights,
        biases,
        ACTIVATIONS,
        INPUTS[rows],
        TARGETS[rows],
        learning_rate=LEARNING_RATE,
        train_biases=False,
    )
    return plain.outputs(weights, biases, ACTIVATIONS, INPUTS)


def learned(outputs: plain.Array) -> int:
    """How many starts end with all four outputs within 0.1 of their targets."""
    return int((abs(outputs - TARGETS[:, 0]) < 0.1).all(axis=1).sum())


def main(starts: int = 50, updates: int = 10_000) -> None:
    print(start(np.random.default_rng(0)), "\n")
    began = perf_counter()
    here = by_network(starts, updates)
    seconds = perf_counter() - began
    reference = by_plain_loop(starts, updates)
    print(f"{starts} starts, {updates:,} random rows each {'Network':>12}{'plain loop':>14}")
    print(f"{'all four outputs within 0.1':<36}{learned(here):12}{learned(reference):14}")
    print(f"Largest difference of an output between the two: {abs(here - reference).max():.1e}")
    print(f"The Network took {seconds:.1f} s. The document prints no results of its own.\n")
    print("outputs at the end        lowest    median   highest   target")
    for column, inputs in enumerate(INPUTS.astype(int)):
        low, median, high = np.quantile(here[:, column], [0, 0.5, 1])
        row = f"({inputs[0]}, {inputs[1]})"
        print(f"{row:<22}{low:10.4f}{median:10.4f}{high:10.4f}{TARGETS[column, 0]:9.0f}")


if __name__ == "__main__":
    main()
