"""Parts that run inside the benchmark's own process: learning, answering, and what arithmetic allows."""

from collections.abc import Callable
from functools import partial

import numpy as np
from book_program import BookNetwork
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.results import Comparison, Figure, Result, number, spread
from benchmarks.rivals import (
    BOOK,
    LEARNING_RATE,
    PYTORCH,
    SKLEARN,
    installed,
    pytorch_answers,
    pytorch_epoch,
    pytorch_network,
    sklearn_answers,
    sklearn_epoch,
)
from benchmarks.setup import OURS, Setup, new_network
from benchmarks.timing import in_turn, microseconds, seconds
from mnist_mlp.digits.images import scale_pixels
from mnist_mlp.files.arrays import save_arrays
from mnist_mlp.nn.blas import Floats, multiply_into
from mnist_mlp.nn.minibatch import SGD, MiniBatchTrainer
from mnist_mlp.nn.network import Network
from mnist_mlp.nn.online import BLOCK_SIZE, train_online
from mnist_mlp.training.recipe import RECIPES
from mnist_mlp.training.trainer import Trainer


def online(setup: Setup) -> list[Result]:
    """One update a row, on rows already parsed: all epochs of the tutorial, and one pass by itself."""
    network = Network([784, 200, 10], rng=1)
    book = BookNetwork(seed=1)
    rows = min(setup.book_rows, len(setup.train))
    inputs, targets = (array[:rows].astype(np.float64) for array in (setup.inputs, setup.targets))
    recipe = setup.recipe("tutorial")

    def book_loop() -> None:
        for x, t in zip(inputs, targets, strict=True):
            book.train(x, t)

    def whole_training() -> None:
        training = Trainer(new_network(recipe), setup.train, recipe)
        while not training.finished:
            training.run_epoch()

    one_pass = partial(train_online, network, setup.inputs, setup.targets)
    values = in_turn(
        {
            OURS: microseconds(whole_training, recipe.epochs * len(setup.train)),
            BOOK: microseconds(book_loop, rows),
            "one pass": microseconds(one_pass, len(setup.train)),
        },
        setup.rounds,
    )
    return [
        Comparison(what, "µs", values[ours], BOOK, values[BOOK])
        for what, ours in (
            ("online training by `tutorial`, a row", OURS),
            ("online training, one pass by itself, a row", "one pass"),
        )
    ]


def batches(setup: Setup) -> list[Result]:
    """An epoch of plain gradient descent on cross-entropy, in mini-batches, rows in file order."""
    rows, inputs, targets = len(setup.train), setup.inputs, setup.targets
    epochs: list[tuple[int, str, Callable[[], object]]] = []
    if installed("torch"):
        epochs += [
            (size, PYTORCH, pytorch_epoch(pytorch_network(_network()), inputs, targets, size))
            for size in (32, 128, 512)
        ]
    if installed("sklearn"):
        size = min(200, rows)  # 200 is its own choice
        epochs.append((size, SKLEARN, sklearn_epoch(inputs, targets, size)[1]))
    results: list[Result] = []
    for size, rival, epoch in epochs:
        ours = our_epoch(_network(), setup.train.images, targets, size)
        values = in_turn({OURS: microseconds(ours, rows), rival: microseconds(epoch, rows)}, setup.rounds)
        results.append(Comparison(f"mini-batches of {size}, a row", "µs", values[OURS], rival, values[rival]))
    return results


def _network() -> Network:
    return Network([784, 200, 10], init="normal-fan-in", biases=True, rng=1)


def our_epoch(network: Network, images: NDArray[np.uint8], targets: Floats, size: int) -> Callable[[], None]:
    """An epoch in mini-batches of images kept as bytes, each batch scaled as it comes."""
    trainer = MiniBatchTrainer(network, batch_size=size, loss="cross-entropy", optimizer=SGD())
    inputs = np.empty((size, 784), np.float32)

    def epoch() -> None:
        for first in range(0, len(images), size):
            batch = images[first : first + size]
            scaled = scale_pixels(batch, out=inputs[: len(batch)])
            trainer.step(scaled, targets[first : first + size], LEARNING_RATE)

    return epoch


