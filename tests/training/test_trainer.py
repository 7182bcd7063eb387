"""Training: what it comes to, told by slow loops of one's own, and how it is watched, stopped and resumed."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from networks import content
from refusals import refused

from mnist_mlp.digits.images import Digits, encode_targets, scale_pixels
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.nn.network import Network
from mnist_mlp.nn.online import train_online
from mnist_mlp.training.history import EpochRecord, history_to_csv
from mnist_mlp.training.recipe import RECIPES, Recipe
from mnist_mlp.training.samples import distortion_of
from mnist_mlp.training.schedule import shuffled
from mnist_mlp.training.trainer import STOP, Progress, Trainer, TrainingError, train

# All that a recipe can ask for, in small.
KINDS = {
    "online": Recipe(),
    "online, shuffled": Recipe(learning_rate=0.1, shuffle=True),
    "online, deep": Recipe(init="normal-fan-in", biases=True),
    "deep": Recipe(batch_size=8, init="normal-fan-in", momentum=0.9, biases=True, loss="cross-entropy"),
    "momentum": Recipe(batch_size=8, momentum=0.9, schedule="linear", warmup_epochs=1.5),
    "adam": Recipe(batch_size=8, learning_rate=0.01, optimizer="adam", weight_decay=0.01),
    "cosine": Recipe(batch_size=8, momentum=0.5, schedule="cosine"),
    "centered": Recipe(batch_size=8, biases=True, center_inputs=True, shuffle=True),
    "best": RECIPES["best"].with_settings({"batch_size": 8, "learning_rate": 0.004, "validation": 0}),
    "nondigits": Recipe(batch_size=8, shuffle=True, nondigits=0.25),
    "patient": Recipe(validation=50, patience=1),
}
KINDS = {
    kind: recipe.with_settings({"epochs": 3, "hidden": (30, 20) if "deep" in kind else 30})
    for kind, recipe in KINDS.items()
}
each_kind = pytest.mark.parametrize("recipe", KINDS.values(), ids=KINDS)


def trained(recipe: Recipe, digits: Digits, **keywords: Any) -> Network:
    network = recipe.network()
    train(network, digits, recipe, **keywords)
    return network


def held_out(recipe: Recipe, digits: Digits) -> Digits | None:
    return digits[-recipe.validation :] if recipe.validation else None


# What training comes to


def test_the_tutorial_is_one_plain_pass_after_another(few_digits: Digits) -> None:
    network = Recipe().network()
    inputs, targets = scale_pixels(few_digits.images), encode_targets(few_digits.labels)
    for _ in range(2):
        train_online(network, inputs, targets, learning_rate=0.3, loss="raw-error")
    assert content(trained(Recipe(epochs=2), few_digits)) == content(network)


def test_warm_up_and_schedule_hold_online_too(few_digits: Digits) -> None:
    # Four epochs decay from 4/4 to 1/4; the warm-up of two has risen by 1/800 and by 401/800 as they begin.
    recipe = Recipe(epochs=4, learning_rate=0.4, schedule="linear", warmup_epochs=2)
    network = recipe.network()
    inputs, targets = scale_pixels(few_digits.images), encode_targets(few_digits.labels)
    for rate in (0.4 / 800, 0.3 * 401 / 800, 0.2, 0.1):
        train_online(network, inputs, targets, learning_rate=rate, loss="raw-error")
    for found, expected in zip(trained(recipe, few_digits).weights, network.weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("center_inputs", [False, True])
def test_an_epoch_goes_through_distorted_samples_in_an_order_of_its_own(
    few_digits: Digits, center_inputs: bool
) -> None:
    settings = {"biases": True, "loss": "cross-entropy", "batch_size": 150, "shuffle": True, "elastic": 20}
    recipe = Recipe(hidden=30, epochs=3).with_settings({**settings, "center_inputs": center_inputs})
    network, targets = recipe.network(), encode_targets(few_digits.labels)
    assert network.biases
    mean = np.float32(0.01 + 0.99 * 0.1307 if center_inputs else 0)  # of MNIST's pixels
    network.biases[0] += network.weights[0].sum(axis=1) * mean
    for epoch in (1, 2, 3):  # all that is random comes from the seed and the number of the epoch
        rng = np.random.default_rng([recipe.seed, epoch])
        order = next(shuffled(400, 400, rng))
        pixels = distortion_of(recipe).apply(few_digits.images.reshape(-1, 784)[order], rng)
        inputs = (0.01 + 0.99 / 255 * pixels - mean).astype(np.float32)
        for batch in (slice(150), slice(150, 300), slice(300, 400)):
            weights, biases = network.gradients(inputs[batch], targets[order[batch]], loss="cross-entropy")
            for array, gradient in zip(network.parameters(), [*weights, *(biases or [])], strict=True):
                array[...] -= np.float32(0.3) * gradient
    network.biases[0] -= network.weights[0].sum(axis=1) * mean
    for found, expected in zip(trained(recipe, few_digits).parameters(), network.parameters(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["online", "best"])
def test_trainings_in_threads_give_the_same_bytes_as_alone(mnist_train: Digits, kind: str) -> None:
    digits = mnist_train[:1000]
    recipes = [KINDS[kind].with_settings({"epochs": 2, "seed": seed}) for seed in (1, 2, 3)]
    alone = [content(trained(recipe, digits)) for recipe in recipes]
    with ThreadPoolExecutor(3) as pool:
        beside = list(pool.map(lambda recipe: content(trained(recipe, digits)), recipes))
    assert beside == alone


# The history


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        ({}, [0.3] * 140),
        (  # batches of 32, 32 and 6
            {"batch_size": 32, "loss": "cross-entropy", "learning_rate": 0.12, "schedule": "linear"},
            [0.12, 0.1, 0.08, 0.06, 0.04, 0.02],
        ),
    ],
)
def test_the_history_tells_of_each_sample_before_its_own_update(
    few_digits: Digits, settings: dict[str, Any], rates: list[float]
) -> None:
    recipe, digits = Recipe(epochs=2, **settings), few_digits[:70]
    slow, records = recipe.network(), train(recipe.network(), digits, recipe)
    inputs, targets = scale_pixels(digits.images), encode_targets(digits.labels)
    steps = iter(rates)
    for record in records:
        losses, right = [], 0
        for first in range(0, 70, recipe.batch_size):
            batch, rate = slice(first, first + recipe.batch_size), next(steps)
            y, t = slow.forward(inputs[batch]).astype(float), targets[batch]
            crosses = -(t * np.log(y) + (1 - t) * np.log(1 - y))
            losses += list((crosses if settings else 0.5 * (y - t) ** 2).sum(axis=1))
            right += int((y.argmax(axis=1) == digits.labels[batch]).sum())
            gradients = slow.gradients(inputs[batch], t, recipe.loss)[0]
            for weights, gradient in zip(slow.weights, gradients, strict=True):
                weights[...] -= np.float32(rate) * gradient
        assert record.loss == pytest.approx(np.mean(losses), rel=1e-3)
        assert record.accuracy == right / 70
        assert record.learning_rate == pytest.approx(rate)  # of the last update
    assert [record.epoch for record in records] == [1, 2]
    assert all(record.seconds > 0 for record in records)
    assert all(record.validation_loss is record.validation_accuracy is None for record in records)


@pytest.mark.parametrize("kind", ["online", "online, deep", "cosine", "centered", "best"])
def test_held_out_digits_score_the_network_as_it_would_be_saved(mnist_train: Digits, kind: str) -> None:
    digits = mnist_train[-50:]
    network = KINDS[kind].network()
    record = train(network, mnist_train[:300], KINDS[kind], validation=digits)[-1]
    y = network.forward(scale_pixels(digits.images)).astype(float)
    losses = (0.5 * (y - encode_targets(digits.labels)) ** 2).sum(axis=1)
    if kind == "best":  # softmax of the weighted sums log(y / (1 - y)), and of one that is 0: no digit
        powers = y / (1 - y)
        losses = -np.log(powers[np.arange(50), digits.labels] / (1 + powers.sum(axis=1)))
    assert record.validation_accuracy == (y.argmax(axis=1) == digits.labels).mean()
    assert record.validation_loss == pytest.approx(losses.mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("batch_size", "done"), [(1, [2048, 4096, 5000]), (150, [1950, 3900, 5000]), (3000, [3000, 5000])]
)
def test_progress_is_told_about_every_two_thousand_samples(
    mnist_train: Digits, batch_size: int, done: list[int]
) -> None:
    seen: list[Progress] = []
    recipe, digits = Recipe(hidden=5, batch_size=batch_size), mnist_train[:5000]
    trainer = Trainer(recipe.network(), digits, recipe)
    records = [trainer.run_epoch(seen.append) for _ in range(2)]
    assert [(p.epoch, p.samples_done, p.samples) for p in seen] == [
        (e, n, 5000) for e in (1, 2) for n in done
    ]
    assert [seen[len(done) - 1].accuracy, seen[-1].accuracy] == [record.accuracy for record in records]
    first = Trainer(recipe.network(), digits[: done[0]], recipe).run_epoch()
    assert seen[0].accuracy == first.accuracy


# Watching and stopping


class EnoughError(Exception):
    """What a callback may raise."""


def test_a_callback_stops_the_training_by_returning_stop_or_by_raising(few_digits: Digits) -> None:
    two_epochs = content(trained(KINDS["deep"].with_settings({"epochs": 2}), few_digits))
    long = KINDS["deep"].with_settings({"epochs": 100})

    stopped = long.network()
    history = train(stopped, few_digits, long, on_epoch=lambda record: STOP if record.epoch == 2 else record)
    assert [record.epoch for record in history] == [1, 2]
    assert content(stopped) == two_epochs

    def enough(record: EpochRecord) -> None:
        if record.epoch == 2:
            raise EnoughError

    raised = long.network()
    with pytest.raises(EnoughError):
        train(raised, few_digits, long, on_epoch=enough)
    assert content(raised) == two_epochs


def test_patience_ends_the_training_and_keeps_the_best_weights(mnist_train: Digits) -> None:
    recipe = Recipe(hidden=30, epochs=100, learning_rate=0.5, validation=100, patience=3)
    network, every = recipe.network(), list[list[str]]()
    history = train(network, mnist_train[:400], recipe, validation=mnist_train[-100:])
    accuracies = [record.validation_accuracy or 0 for record in history]
    best = int(np.argmax(accuracies))
    assert len(history) == best + 1 + 3 < 100  # three epochs were no better
    impatient, plain = recipe.with_settings({"patience": 0, "epochs": best + 1}), recipe.network()
    train(plain, mnist_train[:400], impatient, on_epoch=lambda _: every.append(content(plain)))
    assert content(network) == every[best]


def test_patience_without_held_out_digits_is_refused(few_digits: Digits) -> None:
    message = refused(trained, Recipe(validation=50, patience=3), few_digits)
    assert message == "patience needs held-out digits; give them as validation"


# Resuming


@each_kind
def test_a_resumed_training_ends_in_the_same_bytes(few_digits: Digits, recipe: Recipe) -> None:
    validation = held_out(recipe, few_digits)
    stopped = Trainer(recipe.network(), few_digits, recipe, validation=validation)
    stopped.run_epoch()
    arrays, values = stopped.state()
    arrays = {name: array.copy() for name, array in arrays.items()}
    other_start = recipe.with_settings({"seed": 5}).network()
    resumed = Trainer(other_start, few_digits, recipe, validation=validation)
    resumed.restore(arrays, values)
    assert resumed.history == stopped.history
    train_all(resumed)
    assert content(resumed.network()) == content(trained(recipe, few_digits, validation=validation))
    other = recipe.network()
    train(other, few_digits, recipe.with_settings({"seed": 2}), validation=validation)
    assert (content(other) == content(resumed.network())) == (not (recipe.shuffle or recipe.distorted))


def train_all(trainer: Trainer) -> None:
    while not trainer.finished:
        trainer.run_epoch()


def changed(arrays: dict[str, Any], name: str, value: float) -> dict[str, Any]:
    array = arrays[name].copy()
    array.flat[0] = value
    return {**arrays, name: array}


def test_the_state_of_another_training_is_refused(few_digits: Digits) -> None:
    recipe = KINDS["adam"]
    trainer = Trainer(recipe.network(), few_digits, recipe)
    trainer.run_epoch()
    arrays, values = trainer.state()
    steps = next(name for name in arrays if name.endswith("steps"))
    wrong = [
        (changed(arrays, steps, -1), values),  # the next update would divide by zero
        (changed(arrays, "network.0", np.nan), values),
        ({name: array for name, array in arrays.items() if name != "network.0"}, values),
        ({**arrays, "network.0": arrays["network.0"].astype(float)}, values),
        (arrays, {"history": history_to_csv(trainer.history * 2)}),
        (arrays, {"history": history_to_csv([])}),
        (arrays, {}),
    ]
    for state in wrong:
        with pytest.raises(MnistMlpError, match=r"does not belong|history cannot be read"):
            Trainer(recipe.network(), few_digits, recipe).restore(*state)
    for other in (KINDS["momentum"], recipe.with_settings({"hidden": 31})):
        message = refused(Trainer(other.network(), few_digits, other).restore, arrays, values)
        assert message == "the state does not belong to a training by this recipe"
    plain = Recipe(hidden=30, epochs=3)
    finished = Trainer(plain.network(), few_digits, plain)
    train_all(finished)
    Trainer(plain.network(), few_digits, plain).restore(*finished.state())
    shorter = plain.with_settings({"epochs": 2})
    with pytest.raises(TrainingError, match="does not belong"):
        Trainer(plain.network(), few_digits, shorter).restore(*finished.state())


# What cannot be


@pytest.mark.parametrize("change", [{}, {"momentum": 0.5}, {"optimizer": "adam"}], ids=str)
def test_a_loss_that_is_no_longer_finite_leaves_the_epoch_before(
    few_digits: Digits, change: dict[str, Any]
) -> None:
    # Each update takes the weights times -999: beyond all numbers after 13 of them, in the third epoch.
    recipe = Recipe(batch_size=80, learning_rate=1000, weight_decay=1).with_settings(change)
    network, seen = recipe.network(), [content(recipe.network())]
    with pytest.raises(TrainingError, match=r"epoch [123]: the loss is no longer finite; .* rate below 1000"):
        train(network, few_digits, recipe, on_epoch=lambda _: seen.append(content(network)))
    assert content(network) == seen[-1]
    assert all(np.isfinite(array).all() for array in network.parameters())


def test_weights_that_overflow_in_the_last_update_never_become_a_state(few_digits: Digits) -> None:
    recipe = Recipe(batch_size=20, learning_rate=1000, weight_decay=1)
    trainer = Trainer(recipe.network(), few_digits[: 13 * 20], recipe)  # no sample meets the last weights
    with pytest.raises(TrainingError, match="epoch 1: the loss is no longer finite"):
        trainer.run_epoch()
    assert trainer.history == []


def test_a_network_that_is_not_the_recipes_is_refused(few_digits: Digits) -> None:
    linear = Network([784, 200, 10], ["sigmoid", "linear"], rng=1)
    other_size = "the network is {}, but recipe 'tutorial' trains {}; recipe.network() builds one"
    other = (
        "the network has {}, but recipe 'tutorial' says biases = {}; recipe.network() builds one that fits"
    )
    for network, recipe, message in [
        (Network([784, 5, 10], rng=1), Recipe(), other_size.format("784-5-10", "784-200-10")),
        (Recipe().network(), Recipe(hidden=(200, 20)), other_size.format("784-200-10", "784-200-20-10")),
        (Recipe().network(), Recipe(biases=True), other.format("no biases", "true")),
        (Recipe(biases=True).network(), Recipe(), other.format("biases", "false")),
        (linear, Recipe(), "loss 'raw-error' needs"),
    ]:
        before = content(network)
        assert refused(train, network, few_digits, recipe).startswith(message)
        assert content(network) == before
    assert refused(trained, Recipe(), few_digits[:0]) == "there are no training digits left to learn from"


def test_memory_stays_flat_however_many_samples_there_are(mnist_train: Digits) -> None:
    # What is kept of MNIST's 60,000 samples from one epoch to the next takes 23 MB.
    digits = Digits(np.concatenate([mnist_train.images] * 2), np.concatenate([mnist_train.labels] * 2))
    recipe = Recipe(hidden=5, epochs=1)
    trainer = Trainer(recipe.network(), digits, recipe)
    tracemalloc.start()
    trainer.run_epoch()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 26_000_000
    assert peak < 60_000_000


# On all of MNIST


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "least", "most"), [("tutorial", 0.952, 0.964), ("book", 0.972, 0.976)])
def test_the_first_two_recipes_reach_what_tutorials_and_the_book_report(
    mnist_train: Digits, mnist_test: Digits, name: str, least: float, most: float
) -> None:
    for seed in (1, 2, 3, 4):
        network = trained(RECIPES[name].with_settings({"seed": seed}), mnist_train)
        accuracy = (network.predict(scale_pixels(mnist_test.images)) == mnist_test.labels).mean()
        assert least <= accuracy <= most
