"""The scorecard: its counts by hand, its interval against published values, its JSON."""

import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cards import ANSWERS, FACTS, LABELS, MORE, card_for
from refusals import refused

from mnist_mlp.report.machine import machine_facts, processors
from mnist_mlp.report.scorecard import (
    DigitScore,
    Mistake,
    RepeatedScorecard,
    Scorecard,
    most_confident,
    percent,
    wilson_interval,
)

COUNTED = ["accuracy", "correct", "total", "confidence_interval", "confusion", "per_digit", "mistakes"]


def test_counts_and_mistakes_of_seven_digits() -> None:
    card = card_for(LABELS, ANSWERS)

    assert (card.correct, card.total, card.accuracy) == (4, 7, 4 / 7)
    assert card.confusion[3, 3] == 3
    assert card.confusion[3, 5] == 1  # rows are true digits
    assert card.confusion[8, 3] == 1
    assert card.confusion[3, 8] == 0
    assert card.mistakes == (Mistake(3, 3, 5, 0.9), Mistake(5, 5, 3, 0.9), Mistake(6, 8, 3, 0.9))
    assert repr(card) == "<Scorecard: 57.14 %, 4 of 7 digits right>"


def test_precision_recall_and_f1_by_hand() -> None:
    per_digit = card_for(LABELS, ANSWERS).per_digit

    # 3: found 3 of 4, answered 5 times; F1 = 2 * 3/5 * 3/4 / (3/5 + 3/4) = 2/3
    assert per_digit[3] == DigitScore(3, precision=3 / 5, recall=3 / 4, f1=2 * 3 / (5 + 4), support=4)
    # 5: found 1 of 2, answered twice
    assert per_digit[5] == DigitScore(5, precision=1 / 2, recall=1 / 2, f1=1 / 2, support=2)
    # 8: occurs once, never answered; 0: neither occurs nor is answered
    assert per_digit[8] == DigitScore(8, precision=None, recall=0.0, f1=0.0, support=1)
    assert per_digit[0] == DigitScore(0, precision=None, recall=None, f1=None, support=0)


def test_the_most_frequent_and_the_most_confident_mistakes_come_first() -> None:
    card = card_for([4, 9, 9, 9, 7, 7, 1], [9, 4, 4, 4, 2, 2, 1])
    assert card.most_confused() == [(9, 4, 3), (7, 2, 2), (4, 9, 1)]
    assert card.most_confused(limit=1) == [(9, 4, 3)]
    assert len(card_for([*range(10), 0], [*range(1, 10), 0, 5]).most_confused()) == 10

    unsure, sure = Mistake(0, 1, 7, 0.4), Mistake(1, 1, 7, 0.99)
    assert most_confident([unsure, sure], limit=5) == [sure, unsure]
    assert most_confident([unsure, sure], limit=1) == [sure]


def test_a_share_has_one_form() -> None:
    assert [percent(share) for share in (0.9593, 1, 0, None)] == ["95.93 %", "100.00 %", "0.00 %", "-"]


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_agrees_with_newcombe(correct: int, total: int, low: float, high: float) -> None:
    # R. G. Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3 (score)
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_stays_within_0_and_1_whatever_is_rounded() -> None:
    for total in range(1, 2000):
        assert wilson_interval(0, total)[0] >= 0
        assert wilson_interval(total, total)[1] <= 1


@pytest.mark.parametrize(
    ("labels", "outputs", "message"),
    [
        ([], np.zeros((0, 10)), "there are no digits to score"),
        ([0, 0], np.zeros((3, 10)), "labels (2,) and outputs (3, 10) must be (n,) and (n, 10)"),
        ([0, 0], np.zeros((2, 3)), "labels (2,) and outputs (2, 3) must be (n,) and (n, 10)"),
        ([[0] * 10] * 2, np.zeros((2, 10)), "labels (2, 10) and outputs (2, 10) must be (n,) and (n, 10)"),
        ([1, 10], np.zeros((2, 10)), "label 10 is outside 0 to 9"),
        ([1, -1], np.zeros((2, 10)), "label -1 is outside 0 to 9"),
        (
            [1, 2, 3],
            np.diag([1, *[np.inf] * 9])[:3],
            "the network's outputs are not finite for 2 of 3 digits, first for index 1; train it again "
            "with a smaller learning rate",
        ),
    ],
)
def test_what_cannot_be_scored_is_named(labels: list[int], outputs: np.ndarray, message: str) -> None:
    assert refused(Scorecard.from_outputs, np.array(labels, dtype=int), outputs) == message


