"""The program for MNIST of T. Rashid's book "Make Your Own Neural Network" (2016), written from its steps.

It is what a reader of the book would otherwise run, and what the benchmark compares with. It is complete in
this file, and does not use `mnist_mlp.nn.plain`, because that loop takes other operations and another time.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class BookNetwork:
    """784-200-10 sigmoid units without biases, in float64, trained one sample at a time."""

    def __init__(self, seed: int = 1, learning_rate: float = 0.3) -> None:
        rng = np.random.default_rng(seed)
        self.input_hidden: Floats = rng.random((200, 784)) - 0.5
        self.hidden_output: Floats = rng.random((10, 200)) - 0.5
        self.learning_rate = learning_rate

    def train(self, inputs_list: ArrayLike, targets_list: ArrayLike) -> None:
        """Update the weights by one sample: inputs (784,) and targets (10,)."""
        inputs = np.array(inputs_list, ndmin=2).T
        targets = np.array(targets_list, ndmin=2).T
        hidden_outputs = scipy.special.expit(np.dot(self.input_hidden, inputs))
        final_outputs = scipy.special.expit(np.dot(self.hidden_output, hidden_outputs))
        output_errors = targets - final_outputs
        hidden_errors = np.dot(self.hidden_output.T, output_errors)
        self.hidden_output += self.learning_rate * np.dot(
            output_errors * final_outputs * (1.0 - final_outputs), hidden_outputs.T
        )
        self.input_hidden += self.learning_rate * np.dot(
            hidden_errors * hidden_outputs * (1.0 - hidden_outputs), inputs.T
        )

    def query(self, inputs_list: ArrayLike) -> Any:
        """The outputs, (10, 1), for one sample, (784,)."""
        inputs = np.array(inputs_list, ndmin=2).T
        hidden_outputs = scipy.special.expit(np.dot(self.input_hidden, inputs))
        return scipy.special.expit(np.dot(self.hidden_output, hidden_outputs))


def scaled(values: list[str]) -> Floats:
    """The inputs, (784,), of a line that was split at its commas."""
    return np.asarray(values[1:], dtype=np.float64) / 255.0 * 0.99 + 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train_csv", type=Path, help="mnist_train.csv")
    parser.add_argument("test_csv", type=Path, help="mnist_test.csv")
    parser.add_argument("epochs", type=int, nargs="?", default=5, help="passes over the training digits (5)")
    arguments = parser.parse_args()
    with arguments.train_csv.open() as file:
        training_lines = file.readlines()
    with arguments.test_csv.open() as file:
        test_lines = file.readlines()

    network = BookNetwork()
    for _ in range(arguments.epochs):
        for line in training_lines:
            values = line.split(",")
            targets = np.zeros(10) + 0.01
            targets[int(values[0])] = 0.99
            network.train(scaled(values), targets)

    scorecard = []
    for line in test_lines:
        values = line.split(",")
        answer = np.argmax(network.query(scaled(values)))
        scorecard.append(1 if answer == int(values[0]) else 0)
    print(f"accuracy {sum(scorecard) / len(scorecard)}")


if __name__ == "__main__":
    main()
