"""The command line itself: help, what is wrong with arguments, and the commands that are shown."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from commands import Outcome, call
from folders import files
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mnist_mlp import __version__
from mnist_mlp.cli.app import app
from mnist_mlp.training.recipe import SETTINGS

pytestmark = pytest.mark.usefixtures("alone")
COMMANDS = ("train", "sweep", "evaluate", "compare", "show-digit", "check", "download")


def test_alone_it_shows_the_help() -> None:
    shown = call()
    assert (shown.code, shown.err) == (0, "")
    named = re.findall(r"(?m)^  ([a-z][a-z-]+) +[A-Z].*\.$", shown.out)  # in whole sentences
    assert named[0] == "train"
    assert set(COMMANDS) <= set(named)
    assert shown == call("--help") == call("-h")
    assert call("--version") == Outcome(0, f"mnist-mlp {__version__}\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_in_the_help_are_right_usage(command: str) -> None:
    before, examples = call(command, "--help").out.split("Examples:")
    lines = re.findall(rf"(?m)^ +mnist-mlp ({command}\b.*)$", examples)
    assert len(lines) >= 2
    for line in lines:
        assert set(re.findall("--[a-z-]+", line)) <= set(re.findall("--[a-z-]+", before))


def test_each_setting_on_the_command_line_is_a_recipes_with_its_explanation() -> None:
    train = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    helps = {option.name: option.help for option in train.params if option.name in SETTINGS}
    assert helps.keys() >= {"epochs", "hidden", "learning_rate", "batch_size", "seed", "validation"}
    assert helps == {name: SETTINGS[name].metadata["help"] for name in helps}


def test_help_starts_without_the_heavy_libraries() -> None:
    code = """
import contextlib, io, sys
from mnist_mlp.cli.app import main
for command in [], *([name] for name in sys.argv[1:]):
    sys.argv = ["mnist-mlp", *command, "--help"]
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as text:
        main()
    assert "Usage" in text.getvalue()
    assert all(len(line) <= 80 for line in text.getvalue().splitlines())
