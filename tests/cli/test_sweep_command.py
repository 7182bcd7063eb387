"""`mnist-mlp sweep`: from settings to a table, pictures and a chosen recipe."""

import csv
import json
import os
import re
import shlex
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import call, end, start
from folders import files, models

from mnist_mlp.cli.scores import show_sweep
from mnist_mlp.cli.screen import Screen
from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.mnist import load_mnist, write_csv
from mnist_mlp.files.lock import locked
from mnist_mlp.report.scorecard import RepeatedScorecard
from mnist_mlp.report.sweeps import summarize
from mnist_mlp.runs.grid import parse_choices, settings_to_try
from mnist_mlp.runs.job import Data
from mnist_mlp.runs.plan import DataPlaces
from mnist_mlp.runs.results import read_cards
from mnist_mlp.runs.sweep import Sweep, entries_of
from mnist_mlp.training.recipe import RECIPES, load_recipe

pytestmark = pytest.mark.usefixtures("data_dir")
SMALL = ["--recipe", "fast", "epochs=1", "--validation", "100"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, few_digits: Digits, few_test_digits: Digits) -> Path:
    """A folder of few digits under the names of MNIST's files."""
    folder = tmp_path_factory.mktemp("mnist")
    write_csv(few_digits, folder / "mnist_train.csv")
    write_csv(few_test_digits, folder / "mnist_test.csv")
    return folder


