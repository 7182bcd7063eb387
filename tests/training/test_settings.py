"""One setting: its kind, its range or its choices, from Python, from TOML, or as text of the command line."""

import math
from typing import Any

import numpy as np
import pytest
from refusals import refused

from mnist_mlp.training.recipe import SETTINGS, Recipe
from mnist_mlp.training.settings import parse

NUMBERS = [name for name, field in SETTINGS.items() if type(field.default) in (int, float)]
WORDS = [name for name, field in SETTINGS.items() if field.metadata["choices"]]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", "5", 5),
        ("hidden", "30", 30),
        ("hidden", "30,20", (30, 20)),
        ("learning_rate", "1", 1.0),
        ("learning_rate", " 1e-3 ", 0.001),
        ("shuffle", "true", True),
        ("shuffle", "False", False),
        ("loss", "cross-entropy", "cross-entropy"),
    ],
)
def test_a_setting_is_read_from_text(name: str, text: str, value: object) -> None:
    found = parse(SETTINGS[name], text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("epochs", "five", "epochs must be a whole number from 1 to 100,000, not 'five'"),
        ("epochs", "2.5", "epochs must be a whole number from 1 to 100,000, not '2.5'"),
        ("hidden", "30,", "hidden must be a whole number from 1 to 10,000, not '30,'"),
        ("learning_rate", "nan", "learning_rate must be from 1e-09 to 1000, not nan"),
        ("shuffle", "yes", "shuffle must be true or false, not 'yes'"),
        ("loss", "mse", "loss must be one of squared-error, cross-entropy, raw-error, softmax-cross-entropy, "
         "not 'mse'"),
    ],
)  # fmt: skip
def test_a_text_that_will_not_do_is_named_with_what_would(name: str, text: str, message: str) -> None:
    assert refused(parse, SETTINGS[name], text) == message


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_has_a_range_and_both_its_ends_are_allowed(name: str) -> None:
    facts = SETTINGS[name].metadata
    kind: Any = type(SETTINGS[name].default)
    with_it = {"biases": True, "shuffle": True, "validation": 1}
    for end, outward in ((facts["least"], -math.inf), (facts["greatest"], math.inf)):
        recipe = Recipe().with_settings({**with_it, name: kind(end)})
        assert getattr(recipe, name) == end
        beyond = end + int(math.copysign(1, outward)) if kind is int else math.nextafter(end, outward)
        assert f"{name} must be from " in refused(Recipe().with_settings, {name: beyond})
    for wrong in ("1", None, True, b"1", {"a": 1}, math.nan if kind is float else 1.5):
        assert f"{name} must be " in refused(Recipe().with_settings, {name: wrong})
    long = 1 << 100_000  # more digits than Python prints
    assert f"{name} must be " in refused(Recipe().with_settings, {name: long})


def test_numbers_of_numpy_and_whole_ones_for_fractions_are_taken() -> None:
    recipe = Recipe(hidden=np.int64(30), learning_rate=np.float64(0.1), momentum=0)  # type: ignore[arg-type]
    assert (type(recipe.hidden), type(recipe.learning_rate), type(recipe.momentum)) == (int, float, float)
    assert Recipe(hidden=[30]).hidden == 30  # type: ignore[arg-type]


@pytest.mark.parametrize("name", WORDS)
def test_a_word_must_be_among_the_choices(name: str) -> None:
    choices = SETTINGS[name].metadata["choices"]
    for choice in choices:
        assert getattr(Recipe().with_settings({name: choice, "biases": True}), name) == choice
    assert (
        refused(Recipe().with_settings, {name: "other"})
        == f"{name} must be one of {', '.join(choices)}, not 'other'"
    )
    assert refused(Recipe().with_settings, {name: 3}) == f"{name} must be text, not 3"


@pytest.mark.parametrize("name", ["", "-", "two words", "../up", "a" * 41, "a\x1b[31m", 'a"b', 1])
def test_a_recipes_name_is_fit_for_a_folder(name: object) -> None:
    assert "name must be " in refused(Recipe().with_settings, {"name": name})
