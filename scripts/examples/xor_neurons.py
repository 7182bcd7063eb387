"""XOR, one random sample at a time, on a 2-5-1 network that a tutorial builds neuron by neuron.

The weights start uniform in [0, 1). The units of a layer share one bias, uniform in [0, 1), which is not
trained. (The tutorial takes a bias of 0 for a missing one and draws another; a Network keeps the 0.) The
tutorial prints no results, so some starts are also trained by the textbook loop, `mnist_mlp.nn.plain`.
"""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from mnist_mlp import Network, train_online
from mnist_mlp.nn import plain
from mnist_mlp.nn.blas import Floats

INPUTS = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])
LEARNING_RATE = 0.5
STARTS, COMPARED = 50, 5


def start(rng: np.random.Generator) -> Network:
    """One random start."""
    return Network.from_arrays(
        weights=[rng.random((5, 2)), rng.random((1, 5))],
        biases=[np.full(5, rng.random()), np.full(1, rng.random())],
    )


def outputs(train: Callable[..., object], starts: int, updates: int = 10_000) -> Floats:
    """Train starts by `train_online` or `plain.train`; the four outputs of each afterwards, (starts, 4)."""
    result = []
    for seed in range(starts):
        rng = np.random.default_rng(seed)
        network = start(rng)
        order = rng.integers(len(INPUTS), size=updates)
        train(network, INPUTS[order], TARGETS[order], LEARNING_RATE, "squared-error", train_biases=False)
        result.append(network.forward(INPUTS)[:, 0])
    return np.array(result)


def main() -> None:
    print(start(np.random.default_rng(0)), "\n")
    began = perf_counter()
    here = outputs(train_online, STARTS)
    seconds = perf_counter() - began
    learned = (abs(here - TARGETS[:, 0]) < 0.1).all(axis=1).sum()
    print(f"{STARTS} starts, 10,000 random samples each, took {seconds:.1f} s.")
    print(f"All four outputs within 0.1 of their targets: {learned} starts.")
    difference = abs(here[:COMPARED] - outputs(plain.train, COMPARED)).max()
    print(f"Largest difference from the textbook loop, over {COMPARED} starts: {difference:.1e}\n")
    print("outputs at the end        lowest    median   highest   target")
    for column, inputs in enumerate(INPUTS.astype(int)):
        low, median, high = np.quantile(here[:, column], [0, 0.5, 1])
        sample = f"({inputs[0]}, {inputs[1]})"
        print(f"{sample:<22}{low:10.4f}{median:10.4f}{high:10.4f}{TARGETS[column, 0]:9.0f}")


if __name__ == "__main__":
    main()
