"""The scorecard: its counts by hand, its interval against published values, its JSON and Markdown."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_mlp.report.scorecard import (
    ConfusedPair,
    DigitScore,
    Mistake,
    RepeatedScorecard,
    Scorecard,
    ScoreError,
    most_confident,
    wilson_interval,
)

KEYS = [
    "accuracy",
    "correct",
    "total",
    "confidence_interval",
    "confusion",
    "per_digit",
    "mistakes",
    "recipe",
    "seed",
    "data",
    "seconds",
    "versions",
]

FACTS: dict[str, Any] = {
    "recipe": {"name": "tutorial", "hidden": [200], "learning_rate": 0.3, "validation": None},
    "seed": 1,
    "data": {"mnist_test.csv": "51c292478d94ec3a01461bdfa82eb0885d262eb09e615679b2d69dedb6ad09e7"},
    "seconds": {"training": 9.5},
    "versions": {"mnist-mlp": "0.1.0"},
}


def outputs_for(answers: list[int], output: float = 0.9) -> np.ndarray:
    """Outputs (n, 10) of a network that gives these answers."""
    outputs = np.full((len(answers), 10), 0.01)
    outputs[np.arange(len(answers)), answers] = output
    return outputs


def card_for(labels: list[int], answers: list[int], **facts: Any) -> Scorecard:
    return Scorecard.from_outputs(np.array(labels, dtype=np.uint8), outputs_for(answers), **facts)


# Four 3s answered 3 3 3 5, two 5s answered 5 3, one 8 answered 3.
LABELS, ANSWERS = [3, 3, 3, 3, 5, 5, 8], [3, 3, 3, 5, 5, 3, 3]


def test_counts_and_mistakes_of_seven_digits() -> None:
    card = card_for(LABELS, ANSWERS)

    assert (card.correct, card.total, card.accuracy) == (4, 7, 4 / 7)
    assert card.confusion[3, 3] == 3
    assert card.confusion[3, 5] == 1  # rows are true digits
    assert card.confusion[5, 3] == 1
    assert card.confusion.sum() == 7
    assert card.mistakes == (Mistake(3, 3, 5, 0.9), Mistake(5, 5, 3, 0.9), Mistake(6, 8, 3, 0.9))


def test_precision_recall_and_f1_by_hand() -> None:
    per_digit = card_for(LABELS, ANSWERS).per_digit

    # 3: found 3 of 4, answered 5 times; F1 = 2 * 3/5 * 3/4 / (3/5 + 3/4) = 2/3
    assert per_digit[3] == DigitScore(3, precision=3 / 5, recall=3 / 4, f1=2 * 3 / (5 + 4), support=4)
    # 5: found 1 of 2, answered twice
    assert per_digit[5] == DigitScore(5, precision=1 / 2, recall=1 / 2, f1=1 / 2, support=2)
    # 8: occurs once, never answered; 0: neither occurs nor is answered
    assert per_digit[8] == DigitScore(8, precision=None, recall=0.0, f1=0.0, support=1)
    assert per_digit[0] == DigitScore(0, precision=None, recall=None, f1=None, support=0)


def test_most_confused_pairs_come_first() -> None:
    card = card_for([4, 9, 9, 9, 7, 7, 1], [9, 4, 4, 4, 2, 2, 1])

    assert card.most_confused() == [ConfusedPair(9, 4, 3), ConfusedPair(7, 2, 2), ConfusedPair(4, 9, 1)]
    assert card.most_confused(limit=1) == [ConfusedPair(9, 4, 3)]


def test_most_confident_mistakes_come_first() -> None:
    unsure, sure = Mistake(0, 1, 7, 0.4), Mistake(1, 1, 7, 0.99)

    assert most_confident([unsure, sure], limit=5) == [sure, unsure]
    assert most_confident([unsure, sure], limit=1) == [sure]


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_interval_agrees_with_newcombe(correct: int, total: int, low: float, high: float) -> None:
    # R. G. Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3 (score)
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


def test_interval_stays_within_0_and_1() -> None:
    assert wilson_interval(20, 20) == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)
    assert wilson_interval(20, 20)[1] <= 1.0


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_not_scored(broken: float) -> None:
    outputs = outputs_for([1, 2, 3])
    outputs[1, 7] = broken

    with pytest.raises(ScoreError, match="not finite for 1 of 3 digits, first for index 1"):
        Scorecard.from_outputs(np.array([1, 2, 3]), outputs)


@pytest.mark.parametrize(
    ("labels", "outputs", "message"),
    [
        (np.zeros(0, dtype=np.uint8), np.zeros((0, 10)), "no digits"),
        (np.zeros(2, dtype=np.uint8), np.zeros((3, 10)), r"\(2,\) and outputs \(3, 10\)"),
        (np.zeros(2, dtype=np.uint8), np.zeros((2, 3)), r"outputs \(2, 3\)"),
        (np.array([1, 12]), np.zeros((2, 10)), "label 12 is outside 0 to 9"),
    ],
)
def test_what_does_not_fit_is_named(labels: np.ndarray, outputs: np.ndarray, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        Scorecard.from_outputs(labels, outputs)


def test_json_has_the_keys_programs_rely_on() -> None:
    record = json.loads(card_for(LABELS, ANSWERS, **FACTS).to_json())

    assert list(record) == KEYS
    assert record["confidence_interval"] == list(wilson_interval(4, 7))
    assert np.array(record["confusion"]).shape == (10, 10)
    assert record["per_digit"][8] == {"digit": 8, "precision": None, "recall": 0.0, "f1": 0.0, "support": 1}
    assert record["mistakes"][0] == {"index": 3, "label": 3, "predicted": 5, "output": 0.9}
    assert {key: record[key] for key in FACTS} == FACTS


def test_json_keeps_each_row_of_the_confusion_on_one_line() -> None:
    lines = card_for(LABELS, ANSWERS).to_json().splitlines()

    assert "    [0, 0, 0, 3, 0, 1, 0, 0, 0, 0]," in lines
    assert '    {"index": 6, "label": 8, "predicted": 3, "output": 0.9}' in lines


def test_json_is_read_back() -> None:
    text = card_for(LABELS, ANSWERS, **FACTS).to_json()

    assert Scorecard.from_json(text).to_json() == text


def broken_card(**changes: Any) -> str:
    return json.dumps({**json.loads(card_for(LABELS, ANSWERS, **FACTS).to_json()), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        "[" * 100_000,
        "1" * 5_000,
        " " * 2_000_001,
        broken_card(seconds={"training": float("nan")}),
        broken_card(seconds={"training": 10**400}),  # more than a float can hold
        broken_card(seconds={"training": -1}),
        broken_card(seconds={"training": 5}).replace("5}", "1e999}"),
        broken_card(confusion=[[0] * 10] * 10),
        broken_card(confusion=[[1] * 10] * 9),
        broken_card(confusion=[[-1] * 10] * 10),
        broken_card(confusion=[[2**63] * 10] * 10),
        broken_card(confusion=[[True] * 10] * 10),
        broken_card(mistakes=[{"index": 0}]),
        broken_card(mistakes=[{"index": 0, "label": 10, "predicted": 1, "output": 0.5}]),
        broken_card(mistakes=[{"index": 0, "label": 1, "predicted": 1, "output": 10**400}]),
        broken_card(recipe=[]),
        broken_card(recipe={"a": [[[[]]]]}),
        broken_card(seed="1"),
        broken_card(data={"file": 1}),
    ],
)
def test_a_broken_scorecard_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ScoreError) as caught:
        Scorecard.from_json(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_json_is_a_scorecard_or_a_named_error(changes: dict[str, Any]) -> None:
    try:
        card = Scorecard.from_json(broken_card(**changes))
    except ScoreError:
        return
    assert json.loads(card.to_json())["total"] == card.total
    card.to_markdown().encode()


def test_markdown_tells_a_person_the_same() -> None:
    text = card_for(LABELS, ANSWERS, **FACTS).to_markdown()

    assert "**57.14 %** of 7 digits were recognised: 4 right, 3 wrong." in text
    assert "25.05 % to 84.18 %" in text  # Wilson's interval of 4 in 7
    assert "| 3 | 60.00 % | 75.00 % | 66.67 % | 4 |" in text
    assert "| 8 | - | 0.00 % | 0.00 % | 1 |" in text
    assert "| 3 | 5 | 1 |" in text
    assert "| 6 | 8 | 3 | 0.900 |" in text
    assert "| `learning_rate` | `0.3` |" in text
    assert FACTS["data"]["mnist_test.csv"] in text


def test_markdown_of_a_perfect_network_has_no_mistakes_to_show() -> None:
    text = card_for([1, 2], [1, 2]).to_markdown()

    assert "100.00 %" in text
    assert "mistakes" not in text


def test_markdown_is_not_broken_by_a_file_name() -> None:
    text = card_for([1], [1], data={"a|b`c\n\x1b[31m\udc80.csv": "00"}).to_markdown()

    assert r"| `a\|b'c\n\x1b[31m\udc80.csv` | `00` |" in text


def test_several_seeds_have_mean_and_sample_standard_deviation() -> None:
    # 9 and 7 of 10 right: mean 0.8, deviations +-0.1, divided by n - 1 = 1: sqrt(0.02)
    nine = card_for([1] * 10, [1] * 9 + [2], seed=1)
    seven = card_for([1] * 10, [1] * 7 + [2] * 3, seed=2)
    card = RepeatedScorecard([nine, seven])

    record = json.loads(card.to_json())
    assert list(record) == ["mean", "standard_deviation", "runs"]
    assert record["mean"] == pytest.approx(0.8)
    assert record["standard_deviation"] == pytest.approx(0.02**0.5)
    assert [list(run) for run in record["runs"]] == [[key for key in KEYS if key != "mistakes"]] * 2
    assert [run["seed"] for run in record["runs"]] == [1, 2]
    assert "Mean accuracy **80.00 %**, standard deviation 14.14 %, 2 runs." in card.to_markdown()


def test_one_seed_has_no_standard_deviation() -> None:
    card = RepeatedScorecard([card_for([1], [1])])

    assert json.loads(card.to_json())["standard_deviation"] is None
    assert "deviation" not in card.to_markdown()


def test_no_seeds_are_refused() -> None:
    with pytest.raises(ScoreError, match="no runs"):
        RepeatedScorecard([])