def test_json_has_the_keys_programs_rely_on() -> None:
    text = card_for(LABELS, ANSWERS, **FACTS).to_json()

    record = json.loads(text)
    assert text == json.dumps(record, indent=2) + "\n"
    assert list(record) == [*COUNTED, *FACTS]
    assert (record["accuracy"], record["correct"], record["total"]) == (4 / 7, 4, 7)
    assert record["confidence_interval"] == list(wilson_interval(4, 7))
    assert record["confusion"][8] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert record["per_digit"][8] == {"digit": 8, "precision": None, "recall": 0.0, "f1": 0.0, "support": 1}
    assert record["mistakes"][0] == {"index": 3, "label": 3, "predicted": 5, "output": 0.9}
    assert {key: record[key] for key in FACTS} == FACTS


def test_json_is_read_back_with_what_else_stands_there() -> None:
    more = {**MORE, "nondigits": {"drawn": 1, "refused": 0}, "threshold": 0.39}
    text = card_for(LABELS, ANSWERS, **FACTS, more=more).to_json()

    card = Scorecard.from_json(text)
    assert card.to_json() == text
    assert card.more == more
    assert card.machine["threads"] == "2"
    assert Scorecard.from_json(card_for([1], [1], seed=None).to_json()).seed is None
    assert Scorecard.from_json(changed_card(confusion=corner(2**53 - 1))).confusion[0, 0] == 2**53 - 1


def changed_card(**changes: Any) -> str:
    return json.dumps({**json.loads(card_for(LABELS, ANSWERS, **FACTS).to_json()), **changes})


NOT_COUNTS = "ValueError: the confusion matrix is not one of 10 x 10 counts"
OUT_OF_RANGE = "ValueError: the confusion matrix has a count out of range"
OTHER_MISTAKES = "ValueError: the mistakes are not those of the confusion matrix"
MISTAKE = {"index": 3, "label": 3, "predicted": 5, "output": 0.9}


def corner(count: float) -> list[list[float]]:
    """The confusion matrix of the card, but for the right answers to 0."""
    rows: list[list[float]] = card_for(LABELS, ANSWERS).confusion.tolist()
    return [[count, *rows[0][1:]], *rows[1:]]


