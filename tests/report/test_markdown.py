"""Scorecards as pages for people, whole, for cards made by hand."""

import copy
from dataclasses import replace
from pathlib import Path

from cards import ANSWERS, FACTS, LABELS, MORE, card_for

from mnist_mlp.report.markdown import repeated_page, scorecard_page, sweep_page
from mnist_mlp.report.scorecard import RepeatedScorecard
from mnist_mlp.report.sweeps import Row

# Precision, recall and F1 as test_scorecard.py has them; the interval of 4 in 7 by Wilson's formula. Rows of
# digits that the card lacks are left out.
PAGE = Path(__file__).with_name("scorecard.md").read_text()


def test_a_scorecard_is_this_page() -> None:
    page = scorecard_page(
        card_for(LABELS, ANSWERS, **FACTS),
        pictures=["learning_curve.png", "mistakes.png"],
        explanations={"learning_rate": "How far each update goes.", "seed": "Random seed."},
    )
    absent = [f"| {digit} | - | - | - | 0 |" for digit in (0, 1, 2, 4, 6, 7, 9)]
    absent += [f"| **{digit}** |" + "  |" * 10 for digit in (0, 1, 2, 4, 6, 7, 9)]
    lines = page.split("\n")
    assert [line for line in lines if line in absent] == absent
    assert "\n".join(line for line in lines if line not in absent) == PAGE


def test_what_answers_are_worth_and_what_is_withstood_is_told() -> None:
    more = copy.deepcopy(MORE)
    more["calibration"]["bins"][0] = {"answers": 1200, "output": 0.05, "accuracy": 0.0}
    page = scorecard_page(card_for(LABELS, ANSWERS, more=more))
    for section in (
        "## I don't know\n\nAn output below 0.50 is no answer. This leaves 3 of 7 digits open; 75.00 % of "
        "the others are right.\n\nOf 1,000 drawn images that are no digits, 70.50 % get no answer.\n\n",
        "are off by 6.25 % (expected calibration error).\n\n"
        "| output | answers | mean output | right |\n| --: | --: | --: | --: |\n"
        "| 0.0 to 0.1 | 1,200 | 0.050 | 0.00 % |\n"
        "| 0.4 to 0.5 | 3 | 0.438 | 33.33 % |\n| 0.9 to 1.0 | 4 | 0.950 | 75.00 % |\n\n",
        "## Changed digits\n\n| change | amount | accuracy |\n| :-- | :-- | :-- |\n"
        "| rotated | 5 degrees | 90.00 % |\n| rotated | 10 degrees | 80.00 % |\n"
        "| blurred | 0.5 pixels | 70.00 % |\n",
    ):
        assert section in page
    nothing_answered = {"threshold": 2.0, "left_open": 7, "answered": 0, "answered_right": 0}
    assert "digits open; - of" in scorecard_page(
        card_for(LABELS, ANSWERS, more={"answers": nothing_answered})
    )


def test_a_perfect_network_has_no_mistakes_to_show() -> None:
    page = scorecard_page(card_for([1] * 1500, [1] * 1500))
    assert "**100.00 %** of 1,500 digits were recognized: 1,500 right, 0 wrong." in page
    assert "| 1 | 100.00 % | 100.00 % | 100.00 % | 1,500 |" in page
    assert "mistakes" not in page
    assert "confusions" not in page
    assert "Recipe" not in page  # nor a seed


def test_only_the_ten_most_confident_mistakes_are_listed() -> None:
    card = card_for([1] * 1200, [7] * 1200)
    surer = [replace(mistake, output=mistake.index / 1200) for mistake in card.mistakes]
    page = scorecard_page(replace(card, mistakes=tuple(surer)))
    assert "0 right, 1,200 wrong." in page
    last = [f"| {index} | 1 | 7 | {index / 1200:.3f} |" for index in range(1199, 1189, -1)]
    assert page.endswith(
        "| index | true digit | answer | output |\n| --: | --: | --: | --: |\n" + "\n".join(last) + "\n"
    )


def test_several_seeds_are_this_page() -> None:
    # 9 and 7 of 10 right: mean 0.8, sample standard deviation sqrt(0.02)
    nine = card_for([1] * 10, [1] * 9 + [2], seed=0, seconds={"load": 1, "train": 2.25}, recipe={"epochs": 5})
    seven = card_for([1] * 10, [1] * 7 + [2] * 3, seed=5)
    assert repeated_page(RepeatedScorecard([nine, seven]), explanations={"epochs": "Passes."}) == (
        "# Scorecard of several seeds\n\n"
        "Mean accuracy **80.00 %**, standard deviation 14.14 %, 2 runs. "
        "The runs differ only in the random seed.\n\n"
        "| seed | accuracy | wrong | training |\n| --: | --: | --: | --: |\n"
        "| 0 | 90.00 % | 1 | 2.2 s |\n| 5 | 70.00 % | 3 | 0.0 s |\n\n"
        "## Recipe\n\n| setting | value | meaning |\n| :-- | :-- | :-- |\n"
        "| `epochs` | `5` | Passes. |\n| `seed` | `0` |  |\n\n"
        "## Time\n\n| stage | seconds |\n| :-- | :-- |\n| `load` | `1` |\n| `train` | `2.25` |\n"
    )
    assert "\n\nMean accuracy **90.00 %**, 1 run. " in repeated_page(RepeatedScorecard([nine]))


def test_a_sweep_is_this_page() -> None:
    # The deviation of two scores is half their difference times the root of 2.
    rows = [Row({"momentum": 0.9}, [0.96, 0.98], 0, 2.04), Row({"momentum": 0.5}, [0.9], 1, 1.0)]
    nine = card_for([1] * 1000, [1] * 900 + [2] * 100, recipe={"validation": 2000}, seed=4)
    assert sweep_page(rows, RepeatedScorecard([nine, nine]), explanations={"seed": "Random seed."}) == (
        "# Sweep\n\nEach setting was judged by its networks' accuracy on 2,000 held-out training digits. The "
        "test digits were used once, for the best: `momentum=0.9` came to **90.00 %**, standard deviation "
        "0.00 %, on 1,000 test digits.\n\n![the settings and their accuracy](sweep.png)\n\n"
        "| momentum | mean | deviation | networks | time |  |\n| --: | --: | --: | --: | --: | --: |\n"
        "| 0.9 | 97.00 % | 1.41 % | 2 | 2.0 s | best |\n| 0.5 | 90.00 % | - | 1 | 1.0 s | 1 failed |\n\n"
        "Mean and deviation (n - 1) of the networks of a setting, and mean time of a training; as good: less "
        "than 2 standard errors of the difference below the best.\n\n"
        "## Recipe\n\n| setting | value | meaning |\n| :-- | :-- | :-- |\n"
        "| `validation` | `2000` |  |\n| `seed` | `4` | Random seed. |\n"
    )


def test_a_page_is_not_broken_by_a_file_name() -> None:
    page = scorecard_page(card_for([1], [1], data={"a|b`c\n\x1b[31m\udc80.csv": "00"}))
    assert r"| `a\|b'c\n\x1b[31m\udc80.csv` | `00` |" in page
