import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network
from mnist_mlp.runs.folder import Plan
from mnist_mlp.runs.run import Data, Watch, carry_out
from mnist_mlp.training.checks import examine_digits, examine_network
from mnist_mlp.training.recipe import RECIPES
from mnist_mlp.training.trainer import Training


def network_answering(answer: int) -> Network:
    biases = np.where(np.arange(10) == answer, 1.0, 0.0)
    return Network.from_arrays([np.zeros((10, 784))], [biases], ["sigmoid"])


def random_digits(rows: int, rng: np.random.Generator) -> Digits:
    images = rng.integers(256, size=(rows, 28, 28)).astype(np.uint8)
    return Digits(images, (np.arange(rows) % 10).astype(np.uint8))


# Before a training


def test_nothing_is_wrong_with_mnist(mnist_train: Digits, mnist_test: Digits) -> None:
    assert examine_digits(mnist_train, mnist_test) == []


def test_a_sample_of_a_hundred_digits_is_named(mnist_train: Digits, mnist_test: Digits) -> None:
    (warning,) = examine_digits(mnist_train[:100], mnist_test)
    assert warning.startswith("there are only 100 training digits, likely a sample")


@pytest.mark.parametrize("pixel", [0, 255])
def test_images_that_are_all_alike_are_named(mnist_test: Digits, pixel: int) -> None:
    images = np.full((5000, 28, 28), pixel, np.uint8)
    labels = (np.arange(5000) % 10).astype(np.uint8)
    (warning,) = examine_digits(Digits(images, labels), mnist_test)
    assert warning.startswith("all training images are alike")
    images[4999, 27, 27] = 7
    assert examine_digits(Digits(images, labels), mnist_test) == []


def test_a_label_that_never_occurs_is_named(mnist_train: Digits, mnist_test: Digits) -> None:
    kept = (mnist_train.labels != 3) & (mnist_train.labels != 8)
    train = Digits(mnist_train.images[kept], mnist_train.labels[kept])
    (warning,) = examine_digits(train, mnist_test)
    assert warning.startswith("no training digit has the label 3, 8, so it will never be the answer")


def test_digits_in_both_sets_are_counted(mnist_train: Digits, mnist_test: Digits) -> None:
    test = Digits(
        np.concatenate([mnist_test.images[:9], mnist_train.images[[5, 59_999, 30_000]]]),
        np.zeros(12, np.uint8),
    )
    (warning,) = examine_digits(mnist_train, test)
    assert warning.startswith("3 of the 12 test digits are training digits too")
    (warning,) = examine_digits(mnist_train, mnist_train)
    assert warning.startswith("60,000 of the 60,000")


def test_images_of_the_same_hash_are_told_apart() -> None:
    # The hash is a weighted sum of numbers of 64 bits, modulo 2**64. Pixels 7 and 15 are the highest bytes
    # of the first two, so the weights count modulo 256 there: some pair of changes cancels out.
    first, second = (int(w) % 256 for w in np.cumprod(np.full(2, 0x9E3779B97F4A7C15, np.uint64)))
    train = random_digits(1000, np.random.default_rng(1))
    train.images[:, 0, [7, 15]] = 0  # in the first row of each image
    twins = train.images.copy()
    twins[:, 0, 7], twins[:, 0, 15] = second, (-first) % 256
    assert examine_digits(train, Digits(twins, train.labels)) == []


def test_a_huge_file_is_looked_at_in_little_memory(tmp_path: Path, mnist_test: Digits) -> None:
    rows = 1_200_000
    path = tmp_path / "images"
    with path.open("wb") as file:
        file.truncate(rows * 784)  # a hole, which takes no room on most disks
    images: NDArray[np.uint8] = np.memmap(path, np.uint8, "r+", shape=(rows, 28, 28))
    images[-10:] = mnist_test.images[:10]
    train = Digits(images, (np.arange(rows) % 10).astype(np.uint8))
    tracemalloc.start()
    try:
        warnings = examine_digits(train, mnist_test)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
    assert warnings == [warnings[0]]
    assert warnings[0].startswith("at least 10 of the 10,000 test digits are training digits too")


# During a training


def test_a_network_with_one_answer_to_everything_is_named(mnist_train: Digits) -> None:
    (warning,) = examine_network(network_answering(3), mnist_train)
    assert warning.startswith("the network answers the same whatever it is shown")
    assert examine_network(network_answering(8), mnist_train) == [warning]


def test_where_all_labels_are_alike_one_answer_is_right(mnist_train: Digits) -> None:
    threes = Digits(mnist_train.images[:1000], np.full(1000, 3, np.uint8))
    assert examine_network(network_answering(3), threes) == []


def test_guessing_is_named(mnist_train: Digits) -> None:
    network = Network([784, 10], rng=1)  # untrained
    answers = network.predict(scale_pixels(mnist_train.images[:500]))
    assert len(set(answers.tolist())) > 1
    shuffled = Digits(
        mnist_train.images[:500], np.random.default_rng(1).permutation(mnist_train.labels[:500])
    )
    (warning,) = examine_network(network, shuffled)
    assert warning.startswith("the network does no better than guessing")
    right = Digits(mnist_train.images[:500], answers.astype(np.uint8))
    assert examine_network(network, right) == []


# In a run


@pytest.mark.parametrize("name", RECIPES)
def test_no_recipe_gives_a_warning_on_mnist(name: str, mnist_train: Digits) -> None:
    # Fewer digits are the harder case: fewer updates before the first look.
    recipe, digits = RECIPES[name], mnist_train[:10_000]
    network = Network([784, recipe.hidden, 10], init=recipe.start, biases=recipe.biases, rng=recipe.seed)
    training = Training(network, digits, recipe)
    training.run_epoch()
    assert examine_network(training.result(), digits) == []


def test_a_run_gives_each_warning_once(mnist_train: Digits, tmp_path: Path) -> None:
    recipe = replace(RECIPES["fast"], epochs=3, learning_rate=1e-9)
    warnings: list[str] = []
    watch = Watch(on_warning=warnings.append)
    carry_out(tmp_path, Plan(recipe), Data(mnist_train[:1000], mnist_train[:200]), watch)
    assert [warning[:37] for warning in warnings] == [
        "200 of the 200 test digits are traini",
        "the network answers the same whatever",
    ]
