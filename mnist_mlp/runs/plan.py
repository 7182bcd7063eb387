"""What is asked of a run: the first that is written into its folder, as `run.json`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

from mnist_mlp.errors import MnistMlpError, printable
from mnist_mlp.files.atomic import read_text
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.settings import RecipeError

PLAN = "run.json"


class RunError(MnistMlpError):
    """A run or sweep that cannot be carried out as asked, or a folder of one that misses something."""


@dataclass(frozen=True)
class DataPlaces:
    """Absolute paths of the digits of a run: of CSV files, and of the folder of MNIST's for what has none."""

    train_csv: str | None = None
    test_csv: str | None = None
    data_dir: str | None = None

    def __post_init__(self) -> None:
        if not all(isinstance(path, str | None) for path in asdict(self).values()):
            raise TypeError("paths must be texts")


@dataclass(frozen=True)
class Plan:
    """What was asked of a run, as it stands in `run.json`.

    Attributes:
        recipe: all settings; with repeats, those of the first seed.
        repeats: trainings with seeds of their own, counting up from the recipe's.
        places: where the digits are read from.

    Raises:
        RunError: if the last of the seeds is beyond what a recipe allows.
    """

    KIND: ClassVar[str] = "run"

    recipe: Recipe
    repeats: int = 1
    places: DataPlaces = field(default_factory=DataPlaces)

    def __post_init__(self) -> None:
        if type(self.repeats) is not int or self.repeats < 1:
            raise RunError(f"repeats must be a whole number from 1, not {printable(self.repeats, 50)}")
        try:
            replace(self.recipe, seed=self.recipe.seed + self.repeats - 1)
        except RecipeError as error:
            raise RunError(f"the last of the repeats: {error}") from None

    @property
    def recipes(self) -> Iterator[Recipe]:
        """The recipe of each of the repeats."""
        return (replace(self.recipe, seed=self.recipe.seed + i) for i in range(self.repeats))

    def to_json(self) -> str:
        """The plan as JSON text."""
        return json.dumps({**asdict(self), "recipe": self.recipe.to_dict()}, indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the plan of a run's folder; RunError if it holds none, or a broken one."""
        path = folder / f"{cls.KIND}.json"
        if not path.exists():
            fault = (
                f"holds no {cls.KIND} (no {path.name})" if folder.exists() else f"there is no such {cls.KIND}"
            )
            raise RunError(f"{printable(folder)}: {fault}; name a {cls.KIND}'s folder")
        try:
            values = json.loads(read_text(path, limit=1 << 24))
            recipe = Recipe().with_settings(values.pop("recipe"))
            return cls(recipe, places=DataPlaces(**values.pop("places")), **values)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, MnistMlpError) as error:
            remedy = "start again with another --out"
            raise RunError(f"{printable(path)}: broken: {printable(error, 100)}; {remedy}") from None

    def check_same(self, asked: Mapping[str, object]) -> None:
        """Check that settings, repeats and paths that are asked for now are the plan's; RunError if not."""
        own = {**asdict(self.places), "repeats": self.repeats, **self.recipe.to_dict()}
        for name, value in asked.items():
            if own[name] != value:
                option = "--recipe" if name == "name" else "--" + name.replace("_", "-")
                was, now = printable(own[name], 80), printable(value, 80)
                raise RunError(
                    f"the run began with {option} {was}, not {now}; leave the option out, or start a new run"
                )


def places_of(folder: Path) -> DataPlaces:
    """Where the digits of a run were read from, as its own folder or that above, of repeats, says."""
    above = folder if (folder / PLAN).exists() else folder.absolute().parent
    return Plan.read(above).places if (above / PLAN).exists() else DataPlaces()