@pytest.fixture
def data_dir(alone: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """The commands of the test read these digits."""
    monkeypatch.setenv("MNIST_MLP_DATA", str(folder))


def test_a_sweep_ends_with_a_table_a_picture_and_a_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    asked = "hidden=5,10", "learning_rate=0.2,0.5", "--repeats", 2, "--jobs", 2
    shown = call("sweep", *SMALL, *asked, "--out", "out")
    assert shown.code == 0
    begin, *lines, _, all_of_it, in_chosen, to_train, command = shown.err.replace(
        "training\n  digits", "training digits"
    ).splitlines()
    assert begin == "recipe fast, 4 settings, 2 networks each, judged by 100 held-out training digits"
    line = r"([1-8])/8  \d+\.\d\d %  \d+\.\d s  \d+:\d\d left  (hidden=.*) seed ([12])"
    found = re.findall(rf"(?m)^{line}$", "\n".join(lines))
    assert [number for number, *_ in found] == list("12345678")
    assert len({one[1:] for one in found}) == 8
    assert f"{all_of_it} {in_chosen.strip()}" == (
        "all of it is in out: scorecard.md, results.csv, sweep.png; the best networks in chosen"
    )
    assert (to_train, command) == (
        "to train one like them:",
        f"  mnist-mlp train --recipe {Path('out', 'chosen.toml')}",
    )
    plan, data = Sweep.read(Path("out")), Data(load_mnist(os.environ["MNIST_MLP_DATA"]))
    assert (plan.repeats, plan.places) == (2, DataPlaces(data_dir=os.environ["MNIST_MLP_DATA"]))
    rows, tested = summarize(entries_of(Path("out"), plan, data)), RepeatedScorecard(read_cards(Path("out")))
    show_sweep(Screen(), rows, tested)
    assert shown.out == capsys.readouterr().out
    assert [card.total for card in tested.runs] == [200, 200]
    best = {**rows[0].settings, "epochs": 1, "validation": 100, "name": "chosen"}
    assert load_recipe("out/chosen.toml") == RECIPES["fast"].with_settings(best)
    above = {"sweep.json", "results.csv", "scorecard.md", "sweep.png", "chosen.toml"}
    assert {path.name for path in Path("out").iterdir() if path.is_file()} == above
    assert "hidden=5,learning_rate=0.2/seed-1/mistakes.png" not in files(Path("out"))

    again = call(*shlex.split(command)[1:], "--quiet", "--out", "again")
    assert again.code == 0
    for command in ("evaluate", "report"):  # take the chosen network where the sweep is named
        assert "out/chosen: several seeds; taking the first, seed-1" in call(command, "out").err
    assert json.loads(Path("again/scorecard.json").read_text())["recipe"]["hidden"] == best["hidden"]


def test_json_and_csv_have_an_entry_for_each_network() -> None:
    asked = "hidden=5,8x6 weight_decay=0,1 learning_rate=1000 batch_size=10 --json --out out"
    shown = call("sweep", *SMALL, *asked.split())
    entries = json.loads(shown.out)
    assert [(entry["hidden"], entry["weight_decay"], entry["seed"]) for entry in entries] == [
        (5, 0.0, 1), (5, 1.0, 1), ([8, 6], 0.0, 1), ([8, 6], 1.0, 1)
    ]  # fmt: skip
    assert list(entries[0]) == ["hidden", "weight_decay", "seed", "held_out", "seconds", "folder", "failed"]
    assert [entry["failed"] is None for entry in entries] == [True, False, True, False]
    assert [entry["held_out"] is None for entry in entries] == [False, True, False, True]
    reason = Path("out", entries[1]["folder"], "failed.txt").read_text()
    assert reason == entries[1]["failed"] + "\n"
    with Path("out/results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["hidden"] for row in rows] == ["5", "5", "8x6", "8x6"]
    assert [row["failed"] for row in rows] == [entry["failed"] or "" for entry in entries]
    assert len(re.findall(r"(?m)^./4  failed  .* seed 1: epoch 1: the", shown.err)) == 2

    before = files(Path("out"))
    again = call("sweep", "--resume", "out", "--json")  # reads what is there
    assert json.loads(again.out) == entries
    assert files(Path("out")) == before
    assert "/4  " not in again.err


def test_where_no_setting_can_be_trained_it_says_so() -> None:
    job = Path("out/hidden=5/seed-1")
    job.mkdir(parents=True)
    recipe = replace(RECIPES["book"], epochs=1, validation=100)
    Path("out/sweep.json").write_text(Sweep(recipe, 2, settings=[{"hidden": 5}]).to_json())
    (job / "failed.txt").write_text("its worker was lost\n")  # and is not tried again
    shown = call("sweep", "--resume", "out")  # one network of the two is trained
    line = "mnist-mlp: out: in each setting a network failed; failed.txt in its folder says why"
    assert (shown.code, shown.out, shown.err.splitlines()[-1]) == (1, "", line)
    with Path("out/results.csv").open(newline="") as file:
        assert [row["failed"] for row in csv.DictReader(file)] == ["its worker was lost", ""]


def test_of_settings_that_differ_in_epochs_the_longest_is_trained_and_the_best_chosen() -> None:
    # At this rate all units are stuck from the first samples on, so that the first of equal settings is best.
    asked = (
        "--recipe book epochs=2,3,30 learning_rate=1000 hidden=5 --validation 100 --json --out out --pictures"
    )
    shown = call("sweep", *asked.split())
    scores = {entry["epochs"]: entry["held_out"] for entry in json.loads(shown.out)}
    best = max(scores, key=lambda epochs: (scores[epochs], -epochs))
    assert best == 2
    assert {path.name for path in Path("out").glob("epochs=*")} == {"epochs=30", "epochs=2"}
    assert "epochs=30/seed-1/mistakes.png" in files(Path("out"))
    assert load_recipe("out/chosen.toml").epochs == 2
    assert json.loads(Path("out/chosen/seed-1/scorecard.json").read_text())["recipe"]["epochs"] == 2
    assert "several seeds" not in call("evaluate", "out").err  # there is but one


def test_a_single_setting_is_told_as_it_was_asked_for() -> None:
    shown = call("sweep", "hidden=5", "epochs=1", "--validation", 100, "--out", "out")
    assert shown.err.startswith("recipe tutorial, 1 setting, 1 network each, judged by 100 held-out ")
    assert "\nthe best, hidden=5,epochs=1, on the test digits: " in shown.out
    assert load_recipe("out/chosen.toml").hidden == 5


def test_a_recipe_file_may_hold_lists_and_tables() -> None:
    Path("my.toml").write_text(
        'base = "fast"\nepochs = 1\nvalidation = 50\nhidden = [1500, 5]\nlearning_rate = [0.1, 0.3]\n'
        '[[settings]]\n[[settings]]\nmomentum = 0\nschedule = "constant"\n'
    )
    shown = call("sweep", "my.toml", "learning_rate=0.2", "--jobs", 1)
    assert shown.code == 0, shown.err
    assert "recipe my, 4 settings, 1 network each, judged by 50 held-out" in shown.err
    (out,) = Path("runs").glob("*Z-sweep")
    assert {path.name for path in out.glob("*=*")} == {
        f"hidden={hidden}{more}" for hidden in (1500, 5) for more in ("", ",momentum=0,schedule=constant")
    }
    assert re.findall(r"(?m)^\d/4 .* hidden=(\d+)", shown.err) == ["1500", "1500", "5", "5"]  # one at a time
    assert "one network a setting does not show how much chance matters; --repeats 3 does\n" in shown.out
    assert load_recipe(str(out / "hidden=5" / "seed-1" / "recipe.toml")).learning_rate == 0.2


def test_samples_of_a_range_say_how_they_are_drawn(
    mnist_train: Digits, few_test_digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(mnist_train[:2101], tmp_path / "mnist_train.csv")
    write_csv(few_test_digits, tmp_path / "mnist_test.csv")
    Path("my.toml").write_text("seed = 7\nepochs = 1\n")
    asked = "learning_rate=0.05..0.5", "hidden=5..8", "my.toml"
    options = "--samples 3 --validation 2001 --data-dir . --json --out out"
    shown = call("sweep", *asked, *options.split())
    assert shown.err.startswith(
        "learning_rate: drawn evenly in its logarithm from 0.05 to 0.5\nhidden: drawn evenly from 5 to 8\n"
        "recipe my, 3 settings, 1 network each, judged by 2,001 held-out training digits\n1/3  "
    )
    assert shown.err.endswith(  # which has no use for that many held-out digits
        "\nto train one like them with more of the training digits:\n"
        f"  mnist-mlp train --recipe {Path('out', 'chosen.toml')} --validation 2000\n"
    )
    ranges = [choice for text in asked[:2] for choice in parse_choices(text).values()]
    drawn = settings_to_try(ranges, 3, 1, np.random.default_rng(7))  # by the recipe's seed
    entries = json.loads(shown.out)
    assert [{name: entry[name] for name in ("learning_rate", "hidden")} for entry in entries] == drawn
    monkeypatch.delenv("MNIST_MLP_DATA")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert json.loads(call("sweep", "--resume", "../out", "--json").out) == entries  # on the same digits


def test_parts_need_no_engine_and_sum_up_to_the_same() -> None:
    asked = [*SMALL, "hidden=5,6", "--repeats", "2"]
    assert call("sweep", *asked, "--out", "whole").code == 0
    shown = call("sweep", *asked, "--part", "1/2", "--out", "parts")
    assert (shown.code, shown.out) == (0, "")
    assert shown.err.endswith(
        "networks left for other parts: 2; when they are done:\n  mnist-mlp sweep --resume parts\n"
    )
    elsewhere = call("sweep", *asked, "--part", "2/2", "--out", "elsewhere")  # another machine
    assert elsewhere.code == 0
    shutil.copytree("elsewhere", "parts", dirs_exist_ok=True)
    assert call("sweep", "--resume", "parts").code == 0
    assert models(Path("parts")) == models(Path("whole"))
    assert len(models(Path("whole"))) == 4
    assert files(Path("parts")) == files(Path("whole"))
    with locked("whole"):  # parts share the folder; here nothing is left to do
        assert call("sweep", *asked, "--part", "2/2", "--out", "whole").code == 0
        shown = call("sweep", "--resume", "whole")
    assert shown.line == "whole: is in use by another process; wait for it, or choose another folder"
    other = call("sweep", *asked, "momentum=0", "--part", "2/2", "--out", "parts")
    choice = "choose another folder, or go on with mnist-mlp sweep --resume parts"
    assert other.line == f"parts: holds a sweep; {choice}"


@pytest.mark.skipif(os.name != "posix", reason="signals as Unix has them")
def test_a_sweep_goes_on_after_ctrl_c_and_leaves_nothing_behind() -> None:
    asked = ["--recipe", "fast", "epochs=60", "hidden=5,6,7", "--validation", 100, "--jobs", 2]
    early = start("sweep", *asked, "--out", "early", start_new_session=True)
    assert early.stderr
    early.stderr.readline()
    time.sleep(0.5)  # the workers are loading
    os.killpg(early.pid, signal.SIGINT)
    assert end(early).code == 130
    process = start("sweep", *asked, "--out", "out", start_new_session=True)
    while not list(Path("out").glob("*=*/seed-1/scorecard.json")):
        time.sleep(0.02)
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    stopped = end(process)
    assert stopped.code == 130
    assert re.search(r"\nmnist-mlp: interrupted; go on with\n  .* sweep --resume out\n$", stopped.err)
    with pytest.raises(ProcessLookupError):  # noqa: PT012 - as soon as no process of its session is left
        for _ in range(200):
            os.killpg(process.pid, 0)
            time.sleep(0.01)
    assert not list(Path("out").glob(".digits*"))
    before = {path: path.stat().st_mtime_ns for path in Path("out").glob("*=*/seed-1/scorecard.json")}
    assert call("sweep", "--resume", "out").code == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert call("sweep", *asked, "--out", "whole").code == 0
    assert models(Path("out")) == models(Path("whole"))


def test_what_is_in_the_way_is_told_in_one_line() -> None:
    Path("broken").mkdir()
    Path("broken/sweep.json").write_text("{")
    assert call("sweep", "--resume", "broken").line.startswith("broken/sweep.json: broken: ")
    assert call("sweep", "--resume", "nowhere").line == (
        "nowhere: there is no such sweep; name a sweep's folder"
    )
    assert (
        call("sweep", "none.toml").line
        == "none.toml: cannot be read: No such file or directory; check the path"
    )
    cluster = ["sweep", "hidden=5", "--validation", 100, "--dask", "what://192.0.2.1:1"]
    assert (
        "can run programs on all its machines; use tls://, or --insecure" in call(*cluster, "--out", "a").err
    )
    assert "--insecure" not in call(*cluster, "--insecure", "--out", "b").err
    shown = call("sweep", "hidden=5", "--out", "broken")
    assert shown.err.endswith("go on with mnist-mlp sweep --resume broken\n")
    shown = call("sweep", "hidden=5", "--validation", 400)
    assert shown.err.endswith("--validation 400 leaves none of the 400 training digits to learn\n")
    Path("my.toml").write_text('base = "fast"\nhidden = [5, 6]\n')  # fast holds out 2,000
    for both in (["my.toml", "my.toml"], ["--recipe", "fast", "my.toml"]):
        shown = call("sweep", *both)
        fault = "my.toml names the recipe it begins with; leave out --recipe and other recipe files"
        assert shown.err.startswith(f"mnist-mlp: {fault}; see ")
    shown = call("sweep", "my.toml")
    assert shown.err.endswith("--validation 10,000 leaves none of the 400 training digits to learn\n")
    assert not Path("runs").exists()
