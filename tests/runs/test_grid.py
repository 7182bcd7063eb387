"""Which settings a sweep tries."""

from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from refusals import refused

from mnist_mlp.errors import MnistMlpError
from mnist_mlp.runs.grid import Range, choices_in, parse_choices, settings_to_try


def tried(*arguments: str, samples: int | None = None, repeats: int = 1) -> list[dict[str, Any]]:
    """The settings that arguments ask for."""
    choices = {name: choice for text in arguments for name, choice in parse_choices(text).items()}
    return settings_to_try(list(choices.values()), samples, repeats, np.random.default_rng(1))


def test_all_combinations_of_lists_are_tried_the_last_changing_first() -> None:
    assert tried("learning_rate=0.1,.2", "hidden = 50, 300x100") == [
        {"learning_rate": 0.1, "hidden": 50},
        {"learning_rate": 0.1, "hidden": (300, 100)},
        {"learning_rate": 0.2, "hidden": 50},
        {"learning_rate": 0.2, "hidden": (300, 100)},
    ]
    assert tried("batch-size=1,8,1", "biases=true,False", "loss=softmax-cross-entropy")[:2] == [
        {"batch_size": 1, "biases": True, "loss": "softmax-cross-entropy"},
        {"batch_size": 1, "biases": False, "loss": "softmax-cross-entropy"},
    ]
    assert len(tried("batch-size=1,8,1", "biases=true,false")) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate=0.01..1", Range("learning_rate", 0.01, 1.0)),
        ("learning_rate = .1...5", Range("learning_rate", 0.1, 0.5)),
        ("hidden=50..500", Range("hidden", 50, 500)),
    ],
)
def test_two_dots_make_a_range(text: str, expected: Range) -> None:
    (found,) = parse_choices(text).values()
    assert found == expected


def test_a_range_is_drawn_evenly_and_from_ten_times_its_start_on_in_its_logarithm() -> None:
    rng = np.random.default_rng(1)
    wide, narrow, whole = (
        Range("learning_rate", 0.01, 1.0),
        Range("momentum", 0.2, 0.9),
        Range("hidden", 5, 8),
    )
    assert (wide.logarithmic, narrow.logarithmic, whole.logarithmic) == (True, False, False)
    assert Range("hidden", 50, 500).logarithmic
    assert not Range("momentum", 0.0, 0.9).logarithmic
    rates = [wide.draw(rng)["learning_rate"] for _ in range(2000)]
    assert 0.01 <= min(rates) < 0.0105
    assert 0.95 < max(rates) <= 1
    assert np.median(np.log10(rates)) == pytest.approx(-1, abs=0.1)
    assert np.std(np.log(rates)) == pytest.approx(log(100) / 12**0.5, rel=0.05)  # of an even distribution
    assert all(float(f"{rate:.3g}") == rate for rate in rates)
    assert 0.12345 <= Range("momentum", 0.12345, 0.12346).draw(rng)["momentum"] <= 0.12346
    momenta = [narrow.draw(rng)["momentum"] for _ in range(2000)]
    assert np.mean(momenta) == pytest.approx(0.55, abs=0.02)
    assert {type(whole.draw(rng)["hidden"]) for _ in range(9)} == {int}
    assert {whole.draw(rng)["hidden"] for _ in range(99)} == {5, 6, 7, 8}


def test_samples_mix_ranges_and_lists_and_are_the_same_each_time() -> None:
    asked = "learning_rate=0.01..1", "hidden=20,50"
    settings = tried(*asked, samples=40)
    assert settings == tried(*asked, samples=40)
    assert len(settings) == 40
    assert {setting["hidden"] for setting in settings} == {20, 50}
    assert len(tried("hidden=20,50", samples=40)) == 2  # each setting once


