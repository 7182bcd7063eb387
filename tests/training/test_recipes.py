import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mnist_mlp.errors import MnistMlpError
from mnist_mlp.training.recipe import RECIPES, Recipe, load_recipe
from mnist_mlp.training.settings import RecipeError

# A value beyond the range of each number, on either side.
OUT_OF_RANGE = {
    "hidden": (0, 10_001),
    "epochs": (0, 100_001),
    "batch_size": (0, 60_001),
    "learning_rate": (0.0, 1001.0),
    "momentum": (-0.1, 1.0),
    "weight_decay": (-0.1, 1.1),
    "decay_fraction": (0.0, 1.1),
    "warmup_epochs": (-1.0, 100_001.0),
    "ema_epochs": (-1.0, 100_001.0),
    "rotation": (-1.0, 181.0),
    "scale": (-0.1, 1.0),
    "shear": (-0.1, 2.1),
    "shift": (-1.0, 29.0),
    "elastic": (-1.0, 1001.0),
    "elastic_sigma": (0.0, 29.0),
    "validation": (-1, 10**9 + 1),
    "seed": (-1, 2**63),
}
CHOICES = {
    "init": ["uniform", "normal-fan-out", "normal-fan-in"],
    "loss": ["squared-error", "cross-entropy", "raw-error", "softmax-cross-entropy"],
    "optimizer": ["sgd", "adam"],
    "schedule": ["constant", "linear", "cosine"],
}
KINDS = {field.name: type(field.default) for field in fields(Recipe)}
NUMBERS = [name for name, kind in KINDS.items() if kind in (int, float)]


def message_of(settings: dict[str, Any]) -> str:
    with pytest.raises(RecipeError) as caught:
        Recipe().with_settings(settings)
    return one_line(caught.value)


def one_line(error: MnistMlpError) -> str:
    message = str(error)
    assert message.isprintable()
    assert len(message) < 500
    return message


def from_toml(folder: Path, text: str | bytes, name: str = "my.toml") -> Recipe:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_recipe(str(path))


def toml_error(folder: Path, text: str | bytes) -> str:
    with pytest.raises(MnistMlpError) as caught:
        from_toml(folder, text)
    message = one_line(caught.value)
    assert "my.toml" in message
    return message


# The named recipes


def test_the_tutorial_is_the_book_program() -> None:
    tutorial = load_recipe("tutorial")
    assert tutorial == Recipe()
    assert (tutorial.hidden, tutorial.learning_rate, tutorial.epochs, tutorial.batch_size) == (200, 0.3, 5, 1)
    assert (tutorial.init, tutorial.loss, tutorial.biases) == ("uniform", "raw-error", False)
    assert tutorial.online
    assert not tutorial.shuffle
    assert not tutorial.distorted


def test_the_book_differs_from_it_in_learning_rate_and_start() -> None:
    assert load_recipe("book") == replace(
        Recipe(), name="book", learning_rate=0.1, init="normal-fan-in"
    )  # ... its normal distribution of 1 / sqrt(fan-in)


def test_the_faster_recipes_are_what_the_ladder_says() -> None:
    fast, best = load_recipe("fast"), load_recipe("best")
    assert (fast.hidden, best.hidden) == (200, 200)
    assert fast.batch_size > 1
    assert (fast.biases, fast.center_inputs, fast.loss) == (True, True, "cross-entropy")
    assert fast.momentum > 0
    assert best.distorted
    assert not fast.online
    assert not best.online


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_goes_by_its_own_name(name: str) -> None:
    assert load_recipe(name).name == name


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 2},
        {"momentum": 0.5},
        {"optimizer": "adam"},
        {"weight_decay": 0.1},
        {"ema_epochs": 1.0},
        {"rotation": 1.0},
        {"center_inputs": True, "biases": True},
        {"center_hidden": True, "biases": True},
        {"loss": "softmax-cross-entropy", "biases": True},
    ],
    ids=str,
)
def test_only_plain_updates_row_by_row_count_as_online(settings: dict[str, Any]) -> None:
    assert not Recipe().with_settings(settings).online


# What a setting may be


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_range_is_refused_with_its_range(name: str) -> None:
    for value in OUT_OF_RANGE[name]:
        message = message_of({name: value})
        assert f"{name} must be from " in message
        assert f"not {value}" in message


