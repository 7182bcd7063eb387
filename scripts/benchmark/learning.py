"""Parts that run inside the benchmark's own process: learning and answering."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mnist_mlp import RECIPES, Network, Recipe, scale_pixels, train_online
from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.minibatch import SGD, MiniBatchTrainer
from mnist_mlp.training.samples import distortion_of
from mnist_mlp.training.trainer import Trainer
from scripts.benchmark import rivals
from scripts.benchmark.measure import OURS, PLAIN, Setup, in_turn, microseconds
from scripts.benchmark.rivals import BOOK, LEARNING_RATE, PYTORCH, SKLEARN, installed
from scripts.benchmark.table import Comparison, Figure, Result, spread
from scripts.book_program import BookNetwork


def online(setup: Setup) -> list[Result]:
    """One update a sample, on samples already parsed: all epochs of the tutorial, and one pass by itself."""
    recipe, network, book = setup.recipe("tutorial"), Network([784, 200, 10], rng=1), BookNetwork(seed=1)
    count = 50 if setup.quick else 6000
    inputs, targets = (array[:count].astype(np.float64) for array in (setup.inputs, setup.targets))

    def loop() -> None:
        for x, t in zip(inputs, targets, strict=True):
            book.train(x, t)

    def training() -> None:
        trainer = Trainer(recipe.network(), setup.train, recipe)
        while not trainer.finished:
            trainer.run_epoch()

    one_pass = partial(train_online, network, setup.inputs, setup.targets)
    ours = {
        "online training by `tutorial`, a sample": microseconds(training, recipe.epochs * len(setup.train)),
        "online training, one pass by itself, a sample": microseconds(one_pass, len(setup.train)),
    }
    values = in_turn({**ours, BOOK: microseconds(loop, count)}, setup.rounds)
    return [Comparison(what, "µs", values[what], BOOK, values[BOOK]) for what in ours]


def batches(setup: Setup) -> list[Result]:
    """An epoch of plain gradient descent on cross-entropy, in mini-batches, samples in file order."""
    count, inputs, targets = len(setup.train), setup.inputs, setup.targets
    epochs: list[tuple[int, str, Callable[[], object]]] = []
    if installed("torch"):
        for size in (32, 128, 512):
            model = rivals.pytorch_network(_network())
            epochs.append((size, PYTORCH, rivals.pytorch_epoch(model, inputs, targets, size)))
    if installed("scikit-learn"):
        size = min(200, count)  # 200 is its own choice
        epochs.append((size, SKLEARN, rivals.sklearn_epoch(inputs, targets, size)[1]))
    results: list[Result] = []
    for size, rival, epoch in epochs:
        ours = our_epoch(_network(), setup.train.images, targets, size)
        values = in_turn({OURS: microseconds(ours, count), rival: microseconds(epoch, count)}, setup.rounds)
        what = f"mini-batches of {size}, a sample"
        results.append(Comparison(what, "µs", values[OURS], rival, values[rival]))
    return results


def _network() -> Network:
    return Network([784, 200, 10], init="normal-fan-in", biases=True, rng=1)


def our_epoch(network: Network, images: NDArray[np.uint8], targets: Floats, size: int) -> Callable[[], None]:
    """An epoch in mini-batches of images kept as bytes, each batch scaled as it comes."""
    trainer = MiniBatchTrainer(network, batch_size=size, loss="cross-entropy", optimizer=SGD())

    def epoch() -> None:
        for first in range(0, len(images), size):
            batch = slice(first, first + size)
            trainer.step(scale_pixels(images[batch]), targets[batch], LEARNING_RATE)

    return epoch


def predictions(setup: Setup) -> list[Result]:
    """Answers for all test digits at once, and for one alone."""
    inputs, book = scale_pixels(setup.test.images), BookNetwork()
    answers: dict[str, Callable[[Floats], object]] = {
        OURS: _network().predict,
        BOOK: lambda x: [book.query(row).argmax() for row in x],
    }
    if installed("torch"):
        answers[PYTORCH] = rivals.pytorch_answers(_network())
    if installed("scikit-learn"):
        answers[SKLEARN] = rivals.sklearn_answers(setup.inputs[:1000], setup.targets[:1000])
    single = [inputs[i : i + 1] for i in range(min(500, len(inputs)))]
    results: list[Result] = []
    for what, groups in (
        (f"a prediction, {len(inputs):,} at once", [inputs]),
        ("a prediction alone", single),
    ):
        count = sum(map(len, groups))
        works = {name: partial(_answer_all, answer, groups) for name, answer in answers.items()}
        values = in_turn({name: microseconds(work, count) for name, work in works.items()}, setup.rounds)
        ours = values.pop(OURS)
        results += [Comparison(what, "µs", ours, rival, theirs) for rival, theirs in values.items()]
    return results


def _answer_all(answer: Callable[[Floats], object], groups: list[Floats]) -> None:
    for inputs in groups:
        answer(inputs)


def distorting(setup: Setup) -> list[Result]:
    """What it costs to train on distorted digits, with one thread for both."""
    distorted = RECIPES["best"].with_settings({"epochs": setup.rounds + 1, "nondigits": 0})
    plain = distorted.with_settings(PLAIN)
    distortion, rng = distortion_of(distorted), np.random.default_rng(1)
    images, size = setup.train.images.reshape(-1, 784), 2048  # as many as a training distorts at a time

    def distort() -> None:
        for first in range(0, len(images), size):
            distortion.apply(images[first : first + size], rng)

    def epoch(recipe: Recipe) -> Callable[[], object]:
        return Trainer(recipe.network(), setup.train, recipe).run_epoch

    works = {"distorting": distort, "plain": epoch(plain), "both": epoch(distorted)}
    with threadpool_limits(1, user_api="blas"):
        values = in_turn({name: microseconds(works[name], len(images)) for name in works}, setup.rounds)
    shares = [100 * a / b for a, b in zip(values["distorting"], values["plain"], strict=True)]
    return [
        Figure("distorting, one thread, a sample", f"{spread(values['distorting'])} µs"),
        Figure("training by `best` on samples as they are, one thread", f"{spread(values['plain'])} µs"),
        Figure("training by `best` on distorted samples, one thread", f"{spread(values['both'])} µs"),
        Figure("distorting, in percent of training on samples as they are", f"{spread(shares)} %"),
    ]
