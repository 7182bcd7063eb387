"""Getting the digits of a command: from a CSV file, a folder, or the web, with progress on the screen."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import typer

from mnist_mlp.cli.screen import Screen
from mnist_mlp.digits.download import SOURCES, download_mnist
from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.mnist import NoDigitsError, find_data_folder, load_mnist, read_csv
from mnist_mlp.runs.job import Data
from mnist_mlp.runs.plan import DataPlaces, Plan, RunError
from mnist_mlp.training.recipe import Recipe


@dataclass(frozen=True)
class Source:
    """Where the MNIST files are, or come from, as the options of a command say."""

    data_dir: str | Path | None
    mirrors: list[str] | None = None
    offline: bool = True

    @property
    def folder(self) -> Path:
        """The folder that the options mean."""
        return find_data_folder(self.data_dir)

    def read(self, split: str, csv: str | Path | None, screen: Screen) -> Digits:
        """Read digits from a CSV file, or a split of MNIST, which is downloaded into a folder without it.

        Raises:
            MnistMlpError: if they cannot be read or downloaded.
        """
        with screen.progress() as progress:
            if csv is not None:
                return read_csv(csv, progress)
            try:
                return load_mnist(self.folder, split, progress)
            except NoDigitsError:
                if self.offline:
                    raise
        screen.note(f"no MNIST files in {self.folder}; downloading them")
        self.download(screen)
        with screen.progress() as progress:
            return load_mnist(self.folder, split, progress)

    def download(self, screen: Screen) -> None:
        """Download MNIST into the folder; what is there already is checked."""
        mirrors, sources = ((), ()) if self.offline else (self.mirrors or (), SOURCES)
        with screen.progress() as progress:
            download_mnist(self.folder, mirrors, sources=sources, progress=progress)


def new_plan(recipe: Recipe, repeats: int, places: dict[str, str], source: Source) -> Plan:
    """What is asked of a new run: it names the folder of MNIST's files, if any of them is needed."""
    if not {"train_csv", "test_csv"} <= places.keys():
        places = {**places, "data_dir": str(source.folder.absolute())}
    try:
        return Plan(recipe, repeats, DataPlaces(**places))
    except RunError as error:
        raise typer.BadParameter(str(error)) from None


def read_data(places: DataPlaces, source: Source, screen: Screen) -> Data:
    """Read the training and test digits of a run."""
    start = perf_counter()
    train = source.read("train", places.train_csv, screen)
    test = source.read("test", places.test_csv, screen)
    return Data(train, test, perf_counter() - start)
