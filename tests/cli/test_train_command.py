"""`mnist-mlp train`: from digits to a run's folder, and on with it after a stop."""

import json
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from commands import Outcome, call
from folders import RESULTS, files

from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.mnist import read_csv, write_csv
from mnist_mlp.errors import printable
from mnist_mlp.files.lock import locked

pytestmark = pytest.mark.usefixtures("alone")
SHORT = ["--epochs", 1, "--hidden", 4, "--batch-size", 50]
MODEL = "model.safetensors"


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


# What it shows


def test_training_shows_its_progress_the_scorecard_and_what_comes_next(
    trained: tuple[Path, Outcome], csv_files: tuple[Path, Path]
) -> None:
    folder, shown = trained
    assert files(folder) == RESULTS
    evaluated = call("evaluate", folder, "--test-csv", csv_files[1]).out.split("\n", 2)[2]
    epochs = re.findall(
        r"(?m)^epoch (\d)/5  loss \d\.\d{4}  train \d\d\.\d\d %  held out (\d\d\.\d\d %)  \d+\.\d s",
        shown.err,
    )
    assert [number for number, _ in epochs] == ["1", "2", "3", "4", "5"]
    assert shown.out == f"{evaluated}\nheld out: {epochs[-1][1]} of 50 training digits right\n"
    assert shown.err.startswith(  # test digits may be few
        "warning: there are only 400 training digits, where MNIST has 60,000: expect\n  more mistakes\n"
        "training for 5 epochs, recipe tutorial with hidden 30, validation 50, random\n  seed 3\nepoch 1/5"
    )
    assert not re.search("[\x1b\r]", shown.out + shown.err)
    assert all(len(line) <= 80 for line in shown.out.splitlines())

    card = json.loads((folder / "scorecard.json").read_text())
    hint = f"show-digit {card['mistakes'][0]['index']} --csv {csv_files[1]} --model {folder}"
    assert shown.err.split("\n\n\n")[1] == (
        f"all of it is in {folder}:\n  report.html, scorecard.md, model.safetensors and pictures\n"
        f"the mistakes are in mistakes.png there; or see one at a time, as in\n  mnist-mlp {hint}\n"
        "a better recipe:\n  mnist-mlp train --recipe book\n"
    )
    assert "true digit" in call(*shlex.split(hint)).out
    plan = json.loads((folder / "run.json").read_text())
    places = {"train_csv": str(csv_files[0]), "test_csv": str(csv_files[1]), "data_dir": None}
    assert (plan["repeats"], plan["places"]) == (1, places)
    assert 0 < card["seconds"]["load"] < 100


def test_quiet_shows_the_scorecard_alone_and_json_is_for_programs(csvs: list[object]) -> None:
    Path("my.toml").write_text('base = "fast"\nhidden = [6, 5]\nepochs = 2\nvalidation = 50\n')
    quiet = call("train", *csvs, "--recipe", "my.toml", "--epochs", 1, "--quiet")
    (made,) = Path("runs").iterdir()
    assert re.fullmatch(r"\d{8}T\d{6}Z-my", made.name)
    again = call("train", *csvs, "--recipe", made / "recipe.toml", "--json", "--out", "again")
    card = json.loads(again.out)
    assert card == json.loads(Path("again", "scorecard.json").read_text())
    assert "\ntraining for 1 epoch, recipe my, random seed 1\nepoch 1/1  loss " in again.err
    assert "\n\nall of it is in again:\n" in again.err
    assert (quiet.code, quiet.err) == (0, "")
    assert quiet.out.startswith(f"accuracy {percent(card['accuracy'])} ")
    assert re.search(
        r" digits right, \d+ wrong\n(.*\n)+\nheld out: .* of 50 training digits right\n$", quiet.out
    )
    assert Path("again", MODEL).read_bytes() == (made / MODEL).read_bytes()


def test_a_network_without_mistakes_has_none_to_see(few_digits: Digits) -> None:
    write_csv(few_digits[few_digits.labels == 1], "ones.csv")
    shown = call("train", "--train-csv", "ones.csv", "--test-csv", "ones.csv", "--hidden", 4, "--out", "run")
    assert shown.out.startswith("accuracy 100.00 % ")
    assert f"{MODEL} and pictures\na better recipe:\n" in shown.err


