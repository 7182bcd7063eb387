from typing import Any

import numpy as np
import pytest

from mnist_mlp.digits.images import Digits, encode_targets, scale_pixels
from mnist_mlp.nn.network import Network, NetworkError
from mnist_mlp.nn.online import train_online
from mnist_mlp.training.history import EpochRecord
from mnist_mlp.training.recipe import RECIPES, Recipe
from mnist_mlp.training.samples import distortion_of
from mnist_mlp.training.schedule import shuffled
from mnist_mlp.training.scoring import outputs_for
from mnist_mlp.training.trainer import Progress, Trainer, TrainingError, train

# All that a recipe can ask for, each in a run of its own.
RECIPES_OF_ALL_KINDS = {
    "tutorial": Recipe(),
    "online, shuffled": Recipe(learning_rate=0.1, shuffle=True),
    "plain batches": Recipe(batch_size=32, shuffle=True),
    "momentum": Recipe(batch_size=32, momentum=0.9, biases=True, loss="cross-entropy", schedule="linear"),
    "adam": Recipe(batch_size=32, learning_rate=0.01, optimizer="adam", weight_decay=0.01, warmup_epochs=1.5),
    "averaged": Recipe(batch_size=8, ema_epochs=0.5, momentum=0.5, schedule="cosine"),
    "center_inputs": Recipe(batch_size=32, biases=True, center_inputs=True, shuffle=True),
    "distorted": Recipe(batch_size=32, biases=True, rotation=10, shift=1, elastic=20, shuffle=True),
    "all": Recipe(
        init="normal-fan-in",
        biases=True,
        loss="softmax-cross-entropy",
        batch_size=16,
        learning_rate=0.004,
        optimizer="adam",
        schedule="linear",
        decay_fraction=0.5,
        warmup_epochs=1.0,
        shuffle=True,
        center_inputs=True,
        center_hidden=True,
        ema_epochs=0.5,
        rotation=7,
        scale=0.07,
        shear=0.07,
        shift=0.7,
        elastic=20,
    ),
}
each_kind = pytest.mark.parametrize("recipe", RECIPES_OF_ALL_KINDS.values(), ids=RECIPES_OF_ALL_KINDS)


def network_for(recipe: Recipe) -> Network:
    return recipe.network()


def assert_same_bytes(found: Network, expected: Network) -> None:
    assert [a.tobytes() for a in found.parameters()] == [a.tobytes() for a in expected.parameters()]


# What training comes to


def test_the_tutorial_is_one_plain_pass_after_another(few_digits: Digits) -> None:
    network, plain = network_for(Recipe()), network_for(Recipe())
    train(network, few_digits, Recipe(epochs=2))
    inputs, targets = scale_pixels(few_digits.images), encode_targets(few_digits.labels)
    for _ in range(2):
        train_online(plain, inputs, targets, 0.3, "raw-error")
    assert_same_bytes(network, plain)


def test_a_batch_moves_the_weights_by_the_mean_gradient(few_digits: Digits) -> None:
    recipe = Recipe(epochs=1, batch_size=400, loss="squared-error", learning_rate=0.5, biases=True)
    network, trained = network_for(recipe), network_for(recipe)
    train(trained, few_digits, recipe)
    inputs, targets = scale_pixels(few_digits.images), encode_targets(few_digits.labels)
    weights, biases = network.gradients(inputs, targets, "squared-error")
    steps = zip(trained.parameters(), network.parameters(), [*weights, *(biases or [])], strict=True)
    for after, before, gradient in steps:
        np.testing.assert_allclose(after, before - 0.5 * gradient, rtol=0, atol=2e-6)


