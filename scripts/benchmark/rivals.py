"""The same work as others do it in this process, if they are installed: PyTorch and scikit-learn."""

from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

from mnist_mlp import Network
from mnist_mlp.nn.blas import Floats

BOOK, PYTORCH, SKLEARN = "the book's program", "PyTorch", "scikit-learn"

LEARNING_RATE = 0.1  # of the mean over the samples of the loss, which is the sum over the outputs


def installed(distribution: str) -> bool:
    """Whether a package is installed, by its name in the package index."""
    return any(metadata.distributions(name=distribution))


def pytorch_network(network: Network) -> Any:
    """The same weights and biases in PyTorch; it gives the weighted sums of the outputs."""
    import torch  # noqa: PLC0415, only where installed

    model = torch.nn.Sequential(torch.nn.Linear(784, 200), torch.nn.Sigmoid(), torch.nn.Linear(200, 10))
    arrays = [array for layer in zip(network.weights, network.biases or [], strict=True) for array in layer]
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(array))
    return model


def pytorch_epoch(model: Any, inputs: Floats, targets: Floats, size: int) -> Callable[[], None]:
    """An epoch in mini-batches: tensors in memory, slices as batches."""
    import torch  # noqa: PLC0415

    x, t = torch.from_numpy(inputs), torch.from_numpy(targets)
    loss_function = torch.nn.BCEWithLogitsLoss()  # the mean over the ten outputs too
    optimizer = torch.optim.SGD(model.parameters(), lr=10 * LEARNING_RATE)

    def epoch() -> None:
        for first in range(0, len(x), size):
            optimizer.zero_grad()
            loss_function(model(x[first : first + size]), t[first : first + size]).backward()
            optimizer.step()

    return epoch


def pytorch_answers(network: Network) -> Callable[[Floats], object]:
    import torch  # noqa: PLC0415

    model = pytorch_network(network)

    def answers(inputs: Floats) -> object:
        with torch.inference_mode():
            return model(torch.from_numpy(inputs)).argmax(dim=1)

    return answers


def sklearn_epoch(inputs: Floats, targets: Floats, size: int) -> tuple[Any, Callable[[], object]]:
    """scikit-learn's network, and its epoch in mini-batches, samples in order.

    It takes ten answers of 0 or 1 a sample to mean ten sigmoid outputs with binary cross-entropy, as ours.
    """
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415, only where installed

    plain = {"alpha": 0, "momentum": 0, "nesterovs_momentum": False, "shuffle": False, "random_state": 1}
    model = MLPClassifier(
        (200,), "logistic", solver="sgd", batch_size=size, learning_rate_init=LEARNING_RATE, **plain
    )
    labels = (targets > 0.5).astype(np.intp)
    return model, lambda: model.partial_fit(inputs, labels, classes=np.arange(10))


def sklearn_answers(inputs: Floats, targets: Floats) -> Callable[[Floats], object]:
    model, epoch = sklearn_epoch(inputs, targets, min(200, len(inputs)))
    epoch()
    return lambda x: model.predict_proba(x).argmax(axis=1)
