"""Recipes: the named ones, recipe files, and what a recipe builds."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import content
from refusals import refused

from mnist_mlp.nn.network import Network
from mnist_mlp.training.recipe import EXPLANATIONS, RECIPES, SETTINGS, Recipe, load_recipe

# The program of introductory tutorials, setting by setting, and what the other recipes change in it.
TUTORIAL = {
    "name": "tutorial", "hidden": 200, "init": "uniform", "biases": False, "loss": "raw-error",
    "epochs": 5, "batch_size": 1, "learning_rate": 0.3, "optimizer": "sgd", "momentum": 0, "weight_decay": 0,
    "schedule": "constant", "decay_fraction": 1, "warmup_epochs": 0, "shuffle": False,
    "center_inputs": False,
    "rotation": 0, "scale": 0, "shear": 0, "shift": 0, "elastic": 0, "elastic_sigma": 5,
    "nondigits": 0, "validation": 0, "patience": 0, "seed": 1,
}  # fmt: skip
BOTH = {
    "init": "normal-fan-in", "biases": True, "schedule": "linear", "shuffle": True, "validation": 2000,
}  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "tutorial": {},
    "book": {"init": "normal-fan-in", "learning_rate": 0.1},
    "fast": {
        **BOTH, "loss": "cross-entropy", "epochs": 8, "batch_size": 32, "learning_rate": 0.5, "momentum": 0.9,
        "warmup_epochs": 1, "center_inputs": True, "rotation": 5, "shift": 0.7, "nondigits": 0.3,
    },
    "best": {
        **BOTH, "loss": "softmax-cross-entropy", "epochs": 200, "batch_size": 512, "learning_rate": 0.005,
        "optimizer": "adam", "weight_decay": 0.03, "decay_fraction": 0.8, "center_inputs": True,
        "rotation": 10, "scale": 0.08, "shear": 0.08, "shift": 1.3, "elastic": 23, "nondigits": 0.03,
    },
}  # fmt: skip


def read(folder: Path, text: str | bytes, name: str = "my.toml") -> Recipe:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_recipe(str(folder / name))


# The named recipes


@pytest.mark.parametrize("name", CHANGES)
def test_a_named_recipe_has_these_settings(name: str) -> None:
    assert load_recipe(name).to_dict() == {**TUTORIAL, **CHANGES[name], "name": name}


def test_recipes_and_settings_are_listed_and_explained() -> None:
    assert list(RECIPES) == ["tutorial", "book", "fast", "best"]
    assert list(EXPLANATIONS) == list(SETTINGS) == list(TUTORIAL)
    assert all(text[0].isupper() and text.endswith(".") for text in EXPLANATIONS.values())


def test_an_unknown_recipe_is_named_beside_the_known_ones() -> None:
    known = "choose tutorial, book, fast, best or a file ending in .toml"
    for name, part in {
        "bset": "recipe 'bset' is not known; did you mean best?",
        "\x1b[2J": rf"recipe '\x1b[2J' is not known; {known}",
        "x" * 300: f"recipe '{'x' * 79} is not known; {known}",
    }.items():
        assert refused(load_recipe, name) == part
    assert refused(load_recipe, __file__).endswith(f"is not known; {known}")  # though it is a file


# What a recipe builds


def test_a_recipe_builds_its_network() -> None:
    recipe = Recipe(hidden=(30, 20), init="normal-fan-out", biases=True, seed=7)
    network, same = recipe.network(), Network([784, 30, 20, 10], init="normal-fan-out", biases=True, rng=7)
    assert network.sizes == recipe.layer_sizes == [784, 30, 20, 10]
    assert recipe.to_dict()["hidden"] == [30, 20]
    assert content(network) == content(same)
    assert Recipe().network().biases is None
    assert {recipe: network} == {
        replace(recipe): network
    }  # it cannot be changed, and is as good as an equal one


@pytest.mark.parametrize("name", ["rotation", "scale", "shear", "shift", "elastic"])
def test_each_kind_of_distortion_alone_distorts(name: str) -> None:
    assert Recipe().with_settings({name: 0.1}).distorted
    assert not Recipe(elastic_sigma=4).distorted


def test_only_plain_updates_from_single_samples_are_online() -> None:
    assert Recipe(shuffle=True, schedule="linear", biases=True, nondigits=0.1).online
    for change in (
        *({"batch_size": 2}, {"momentum": 0.5}, {"optimizer": "adam"}, {"weight_decay": 0.1}),
        *({"rotation": 1}, {"center_inputs": True}),
        {"loss": "softmax-cross-entropy"},
    ):
        assert not Recipe(biases=True).with_settings(change).online


# Recipe files


def test_a_file_changes_what_it_names_of_its_base(tmp_path: Path) -> None:
    recipe = read(tmp_path, 'base = "book"\nhidden = [300, 100]\nlearning_rate = 1\n', "für small_one.toml")
    expected = {**CHANGES["book"], "hidden": (300, 100), "learning_rate": 1.0, "name": "für-small-one"}
    assert recipe == Recipe().with_settings(expected)
    assert read(tmp_path, "epochs = 2") == Recipe(name="my", epochs=2)
    assert read(tmp_path, "#" * 16_384) == Recipe(name="my")
    assert read(tmp_path, "", f"{'n' * 41}.toml").name == "n" * 40
    assert load_recipe(str(tmp_path / "für small_one.toml"), without=["base", "hidden"]) == Recipe(
        name="für-small-one", learning_rate=1.0
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('base = "other"', "my.toml: base must be one of tutorial, book, fast, best, not 'other'"),
        ('base = ["book"]', "not ['book']"),
        ("base = fast", "not TOML: "),
        ("biases = True", "true and false in lower case"),
        ("hidden = 1\nhidden = 2", "my.toml: not TOML: "),
        ("layers = 3", "setting 'layers' is not known; the recipe.toml of a run has them all"),
        ("lerning_rate = 3", "setting 'lerning_rate' is not known; did you mean learning_rate?"),
        ("hidden = []", "hidden must hold at least one number"),
        ("hidden = [30, 0]", "hidden must be from 1 to 10,000, not 0"),
        (
            "learning_rate = 2026-11-01",
            "my.toml: learning_rate must be a number from 1e-09 to 1000, not date",
        ),
        ("[hidden]\nunits = 3", "not {'units': 3}"),
        ("center_inputs = true", "center_inputs needs biases = true"),
        ("nondigits = 0.3", "nondigits are mixed with the digits: they need shuffle = true"),
        ("patience = 3", "patience needs held-out digits: validation must be above 0"),
        (b"\xff\xfe", "my.toml"),
        ("#" * 16_385, "my.toml"),
        ("hidden = " + "[" * 8000 + "]" * 8000, "nested too deeply"),
        ("hidden = 0x" + "f" * 16_000, "a int too large to show"),
        ("hidden = " + "9" * 16_000, "not TOML: "),
        ('"\\u001b[2J\\u0007" = 1', r"setting '\x1b[2J\x07' is not known"),
        ('loss = "\\u001b[2J\\n\\u009b31m\\u202e"', r"not '\x1b[2J\n\x9b31m"),
        (f'"{"k" * 16_000}" = 1', "is not known"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_will_not_do_is_named_with_the_reason(
    tmp_path: Path, text: str | bytes, part: str
) -> None:
    assert part in refused(read, tmp_path, text)


@pytest.mark.parametrize("name", ["none.toml", "folder.toml", "a\x1b[31m.toml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.toml").mkdir()
    assert re.search(r"\.toml'?: ", refused(load_recipe, str(tmp_path / name)))


# A setting of each kind.
ANY = st.builds(
    Recipe,
    name=st.from_regex("[a-zé字𠀀0-9-]{0,39}z", fullmatch=True),
    hidden=st.integers(1, 10_000) | st.lists(st.integers(1, 10_000), min_size=1, max_size=4),
    loss=st.sampled_from(["raw-error", "softmax-cross-entropy"]),
    learning_rate=st.floats(1e-9, 1e3),
    shuffle=st.booleans(),
    seed=st.integers(0, 2**63 - 1),
)


@settings(max_examples=40, deadline=None)
@given(recipe=ANY)
def test_any_recipe_survives_toml(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> None:
    assert read(tmp_path_factory.getbasetemp(), recipe.to_toml()) == recipe
    assert Recipe().with_settings(recipe.to_dict()) == recipe
