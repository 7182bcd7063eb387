"""A recipe: all settings of a training run, each spelled once, as plain values that can be written and read.

The command line, recipe files and the tables of a scorecard take a setting's kind, range, choices and
explanation from its field in `Recipe`.
"""

from collections.abc import Collection, Mapping
from dataclasses import Field, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mnist_mlp.errors import close_matches, printable
from mnist_mlp.files.atomic import read_text
from mnist_mlp.training.settings import LARGEST_WHOLE, RecipeError, check, setting, shown

if TYPE_CHECKING:
    from mnist_mlp.nn.network import Network

_LARGEST_FILE = 1 << 14  # bytes; a recipe is a page of text, and a long one can take the parser long


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of a run; with the data, they determine its result. Each field's metadata explains it."""

    name: str = setting("tutorial", "Name of the recipe.")
    hidden: int | tuple[int, ...] = setting(
        200, "Hidden units; for several hidden layers as in 300,100.", least=1, greatest=10_000, several=True
    )
    init: str = setting(
        "uniform",
        "Weight initialization: uniform in [-0.5, 0.5), or normal with standard deviation 1/sqrt(fan-in) or "
        "1/sqrt(fan-out).",
        choices=("uniform", "normal-fan-out", "normal-fan-in"),
    )
    biases: bool = setting(False, "Whether the layers have biases.")
    loss: str = setting(
        "raw-error",
        "Loss. With raw-error, the rule of the book, the output error is propagated backwards without the "
        "sigmoid's derivative. With softmax-cross-entropy the outputs are softmax while training.",
        choices=("squared-error", "cross-entropy", "raw-error", "softmax-cross-entropy"),
    )
    epochs: int = setting(5, "Passes over the training digits.", least=1, greatest=100_000)
    batch_size: int = setting(1, "Mini-batch size: samples per update.", least=1, greatest=60_000)
    learning_rate: float = setting(0.3, "Learning rate.", least=1e-9, greatest=1e3)
    optimizer: str = setting(
        "sgd", "Optimizer: stochastic gradient descent or Adam.", choices=("sgd", "adam")
    )
    momentum: float = setting(
        0.0, "Share of the last update that is added to the next (sgd).", greatest=0.9999
    )
    weight_decay: float = setting(
        0.0, "Each update takes learning rate x weight decay of every weight away.", greatest=1
    )
    schedule: str = setting(
        "constant",
        "Learning rate schedule: constant, or decaying to zero as a line or a cosine.",
        choices=("constant", "linear", "cosine"),
    )
    decay_fraction: float = setting(
        1.0, "Final fraction of the updates in which the learning rate decays.", least=0.001, greatest=1
    )
    warmup_epochs: float = setting(
        0.0, "Epochs in which the learning rate first rises from zero.", greatest=100_000
    )
    shuffle: bool = setting(False, "Whether the samples come in a new random order in each epoch.")
    center_inputs: bool = setting(
        False, "Whether the inputs are shifted to mean zero while training (the biases take it up)."
    )
    rotation: float = setting(0.0, "Distortion: largest rotation, in degrees.", greatest=180)
    scale: float = setting(
        0.0, "Distortion: largest change of width and of height, as a fraction.", greatest=0.9
    )
    shear: float = setting(0.0, "Distortion: largest shear, as a fraction.", greatest=2)
    shift: float = setting(0.0, "Distortion: largest shift along each axis, in pixels.", greatest=28)
    elastic: float = setting(
        0.0, "Distortion: strength of the elastic deformation, in pixels.", greatest=1000
    )
    elastic_sigma: float = setting(
        5.0, "Distortion: smoothness of the elastic deformation, in pixels.", least=0.5, greatest=28
    )
    nondigits: float = setting(
        0.0,
        "Drawn samples that are no digits, as a fraction of the training digits: all their targets are low.",
        greatest=1,
    )
    validation: int = setting(
        0, "Training digits, from the end, that are held out and scored after each epoch.", greatest=10**9
    )
    patience: int = setting(
        0,
        "Early stopping: epochs without a better accuracy on the held-out digits until training stops; the "
        "best weights are kept. 0 for none.",
        greatest=100_000,
    )
    seed: int = setting(1, "Random seed.", greatest=LARGEST_WHOLE)

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, check(field, getattr(self, field.name)))
        if self.center_inputs and not self.biases:
            raise RecipeError("center_inputs needs biases = true")
        if self.nondigits and not self.shuffle:
            raise RecipeError("nondigits are mixed with the digits: they need shuffle = true")
        if self.patience and not self.validation:
            raise RecipeError("patience needs held-out digits: validation must be above 0")

    @property
    def layer_sizes(self) -> list[int]:
        """Units of each layer, the 784 inputs and the 10 outputs included."""
        return [784, *([self.hidden] if isinstance(self.hidden, int) else self.hidden), 10]

    @property
    def distorted(self) -> bool:
        """Whether the training digits are distorted."""
        return any((self.rotation, self.scale, self.shear, self.shift, self.elastic))

    @property
    def online(self) -> bool:
        """Whether each update is plain and from one sample, so that `train_online` can do it."""
        plain = self.optimizer == "sgd" and self.momentum == 0 and self.weight_decay == 0
        direct = not (self.center_inputs or self.distorted)
        return self.batch_size == 1 and plain and direct and self.loss != "softmax-cross-entropy"

    def network(self) -> "Network":
        """Build the network that the recipe trains, with weights drawn by the recipe's seed."""
        from mnist_mlp.nn.network import Network  # noqa: PLC0415 - loads NumPy, which --help does without

        return Network(self.layer_sizes, init=self.init, biases=self.biases, rng=self.seed)

    def with_settings(self, settings: Mapping[str, Any]) -> Self:
        """This recipe with some settings changed; RecipeError if one is unknown or its value will not do."""
        for name in settings:
            setting_named(name)
        return replace(self, **settings)

    def to_dict(self) -> dict[str, Any]:
        """All settings by name, as JSON has them."""
        values = ((name, getattr(self, name)) for name in SETTINGS)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values}

    def to_toml(self) -> str:
        """All settings as TOML, which `load_recipe` reads back."""
        import json  # noqa: PLC0415 - takes time to import, which --help does without

        # JSON writes texts, numbers, lists and true or false as TOML does.
        lines = (f"{name} = {json.dumps(v, ensure_ascii=False)}\n" for name, v in self.to_dict().items())
        return "".join(lines)


