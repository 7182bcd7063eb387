"""One setting: its kind, its range or its choices, from Python, from TOML, or as text of the command line."""

import math
from typing import Any

import numpy as np
import pytest
from refusals import refused

from mnist_mlp.training.recipe import SETTINGS, Recipe
from mnist_mlp.training.settings import parse

RANGES = {
    **{"hidden": "1 to 10,000", "epochs": "1 to 100,000", "batch_size": "1 to 60,000"},
    **{"learning_rate": "1e-09 to 1000", "momentum": "0 to 0.9999", "weight_decay": "0 to 1"},
    **{"decay_fraction": "0.001 to 1", "warmup_epochs": "0 to 100000", "rotation": "0 to 180"},
    **{"scale": "0 to 0.9", "shear": "0 to 2", "shift": "0 to 28", "elastic": "0 to 1000"},
    **{"elastic_sigma": "0.5 to 28", "nondigits": "0 to 1", "validation": "0 to 1,000,000,000"},
    **{"patience": "0 to 100,000", "seed": f"0 to {2**63 - 1:,}"},
}
CHOICES = {
    "init": "uniform, normal-fan-out, normal-fan-in",
    "loss": "squared-error, cross-entropy, raw-error, softmax-cross-entropy",
    "optimizer": "sgd, adam",
    "schedule": "constant, linear, cosine",
}


def test_all_settings_have_a_range_or_choices_or_are_true_or_false() -> None:
    others = ["name", "biases", "shuffle", "center_inputs"]
    assert sorted([*RANGES, *CHOICES, *others]) == sorted(SETTINGS)
    assert [name for name, field in SETTINGS.items() if field.metadata["several"]] == ["hidden"]


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
        ("epochs", "2,3", "epochs must be a whole number from 1 to 100,000, not '2,3'"),
        ("hidden", "30,", "hidden must be a whole number from 1 to 10,000, not '30,'"),
        ("learning_rate", "nan", "learning_rate must be from 1e-09 to 1000, not nan"),
        ("shuffle", "yes", "shuffle must be true or false, not 'yes'"),
        ("loss", "mse", "loss must be one of squared-error, cross-entropy, raw-error, softmax-cross-entropy, "
         "not 'mse'"),
    ],
)  # fmt: skip
def test_a_text_that_will_not_do_is_named_with_what_would(name: str, text: str, message: str) -> None:
    assert refused(parse, SETTINGS[name], text) == message


@pytest.mark.parametrize("name", RANGES)
def test_a_number_has_a_range_and_both_its_ends_are_allowed(name: str) -> None:
    kind: Any = type(SETTINGS[name].default)
    settings, what = Recipe(biases=True, shuffle=True, validation=1).with_settings, RANGES[name]
    for text, outward in zip(what.replace(",", "").split(" to "), (-math.inf, math.inf), strict=True):
        end = kind(text)
        assert getattr(settings({name: end}), name) == end
        beyond = end + int(math.copysign(1, outward)) if kind is int else math.nextafter(end, outward)
        assert refused(settings, {name: beyond}) == f"{name} must be from {what}, not {beyond}"
    words = "a whole number" if kind is int else "a number"
    for wrong in ("1", None, True, b"1", {"a": 1}, *([1.5] if kind is int else [])):
        assert refused(settings, {name: wrong}) == f"{name} must be {words} from {what}, not {wrong!r}"
    long = 1 << 100_000  # more digits than Python prints
    sentence = f"{name} must be{f' {words}' * (kind is float)} from {what}, not a int too large to show"
    assert refused(settings, {name: long}) == sentence


def test_numbers_of_numpy_and_whole_ones_for_fractions_are_taken() -> None:
    recipe = Recipe(hidden=np.int64(30), learning_rate=np.float64(0.1), momentum=0)  # type: ignore[arg-type]
    assert (type(recipe.hidden), type(recipe.learning_rate), type(recipe.momentum)) == (int, float, float)
    assert Recipe(hidden=[30]).hidden == 30  # type: ignore[arg-type]
    nested: list[Any] = [30]
    for _ in range(2000):  # deeper than Python goes
        nested = [nested]
    for layers, words in (([[30]], "[30]"), (nested, "a list too large to show")):
        message = f"hidden must be a whole number from 1 to 10,000, not {words}"
        assert refused(Recipe().with_settings, {"hidden": layers}) == message


@pytest.mark.parametrize(("name", "choices"), CHOICES.items())
def test_a_word_must_be_among_the_choices(name: str, choices: str) -> None:
    for choice in choices.split(", "):
        assert getattr(Recipe().with_settings({name: choice, "biases": True}), name) == choice
    assert refused(Recipe().with_settings, {name: "other"}) == f"{name} must be one of {choices}, not 'other'"
    assert refused(Recipe().with_settings, {name: 3}) == f"{name} must be text, not 3"


@pytest.mark.parametrize("name", ["", "-", "two words", "../up", "a" * 41, "a\x1b[31m", 'a"b', 1])
def test_a_recipes_name_is_fit_for_a_folder(name: object) -> None:
    words = "up to 40 letters, digits and hyphens" if isinstance(name, str) else "text"
    assert refused(Recipe().with_settings, {"name": name}) == f"name must be {words}, not {f'{name!r}'[:50]}"
    assert Recipe(name="a" * 40).name == "a" * 40
