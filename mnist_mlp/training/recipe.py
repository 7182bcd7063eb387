"""A recipe: all settings of a training run, as plain values that can be written down and read again."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from mnist_mlp.errors import MnistMlpError, printable
from mnist_mlp.files.atomic import read_text

_LARGEST_FILE = 1 << 14  # bytes; a recipe is a page of text, and a long one can take the parser long


class RecipeError(MnistMlpError):
    """A recipe with a setting that is unknown, of the wrong kind or out of range."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of a run; with the data, they determine its result.

    Attributes:
        name: what the recipe is called.
        hidden: sigmoid units of the hidden layer.
        start: how the weights are drawn: uniform, normal-fan-out or normal-fan-in (see `Network`).
        biases: whether the layers have biases.
        loss: squared-error, cross-entropy or raw-error (see `mnist_mlp.nn.losses`), or softmax-cross-entropy:
            the outputs are softmax while training, and sigmoid, with the same answers, in the result.
        epochs: passes over the training digits.
        batch_size: rows an update.
        learning_rate: of the mean gradient of a batch, before the schedule.
        optimiser: momentum (with momentum 0: plain gradient descent) or adam.
        momentum: how much of the last step goes into the next.
        weight_decay: weights shrink by learning_rate * weight_decay of themselves an update.
        schedule: of the learning rate: constant, or falling to zero as linear or cosine.
        falling: the share of the training, at its end, over which the schedule falls.
        warmup: epochs over which the learning rate first rises from zero, in proportion.
        shuffled: whether the rows come in a new random order each epoch, else in file order.
        centred: whether the inputs are centred on zero while training; the shift is folded into the biases of
            the result, which takes what `scale_pixels` gives.
        tanh: whether the hidden units are centred on zero too while training, as tanh units; the result has
            sigmoid units that compute the same.
        averaging: time constant, in epochs, of the running mean of the weights that becomes the result;
            0 takes the last weights.
        rotation, scale, shear, shift, elastic, elastic_sigma: how far the training digits are distorted,
            anew each epoch (see `Distortion`); all 0: not at all.
        validation: training digits, from the end, that are held out and scored after each epoch.
        seed: of all that is random.
    """

    name: str = "tutorial"
    hidden: int = 200
    start: str = "uniform"
    biases: bool = False
    loss: str = "raw-error"
    epochs: int = 5
    batch_size: int = 1
    learning_rate: float = 0.3
    optimiser: str = "momentum"
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    falling: float = 1.0
    warmup: float = 0.0
    shuffled: bool = False
    centred: bool = False
    tanh: bool = False
    averaging: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    elastic_sigma: float = 5.0
    validation: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _checked(field.name, getattr(self, field.name)))
        if not self.biases and (self.centred or self.tanh or self.loss == "softmax-cross-entropy"):
            raise RecipeError(
                "biases must be true for centred, tanh or softmax-cross-entropy: they end up in them"
            )

    @property
    def distorted(self) -> bool:
        """Whether the training digits are distorted."""
        return any((self.rotation, self.scale, self.shear, self.shift, self.elastic))

    @property
    def online(self) -> bool:
        """Whether the updates are one a row and plain, so that `train_online` does them."""
        plain = self.optimiser == "momentum" and self.momentum == 0 and self.weight_decay == 0
        direct = not (self.centred or self.tanh or self.averaging or self.distorted)
        return self.batch_size == 1 and plain and direct and self.loss != "softmax-cross-entropy"

    def with_settings(self, settings: Mapping[str, Any]) -> Self:
        """Return this recipe with some settings changed.

        Raises:
            RecipeError: if a setting is unknown or its value will not do.
        """
        known = [field.name for field in fields(self)]
        if unknown := [name for name in settings if name not in known]:
            near = get_close_matches(str(unknown[0])[:50], known, 1)
            remedy = f"did you mean {near[0]}?" if near else "the recipe.toml of a run has them all"
            raise RecipeError(f"setting {unknown[0]!r:.50} is not known; {remedy}")
        return replace(self, **settings)

    def to_dict(self) -> dict[str, Any]:
        """All settings by name."""
        return asdict(self)

    def to_toml(self) -> str:
        """All settings as TOML, which `load_recipe` reads back."""
        return "".join(f"{name} = {_toml(value)}\n" for name, value in self.to_dict().items())


_CHOICES = {
    "start": ("uniform", "normal-fan-out", "normal-fan-in"),
    "loss": ("squared-error", "cross-entropy", "raw-error", "softmax-cross-entropy"),
    "optimiser": ("momentum", "adam"),
    "schedule": ("constant", "linear", "cosine"),
}

# The least and the greatest value of each number, both allowed.
_RANGES: dict[str, tuple[float, float]] = {
    "hidden": (1, 10_000),
    "epochs": (1, 100_000),
    "batch_size": (1, 60_000),
    "learning_rate": (1e-9, 1e3),
    "momentum": (0, 0.9999),
    "weight_decay": (0, 1),
    "falling": (0.001, 1),
    "warmup": (0, 100_000),
    "averaging": (0, 100_000),
    "rotation": (0, 180),
    "scale": (0, 0.9),
    "shear": (0, 2),
    "shift": (0, 28),
    "elastic": (0, 1000),
    "elastic_sigma": (0.5, 28),
    "validation": (0, 10**9),
    "seed": (0, 2**63 - 1),
}

_TYPES = {field.name: field.type for field in fields(Recipe)}


def _checked(name: str, value: object) -> object:
    kind = _TYPES[name]
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < 2**63 else float("inf")
    if type(value) is not kind:
        words = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
        raise RecipeError(f"{name} must be {words[kind]}, not {_shown(value)}")  # type: ignore[index]
    if name in _CHOICES and value not in _CHOICES[name]:
        raise RecipeError(f"{name} must be one of {', '.join(_CHOICES[name])}, not {_shown(value)}")
    if name == "name" and not (str(value).replace("-", "").isalnum() and len(str(value)) <= 40):
        raise RecipeError(f"name must be up to 40 letters, digits and hyphens, not {_shown(value)}")
    if name in _RANGES:
        least, greatest = _RANGES[name]
        if not least <= value <= greatest:  # type: ignore[operator]
            raise RecipeError(f"{name} must be from {least:g} to {greatest:g}, not {_shown(value)}")
    return value


def _shown(value: object) -> str:
    try:
        return f"{value!r:.50}"
    except (ValueError, RecursionError):  # thousands of digits, or of levels
        return f"a {type(value).__name__} too large to show"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="tutorial"),
        Recipe(name="book", start="normal-fan-in", learning_rate=0.1),
        Recipe(
            name="fast",
            start="normal-fan-in",
            biases=True,
            loss="cross-entropy",
            epochs=8,
            batch_size=32,
            learning_rate=0.5,
            momentum=0.9,
            schedule="linear",
            warmup=1.0,
            shuffled=True,
            centred=True,
        ),
        Recipe(
            name="best",
            start="normal-fan-in",
            biases=True,
            loss="softmax-cross-entropy",
            epochs=600,
            batch_size=128,
            learning_rate=0.001,
            optimiser="adam",
            schedule="linear",
            falling=0.5,
            warmup=1.0,
            shuffled=True,
            centred=True,
            tanh=True,
            rotation=8.0,
            scale=0.08,
            shear=0.08,
            shift=0.8,
            elastic=23.0,
        ),
    )
}


def load_recipe(name_or_file: str) -> Recipe:
    """Look up a named recipe, or read one from a TOML file.

    A file holds settings by name; those it leaves out are those of the recipe it names as ``base``, else
    those of the tutorial.

    Raises:
        RecipeError: if there is no such recipe, or the file will not do.
        StorageError: if the file cannot be read.
    """
    if name_or_file in RECIPES:
        return RECIPES[name_or_file]
    path = Path(name_or_file)
    if path.suffix != ".toml":
        names = ", ".join(RECIPES)
        raise RecipeError(
            f"recipe {name_or_file!r:.80} is not known; choose {names} or a file ending in .toml"
        )
    try:
        return _recipe_from_settings(_read_toml(path), path.stem)
    except RecipeError as error:
        raise RecipeError(f"{printable(path)}: {error}") from None


def _read_toml(path: Path) -> dict[str, Any]:
    text = read_text(path, _LARGEST_FILE)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise RecipeError("not a recipe: nested too deeply") from None
    except ValueError as error:  # TOML's errors, and numbers too long
        raise RecipeError(f"not TOML: {printable(error, 100)}") from None


def _recipe_from_settings(settings: dict[str, Any], default_name: str) -> Recipe:
    base = settings.pop("base", "tutorial")
    if not isinstance(base, str) or base not in RECIPES:
        raise RecipeError(f"base must be one of {', '.join(RECIPES)}, not {_shown(base)}")
    settings.setdefault("name", "".join(c if c.isalnum() else "-" for c in default_name)[:40])
    return RECIPES[base].with_settings(settings)