def test_a_recipe_file_has_lists_of_values_and_tables_of_settings() -> None:
    file: dict[str, Any] = {
        "base": "fast",
        "epochs": 3,
        "hidden": [50, [300, 100]],
        "settings": [{}, {"elastic": 0}, {"scale": 0, "shear": 0}],
    }
    choices = choices_in(file)
    assert list(choices) == ["hidden", "settings"]
    assert settings_to_try(list(choices.values()), None, 1, np.random.default_rng(1)) == [
        {"hidden": 50},
        {"hidden": 50, "elastic": 0.0},
        {"hidden": 50, "scale": 0.0, "shear": 0.0},
        {"hidden": (300, 100)},
        {"hidden": (300, 100), "elastic": 0.0},
        {"hidden": (300, 100), "scale": 0.0, "shear": 0.0},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate=fast", "learning_rate must be a number from 1e-09 to 1000, not 'fast'"),
        ("hidden=1..", "'hidden=1..': a range has two ends, as in hidden=1..10"),
        ("hidden=..3", "'hidden=..3': a range has two ends, as in hidden=1..10"),
        ("hidden=5..5", "'hidden=5..5': a range goes from a smaller to a larger number"),
        ("hidden=5..3", "'hidden=5..3': a range goes from a smaller to a larger number"),
        ("hidden=5..9,8", "'hidden=5..9,8': a range goes from a smaller to a larger number"),
        ("biases=false..true", "'biases=false..true': a range goes from a smaller to a larger number"),
        ("learnin_rate=1", "setting 'learnin_rate' is not known; did you mean learning_rate?"),
        ("seed=", "'seed=': write a setting and its values, as in learning_rate=0.1,0.2"),
        ("seed=1,2", "seed cannot be swept: use --repeats"),
        ("validation=1", "validation cannot be swept: use --validation"),
        ("name=a", "name cannot be swept: it is only a name"),
        ("hidden", "'hidden': write a setting and its values, as in learning_rate=0.1,0.2"),
        ("epochs=1,,2", "epochs must be a whole number from 1 to 100,000, not ''"),
    ],
)
def test_what_is_wrong_with_an_argument_is_told(text: str, message: str) -> None:
    assert refused(parse_choices, text) == message


def test_ranges_need_samples_and_no_sweep_is_endless() -> None:
    sampled = "a range is sampled: say with --samples how many settings to draw"
    assert refused(tried, "learning_rate=0.1..1", "hidden=1,2") == sampled
    thousand = ",".join(map(str, range(1, 1001)))
    for count, arguments, numbers in [
        ("1,000,000,000", [f"{name}={thousand}" for name in ("hidden", "epochs", "batch_size")], {}),
        ("10,001", ["hidden=1..500"], {"samples": 73, "repeats": 137}),
        ("11,000", [f"hidden={thousand}"], {"repeats": 11}),
    ]:
        most = f"{count} networks are too many; a sweep trains at most 10,000"
        assert refused(tried, *arguments, **numbers) == most
    assert len(tried(f"hidden={thousand}", repeats=10)) == 1000


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ({"hidden": []}, "hidden = []: there must be values to try"),
        ({"settings": [1]}, "settings = [1]: there must be values to try"),
        ({"settings": [{"hidden": 5}, []]}, "settings = [{'hidden': 5}, []]: there must be values to try"),
        ({"settings": [{"seed": 2}]}, "seed cannot be swept: use --repeats"),
        ({"hiden": [5]}, "setting 'hiden' is not known; did you mean hidden?"),
        ({"hidden": ["a"]}, "hidden must be a whole number from 1 to 10,000, not 'a'"),
    ],
)
def test_lists_in_a_file_that_make_no_sense_are_refused(file: dict[str, Any], message: str) -> None:
    assert refused(choices_in, file) == message


@given(st.text() | st.from_regex(r"(hidden|epochs|momentum|loss)=[0-9.,x-]*"))
@example("learning_rate=1e999,2")
@example(f"hidden={'9' * 5000}")
@example("hidden=1..2..3")
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    message = ""
    try:
        parse_choices(text)
    except MnistMlpError as error:
        message = str(error)
    assert not message or message.isprintable()
    assert len(message) < 200
