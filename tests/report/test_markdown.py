"""Scorecards as pages for people, whole, for cards made by hand."""

from cards import ANSWERS, FACTS, LABELS, card_for

from mnist_mlp.report.markdown import repeated_page, scorecard_page
from mnist_mlp.report.scorecard import RepeatedScorecard

# Precision, recall and F1 as test_scorecard.py has them; the interval of 4 in 7 by Wilson's formula.
PAGE = """\
# Scorecard

**57.14 %** of 7 digits were recognized: 4 right, 3 wrong. On all digits of this kind, the accuracy likely \
lies between 25.05 % and 84.18 % (95 % confidence interval).

![learning curve](learning_curve.png)

![mistakes](mistakes.png)

## Digit by digit

| digit | precision | recall | F1 | digits |
| --: | --: | --: | --: | --: |
| 0 | - | - | - | 0 |
| 1 | - | - | - | 0 |
| 2 | - | - | - | 0 |
| 3 | 60.00 % | 75.00 % | 66.67 % | 4 |
| 4 | - | - | - | 0 |
| 5 | 50.00 % | 50.00 % | 50.00 % | 2 |
| 6 | - | - | - | 0 |
| 7 | - | - | - | 0 |
| 8 | - | 0.00 % | 0.00 % | 1 |
| 9 | - | - | - | 0 |

Precision: of the answers with this digit, the share that was right. Recall: of these digits, the share \
that was recognized. F1: the harmonic mean of the two.

## Most frequent confusions

| true digit | answer | times |
| --: | --: | --: |
| 3 | 5 | 1 |
| 5 | 3 | 1 |
| 8 | 3 | 1 |

## Every answer

Rows are true digits, columns are answers.

|  | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |
| **0** |  |  |  |  |  |  |  |  |  |  |
| **1** |  |  |  |  |  |  |  |  |  |  |
| **2** |  |  |  |  |  |  |  |  |  |  |
| **3** |  |  |  | 3 |  | 1 |  |  |  |  |
| **4** |  |  |  |  |  |  |  |  |  |  |
| **5** |  |  |  | 1 |  | 1 |  |  |  |  |
| **6** |  |  |  |  |  |  |  |  |  |  |
| **7** |  |  |  |  |  |  |  |  |  |  |
| **8** |  |  |  | 1 |  |  |  |  |  |  |
| **9** |  |  |  |  |  |  |  |  |  |  |

## Most confident mistakes

| index | true digit | answer | output |
| --: | --: | --: | --: |
| 3 | 3 | 5 | 0.900 |
| 5 | 5 | 3 | 0.900 |
| 6 | 8 | 3 | 0.900 |

## Recipe

| setting | value | meaning |
| :-- | :-- | :-- |
| `name` | `tutorial` |  |
| `hidden` | `[200]` |  |
| `learning_rate` | `0.3` | How far each update goes. |
| `biases` | `false` |  |
| `seed` | `1` | Random seed. |

## Data

| file | SHA-256 |
| :-- | :-- |
| `mnist_test.csv` | `51c292478d94ec3a` |

## Time

| stage | seconds |
| :-- | :-- |
| `train` | `9.5` |
| `score` | `0.13` |

## Versions

| program | version |
| :-- | :-- |
| `mnist-mlp` | `0.1.0` |

## Machine

| part | what it is |
| :-- | :-- |
| `threads` | `2` |
| `blas` | `openblas 0.3.31` |
| `processor` | `AMD EPYC` |
"""


def test_a_scorecard_is_this_page() -> None:
    page = scorecard_page(
        card_for(LABELS, ANSWERS, **FACTS),
        pictures=["learning_curve.png", "mistakes.png"],
        explanations={"learning_rate": "How far each update goes.", "seed": "Random seed."},
    )
    assert page == PAGE


def test_a_perfect_network_has_no_mistakes_to_show() -> None:
    page = scorecard_page(card_for([1, 2], [1, 2]))
    assert "**100.00 %** of 2 digits were recognized: 2 right, 0 wrong." in page
    assert "mistakes" not in page
    assert "confusions" not in page


def test_several_seeds_are_this_page() -> None:
    # 9 and 7 of 10 right: mean 0.8, sample standard deviation sqrt(0.02)
    nine = card_for([1] * 10, [1] * 9 + [2], seed=4, seconds={"load": 1, "train": 2.25}, recipe={"epochs": 5})
    seven = card_for([1] * 10, [1] * 7 + [2] * 3, seed=5, seconds={"train": 3.5})
    assert repeated_page(RepeatedScorecard([nine, seven]), explanations={"epochs": "Passes."}) == (
        "# Scorecard of several seeds\n\n"
        "Mean accuracy **80.00 %**, standard deviation 14.14 %, 2 runs. "
        "The runs differ only in the random seed.\n\n"
        "| seed | accuracy | wrong | seconds |\n| --: | --: | --: | --: |\n"
        "| 4 | 90.00 % | 1 | 3.2 |\n| 5 | 70.00 % | 3 | 3.5 |\n\n"
        "## Recipe\n\n| setting | value | meaning |\n| :-- | :-- | :-- |\n"
        "| `epochs` | `5` | Passes. |\n| `seed` | `4` |  |\n\n"
        "## Time\n\n| stage | seconds |\n| :-- | :-- |\n| `load` | `1` |\n| `train` | `2.25` |\n"
    )
    assert "\n\nMean accuracy **90.00 %**, 1 run. " in repeated_page(RepeatedScorecard([nine]))


def test_a_page_is_not_broken_by_a_file_name() -> None:
    page = scorecard_page(card_for([1], [1], data={"a|b`c\n\x1b[31m\udc80.csv": "00"}))
    assert r"| `a\|b'c\n\x1b[31m\udc80.csv` | `00` |" in page
