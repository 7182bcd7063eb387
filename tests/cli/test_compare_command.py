"""`mnist-mlp compare`: finished runs side by side."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from commands import call

from mnist_mlp.report.scorecard import Mistake, Scorecard
from mnist_mlp.training.recipe import RECIPES

pytestmark = pytest.mark.usefixtures("alone")


def write_run(folder: str, wrong: set[int], digits: str = "ab", **settings: object) -> None:
    """A run's folder with the scorecard of a network that takes some of 100 zeros for a one."""
    confusion = np.zeros((10, 10), np.int64)
    confusion[0, :2] = 100 - len(wrong), len(wrong)
    mistakes = tuple(Mistake(index, 0, 1, 0.5) for index in sorted(wrong))
    Path(folder).mkdir()
    card = Scorecard(confusion, mistakes, settings, 1, {"test.csv": digits * 32})
    Path(folder, "scorecard.json").write_text(card.to_json())


def test_two_runs_are_shown_with_what_differs_and_whether_it_is_chance() -> None:
    # 10 digits only a got right, 2 only b: the chance of at most 2 heads, or at most 2 tails, in 12 tosses
    # is 2 x (1 + 12 + 66) / 4096. The intervals are Wilson's.
    write_run("a", {0, 1, 50}, hidden=[30, 20], epochs=5, name="book")
    write_run("b", {50, *range(2, 12)}, hidden=4, epochs=5, name="book")
    shown = call("compare", "b", "a")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == (
        "run  accuracy       95 % interval\n"
        "  a   97.00 %  91.55 % to 98.97 %\n"
        "  b   89.00 %  81.37 % to 93.75 %\n"
        "\nwhat differs:\n  a: hidden=30,20\n  b: hidden=4\n"
        "\nonly a got 10 digits right, only b 2; that is more than chance: p = 0.039\n"
        "  (McNemar's exact test)\n"
    )
    written = call("compare", "a", "b", "--json", "--csv", "table.csv")
    assert written.err == "written to table.csv\n"
    found = json.loads(written.out)
    assert [(one["run"], one["accuracy"]) for one in found["runs"]] == [("a", 0.97), ("b", 0.89)]
    assert found["difference"]["p"] == pytest.approx(2 * 79 / 4096)
    assert " ".join(shown.out.split()).endswith(f" {found['difference']['sentence']}")
    with Path("table.csv").open(newline="") as file:
        assert [(row["run"], row["accuracy"]) for row in csv.DictReader(file)] == [
            ("a", "0.97"),
            ("b", "0.89"),
        ]


def test_of_other_recipes_only_what_their_names_do_not_say_is_told() -> None:
    tutorial, fast = (RECIPES[name].to_dict() for name in ("tutorial", "fast"))
    write_run("a", {1}, **tutorial)
    write_run("b", {1, 2}, **{**tutorial, "hidden": 50})
    write_run("c", {1, 2, 3}, **{**fast, "epochs": 3})
    write_run("d", {1, 2, 3, 4}, **{**fast, "name": "mine"})  # of a name that is not known all is told
    shown = call("compare", "a", "b", "c", "d").out.split("what differs:\n")[1]
    assert shown.startswith(
        "  a: name=tutorial\n  b: name=tutorial, hidden=50\n  c: name=fast, epochs=3\n"
        "  d: name=mine, hidden=200, init=normal-fan-in, biases=true,"
    )


def test_each_run_counts_once_and_those_that_are_not_finished_are_left_out() -> None:
    write_run("a", {1})
    for folder, name in (("a", "run.json"), ("b", "run.json"), ("c", "sweep.json"), ("d", "sweep.json")):
        Path(folder).mkdir(exist_ok=True)
        Path(folder, name).touch()
    write_run("d/chosen", {1, 2})
    shown = call("compare", "a", "b", "./a", "c")
    assert shown.err == "b: is not finished; left out\nc: is not finished; left out\n"
    assert shown.out == call("compare", "a").out
    assert [line.split()[0] for line in call("compare", "d", "a").out.splitlines()[:3]] == ["run", "a", "d"]
    assert call("compare", "b").line == "b: holds no finished run (no scorecard.json); name a run's folder"
    assert call("compare", "a", "none").line == "none: there is no such run; name a run's folder"


def test_runs_on_other_digits_are_told_apart_and_only_two_on_the_same_are_tested() -> None:
    for name, digits in (("a", "ab"), ("b", "cd"), ("c", "ab")):
        write_run(name, {1}, digits)
    shown = call("compare", "a", "b", "c")
    heading, *rows = (line.split() for line in shown.out.splitlines())
    assert (heading[-1], [row[-1] for row in rows[:3]]) == ("data", ["A", "B", "A"])
    assert shown.out.endswith(
        "\nnot the same data:\n  A: 100 digits scored, of test.csv abababab\n"
        "  B: 100 digits scored, of test.csv cdcdcdcd\n"
    )
    assert json.loads(call("compare", "a", "b", "--json").out)["difference"] is None
    assert call("compare", "a", "c").out.endswith(
        "\n\nonly a got 0 digits right, only c 0; "
        "chance alone may explain that: p = 1\n  (McNemar's exact test)\n"
    )
