"""Which settings a sweep tries: all combinations of choices, or random samples of them."""

from collections.abc import Sequence
from dataclasses import Field, dataclass
from itertools import product
from math import exp, log, prod
from typing import Any

import numpy as np

from mnist_mlp.report.sweeps import Settings, label
from mnist_mlp.runs.plan import RunError
from mnist_mlp.training.recipe import setting_named
from mnist_mlp.training.settings import check, parse, shown

MOST_NETWORKS = 10_000
_NOT_SWEPT = {"name": "it is only a name", "seed": "use --repeats", "validation": "use --validation"}


@dataclass(frozen=True)
class Range:
    """Numbers from low to high for a setting."""

    name: str
    low: float
    high: float

    @property
    def logarithmic(self) -> bool:
        """Whether the logarithm is drawn evenly: where high is ten times low or more."""
        return self.low > 0 and self.high >= 10 * self.low

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw a number of three digits, short to read and type; a whole one where both ends are whole."""
        if self.logarithmic:
            drawn = exp(rng.uniform(log(self.low), log(self.high)))
        else:
            drawn = rng.uniform(self.low, self.high)
        if isinstance(self.low, int):
            return {self.name: round(drawn)}
        return {self.name: min(max(float(f"{drawn:.3g}"), self.low), self.high)}


Choices = Sequence[Settings] | Range


def parse_choices(text: str) -> dict[str, Choices]:
    """Read an argument as ``learning_rate=0.1,0.2``, ``hidden=100,300x100`` or ``hidden=50..500``.

    Raises:
        RunError: if it is none of them, or its setting cannot be swept.
        RecipeError: if the setting is unknown, or a value will not do.
    """
    name, _, values = (part.strip() for part in text.partition("="))
    if not values:
        raise RunError(f"{shown(text)}: write a setting and its values, as in learning_rate=0.1,0.2")
    if values.endswith(","):
        raise RunError(f"{shown(text)}: ends with a comma; write all values without spaces between")
    field = _swept(name.replace("-", "_"))
    if ".." in values:
        ends = values.split("..", 1)
        if not all(ends):
            raise RunError(f"{shown(text)}: a range has two ends, as in {name}=1..10")
        low, high = (parse(field, end) for end in ends)
        if not {type(low), type(high)} <= {int, float} or not low < high:
            raise RunError(f"{shown(text)}: a range goes from a smaller to a larger number")
        return {field.name: Range(field.name, low, high)}
    layers = field.metadata["several"]
    texts = (value.replace("x", ",") if layers else value for value in values.split(","))
    return {field.name: [{field.name: parse(field, value)} for value in texts]}


def choices_in(settings: Settings) -> dict[str, Choices]:
    """The settings of a recipe file that are lists of values, and its tables ``[[settings]]``, by name.

    A list in a list is hidden layers: ``hidden = [100, [300, 100]]`` tries two networks.

    Raises:
        RunError: if a list is empty, or a setting cannot be swept.
        RecipeError: if a setting is unknown, or a value will not do.
    """
    choices: dict[str, Choices] = {}
    for name, values in settings.items():
        if isinstance(values, list):
            tables = values if name == "settings" else [{name: value} for value in values]
            if not tables or not all(isinstance(table, dict) for table in tables):
                raise RunError(f"{name} = {shown(values)}: there must be values to try")
            choices[name] = [{key: check(_swept(key), table[key]) for key in table} for table in tables]
    return choices


def _swept(name: str) -> Field[Any]:
    if name in _NOT_SWEPT:
        raise RunError(f"{name} cannot be swept: {_NOT_SWEPT[name]}")
    return setting_named(name)


def settings_to_try(
    choices: Sequence[Choices], samples: int | None, repeats: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """All combinations of choices, or as many random samples as asked for.

    Raises:
        RunError: if there is a range but no number of samples, or there would be too many networks.
    """
    lists = [choice for choice in choices if not isinstance(choice, Range)]
    if samples is None and len(lists) < len(choices):
        raise RunError("a range is sampled: say with --samples how many settings to draw")
    if (count := repeats * (samples or prod(map(len, lists)))) > MOST_NETWORKS:
        raise RunError(f"{count:,} networks are too many; a sweep trains at most {MOST_NETWORKS:,}")
    draws = ([_draw(choice, rng) for choice in choices] for _ in range(samples or 0))
    combinations = product(*lists) if samples is None else draws
    settings = (dict(pair for part in parts for pair in part.items()) for parts in combinations)
    return list({label(setting): setting for setting in settings}.values())


def _draw(choices: Choices, rng: np.random.Generator) -> Settings:
    return choices.draw(rng) if isinstance(choices, Range) else choices[int(rng.integers(len(choices)))]