def test_centring_is_the_same_descent_in_other_coordinates(few_digits: Digits) -> None:
    recipe = Recipe(epochs=1, batch_size=400, loss="cross-entropy", learning_rate=0.5, biases=True)
    network, trained = network_for(recipe), network_for(recipe)
    train(trained, few_digits, recipe.with_settings({"center_inputs": True}))
    # With inputs x - m and biases c = b + W m: b = c - W m, so one step changes W by -rate * delta (x - m)
    # and b by -rate * (delta - delta (x - m) . m), each a mean over the rows.
    inputs, targets = scale_pixels(few_digits.images), encode_targets(few_digits.labels)
    mean = np.float32(0.01 + 0.99 * 0.1307)
    weights, biases = network.gradients(inputs, targets, "cross-entropy")
    assert biases is not None
    shifted = weights[0] - mean * biases[0][:, None]
    assert trained.biases is not None
    np.testing.assert_allclose(trained.weights[0], network.weights[0] - 0.5 * shifted, rtol=0, atol=3e-6)
    expected = -0.5 * (biases[0] - shifted.sum(axis=1) * mean)
    np.testing.assert_allclose(trained.biases[0], expected, rtol=1e-3, atol=1e-5)


@each_kind
def test_every_kind_of_recipe_learns(few_digits: Digits, recipe: Recipe) -> None:
    network = network_for(recipe)
    inputs = scale_pixels(few_digits.images)
    before = (network.predict(inputs) == few_digits.labels).mean()
    history = train(network, few_digits, recipe.with_settings({"epochs": 8}))
    after = (network.predict(inputs) == few_digits.labels).mean()
    assert before < 0.2
    assert after > 0.25
    assert history[-1].loss < history[0].loss
    assert network.activations == ("sigmoid", "sigmoid")


@each_kind
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(few_digits: Digits, recipe: Recipe) -> None:
    first, second, other = (network_for(recipe) for _ in range(3))
    short = recipe.with_settings({"epochs": 2})
    train(first, few_digits, short)
    train(second, few_digits, short)
    train(other, few_digits, short.with_settings({"seed": 2}))
    assert_same_bytes(first, second)
    if recipe.shuffle:
        assert first.weights[0].tobytes() != other.weights[0].tobytes()


# Stopping and going on


@each_kind
def test_a_training_taken_up_again_ends_in_the_same_bytes(few_digits: Digits, recipe: Recipe) -> None:
    recipe = recipe.with_settings({"epochs": 3})
    whole = Trainer(network_for(recipe), few_digits, recipe)
    for _ in range(3):
        whole.run_epoch()
    for stop in (1, 2):
        stopped = Trainer(network_for(recipe), few_digits, recipe)
        for _ in range(stop):
            stopped.run_epoch()
        arrays, values = stopped.state()
        arrays = {name: array.copy() for name, array in arrays.items()}
        resumed = Trainer(network_for(recipe.with_settings({"seed": 5})), few_digits, recipe)
        resumed.restore(arrays, values)
        assert resumed.history == stopped.history
        while not resumed.finished:
            resumed.run_epoch()
        assert_same_bytes(resumed.network(), whole.network())


def test_the_state_of_another_recipe_is_refused(few_digits: Digits) -> None:
    momentum, adam = RECIPES_OF_ALL_KINDS["momentum"], RECIPES_OF_ALL_KINDS["adam"]
    state = Trainer(network_for(momentum), few_digits, momentum).state()
    with pytest.raises(TrainingError, match="does not belong to a training by this recipe"):
        Trainer(network_for(adam), few_digits, adam).restore(*state)
    other = momentum.with_settings({"hidden": 17})
    with pytest.raises(TrainingError, match="does not belong"):
        Trainer(network_for(other), few_digits, other).restore(*state)


