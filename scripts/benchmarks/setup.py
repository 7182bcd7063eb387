"""What all parts of the benchmark work on: the digits, how many of them, how often, and a folder."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mnist_mlp.digits.images import Digits, encode_targets, scale_pixels
from mnist_mlp.digits.mnist import write_csv
from mnist_mlp.nn.blas import Floats
from mnist_mlp.nn.network import Network
from mnist_mlp.training.recipe import RECIPES, Recipe

OURS = "mnist-mlp"


@dataclass(frozen=True)
class Setup:
    """The extent of the benchmark.

    Attributes:
        folder: for files, new and empty.
        train: the training digits.
        test: the test digits.
        rounds: of all measurements but one.
        whole_rounds: of the book's whole program, which takes minutes.
        epochs: of every training; None for as many as its recipe says.
        book_rows: rows in one measurement of the book's loop.
        copies: times the training digits up to which growth is measured.
    """

    folder: Path
    train: Digits
    test: Digits
    rounds: int = 5
    whole_rounds: int = 1
    epochs: int | None = None
    book_rows: int = 6000
    copies: int = 20

    @cached_property
    def inputs(self) -> Floats:
        """The training images as inputs, (n, 784) float32."""
        return scale_pixels(self.train.images)

    @cached_property
    def targets(self) -> Floats:
        """The training labels as targets, (n, 10) float32."""
        return encode_targets(self.train.labels)

    @cached_property
    def csvs(self) -> tuple[Path, Path]:
        """The training and the test digits as CSV files, alone in their folder."""
        folder = self.folder / "csv"
        folder.mkdir()
        paths = folder / "mnist_train.csv", folder / "mnist_test.csv"
        for path, digits in zip(paths, (self.train, self.test), strict=True):
            write_csv(digits, path)
        return paths

    def forget_caches(self) -> None:
        """Remove what the reader keeps beside the CSV files, so that the next read is a first one."""
        for cache in self.csvs[0].parent.glob(".*.cache"):
            cache.unlink()

    def recipe(self, name: str, *, seed: int = 1) -> Recipe:
        """A named recipe, with the epochs of this benchmark."""
        recipe = replace(RECIPES[name], seed=seed)
        return recipe if self.epochs is None else replace(recipe, epochs=self.epochs)

    def write_recipe(self, recipe: Recipe) -> Path:
        """The path of a file that holds the recipe."""
        path = self.folder / f"{recipe.name}.toml"
        path.write_text(recipe.to_toml())
        return path


def new_network(recipe: Recipe) -> Network:
    return recipe.network()
