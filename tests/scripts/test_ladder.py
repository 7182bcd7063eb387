"""The table of recipes side by side."""

import json
from pathlib import Path

import pytest
from commands import call

from mnist_mlp.digits.images import Digits
from scripts import ladder

pytestmark = pytest.mark.usefixtures("alone")


def test_recipes_stand_side_by_side_as_means_over_their_seeds(
    run: Path, csvs: list[object], few_test_digits: Digits, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--recipe", "fast", "--epochs", 2, "--hidden", 10, "--validation", 50, "--repeats", 2]
    assert call("train", *csvs, *short, "--out", "fast").code == 0
    ladder.main([str(run), "fast"], few_test_digits)
    first, second = capsys.readouterr().out.strip().split("\n\n")

    tutorial, fast = [line.strip("| ").split(" | ") for line in first.splitlines()[2:]]
    card = json.loads((run / "scorecard.json").read_text())
    assert tutorial[:3] == ["tutorial", "1", f"{100 * card['accuracy']:.2f} %"]
    error = card["calibration"]["expected_calibration_error"]
    assert tutorial[3] == f"{100 * error:.2f} %"
    assert tutorial[4] == f"{card['answers']['left_open'] / 2:.2f} %"  # of 200
    assert tutorial[5] == f"{card['nondigits']['refused'] / 10:.2f} %"  # of 1,000
    means = json.loads(Path("fast/scorecard.json").read_text())
    spread = f"{100 * means['mean']:.2f} \N{PLUS-MINUS SIGN} {100 * means['standard_deviation']:.2f} %"
    assert fast[:3] == ["fast", "2", spread]

    rows = [line.strip("| ").split(" | ") for line in second.splitlines()]
    assert rows[0] == ["change", "tutorial", "fast"]
    assert len(rows) == 2 + 45
    for column, first_seed in enumerate((run, Path("fast/seed-1")), start=1):
        evaluate = ["evaluate", first_seed, "--test-csv", csvs[3], "--robustness", "--json"]
        changes = json.loads(call(*evaluate).out)["robustness"]
        assert [row[column] for row in rows[2:]] == [
            f"{100 * change['accuracy']:.2f} %" for change in changes
        ]
    assert [row[0] for row in rows[2:4]] == [
        "shifted along an axis, 1 pixel",
        "shifted along an axis, 2 pixels",
    ]