@pytest.mark.parametrize(
    "broken",
    [
        None,
        3,
        [3],
        [{}],
        [{"epoch": 1}],
        [{"epoch": None}],
        [{"epoch": "1"}],
        [{"epoch": 2}],
        [{"epoch": True}],
        [{"seconds": None}],
        [{"loss": None}],
        [{"loss": 10**400}],
        [{"accuracy": [1.0]}],
        [{}, {}],
        "too long",
    ],
    ids=repr,
)
def test_a_broken_history_is_refused(few_digits: Digits, broken: Any) -> None:
    recipe = Recipe(epochs=1)
    arrays, _ = Trainer(network_for(recipe), few_digits, recipe).state()
    good = {
        "epoch": 1,
        "learning_rate": 0.3,
        "loss": 0.5,
        "accuracy": 0.5,
        "validation_loss": None,
        "validation_accuracy": None,
        "seconds": 1.0,
    }
    if broken == "too long":
        broken = [good, {**good, "epoch": 2}]
    elif isinstance(broken, list) and broken[0] not in (3, {}, {"epoch": 1}):
        broken = [{**good, **record} for record in broken]
    training = Trainer(network_for(recipe), few_digits, recipe)
    with pytest.raises(TrainingError, match=r"history|does not belong"):
        training.restore(arrays, {"history": broken})
    assert training.history == []
    training.restore(arrays, {"history": [good]})
    assert training.history == [EpochRecord(1, 0.3, 0.5, 0.5, None, None, 1.0)]


def test_adams_count_of_steps_must_be_that_of_the_epochs_done(few_digits: Digits) -> None:
    recipe = RECIPES_OF_ALL_KINDS["adam"]
    training = Trainer(network_for(recipe), few_digits, recipe)
    training.run_epoch()
    arrays, values = training.state()
    arrays["optimizer.steps"][0] = -1  # the next step would divide by zero
    with pytest.raises(TrainingError, match="does not belong"):
        Trainer(network_for(recipe), few_digits, recipe).restore(arrays, values)


def test_a_state_that_is_not_finite_is_refused(few_digits: Digits) -> None:
    recipe = RECIPES_OF_ALL_KINDS["momentum"]
    arrays, values = Trainer(network_for(recipe), few_digits, recipe).state()
    arrays["optimizer.velocity.0"][0, 0] = np.nan
    with pytest.raises(TrainingError, match="does not belong"):
        Trainer(network_for(recipe), few_digits, recipe).restore(arrays, values)


# The history


def test_the_history_tells_each_rows_outcome_before_its_own_update(few_digits: Digits) -> None:
    digits = few_digits[:60]
    network, slow = network_for(Recipe()), network_for(Recipe())
    history = train(network, digits, Recipe(epochs=2))
    inputs, targets = scale_pixels(digits.images), encode_targets(digits.labels)
    for record in history:
        losses, right = [], 0
        for row in range(60):
            output = slow.forward(inputs[row : row + 1])[0]
            losses.append(sum(0.5 * float(o - t) ** 2 for o, t in zip(output, targets[row], strict=True)))
            right += int(output.argmax() == digits.labels[row])
            train_online(slow, inputs[row : row + 1], targets[row : row + 1], 0.3)
        assert record.loss == pytest.approx(sum(losses) / 60, rel=1e-3)
        assert record.accuracy == right / 60
    assert [record.epoch for record in history] == [1, 2]
    assert all(record.learning_rate == 0.3 and record.seconds > 0 for record in history)
    assert all(record.validation_loss is record.validation_accuracy is None for record in history)


def test_the_history_of_batches_counts_the_last_small_one_too(few_digits: Digits) -> None:
    digits = few_digits[:70]  # batches of 32, 32 and 6
    recipe = Recipe(epochs=1, batch_size=32, loss="cross-entropy", learning_rate=0.1)
    network, slow = network_for(recipe), network_for(recipe)
    record = train(network, digits, recipe)[0]
    inputs, targets = scale_pixels(digits.images), encode_targets(digits.labels)
    losses, right = [], 0
    for first in (0, 32, 64):
        rows = slice(first, first + 32)
        y = slow.forward(inputs[rows]).astype(float)
        t = targets[rows]
        losses += list(-(t * np.log(y) + (1 - t) * np.log(1 - y)).sum(axis=1))
        right += int((y.argmax(axis=1) == digits.labels[rows]).sum())
        gradients = slow.gradients(inputs[rows], t, "cross-entropy")[0]
        for i, gradient in enumerate(gradients):
            slow.weights[i] -= np.float32(0.1) * gradient
    assert record.loss == pytest.approx(np.mean(losses), rel=1e-4)
    assert record.accuracy == right / 70


