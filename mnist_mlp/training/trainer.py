"""Training a network by a recipe: epochs, mini-batches, early stopping, and a state to resume from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.images import Digits
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.losses import LOSSES
from mnist_mlp.nn.minibatch import SGD, Adam, MiniBatchTrainer
from mnist_mlp.nn.network import Network, NetworkError
from mnist_mlp.nn.online import BLOCK_SIZE, OnlineTrainer
from mnist_mlp.nn.reparametrize import INPUT_MEAN, from_training, to_training
from mnist_mlp.training.history import EpochRecord, best_epoch, history_from_csv, history_to_csv
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.samples import NO_DIGIT, Indices, Samples
from mnist_mlp.training.schedule import learning_rate_at
from mnist_mlp.training.scoring import outputs_for

# Samples are read, trained on and reported in chunks of about this many, to keep memory flat.
_CHUNK = 2048
# The Gram matrices of at most this many samples are kept, 15 MB: memory stays flat, and MNIST has no more.
_SAMPLES_WITH_GRAM_MATRICES = 60_000


class TrainingError(MnistMlpError):
    """Training that cannot go on."""


STOP = object()
"""Returned by an `on_epoch` callback, it ends the training after this epoch."""


@dataclass(frozen=True)
class Progress:
    """How far an epoch has come.

    Attributes:
        epoch: counted from 1.
        samples_done: of the epoch.
        samples: of the whole epoch.
        accuracy: fraction of the samples done that were right, just before their own update.
    """

    epoch: int
    samples_done: int
    samples: int
    accuracy: float


def train(
    network: Network,
    digits: Digits,
    recipe: Recipe,
    *,
    validation: Digits | None = None,
    on_epoch: Callable[[EpochRecord], object] | None = None,
) -> list[EpochRecord]:
    """Train a network by a recipe, in place.

    Args:
        network: of the recipe's layers, as `recipe.network()` builds it; its activations may differ. By the
            book's rule (`raw-error`) a network of ReLU units without biases may not learn.
        digits: the training digits. The recipe's own `validation` setting is not looked at here.
        recipe: the settings.
        validation: digits to score after each epoch.
        on_epoch: called with the record of each epoch as it ends; the network is up to date by then. If it
            returns `STOP`, the training ends there.

    Returns:
        The record of each epoch.

    Raises:
        NetworkError: if the network is not one of the recipe's layers.
        TrainingError: if the loss is no longer finite; the network is that of the epoch before.
    """
    trainer = Trainer(network, digits, recipe, validation=validation)
    while not trainer.finished:
        record = trainer.run_epoch()
        for array, trained in zip(network.parameters(), trainer.network().parameters(), strict=True):
            array[...] = trained
        if on_epoch is not None and on_epoch(record) is STOP:
            break
    return trainer.history


class Trainer:
    """A training under way, which can be stopped after any epoch and resumed from its state.

    It trains a copy of the network, in the coordinates of the recipe: with centered inputs or softmax
    outputs. Everything random in an epoch is drawn from a generator of the recipe's seed and the epoch's
    number, so that the state between epochs holds no generator.

    Raises:
        NetworkError: if the network is not one of the recipe's layers.
        TrainingError: if there are no digits to learn from, or none held out though patience needs them.
    """

    def __init__(
        self, network: Network, digits: Digits, recipe: Recipe, *, validation: Digits | None = None
    ) -> None:
        _check_fits(network, recipe)
        if not len(digits):
            raise TrainingError("there are no training digits left to learn from")
        if recipe.patience and validation is None:
            raise TrainingError("patience needs held-out digits; give them as validation")
        self.history: list[EpochRecord] = []
        self._samples = Samples(digits, recipe)
        self._validation = validation
        self._recipe = recipe
        self._loss = LOSSES[recipe.loss]
        self._coordinates = {
            "center_inputs": recipe.center_inputs,
            "softmax": recipe.loss == "softmax-cross-entropy",
        }
        self._network = to_training(network, **self._coordinates)
        self._best = self._network.copy() if recipe.patience else self._network
        self._steps_per_epoch = -(-len(self._samples) // recipe.batch_size)
        together = BLOCK_SIZE if recipe.online else recipe.batch_size
        self._chunk_size = together * max(1, _CHUNK // together)
        self._gram_caches: dict[int, list[Floats]] = {}  # by the first sample of the chunk
        self._online = OnlineTrainer(self._network, recipe.loss) if recipe.online else None
        self._mini_batches = MiniBatchTrainer(
            self._network,
            batch_size=recipe.batch_size,
            loss=recipe.loss,
            optimizer=Adam() if recipe.optimizer == "adam" else SGD(recipe.momentum),
            weight_decay=recipe.weight_decay,
        )

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the recipe's patience is at an end."""
        patience, epochs = self._recipe.patience, len(self.history)
        return epochs >= self._recipe.epochs or 0 < patience <= epochs - best_epoch(self.history)

    def network(self) -> Network:
        """The network as trained so far (with patience, as of the best epoch), for `scale_pixels` inputs."""
        return from_training(self._best, **self._coordinates)

    def outputs(self, images: NDArray[np.uint8]) -> Floats:
        """The outputs (n, 10) of the network as trained so far, in its own coordinates, for (n, 28, 28)."""
        return outputs_for(self._network, images, shift=INPUT_MEAN if self._recipe.center_inputs else None)

    def run_epoch(self, on_progress: Callable[[Progress], object] | None = None) -> EpochRecord:
        """Train for one epoch; TrainingError if the loss is no longer finite.

        `on_progress` is called after each chunk of samples; what it raises ends the epoch half-way.
        """
        start = perf_counter()
        epoch = len(self.history) + 1
        rng = np.random.default_rng([self._recipe.seed, epoch])
        samples, done, digits, right, loss_sum = len(self._samples), 0, 0, 0, 0.0
        for chunk in self._samples.chunks(self._chunk_size, rng):
            labels = self._samples.labels(chunk)
            targets = self._samples.targets(labels)
            step = (epoch - 1) * self._steps_per_epoch + done // self._recipe.batch_size
            with np.errstate(over="ignore", invalid="ignore"):
                outputs = self._train_chunk(chunk, targets, step, rng)
                loss_sum += float(self._loss.value(outputs, targets).sum())
            self._check_finite(epoch, np.asarray(loss_sum))
            right += int((outputs.argmax(axis=1) == labels).sum())
            digits += int((labels != NO_DIGIT).sum())
            done += len(labels)
            if on_progress is not None:
                on_progress(Progress(epoch, done, samples, right / digits))
        self._check_finite(epoch, *self.state()[0].values())
        validation_loss, validation_accuracy = self._validate()
        record = EpochRecord(
            epoch,
            learning_rate_at(self._recipe, epoch * self._steps_per_epoch - 1, self._steps_per_epoch),
            loss_sum / samples,
            right / digits,
            validation_loss,
            validation_accuracy,
            perf_counter() - start,
        )
        self.history.append(record)
        if self._recipe.patience and best_epoch(self.history) == epoch:
            self._best = self._network.copy()
        return record

    def _check_finite(self, epoch: int, *arrays: Floats) -> None:
        if not all(np.isfinite(array).all() for array in arrays):
            rate = self._recipe.learning_rate
            raise TrainingError(
                f"epoch {epoch}: the loss is no longer finite; choose a learning rate below {rate:g}"
            )

    def _train_chunk(self, chunk: Indices, targets: Floats, step: int, rng: np.random.Generator) -> Floats:
        """Train on a chunk of samples, from a step on; return the outputs of each before its own update."""
        recipe, inputs = self._recipe, self._samples.inputs(chunk, rng)
        if self._online:
            rate = learning_rate_at(recipe, step, self._steps_per_epoch)
            return self._online.train(inputs, targets, rate, self._gram_cache(chunk))
        outputs = np.empty_like(targets)
        for first in range(0, len(inputs), recipe.batch_size):
            batch = slice(first, first + recipe.batch_size)
            rate = learning_rate_at(recipe, step, self._steps_per_epoch)
            outputs[batch] = self._mini_batches.step(inputs[batch], targets[batch], rate)
            step += 1
        return outputs

    def _gram_cache(self, chunk: Indices) -> list[Floats] | None:
        """Where a chunk's Gram matrices are kept, if its inputs are the same in each epoch."""
        if not isinstance(chunk, slice) or chunk.start >= _SAMPLES_WITH_GRAM_MATRICES:
            return None
        return self._gram_caches.setdefault(chunk.start, [])

    def _validate(self) -> tuple[float | None, float | None]:
        if self._validation is None:
            return None, None
        outputs = self.outputs(self._validation.images)
        loss = self._loss.value(outputs, self._samples.targets(self._validation.labels))
        return float(loss.mean()), float((outputs.argmax(axis=1) == self._validation.labels).mean())

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """All that the coming epochs depend on, as arrays (not copies) and plain values."""
        arrays = {f"network.{i}": array for i, array in enumerate(self._network.parameters())}
        if self._best is not self._network:
            arrays |= {f"best.{i}": array for i, array in enumerate(self._best.parameters())}
        if not self._online:
            arrays |= {f"optimizer.{name}": array for name, array in self._mini_batches.state().items()}
        return arrays, {"history": history_to_csv(self.history)}

    def restore(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
        """Resume from what `state` gave; HistoryError or TrainingError if it is not of this recipe."""
        own = self.state()[0]
        same = own.keys() == arrays.keys() and all(
            (array.shape, array.dtype) == (arrays[name].shape, arrays[name].dtype)
            and np.isfinite(arrays[name]).all()
            for name, array in own.items()
        )
        history = history_from_csv(str(values.get("history")))
        steps = len(history) * self._steps_per_epoch
        if not same or len(history) > self._recipe.epochs or steps != arrays.get("optimizer.steps", steps):
            raise TrainingError("the state does not belong to a training by this recipe")
        self.history = history
        for name, array in own.items():
            array[...] = arrays[name]


def _check_fits(network: Network, recipe: Recipe) -> None:
    if network.sizes != recipe.layer_sizes:
        found, wanted = ("-".join(map(str, sizes)) for sizes in (network.sizes, recipe.layer_sizes))
        raise NetworkError(
            f"the network is {found}, but recipe {recipe.name!r} trains {wanted}; recipe.network() builds one"
        )
    if (network.biases is not None) != recipe.biases:
        has = "no biases" if network.biases is None else "biases"
        raise NetworkError(
            f"the network has {has}, but recipe {recipe.name!r} says biases = {str(recipe.biases).lower()}; "
            "recipe.network() builds one that fits, or change the recipe's setting"
        )