BROKEN_FACTS: dict[str, list[Any]] = {
    "answers": [
        True,
        *({**MORE["answers"], "left_open": count} for count in ("three", -1, 2**53)),
    ],
    "nondigits": [None, {}, {"drawn": 0, "refused": 0}, {**MORE["nondigits"], "more": 1}],
    "calibration": [
        {"expected_calibration_error": 0.1, "bins": [{"answers": 3}]},
        *({**MORE["calibration"], "expected_calibration_error": error} for error in (2**53, True)),
        {**MORE["calibration"], "bins": [{"answers": 0, "output": 0.5, "accuracy": None}]},
        {**MORE["calibration"], "bins": {}},
    ],
    "robustness": [
        [*MORE["robustness"], {**MORE["robustness"][0], key: value}]
        for key, value in (("amount", None), ("change", 5))
    ],
}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "TypeError: "),
        ("{", "JSONDecodeError: "),
        ("[" * 100_000, "RecursionError: "),
        ("1" * 5_000, "ValueError: Exceeds the limit "),
        (changed_card(seconds={"train": float("nan")}), "ValueError: Out of range float "),
        (changed_card(seconds={"train": 10**400}), "OverflowError: "),  # more than a float can hold
        (changed_card(seconds={"train": 5}).replace("5}", "1e999}"), "ValueError: Out of range float "),
        (changed_card(seconds={"train": "long"}), "ValueError: could not convert string to float: 'long'"),
        (changed_card(confusion=[[0] * 10] * 10), OUT_OF_RANGE),
        (changed_card(confusion=[[1] * 10] * 9), NOT_COUNTS),
        (changed_card(confusion=corner(-1)), OUT_OF_RANGE),
        (changed_card(confusion=corner(2**53)), OUT_OF_RANGE),  # more than every reader of JSON keeps exactly
        (changed_card(confusion=corner(2.0)), NOT_COUNTS),
        (changed_card(mistakes=[{"index": 0}]), "KeyError: 'label'"),
        (changed_card(mistakes=[{**MISTAKE, "label": 10}]), OTHER_MISTAKES),
        (changed_card(mistakes=[{**MISTAKE, "output": 10**400}]), "OverflowError: "),
        (changed_card().replace('"output": 0.9', '"output": NaN'), "ValueError: Out of range float "),
        (changed_card(mistakes=[]), OTHER_MISTAKES),  # where the confusion matrix has three
        (changed_card(recipe=None), "TypeError: "),
        (changed_card(data=[]), "AttributeError: "),
        (changed_card(more=float("inf")), "ValueError: Out of range float "),
        (changed_card(seed="one"), "ValueError: invalid literal for int"),
        *(
            (changed_card(**{name: changed}), f"ValueError: {name} has another form")
            for name, changes in BROKEN_FACTS.items()
            for changed in changes
        ),
    ],
)
def test_a_broken_scorecard_is_refused_in_one_line(text: str, reason: str) -> None:
    message = refused(Scorecard.from_json, text)
    assert message.startswith(f"this is no scorecard ({reason}")
    assert message.endswith("); score the network again")


def test_several_seeds_have_mean_and_sample_standard_deviation() -> None:
    # 9 and 7 of 10 right: mean 0.8, deviations +-0.1, divided by n - 1 = 1: sqrt(0.02)
    nine = card_for([1] * 10, [1] * 9 + [2], seed=1)
    seven = card_for([1] * 10, [1] * 7 + [2] * 3, seed=2)

    record = json.loads(RepeatedScorecard([nine, seven]).to_json())
    assert list(record) == ["mean", "standard_deviation", "runs"]
    assert record["mean"] == pytest.approx(0.8)
    assert record["standard_deviation"] == pytest.approx(0.02**0.5)
    assert [list(run) for run in record["runs"]] == [[*COUNTED[:-1], *FACTS]] * 2  # without the mistakes
    assert [(run["seed"], run["correct"]) for run in record["runs"]] == [(1, 9), (2, 7)]
    assert json.loads(RepeatedScorecard([nine]).to_json())["standard_deviation"] is None


def test_the_machine_is_told_as_it_was_asked_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2000")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    facts = machine_facts()
    assert list(facts) == ["threads", "blas", "processor", "system"]
    assert facts["threads"] == "1"
    assert re.fullmatch(r"\S+ \d\S* \(NumPy\), \S+ \d\S* \(SciPy\)", facts["blas"])
    assert facts["system"] == f"{platform.system()} {platform.machine()}"
    told = Path("/proc/cpuinfo")  # Linux alone has this file
    names = re.findall(r"^model name\s*: (.*)", told.read_text() if told.exists() else "", re.MULTILINE)
    assert facts["processor"] == [*names, platform.processor() or platform.machine()][0]
    most = str(processors())
    for asked, other in (("2000", "1"), ("many", "2000"), ("0", "2000"), ("", "")):
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", asked)
        monkeypatch.setenv("OMP_NUM_THREADS", other)
        assert machine_facts()["threads"] == most
    assert 1 <= int(most) <= (os.cpu_count() or 1)


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="only Linux keeps a process to some processors"
)
def test_processors_that_the_process_may_not_use_do_not_count() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)
