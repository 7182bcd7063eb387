"""Training a network by a recipe: epochs, batches, schedule, averaged weights, history."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from math import cos, exp, pi
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.digits.distortion import Distortion
from mnist_mlp.digits.images import Digits, encode_targets, scale_in_place, scale_pixels
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.losses import LOSSES
from mnist_mlp.nn.minibatch import SGD, Adam, MiniBatchTrainer
from mnist_mlp.nn.network import Network, NetworkError
from mnist_mlp.nn.online import BLOCK_SIZE, OnlineTrainer
from mnist_mlp.nn.reparametrize import INPUT_MEAN, from_training, to_training
from mnist_mlp.training.recipe import Recipe

# Rows are read, trained on and reported in chunks of about this many, to keep memory flat.
_CHUNK = 2048
# A shuffled epoch takes blocks of neighbouring rows in random order, and shuffles the rows of 64 blocks
# together: random enough, and a memory-mapped file is still read in long stretches.
_BLOCK, _BLOCKS_TOGETHER = 256, 64
_STEPS_BETWEEN_AVERAGES = 4
# The Gram matrices of this many rows at most are kept, 23 MB: memory stays flat, and MNIST has no more.
_ROWS_KEPT = 60_000


class TrainingError(MnistMlpError):
    """Training that cannot go on."""


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to.

    Attributes:
        epoch: counted from 1.
        learning_rate: at the epoch's end.
        loss: mean over the rows of the training loss, each row's just before its own update.
        accuracy: likewise the fraction of rows whose largest output was the label's.
        validation_loss: mean loss of the validation digits after the epoch; None without any.
        validation_accuracy: likewise the fraction that was right.
        seconds: the epoch took, validation included.
    """

    epoch: int
    learning_rate: float
    loss: float
    accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class Progress:
    """How far an epoch has come: rows done of rows, with the accuracy on the rows done (0 to 1)."""

    epoch: int
    rows_done: int
    rows: int
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
        network: 784 inputs and 10 outputs; with sigmoid layers, and biases, where the recipe centres.
        digits: the training digits. The recipe's own `validation` setting is not looked at here.
        recipe: the settings.
        validation: digits to score after each epoch.
        on_epoch: called with each epoch's record as it ends.

    Returns:
        The record of each epoch.

    Raises:
        NetworkError: if the network does not fit the digits or the recipe.
        TrainingError: if the loss is no longer finite.
    """
    training = Training(network, digits, recipe, validation=validation)
    while not training.finished:
        record = training.run_epoch()
        if on_epoch is not None:
            on_epoch(record)
    result = training.result()
    for array, trained in zip(network.parameters(), result.parameters(), strict=True):
        array[...] = trained
    return training.history


class Training:
    """A training under way, which can be stopped after any epoch and taken up again.

    Everything random in an epoch is drawn from a generator of the recipe's seed and the epoch's number, so
    that the state between epochs holds no generator.
    """

    def __init__(
        self, network: Network, digits: Digits, recipe: Recipe, *, validation: Digits | None = None
    ) -> None:
        if (network.sizes[0], network.sizes[-1]) != (784, 10):
            raise NetworkError(f"digits need 784 inputs and 10 outputs; this network is {network.sizes}")
        if not len(digits):
            raise TrainingError("there are no training digits left to learn from")
        self.history: list[EpochRecord] = []
        self._digits = digits
        self._images = digits.images.reshape(-1, 784)
        self._validation = validation
        self._recipe = recipe
        self._distortion = distortion_of(recipe)
        self._softmax = recipe.loss == "softmax-cross-entropy"
        self._coordinates = {
            "center_inputs": recipe.centred,
            "center_hidden": recipe.tanh,
            "softmax": self._softmax,
        }
        self._network = to_training(network, **self._coordinates)
        self._average = self._network.copy() if recipe.averaging else self._network
        self._steps_an_epoch = -(-len(digits) // recipe.batch_size)
        self._inputs = np.empty((_CHUNK if recipe.online else recipe.batch_size, 784), network.dtype)
        self._inner: dict[int, list[Floats]] = {}  # by the chunk's first row
        self._descent: MiniBatchTrainer | OnlineTrainer
        if recipe.online:
            self._descent = OnlineTrainer(self._network, recipe.loss)
        else:
            adam, decay = recipe.optimiser == "adam", recipe.weight_decay
            self._descent = MiniBatchTrainer(
                self._network,
                batch_size=recipe.batch_size,
                loss=recipe.loss,
                optimizer=Adam(decay) if adam else SGD(recipe.momentum, decay),
            )

    @property
    def finished(self) -> bool:
        """Whether all epochs of the recipe are done."""
        return len(self.history) >= self._recipe.epochs

    def result(self) -> Network:
        """A copy of the network as trained so far, averaged, and fit for what `scale_pixels` gives."""
        return from_training(self._average, scale_pixels(self._images[:_CHUNK]), **self._coordinates)

    def run_epoch(self, on_progress: Callable[[Progress], object] | None = None) -> EpochRecord:
        """Train for one epoch.

        Args:
            on_progress: called after each chunk of rows; what it raises ends the epoch half-way.

        Raises:
            TrainingError: if the loss is no longer finite.
        """
        start = perf_counter()
        epoch = len(self.history) + 1
        rng = np.random.default_rng([self._recipe.seed, epoch])
        rows, rows_done, right, loss_sum = len(self._digits), 0, 0, 0.0
        for chunk in self._chunks(rng):
            labels = self._digits.labels[chunk]
            targets = self._targets(labels)
            step = (epoch - 1) * self._steps_an_epoch + rows_done // self._recipe.batch_size
            with np.errstate(over="ignore", invalid="ignore"):
                outputs = self._train_chunk(chunk, targets, step, rng)
                loss_sum += float(LOSSES[self._recipe.loss].value(outputs, targets).sum())
            self._check_finite(epoch, np.asarray(loss_sum))
            right += int((outputs.argmax(axis=1) == labels).sum())
            rows_done += len(labels)
            if on_progress is not None:
                on_progress(Progress(epoch, rows_done, rows, right / rows_done))
        self._check_finite(epoch, *self.state()[0].values())
        validation_loss, validation_accuracy = self._validate()
        record = EpochRecord(
            epoch,
            self._learning_rate(epoch * self._steps_an_epoch - 1),
            loss_sum / rows,
            right / rows,
            validation_loss,
            validation_accuracy,
            perf_counter() - start,
        )
        self.history.append(record)
        return record

    def _check_finite(self, epoch: int, *arrays: Floats) -> None:
        if not all(np.isfinite(array).all() for array in arrays):
            rate = self._recipe.learning_rate
            raise TrainingError(
                f"epoch {epoch}: the loss is no longer finite; choose a learning rate below {rate:g}"
            )

    def _chunks(self, rng: np.random.Generator) -> Iterator[NDArray[np.intp] | slice]:
        """The rows of an epoch, in whole batches: slices in file order, indices where the recipe shuffles."""
        together = BLOCK_SIZE if self._recipe.online else self._recipe.batch_size
        size = together * max(1, _CHUNK // together)
        if self._recipe.shuffled:
            yield from shuffled_chunks(len(self._digits), size, rng)
        else:
            yield from (slice(first, first + size) for first in range(0, len(self._digits), size))

    def _train_chunk(
        self, chunk: NDArray[np.intp] | slice, targets: Floats, step: int, rng: np.random.Generator
    ) -> Floats:
        """Train on a chunk of rows, from a step on; return the outputs of each before its own update."""
        recipe, images = self._recipe, self._images[chunk]
        if isinstance(self._descent, OnlineTrainer):
            inputs, rate = self._batch_inputs(images, rng), self._learning_rate(step)
            return self._descent.train(inputs, targets, rate, self._inner_of(chunk))
        outputs = np.empty_like(targets)
        for first in range(0, len(images), recipe.batch_size):
            batch = slice(first, first + recipe.batch_size)
            inputs = self._batch_inputs(images[batch], rng)
            outputs[batch] = self._descent.step(inputs, targets[batch], self._learning_rate(step))
            step += 1
            if recipe.averaging and step % _STEPS_BETWEEN_AVERAGES == 1:
                self._average_in(step // _STEPS_BETWEEN_AVERAGES + 1)
        return outputs

    def _inner_of(self, chunk: NDArray[np.intp] | slice) -> list[Floats] | None:
        """Where to keep a chunk's Gram matrices, if its inputs will be the same in each epoch."""
        if not isinstance(chunk, slice) or chunk.start >= _ROWS_KEPT:
            return None
        return self._inner.setdefault(chunk.start, [])

    def _batch_inputs(self, images: NDArray[np.uint8], rng: np.random.Generator) -> Floats:
        if self._recipe.distorted:
            inputs = scale_in_place(self._distortion.apply(images, rng))
        else:
            inputs = scale_pixels(images, out=self._inputs[: len(images)])
        if self._recipe.centred:
            inputs -= INPUT_MEAN
        return inputs

    def _average_in(self, count: int) -> None:
        """Take the weights into their running mean: a plain mean at first, then an exponential one."""
        span = self._recipe.averaging * self._steps_an_epoch / _STEPS_BETWEEN_AVERAGES
        share = self._network.dtype.type(max(1 / count, 1 - exp(-1 / span)))
        for mean, latest in zip(self._average.parameters(), self._network.parameters(), strict=True):
            np.multiply(mean, 1 - share, out=mean)
            np.add(mean, share * latest, out=mean)

    def _learning_rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0 over the whole training."""
        recipe = self._recipe
        done = step / (self._steps_an_epoch * recipe.epochs)
        rise = min(1.0, (step + 1) / max(1.0, recipe.warmup * self._steps_an_epoch))
        fallen = max(0.0, 1 - (1 - done) / recipe.falling)
        fall = {"constant": 1.0, "linear": 1 - fallen, "cosine": (1 + cos(pi * fallen)) / 2}[recipe.schedule]
        return recipe.learning_rate * rise * fall

    def _targets(self, labels: NDArray[np.uint8]) -> Floats:
        """What the outputs shall be: for softmax 1 and 0, since they sum to one."""
        return np.eye(10, dtype=np.float32)[labels] if self._softmax else encode_targets(labels)

    def _validate(self) -> tuple[float | None, float | None]:
        if self._validation is None:
            return None, None
        network = self.result()
        if self._softmax:
            network = to_training(network, softmax=True)
        outputs = outputs_for(network, self._validation.images)
        loss = LOSSES[self._recipe.loss].value(outputs, self._targets(self._validation.labels))
        return float(loss.mean()), float((outputs.argmax(axis=1) == self._validation.labels).mean())

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """All that the coming epochs depend on, as arrays (not copies) and plain values."""
        arrays = {f"network.{i}": array for i, array in enumerate(self._network.parameters())}
        if self._average is not self._network:
            arrays |= {f"average.{i}": array for i, array in enumerate(self._average.parameters())}
        if isinstance(self._descent, MiniBatchTrainer):
            arrays |= {f"descent.{name}": array for name, array in self._descent.state().items()}
        return arrays, {"history": [asdict(record) for record in self.history]}

    def restore(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
        """Take back what `state` gave.

        Raises:
            TrainingError: if it is not the state of a training by this recipe.
        """
        own = self.state()[0]
        same = own.keys() == arrays.keys() and all(
            (array.shape, array.dtype) == (arrays[name].shape, arrays[name].dtype)
            and np.isfinite(arrays[name]).all()
            for name, array in own.items()
        )
        history = _history_from(values.get("history"))
        steps = len(history) * self._steps_an_epoch
        if not same or len(history) > self._recipe.epochs or steps != arrays.get("descent.steps", steps):
            raise TrainingError("the state does not belong to a training by this recipe")
        self.history = history
        for name, array in own.items():
            array[...] = arrays[name]
        if isinstance(self._descent, MiniBatchTrainer):
            state = {name.removeprefix("descent."): array for name, array in arrays.items()}
            self._descent.restore({name: state[name] for name in self._descent.state()})


def outputs_for(network: Network, images: NDArray[np.uint8]) -> Floats:
    """The outputs, (n, 10), for any number of images, (n, 28, 28), which are scaled a chunk at a time."""
    outputs = np.empty((len(images), network.sizes[-1]), network.dtype)
    inputs = np.empty((min(len(images), _CHUNK), 784), np.float32)
    for first in range(0, len(images), _CHUNK):
        chunk = images[first : first + _CHUNK]
        outputs[first : first + _CHUNK] = network.forward(scale_pixels(chunk, out=inputs[: len(chunk)]))
    return outputs


def _history_from(records: object) -> list[EpochRecord]:
    names = [field.name for field in fields(EpochRecord)]
    if not isinstance(records, list) or not all(
        isinstance(record, dict)
        and sorted(record) == sorted(names)
        and type(record["epoch"]) is int
        and record["epoch"] == epoch
        and all(_is_measured(record[name], name) for name in names[1:])
        for epoch, record in enumerate(records, 1)
    ):
        raise TrainingError("its history cannot be read")
    return [EpochRecord(**record) for record in records]


def _is_measured(value: object, name: str) -> bool:
    may_be_missing = name.startswith("validation")
    return (value is None and may_be_missing) or (type(value) is float and 0 <= value < 1e9)


def distortion_of(recipe: Recipe) -> Distortion:
    """The distortion that a recipe trains with."""
    return Distortion(
        recipe.rotation, recipe.scale, recipe.shear, recipe.shift, recipe.elastic, recipe.elastic_sigma
    )


def shuffled_chunks(rows: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Go through rows 0 to rows - 1 once, in random order, in chunks of a size (the last may be smaller)."""
    starts = rng.permutation(np.arange(0, rows, _BLOCK))
    waiting = np.empty(0, np.intp)
    for first in range(0, len(starts), _BLOCKS_TOGETHER):
        blocks = [np.arange(s, min(s + _BLOCK, rows)) for s in starts[first : first + _BLOCKS_TOGETHER]]
        waiting = np.concatenate([waiting, rng.permutation(np.concatenate(blocks))])
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if len(waiting):
        yield waiting