@pytest.mark.parametrize("name", NUMBERS)
def test_infinite_numbers_and_huge_ones_are_refused(name: str) -> None:
    if KINDS[name] is float:
        for value in (math.nan, math.inf, -math.inf):
            assert f"{name} must be from " in message_of({name: value})
    for huge in (10**400, -(10**400), 1 << 100_000):  # more than a float holds, more than is ever printed
        assert f"{name} must be " in message_of({name: huge})


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, kind in KINDS.items() if kind is not str], ids=str
)
def test_another_kind_of_value_is_refused(name: str, kind: type) -> None:
    words = {int: "a whole number", float: "a number", bool: "true or false"}
    wrong: list[object] = ["1", None, {"a": 1}, b"1"]
    wrong.append(1 if kind is bool else True)
    if kind is int:
        wrong.append(1.0)
    for value in wrong:
        message = message_of({name: value})
        assert f"{name} must be {words[kind]}" in message
        assert message.endswith(f", not {value!r}")


@pytest.mark.parametrize("name", CHOICES)
def test_a_word_must_be_among_the_choices(name: str) -> None:
    for choice in CHOICES[name]:
        biases = {"biases": True}
        assert Recipe().with_settings({name: choice, **biases}).to_dict()[name] == choice
    assert f"{name} must be one of {', '.join(CHOICES[name])}, not 'other'" in message_of({name: "other"})
    assert f"{name} must be text, not 3" in message_of({name: 3})


@pytest.mark.parametrize("name", ["", "-", "two words", "../up", "a" * 41, "a\x1b[31m", 'a"b', 1])
def test_a_name_is_fit_for_a_folder(name: object) -> None:
    assert "name must be " in message_of({"name": name})


def test_a_whole_number_does_where_a_number_is_asked() -> None:
    rate = Recipe(learning_rate=1).learning_rate
    assert type(rate) is float
    assert rate == 1.0


@pytest.mark.parametrize(
    "setting", [{"center_inputs": True}, {"center_hidden": True}, {"loss": "softmax-cross-entropy"}]
)
def test_what_ends_in_the_biases_needs_biases(setting: dict[str, Any]) -> None:
    assert "need biases = true" in message_of(setting)
    assert Recipe().with_settings({**setting, "biases": True}).biases


def test_an_unknown_setting_is_named_beside_the_one_likely_meant() -> None:
    message = message_of({"lerning_rate": 0.1})
    assert message.endswith("setting 'lerning_rate' is not known; did you mean learning_rate?")


def test_an_unknown_recipe_is_named_beside_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="'\\\\x1b\\[2J' is not known; choose tutorial, book, fast, best"):
        load_recipe("\x1b[2J")


# Files


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_written_as_toml_reads_back_as_it_was(tmp_path: Path, recipe: Recipe) -> None:
    assert from_toml(tmp_path, recipe.to_toml()) == recipe


def test_a_file_changes_what_it_names_of_its_base(tmp_path: Path) -> None:
    recipe = from_toml(tmp_path, 'base = "book"\nhidden = 100\nlearning_rate = 1\n', "my small_one.toml")
    assert recipe == replace(RECIPES["book"], name="my-small-one", hidden=100, learning_rate=1.0)
    assert from_toml(tmp_path, "epochs = 2") == Recipe(name="my", epochs=2)
    assert from_toml(tmp_path, "") == Recipe(name="my")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('base = "other"', "base must be one of tutorial, book, fast, best, not 'other'"),
        ("base = 3", "not 3"),
        ('base = ["book"]', "not ['book']"),
        ("layers = 3", "'layers' is not known; the recipe.toml of a run has them all"),
        ("hidden = 0", "hidden must be from 1 to 10,000, not 0"),
        ("learning_rate = nan", "learning_rate must be from 1e-09 to 1000, not nan"),
        ("learning_rate = inf", "not inf"),
        ("learning_rate = 1e999", "not inf"),
        ("learning_rate = 2026-11-01", "must be a number from 1e-09 to 1000, not datetime.date"),
        ('hidden = "200"', "must be a whole number from 1 to 10,000, not '200'"),
        ("center_inputs = true", "need biases = true"),
        ("hidden", "not TOML"),
        ("hidden = 1\nhidden = 2", "not TOML"),
        ("[hidden]\nunits = 3", "must be a whole number from 1 to 10,000, not {'units': 3}"),
        (b"\xff\xfe", "my.toml"),
        (b"\x7fELF\x00\x00", "not TOML"),
    ],
)
def test_a_file_that_will_not_do_is_named_with_the_reason(tmp_path: Path, text: str, part: str) -> None:
    assert part in toml_error(tmp_path, text)