print([name for name in ("numpy", "scipy", "matplotlib", "requests", "safetensors") if name in sys.modules])
"""
    shown = subprocess.run(
        [sys.executable, "-c", code, *COMMANDS], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train --lr 0.1", "there is no option --lr; did you mean --learning-rate?"),
        ("train --epoch 3", "there is no option --epoch; did you mean --epochs?"),
        ("train --\x1b[2J", r"there is no option --\x1b[2J; see mnist-mlp train --help"),
        ("train book", "'book' is one argument too many; did you mean --recipe book?"),
        ("evaluate a b", "'b' is one argument too many; see mnist-mlp evaluate --help"),
        ("trian", "there is no command trian; did you mean train?"),
        ("fly", "there is no command fly; see mnist-mlp --help"),
        ("train --recipe bset", "recipe 'bset' is not known; did you mean best?"),
        ("train --epochs five", "--epochs must be a whole number from 1 to 100,000, not 'five'"),
        ("train --hidden 30,10001", "--hidden must be from 1 to 10,000, not 10001"),
        ("train --learning-rate nan", "--learning-rate must be from 1e-09 to 1000, not nan"),
        ("train --seed 9223372036854775807 --repeats 2", "the last of the repeats: seed must be from 0 to"),
        ("train --repeats 0", "--repeats"),
        ("train --resume run --force", "goes on in the run's own folder; leave out --out and --force"),
        ("train -e 2", "there is no option -e; did you mean --epochs?"),
        ("train --learning-rate", "--learning-rate needs a value; see mnist-mlp train --help"),
        ("train --learning-rate 0,1", "to 1000, not '0,1'; did you mean 0.1?"),
        ("train --hidden 300 100 50", "'100 50' is one argument too many; did you mean --hidden 300,100,50?"),
        ("train --hidden 300, 100", "'100' is one argument too many; did you mean --hidden 300,100?"),
        ("train mine.toml", "'mine.toml' is one argument too many; did you mean --recipe mine.toml?"),
        ("train epochs=3", "'epochs=3' is one argument too many; did you mean --epochs 3?"),
        ("train momentum=0.9", "put momentum = 0.9 into a file, and name it with --recipe FILE.toml"),
        ("train --init uniform", 'init is a setting of recipe files: put init = "uniform" into a file'),
        ("sweep --hidden 5,6", "there is no option --hidden; did you mean hidden=5,6?"),
        ("sweep hidden=5, 6", "'hidden=5,': ends with a comma; write all values without spaces between"),
        (
            "--epochs 2 train",
            "no option --epochs; write it after the command, as in mnist-mlp train --epochs",
        ),
        ("tutorial", "there is no command tutorial; did you mean train --recipe tutorial?"),
        ("evaluate --model=lr01", "there is no option --model; write mnist-mlp evaluate lr01; see"),
        ("report --run lr01", "there is no option --run; write mnist-mlp report lr01; see"),
        ("show-digit five", "'five' is not a whole number"),
        ("show-digit -1", "-1"),
        ("show-digit --split all", "'all'"),
        ("show-digit --save digit.jpg", "let its name end in .png"),
    ],
    ids=lambda value: value[:30],
)
def test_wrong_usage_is_one_line_that_says_what_would_be_right(line: str, message: str) -> None:
    shown = call(*line.split(" "))
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("mnist-mlp: ")
    assert shown.err[:-1].isprintable()
    assert message in shown.err
    assert files() == set()


def test_files_that_are_there_help_to_tell_what_was_meant() -> None:
    Path("run").mkdir()
    for name in ("mine.toml", "my digits.csv"):
        Path(name).touch()
    for line, meant in {
        "train --recipe mine": "did you mean mine.toml?",
        "show-digit 8 run": "did you mean --model run?",
        "train --train-csv my digits.csv": 'put the name in quotes: "my digits.csv"; see ',
    }.items():
        assert meant in call(*line.split(" ")).err


@pytest.mark.parametrize("way", ["module", "script", "on the path"])
def test_the_command_that_is_shown_works_as_it_stands(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Path(sys.executable).with_name("mnist-mlp")
    ways = {"module": f"{sys.executable} -m mnist_mlp", "script": str(script), "on the path": "mnist-mlp"}
    if way == "on the path":
        monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    typed = ways[way].split()
    shown = subprocess.run([*typed, "evaluate"], capture_output=True, text=True, check=False)
    line, command = shown.stderr.removesuffix("\n").split("; train one first: ")
    assert (line, command) == ("mnist-mlp: no finished run under runs", f"{ways[way]} train")
    again = subprocess.run([*command.split(), "--help"], capture_output=True, text=True, check=True)
    assert "Usage: mnist-mlp train" in again.stdout


# Whatever is asked

WORDS = st.sampled_from(
    [
        *COMMANDS,
        *["--recipe", "--epochs", "--hidden", "--learning-rate", "--batch-size", "--seed", "--repeats"],
        *["--validation", "--train-csv", "--test-csv", "--data-dir", "--mirror", "--offline", "--out"],
        *["--force", "--resume", "--quiet", "--json", "--split", "--csv", "--model", "--distort", "--save"],
        *["--jobs", "--version", "--help", "-h", "--", "--seed=1", "--csv=good.csv", "--hidden=", "-", "="],
        *["0", "1", "-1", "1e999", "nan", "9" * 5000, "", " ", "\x1b[2J", "\udcff", "none.csv", "bad.csv"],
        *["good.csv", "run", "run/model.safetensors", ".", "/", "file", "file/x", "x.png", "test", "best"],
        *["bad.toml", "http://127.0.0.1:9/", "ftp://x"],
    ]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.sampled_from([[], *([name] for name in COMMANDS)]), words=st.lists(WORDS, max_size=6))
@example(["evaluate"], ["run", "--test-csv", "good.csv", "--out", "file"])
@example(["train"], ["--resume", "run", "--recipe", "bad.toml"])
@example(["show-digit"], ["--csv", "a" * 5000])
def test_no_arguments_end_in_a_traceback(
    run: Path, test_csv: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], words: list[str]
) -> None:
    monkeypatch.setenv("MNIST_MLP_DATA", "none")  # else MNIST itself is taken, and trained on
    if not Path("good.csv").exists():
        shutil.copy(test_csv, "good.csv")
        shutil.copytree(run, "run")
        Path("file").touch()
        Path("bad.csv").write_text("1,2\n")
        Path("bad.toml").write_text("hidden = []\n")
    if "train" in command + words and "good.csv" in " ".join(words):
        return  # that would train, which takes long
    shown = call(*command, *words)
    assert shown.code in {0, 1, 2}
    assert "\x1b" not in shown.out + shown.err
    assert shown.code == 0 or "mnist-mlp: " in shown.err
