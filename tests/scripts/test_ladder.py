"""The table of recipes side by side."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean

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
    assert tutorial[3] == f"{card['seconds']['train']:.1f}"
    assert tutorial[4] == f"{100 * error:.2f} %"
    assert tutorial[5] == f"{card['answers']['left_open'] / 2:.2f} %"  # of 200
    assert tutorial[6] == f"{card['nondigits']['refused'] / 10:.2f} %"  # of 1,000
    summary = json.loads(Path("fast/scorecard.json").read_text())
    spread = f"{100 * summary['mean']:.2f} \N{PLUS-MINUS SIGN} {100 * summary['standard_deviation']:.2f} %"
    assert fast[:3] == ["fast", "2", spread]

    rows = [line.strip("| ").split(" | ") for line in second.splitlines()]
    assert rows[0] == ["change", "tutorial", "fast"]
    assert len(rows) == 2 + 45
    evaluate = ["evaluate", "--test-csv", csvs[3], "--robustness", "--json"]
    for column, folders in enumerate(([run], [Path("fast/seed-1"), Path("fast/seed-2")]), start=1):
        tables = [json.loads(call(*evaluate, folder).out)["robustness"] for folder in folders]
        means = [fmean(row["accuracy"] for row in rows) for rows in zip(*tables, strict=True)]
        assert [row[column] for row in rows[2:]] == [f"{100 * mean:.2f} %" for mean in means]
    assert [row[0] for row in rows[2:4]] == [
        "shifted along an axis, 1 pixel",
        "shifted along an axis, 2 pixels",
    ]


@pytest.mark.parametrize("script", ["scripts.ladder", "scripts.handwriting.evaluate"])
def test_a_folder_that_is_not_there_is_one_line(script: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", script, "none"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "No such file" in ended.stderr or "there is no such folder" in ended.stderr