HOSTILE = {
    "too long": "#" * 16_385,
    "deep list": "hidden = " + "[" * 8000 + "]" * 8000,
    "deep table": "hidden" + ".a" * 8000 + " = 1",
    "deep headers": "".join(f"[hidden{'.a' * i}]\n" for i in range(200)),
    "digits": "hidden = " + "9" * 16_000,
    "digits that parse": "hidden = " + "9" * 4000,
    "hexadecimal digits": "hidden = 0x" + "f" * 16_000,
    "digits in a list": "hidden = [0x" + "f" * 16_000 + "]",
    "exponent": "learning_rate = 1e" + "9" * 4000,
    "control characters in a key": '"\\u001b[2J\\u0007" = 1',
    "control characters in a value": 'loss = "\\u001b[2J\\n\\u009b31m\\u202e"',
    "raw control characters": "loss = '\x1b[2J'",
    "long key": f'"{"k" * 16_000}" = 1',
    "long text": f'loss = "{"t" * 16_000}"',
    "control characters in the base": 'base = "\\u001b]0;x\\u0007"',
    "surrogates": 'loss = "\\ud800"',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_in_one_plain_line(tmp_path: Path, text: str) -> None:
    toml_error(tmp_path, text)


@pytest.mark.parametrize("name", ["none.toml", "folder.toml", "a\x1b[31m.toml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(MnistMlpError) as caught:
        load_recipe(str(tmp_path / name))
    assert ".toml: " in one_line(caught.value) or ".toml': " in one_line(caught.value)


def recipes() -> st.SearchStrategy[Recipe]:
    values: dict[str, st.SearchStrategy[Any]] = {}
    for name, (below, above) in OUT_OF_RANGE.items():
        if KINDS[name] is int:
            values[name] = st.integers(int(below) + 1, int(above) - 1)
        else:
            values[name] = st.floats(max(below, 0), above).filter(_allowed(name))
    values |= {name: st.sampled_from(choices) for name, choices in CHOICES.items()}
    values |= {name: st.booleans() for name, kind in KINDS.items() if kind is bool}
    values["name"] = st.text("abcXYZ019-é字", min_size=1, max_size=40).filter(_allowed("name"))
    values["biases"] = st.just(True)
    return st.fixed_dictionaries(values).map(lambda settings: Recipe(**settings))


def _allowed(name: str) -> Any:
    def check(value: object) -> bool:
        try:
            Recipe().with_settings({name: value})
        except RecipeError:
            return False
        return True

    return check


@settings(max_examples=40, deadline=None)
@given(recipe=recipes())
def test_any_recipe_survives_toml(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> None:
    assert from_toml(tmp_path_factory.getbasetemp(), recipe.to_toml()) == recipe
    assert Recipe().with_settings(recipe.to_dict()) == recipe


_toml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(given=st.dictionaries(st.sampled_from([*KINDS, "other"]) | st.text(), _toml_values, max_size=4))
def test_whatever_settings_hold_there_is_a_recipe_or_one_line(given: dict[str, object]) -> None:
    try:
        recipe = Recipe().with_settings(given)
    except RecipeError as error:
        one_line(error)
    else:
        assert given.items() <= recipe.to_dict().items()


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, 500), inserted=st.binary(max_size=20), skipped=st.integers(0, 50))
@example(cut=0, inserted=b"\xef\xbb\xbf", skipped=0)
def test_whatever_a_file_holds_there_is_a_recipe_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, cut: int, inserted: bytes, skipped: int
) -> None:
    valid = RECIPES["best"].to_toml().encode()
    try:
        from_toml(tmp_path_factory.getbasetemp(), valid[:cut] + inserted + valid[cut + skipped :])
    except MnistMlpError as error:
        one_line(error)