def test_several_seeds_are_summed_up(csvs: list[object], test_csv: Path) -> None:
    fast = ["--recipe", "fast", "--validation", 50, "--seed", 7]
    shown = call("train", *csvs, *SHORT, *fast, "--repeats", 2, "--jobs", 1, "--out", "my run")
    card = json.loads(Path("my run", "scorecard.json").read_text())
    spread = percent(card["standard_deviation"])
    assert [" ".join(line.split()) for line in shown.out.splitlines()] == [
        f"mean accuracy {percent(card['mean'])}, standard deviation {spread}, 2 seeds",
        "",
        "seed accuracy wrong training",
        *[
            f"{one['seed']} {percent(one['accuracy'])} {200 - one['correct']} {one['seconds']['train']:.1f} s"
            for one in card["runs"]
        ],
    ]
    assert re.findall(r"(?m)^([12])/2  .* left  seed ([78])$", shown.err) == [("1", "7"), ("2", "8")]
    assert shown.err.endswith(
        "\n\nall of it is in my run:\n"
        "  scorecard.md, for each seed a folder with its model, report.html and pictures\n"
        "a better recipe:\n  mnist-mlp train --recipe best\n"
    )
    first = call("evaluate", "my run", "--test-csv", test_csv)  # where a single model is wanted
    assert first.err == "my run: several seeds; taking the first, seed-7\n"
    for one in ("my run/seed-8", f"my run/seed-7/{MODEL}"):
        assert call("evaluate", one, "--test-csv", test_csv).err == ""
    page = Path("my run/seed-8/report.html").read_bytes()
    again = call("report", "my run/seed-8", "--out", "eight.html")  # the folder above names the digits
    assert again.code == 0
    assert Path("eight.html").read_bytes() == page


# Its folder


