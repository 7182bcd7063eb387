"""Runs side by side: what differs, and whether it is chance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_mlp.report.compare import Run, data_lines, difference, differences, table, to_csv, to_dicts
from mnist_mlp.report.scorecard import Mistake, Scorecard
from mnist_mlp.runs.plan import RunError
from mnist_mlp.runs.results import read_cards, write_repeated
from mnist_mlp.training.recipe import RECIPES

RECIPE = RECIPES["fast"].to_dict()
DATA = {"train.csv": "ef" * 32, "test.csv": "ab" * 32}


def card(wrong: set[int], digits: int = 100, **settings: object) -> Scorecard:
    """The scorecard of a network that takes some of the digits, all of them zeros, for a one."""
    confusion = np.zeros((10, 10), np.int64)
    confusion[0, :2] = digits - len(wrong), len(wrong)
    mistakes = tuple(Mistake(index, 0, 1, 0.5) for index in sorted(wrong))
    return Scorecard(confusion, mistakes, {**RECIPE, **settings}, 1, DATA)


def test_repeats_are_compared_by_welchs_test() -> None:
    # scipy.stats.ttest_ind([0.9, 0.91, 0.93], [0.94, 0.95, 0.95], equal_var=False): p = 0.0494
    # and p = 0.0231 without the 0.93
    first = Run([card(set(range(wrong))) for wrong in (10, 9, 7)], "a")
    second = Run([card(set(range(wrong))) for wrong in (6, 5, 5)], "b")
    found = difference(first, second)
    assert found is not None
    assert found.p == pytest.approx(0.04937228)
    assert found.sentence.startswith("the means differ by 3.33 %; that is more than chance: p = 0.049")
    fewer = difference(Run(first.runs[:2], "a"), second)
    assert fewer is not None
    assert fewer.p == pytest.approx(0.02308034)
    alike = Run([card({1}), card({2})], "c"), Run([card({1, 2}), card({1, 3})], "d")
    assert [test.p for test in (difference(*alike), difference(alike[0], alike[0])) if test] == [0, 1]


def test_runs_on_other_digits_or_of_one_and_several_networks_are_not_tested() -> None:
    one = Run([card({1})], "a")
    assert difference(one, Run([replace(card({1}), data={"test.csv": "cd" * 32})], "b")) is None
    assert difference(one, Run([card({1}, digits=99)], "b")) is None
    assert difference(one, Run([card({1}), card({2})], "b")) is None
    many = difference(
        *(Run([card(set(wrong), 2000)], "ab"[i]) for i, wrong in enumerate(([1], range(2, 1202))))
    )
    assert many is not None
    assert many.sentence.startswith("only a got 1,200 digits right, only b 1; that is more than chance: p = ")


def test_each_run_tells_all_settings_that_are_not_the_same_in_all() -> None:
    runs = [
        Run([card(set())], "a"),
        Run([card(set(), hidden=50)], "b"),
        Run([card(set(), learning_rate=0.2)], "c"),
    ]
    rate = RECIPE["learning_rate"]
    assert differences(runs) == [
        {"hidden": 200, "learning_rate": rate},
        {"hidden": 50, "learning_rate": rate},
        {"hidden": 200, "learning_rate": 0.2},
    ]
    assert differences(runs[:2]) == [{"hidden": RECIPE["hidden"]}, {"hidden": 50}]
    assert differences(runs[:1]) == [{}]


def test_a_table_shows_only_columns_that_tell_something() -> None:
    one, other = Run([card({1, 2})], "a"), Run([card({1})], "b")
    assert table([one, other]) == (
        ["run", "accuracy", "95 % interval"],
        [["a", "98.00 %", "93.00 % to 99.45 %"], ["b", "99.00 %", "94.55 % to 99.82 %"]],
    )
    assert table([Run(one.runs, "1")])[1][0][:2] == ["1", "98.00 %"]
    several = Run([card({1}), card({1, 2, 3})], "c")
    assert table([several, several]) == (
        ["run", "accuracy", "deviation", "networks"],
        [["c", "98.00 %", "1.41 %", "2"]] * 2,
    )
    elsewhere = Run([replace(card({1}), data={"my.csv": "cd" * 32})], "d")
    renamed = Run([replace(card({1}), data={"a.csv": "ab" * 32, "b.csv": "ef" * 32})], "e")
    headings, cells = table([one, renamed, elsewhere])
    assert (headings[-1], [row[-1] for row in cells]) == ("data", ["A", "A", "B"])
    assert data_lines([one, renamed]) == []
    assert data_lines([one, renamed, elsewhere]) == [
        "A: 100 digits scored, of train.csv efefefef, test.csv abababab",
        "B: 100 digits scored, of my.csv cdcdcdcd",
    ]


def test_runs_are_written_for_programs() -> None:
    runs = [Run([card({1}, hidden=50)], "a"), Run([card(set(range(50))), card(set(range(50)))], "b")]
    assert to_csv(runs) == (
        "run,accuracy,low,high,deviation,networks,data,differs\n"
        f"a,0.99,{runs[0].runs[0].confidence_interval[0]},{runs[0].runs[0].confidence_interval[1]},,1,A,"
        '"hidden=50,seed=1"\n'
        "b,0.5,,,0.0,2,A,hidden=200\n"
    )
    many = to_dicts([Run([card(set(), digits)], "") for digits in range(1, 28)])
    assert [run["data"] for run in many][24:] == ["Y", "Z", "A"]
    assert to_dicts(runs)[0]["differs"] == {"hidden": 50, "seed": 1}


def test_the_scorecards_of_a_run_are_those_of_its_seeds(tmp_path: Path) -> None:
    cards = [card({1}), card({1, 2})]
    for seed, each in zip((9, 10), cards, strict=True):
        (tmp_path / "chosen" / f"seed-{seed}").mkdir(parents=True)
        (tmp_path / "chosen" / f"seed-{seed}" / "scorecard.json").write_text(each.to_json())
    with pytest.raises(RunError, match=r"holds no finished run \(no scorecard.json\); name a run's folder"):
        read_cards(tmp_path / "chosen")
    write_repeated(tmp_path / "chosen", cards)
    assert [found.correct for found in read_cards(tmp_path / "chosen")] == [99, 98]
    (tmp_path / "chosen" / "seed-11").mkdir()  # begun by hand, and not finished
    assert len(read_cards(tmp_path)) == 2  # a sweep's folder
    assert [found.correct for found in read_cards(tmp_path / "chosen" / "seed-10")] == [98]