@pytest.mark.parametrize("kind", ["plain batches", "averaged", "center_inputs"])
def test_validation_scores_the_network_as_it_would_be_saved(mnist_train: Digits, kind: str) -> None:
    recipe = RECIPES_OF_ALL_KINDS[kind].with_settings({"epochs": 2})
    network, held_out = network_for(recipe), mnist_train[-50:]
    record = train(network, mnist_train[:300], recipe, validation=held_out)[-1]
    inputs, targets = scale_pixels(held_out.images), encode_targets(held_out.labels)
    y = network.forward(inputs)
    assert record.validation_accuracy == (y.argmax(axis=1) == held_out.labels).mean()
    assert record.validation_loss == pytest.approx((0.5 * (y - targets) ** 2).sum(axis=1).mean(), rel=1e-5)


def test_validation_of_softmax_reports_its_own_loss(mnist_train: Digits) -> None:
    recipe = Recipe(loss="softmax-cross-entropy", biases=True, batch_size=32, epochs=1)
    network, held_out = network_for(recipe), mnist_train[-50:]
    record = train(network, mnist_train[:300], recipe, validation=held_out)[-1]
    y = network.forward(scale_pixels(held_out.images)).astype(float)
    assert record.validation_accuracy == (y.argmax(axis=1) == held_out.labels).mean()
    exponentials = y / (1 - y)  # of the weighted sums, apart from a factor
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    expected = -np.log(shares[np.arange(50), held_out.labels]).mean()
    assert record.validation_loss == pytest.approx(expected, rel=1e-3)


def test_progress_counts_rows_and_epochs_are_told_as_they_end(mnist_train: Digits) -> None:
    digits, seen = mnist_train[:5000], list[Progress]()
    record = Trainer(network_for(Recipe()), digits, Recipe()).run_epoch(seen.append)
    assert [(p.epoch, p.samples_done, p.samples) for p in seen] == [
        (1, 2048, 5000),  # 32 blocks of 64 samples
        (1, 4096, 5000),
        (1, 5000, 5000),
    ]
    assert seen[-1].accuracy == record.accuracy
    told: list[EpochRecord] = []
    assert train(network_for(Recipe()), digits[:100], Recipe(epochs=3), on_epoch=told.append) == told


def test_outputs_for_many_images_are_those_of_all_at_once(mnist_train: Digits) -> None:
    images, network = mnist_train.images[:4500], Network([784, 8, 10], rng=1)
    found = outputs_for(network, images)  # in three chunks
    np.testing.assert_allclose(found, network.forward(scale_pixels(images)), rtol=1e-5)


# Learning rates


def test_the_history_has_the_learning_rate_of_the_last_step(few_digits: Digits) -> None:
    recipe = Recipe(epochs=2, batch_size=100, learning_rate=0.8, schedule="linear")
    history = train(network_for(recipe), few_digits, recipe)
    assert [record.learning_rate for record in history] == pytest.approx([0.5, 0.1])


# Averaged weights


def test_a_run_of_a_single_step_has_a_mean_too(few_digits: Digits) -> None:
    recipe = Recipe(epochs=1, batch_size=400)
    last, averaged = network_for(recipe), network_for(recipe)
    train(last, few_digits, recipe)
    train(averaged, few_digits, recipe.with_settings({"ema_epochs": 1.0}))
    assert_same_bytes(averaged, last)


# The order of rows


@pytest.mark.parametrize(("rows", "size"), [(1, 1), (10, 3), (256, 256), (1000, 64), (20_000, 2048)])
def test_shuffling_takes_each_row_once_in_whole_chunks(rows: int, size: int) -> None:
    chunks = list(shuffled(rows, size, np.random.default_rng(1)))
    assert sorted(np.concatenate(chunks).tolist()) == list(range(rows))
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert 0 < len(chunks[-1]) <= size


def test_shuffling_moves_rows_within_and_among_blocks() -> None:
    order = np.concatenate(list(shuffled(20_000, 100, np.random.default_rng(1))))
    assert abs(np.corrcoef(order, np.arange(20_000))[0, 1]) < 0.5
    assert (np.diff(order) == 1).mean() < 0.01
    again = np.concatenate(list(shuffled(20_000, 100, np.random.default_rng(1))))
    np.testing.assert_array_equal(order, again)


