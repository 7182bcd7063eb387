"""The same work as others do it in this process, if they are installed: PyTorch and scikit-learn."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.network import Network

BOOK, PYTORCH, SKLEARN = "the book's program", "PyTorch", "scikit-learn"

LEARNING_RATE = 0.1  # of the mean over the rows of the loss, which is the sum over the outputs


def installed(module: str) -> bool:
    return find_spec(module) is not None


def pytorch_network(network: Network) -> Any:
    """The same weights and biases in PyTorch; it gives the weighted sums of the outputs."""
    import torch  # noqa: PLC0415, only where installed

    model = torch.nn.Sequential(torch.nn.Linear(784, 200), torch.nn.Sigmoid(), torch.nn.Linear(200, 10))
    with torch.no_grad():
        for layer, W, b in zip((model[0], model[2]), network.weights, network.biases or [], strict=True):
            layer.weight.copy_(torch.from_numpy(W))
            layer.bias.copy_(torch.from_numpy(b))
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
    """scikit-learn's network, and its epoch in mini-batches, rows in order.

    It takes ten answers of 0 or 1 a row to mean ten sigmoid outputs with binary cross-entropy, as ours.
    """
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415, only where installed

    model = MLPClassifier(
        hidden_layer_sizes=(200,),
        activation="logistic",
        solver="sgd",
        alpha=0,
        batch_size=size,
        learning_rate_init=LEARNING_RATE,
        momentum=0,
        nesterovs_momentum=False,
        shuffle=False,
        random_state=1,
    )
    labels = (targets > 0.5).astype(np.intp)
    return model, lambda: model.partial_fit(inputs, labels, classes=np.arange(10))


def sklearn_answers(inputs: Floats, targets: Floats) -> Callable[[Floats], object]:
    model, epoch = sklearn_epoch(inputs, targets, min(200, len(inputs)))
    epoch()
    return lambda x: model.predict_proba(x).argmax(axis=1)
