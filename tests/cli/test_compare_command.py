"""`mnist-mlp compare`: finished runs side by side."""

import csv
import json
from pathlib import Path

import pytest
from commands import call

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, csvs: list[object]) -> Path:
    """The folder of a run with fewer hidden units than the fixture `run`, for reading only."""
    folder = tmp_path_factory.mktemp("other") / "few"
    asked = ["--hidden", 4, "--validation", 50, "--seed", 3, "--epochs", 1, "--out", folder]
    assert call("train", *csvs, *asked).code == 0
    return folder


def test_two_runs_are_shown_with_what_differs_and_whether_it_is_chance(run: Path, other: Path) -> None:
    Path("a").symlink_to(run)
    Path("b").symlink_to(other)
    shown = call("compare", "b", "a")
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert lines[0].split() == ["run", "accuracy", "95", "%", "interval"]
    assert [line.split()[0] for line in lines[1:3]] == ["a", "b"]  # the best first
    assert "what differs:\n  a: hidden=30, epochs=5\n  b: hidden=4, epochs=1\n" in shown.out
    assert lines[-1].endswith("(McNemar's exact test)")
    assert "that is more than chance: p = " in " ".join(lines[-2:])

    found = json.loads(call("compare", "a", "b", "--json", "--csv", "table.csv").out)
    assert [each["run"] for each in found["runs"]] == ["a", "b"]
    card = json.loads((run / "scorecard.json").read_text())
    assert found["runs"][0]["accuracy"] == card["accuracy"]
    assert [found["runs"][0][end] for end in ("low", "high")] == card["confidence_interval"]
    assert 0 < found["difference"]["p"] < 0.05
    with Path("table.csv").open(newline="") as file:
        assert [row["run"] for row in csv.DictReader(file)] == ["a", "b"]


def test_runs_on_other_digits_are_told_apart(run: Path, other: Path, test_csv: Path) -> None:
    assert call("evaluate", run, "--test-csv", test_csv, "--out", "scored").code == 0
    shown = call("compare", run, other, "scored", "--json")
    assert [each["data"] for each in json.loads(shown.out)["runs"]] in (list("ABA"), list("AAB"))
    text = call("compare", other, "scored").out
    assert "not the same data:\n  A: 200 digits scored, of " in text
    assert "p = " not in text