# What cannot be


def test_a_loss_that_is_no_longer_finite_stops_the_training(few_digits: Digits) -> None:
    recipe = Recipe(batch_size=20, learning_rate=1000, weight_decay=1)  # each step takes weights times -999
    network = network_for(recipe)
    before = [array.copy() for array in network.parameters()]
    with pytest.raises(TrainingError, match=r"epoch [1-5]: the loss is no longer finite; .* below 1000"):
        train(network, few_digits, recipe)
    for after, array in zip(network.parameters(), before, strict=True):
        np.testing.assert_array_equal(after, array)


def test_weights_that_overflow_in_the_last_step_never_become_a_state(few_digits: Digits) -> None:
    # After the 13th step the weights are beyond all numbers, which no row of the epoch has met.
    recipe = Recipe(batch_size=20, learning_rate=1000, weight_decay=1)
    training = Trainer(network_for(recipe), few_digits[: 13 * 20], recipe)
    with pytest.raises(TrainingError, match="epoch 1: the loss is no longer finite"):
        training.run_epoch()
    assert training.history == []


@pytest.mark.parametrize("change", [{"momentum": 0.5}, {"optimizer": "adam"}], ids=str)
def test_growing_beyond_all_numbers_warns_of_nothing_else(few_digits: Digits, change: dict[str, Any]) -> None:
    recipe = Recipe(batch_size=20, learning_rate=1000, weight_decay=1).with_settings(change)
    with pytest.raises(TrainingError, match="no longer finite"):
        train(network_for(recipe), few_digits, recipe)


def test_no_digits_teach_nothing(few_digits: Digits) -> None:
    with pytest.raises(TrainingError, match="no training digits"):
        train(network_for(Recipe()), few_digits[:0], Recipe())


def test_a_network_of_another_shape_is_refused(few_digits: Digits) -> None:
    with pytest.raises(NetworkError, match="the network is 784-5-9"):
        train(Network([784, 5, 9], rng=1), few_digits, Recipe())
    with pytest.raises(NetworkError, match="'raw-error' needs"):
        train(Network([784, 5, 10], ["sigmoid", "linear"], rng=1), few_digits, Recipe(hidden=5))
    with pytest.raises(NetworkError, match="the network has no biases"):
        train(Network([784, 5, 10], rng=1), few_digits, Recipe(hidden=5, biases=True))


def test_a_distortion_has_the_recipes_settings() -> None:
    distortion = distortion_of(RECIPES["best"])
    assert (distortion.rotation, distortion.shift) == (RECIPES["best"].rotation, RECIPES["best"].shift)
    assert (distortion.scale, distortion.shear) == (RECIPES["best"].scale, RECIPES["best"].shear)
    assert (distortion.elastic, distortion.elastic_sigma) == (
        RECIPES["best"].elastic,
        RECIPES["best"].elastic_sigma,
    )


# On all of MNIST


def test_one_epoch_of_the_tutorial_reads_most_digits(mnist_train: Digits, mnist_test: Digits) -> None:
    recipe = Recipe(epochs=1)
    network = network_for(recipe)
    train(network, mnist_train, recipe)
    accuracy = (network.predict(scale_pixels(mnist_test.images)) == mnist_test.labels).mean()
    assert accuracy > 0.93  # four seeds of five epochs give 95.5 to 96.0 %


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize(("name", "bounds"), [("tutorial", (0.952, 0.964)), ("book", (0.972, 0.976))])
def test_the_documents_recipes_reach_the_documents_accuracies(
    mnist_train: Digits, mnist_test: Digits, name: str, bounds: tuple[float, float], seed: int
) -> None:
    recipe = RECIPES[name].with_settings({"seed": seed})
    network = network_for(recipe)
    train(network, mnist_train, recipe)
    accuracy = (network.predict(scale_pixels(mnist_test.images)) == mnist_test.labels).mean()
    assert bounds[0] <= accuracy <= bounds[1]