def predictions(setup: Setup) -> list[Result]:
    """Answers for all test digits at once, and for one alone."""
    inputs, book = scale_pixels(setup.test.images), BookNetwork()
    answers: dict[str, Callable[[Floats], object]] = {
        OURS: _network().predict,
        BOOK: lambda x: [book.query(row).argmax() for row in x],
    }
    if installed("torch"):
        answers[PYTORCH] = pytorch_answers(_network())
    if installed("sklearn"):
        answers[SKLEARN] = sklearn_answers(setup.inputs[:1000], setup.targets[:1000])
    at_once = {name: microseconds(partial(answer, inputs), len(inputs)) for name, answer in answers.items()}
    rows = [inputs[i : i + 1] for i in range(min(500, len(inputs)))]

    def one_by_one(answer: Callable[[Floats], object]) -> None:
        for row in rows:
            answer(row)

    alone = {name: microseconds(partial(one_by_one, answer), len(rows)) for name, answer in answers.items()}
    results: list[Result] = []
    for what, measurements in (
        (f"a prediction, {len(inputs):,} at once", at_once),
        ("a prediction alone", alone),
    ):
        values = in_turn(measurements, setup.rounds)
        results += [
            Comparison(what, "µs", values[OURS], rival, values[rival]) for rival in values if rival != OURS
        ]
    return results


def checkpoint(setup: Setup) -> list[Result]:
    """What it costs to keep the state of a training after each epoch."""
    recipe = RECIPES["fast"].with_settings({"epochs": setup.rounds + 1})
    training = Trainer(new_network(recipe), setup.train, recipe)

    def save() -> None:
        arrays, values = training.state()
        save_arrays(setup.folder / "checkpoint.safetensors", arrays, {"recipe": recipe.to_dict(), **values})

    values = in_turn(
        {"epoch": lambda: training.run_epoch().seconds, "save": partial(seconds, save)}, setup.rounds
    )
    shares = [100 * b / a for a, b in zip(values["epoch"], values["save"], strict=True)]
    milliseconds = [1e3 * value for value in values["save"]]
    return [
        Figure("a checkpoint", f"{spread(milliseconds)} ms"),
        Figure("share of an epoch of `fast`", f"{spread(shares)} %"),
    ]


# Additions and multiplications for one row: each weight takes part in one product forwards, one for its
# gradient and, behind the first layer, one for the deltas that are handed back.
_OPERATIONS = 2 * (2 * 784 * 200 + 3 * 200 * 10)


def limit(setup: Setup) -> list[Result]:
    """How fast dense products are at best, and the time a row that this would allow."""
    big = 2048
    a, b, c = (np.random.default_rng(0).random((big, big), np.float32) for _ in range(3))
    measurements: dict[str, Callable[[], float]] = {
        "big": partial(seconds, partial(multiply_into, c, a, b)),
        "online": microseconds(_block_products(BLOCK_SIZE, threads=1), _PRODUCT_ROWS),
        "128": microseconds(_block_products(128), _PRODUCT_ROWS),
    }
    values = in_turn(measurements, setup.rounds)
    speeds = [2e-9 * big**3 / value for value in values["big"]]
    per_us = 1e3 * max(speeds)  # operations
    # Online, a row's products with all rows of its block and the one before, computed in the first epoch
    # alone, and what these two blocks change for it, of its own block on average half.
    online_operations = _OPERATIONS + 2 * 784 * 2 * BLOCK_SIZE / setup.recipe("tutorial").epochs
    online_operations += 2 * 200 * 1.5 * BLOCK_SIZE
    return [
        Figure(f"product of {big} x {big} float32 matrices", f"{spread(speeds)} GFLOP/s"),
        Figure("which allows, mini-batch training, a row", f"{number(_OPERATIONS / per_us)} µs"),
        Figure("which allows, online training, a row", f"{number(online_operations / per_us)} µs"),
        Figure("the first layer's products of 128 rows, a row", f"{spread(values['128'])} µs"),
        Figure(
            f"the first layer's products of an online block of {BLOCK_SIZE}, one thread, a row",
            f"{spread(values['online'])} µs",
        ),
    ]


_PRODUCT_ROWS = 1 << 13


def _block_products(size: int, threads: int | None = None) -> Callable[[], None]:
    """The first layer's large products alone, for batches or blocks of a size."""
    rng = np.random.default_rng(0)
    x, W, z = (rng.random(shape, np.float32) for shape in ((size, 784), (200, 784), (size, 200)))

    def products() -> None:
        with threadpool_limits(threads, user_api="blas"):
            for _ in range(_PRODUCT_ROWS // size):
                multiply_into(z, x, W.T)
                multiply_into(W, z.T, x, scale=1e-9, keep=1.0)

    return products