SETTINGS = {field.name: field for field in fields(Recipe)}
EXPLANATIONS: dict[str, str] = {name: field.metadata["help"] for name, field in SETTINGS.items()}


def setting_named(name: str) -> Field[Any]:
    """Look up the field of a setting; RecipeError if there is none of that name."""
    if name not in SETTINGS:
        near = close_matches(str(name)[:50], SETTINGS)
        remedy = f"did you mean {near[0]}?" if near else "the recipe.toml of a run has them all"
        raise RecipeError(f"setting {name!r:.50} is not known; {remedy}")
    return SETTINGS[name]


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="tutorial"),
        Recipe(name="book", init="normal-fan-in", learning_rate=0.1),
        Recipe(
            name="fast",
            init="normal-fan-in",
            biases=True,
            loss="cross-entropy",
            epochs=8,
            batch_size=32,
            learning_rate=0.5,
            momentum=0.9,
            schedule="linear",
            warmup_epochs=1.0,
            shuffle=True,
            center_inputs=True,
            rotation=5.0,
            shift=0.7,
            nondigits=0.3,
            validation=2000,
        ),
        Recipe(
            name="best",
            init="normal-fan-in",
            biases=True,
            loss="softmax-cross-entropy",
            epochs=200,
            batch_size=512,
            learning_rate=0.005,
            optimizer="adam",
            weight_decay=0.03,
            schedule="linear",
            decay_fraction=0.8,
            shuffle=True,
            center_inputs=True,
            rotation=10.0,
            scale=0.08,
            shear=0.08,
            shift=1.3,
            elastic=23.0,
            nondigits=0.03,
            validation=2000,
        ),
    )
}


def load_recipe(name_or_file: str, *, without: Collection[str] = ()) -> Recipe:
    """Look up a named recipe, or read one from a TOML file.

    A file holds settings by name; those it leaves out are those of the recipe it names as ``base``, else
    those of the tutorial. Settings in `without` are not read.

    Raises:
        RecipeError: if there is no such recipe, or the file will not do.
        StorageError: if the file cannot be read.
    """
    if name_or_file in RECIPES:
        return RECIPES[name_or_file]
    path = Path(name_or_file)
    if path.suffix != ".toml":
        near = [name for name in (f"{name_or_file[:50]}.toml",) if Path(name).is_file()]
        near += close_matches(name_or_file[:50], RECIPES)
        remedy = (
            f"did you mean {near[0]}?" if near else f"choose {', '.join(RECIPES)} or a file ending in .toml"
        )
        raise RecipeError(f"recipe {name_or_file!r:.80} is not known; {remedy}")
    try:
        settings = {name: value for name, value in read_settings(path).items() if name not in without}
        base = settings.pop("base", "tutorial")
        if not isinstance(base, str) or base not in RECIPES:
            raise RecipeError(f"base must be one of {', '.join(RECIPES)}, not {shown(base)}")
        settings.setdefault("name", "".join(c if c.isalnum() else "-" for c in path.stem)[:40])
        return RECIPES[base].with_settings(settings)
    except RecipeError as error:
        raise RecipeError(f"{printable(path)}: {error}") from None


def read_settings(path: Path) -> dict[str, Any]:
    """Read the settings of a file, not checked yet; RecipeError if it is not TOML, else StorageError."""
    import tomllib  # noqa: PLC0415 - takes time to import, which --help does without

    text = read_text(path, _LARGEST_FILE)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise RecipeError("not a recipe: nested too deeply") from None
    except ValueError as error:  # TOML's errors, and numbers too long
        raise RecipeError(
            f'not TOML: {printable(error, 100)}; texts stand in quotes, as in base = "fast", '
            "and true and false in lower case"
        ) from None