def test_a_finished_run_is_kept_unless_forced(
    run: Path, csvs: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_slowly(*arguments: object) -> Digits:
        if not Path("run").exists():
            shutil.copytree(run, "run")  # another process ends while this one reads its digits
        return read_csv(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("mnist_mlp.cli.sources.read_csv", read_slowly)
    for _ in ("found under the lock", "found at once"):
        assert call("train", *csvs, "--out", "run").line == (
            "run: holds a finished run; choose another folder, or --force to replace it"
        )
        assert Path("run", MODEL).read_bytes() == (run / MODEL).read_bytes()
    forced = call("train", *csvs, *SHORT, "--out", "run", "--force", terminal=True)
    assert forced.code == 0
    assert re.search(r"epoch 1/1 .* 400/400 .*/s", forced.err)
    assert Path("run", MODEL).read_bytes() != (run / MODEL).read_bytes()


def test_a_folder_in_use_is_neither_taken_nor_resumed(run: Path, csvs: list[object]) -> None:
    shutil.copytree(run, "run")
    Path("run", "scorecard.json").unlink()
    Path("empty").mkdir()
    with locked("run"), locked("empty"):
        in_use = "is in use by another process; wait for it, or choose another folder"
        assert call("train", "--resume", "run").line == f"run: {in_use}"
        assert call("train", *csvs, "--out", "empty").line == f"empty: {in_use}"
    assert files(Path("empty")) == set()
    assert files(Path("run")) == files(run) - {"scorecard.json"}


# Resuming


def test_a_run_resumes_from_anywhere_with_the_digits_it_began_with(
    csv_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mnist").mkdir()
    shutil.copy(csv_files[0], "mnist/mnist_train.csv")
    shutil.copy(csv_files[1], "my digits.csv")
    digits = ["--data-dir", "mnist", "--test-csv", "my digits.csv"]
    shown = call("train", *SHORT, *digits, "--out", "run")
    assert f'--csv "{Path("my digits.csv").absolute()}" --model run' in shown.err
    plan, model = json.loads(Path("run", "run.json").read_text()), Path("run", MODEL).read_bytes()
    here = Path().absolute()
    places = {"train_csv": None, "test_csv": str(here / "my digits.csv"), "data_dir": str(here / "mnist")}
    assert plan["places"] == places
    for name in ("scorecard.json", MODEL):
        Path("run", name).unlink()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert call("train", "--resume", "../run").code == 0
    assert Path("..", "run", MODEL).read_bytes() == model
    Path("../run/scorecard.json").unlink()
    shutil.rmtree("../mnist")  # nothing is downloaded to where a run, perhaps another's, says its digits are
    monkeypatch.setenv("MNIST_MLP_OFFLINE", "0")
    assert call("train", "--resume", "../run").line.startswith(f"{here / 'mnist'}: there is no such folder")


def test_a_run_is_resumed_only_as_it_began(csvs: list[object], run: Path, test_csv: Path) -> None:
    shutil.copytree(run, "run")
    Path("run", "checkpoint.safetensors").touch()  # as if killed right after the scorecard was written
    for option, value, part in [
        ("--epochs", 2, "5, not 2"),
        ("--learning-rate", 0.2, "0.3, not 0.2"),
        ("--recipe", "book", "tutorial, not book"),
        ("--train-csv", test_csv, f"{printable(csvs[1], 80)}, not {printable(test_csv, 80)}"),
        ("--data-dir", "data", f"None, not {printable(Path('data').absolute(), 80)}"),
        ("--repeats", 3, "1, not 3"),
    ]:
        assert call("train", "--resume", "run", option, value).line == (
            f"the run began with {option} {part}; leave the option out, or start a new run"
        )
    asked = ["--recipe", "tutorial", "--epochs", 5, "--hidden", 30, "--seed", 3, "--validation", 50]
    same = call("train", "--resume", "run", *csvs, *asked, "--repeats", 1)
    assert (same.code, same.out) == (0, "run: finished already; nothing to do\n")
    assert files(Path("run")) == RESULTS


# What cannot be used


def test_digits_that_are_not_there_are_named_with_what_to_do(run: Path) -> None:
    Path("empty").mkdir()
    for split, arguments in (("train", ["train"]), ("test", ["evaluate", run]), ("test", ["show-digit"])):
        line = call(*arguments, "--data-dir", "empty").line
        assert line.startswith(f"empty: holds no MNIST {split} digits; ")
    line = call("train", "--offline", "--data-dir", "my data").line
    assert line.startswith("my data: there is no such folder; name a folder (--data-dir) that has mnist_")
    assert line.endswith('run: mnist-mlp download --data-dir "my data"')


@pytest.mark.parametrize("content", [None, b"", b"7,\x1b[2J" + b",0" * 783 + b"\n"], ids=repr)
def test_a_bad_csv_file_is_named_and_nothing_is_written(
    csvs: list[object], run: Path, test_csv: Path, content: bytes | None
) -> None:
    if content is not None:
        Path("bad.csv").write_bytes(content)
    before = files()
    for arguments in (
        ["check", "bad.csv"],
        ["show-digit", 0, "--csv", "bad.csv"],
        ["evaluate", run, "--test-csv", "bad.csv"],
        ["train", "--train-csv", "bad.csv", "--test-csv", test_csv, "--out", "new"],
        ["train", *csvs[:2], "--test-csv", "bad.csv"],
    ):
        assert call(*arguments).line.removeprefix(f"{Path().absolute()}{os.sep}").startswith("bad.csv: ")
        assert files() == before


def test_a_run_remembers_the_folder_of_its_digits_and_warns_of_what_looks_wrong(
    csv_files: tuple[Path, Path],
) -> None:
    Path("data").mkdir()
    for name in ("mnist_train.csv", "mnist_test.csv"):
        shutil.copy(csv_files[1], Path("data", name))
    best = ["--recipe", "best", "--validation", 50, "--learning-rate", 1e-9]
    shown = call("train", *SHORT, *best, "--train-csv", "data/mnist_train.csv", "--out", "out")
    assert shown.code == 0
    warnings = re.findall(r"(?m)^warning: (.*)$", shown.err)
    assert [warning[:35] for warning in warnings] == [
        "there are only 200 training digits,",
        "200 of 200 test digits are training",
        "the network's answers to training d",
    ]
    assert "a better recipe" not in shown.err
    places = json.loads(Path("out/run.json").read_text())["places"]
    data = Path("data").absolute()
    assert places == {"train_csv": str(data / "mnist_train.csv"), "test_csv": None, "data_dir": str(data)}


def test_what_is_wrong_with_a_recipe_or_a_folder_is_named(csvs: list[object]) -> None:
    Path("bad.toml").write_text("hidden = 0\n")
    Path("my.toml").write_text("patience = 3\nvalidation = 50\n")
    shown = call("train", *csvs, "--recipe", "my.toml", "--validation", 0)  # wrong usage of an option
    wrong = "patience needs held-out digits: validation must be above 0; see mnist-mlp train --help"
    assert shown == Outcome(2, "", f"mnist-mlp: {wrong}\n")
    for arguments, line in [
        (["--recipe", "bad.toml"], "bad.toml: hidden must be from 1 to 10,000, not 0"),
        (["--out", "bad.toml"], "bad.toml: cannot be made: File exists; check the path"),
        (["--out", ".", "--force"], ".: is not empty, and holds no run; choose another folder"),
        (["--resume", "none"], "none: there is no such run; name a run's folder"),
    ]:
        assert call("train", *csvs, *arguments).line == line
        assert files() == {"bad.toml", "my.toml"}
    for held_out in (400, 500):  # what is found only after the digits were read leaves no folder either
        line = call("train", *csvs, "--validation", held_out).line
        assert line == f"--validation {held_out} leaves none of the 400 training digits to learn"
    assert not Path("runs").exists()
