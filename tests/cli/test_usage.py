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

WEB = "--data-dir DIR --mirror URL --offline"
OPTIONS = {  # of each command, in the order of the help
    "train": "--recipe NAME|FILE.toml --epochs N --hidden N[,N]... --learning-rate F --batch-size N --seed N "
    "--validation N --repeats N --jobs N --train-csv FILE.csv --test-csv FILE.csv "
    f"{WEB} --out DIR --force --resume RUN --quiet --json",
    "sweep": "--recipe NAME|FILE.toml --repeats N --validation N --samples N --jobs N --dask ADDRESS "
    f"--insecure --part K/N --pictures {WEB} --out DIR --resume FOLDER --json",
    "evaluate": f"--test-csv FILE.csv {WEB} --out DIR --robustness --json",
    "compare": "--csv FILE.csv --json",
    "predict": "--model MODEL-OR-RUN --steps DIR --csv FILE.csv --labels DIGITS --json",
    "report": "--data-dir DIR --out FILE --open",
    "show-digit": f"--split --csv FILE.csv {WEB} --model MODEL-OR-RUN --distort --save FILE.png --json",
    "check": "--json",
    "download": f"{WEB} --json",
}
COMMANDS = tuple(OPTIONS)


def test_alone_it_shows_the_help() -> None:
    shown = call()
    assert (shown.code, shown.err) == (0, "")
    help_text = "Train a small neural network to read handwritten digits, and see how well it\n  does."
    assert shown.out.startswith(
        f"Usage: mnist-mlp [OPTIONS] COMMAND [ARGS]...\n\n  {help_text}\n\nOptions:\n"
    )
    named = re.findall(r"(?m)^  ([a-z][a-z-]+) +[A-Z].*\.$", shown.out)  # in whole sentences
    assert named == list(COMMANDS)
    assert shown == call("--help") == call("-h")
    assert call("--version") == Outcome(0, f"mnist-mlp {__version__}\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_its_options_and_examples_of_them(command: str) -> None:
    before, examples = call(command, "-h").out.split("\n\n  Examples:\n")
    options = re.findall(r"(?m)^  (--\S+(?: [A-Z]\S*)?)\s", before)
    assert " ".join(options) == OPTIONS[command]
    lines = re.findall(rf"(?m)^    mnist-mlp ({command}\b.*)$", examples)
    assert len(lines) == len(examples.splitlines()) == 2
    for line in lines:
        assert set(re.findall("--[a-z-]+", line)) <= set(re.findall("--[a-z-]+", before))


def test_each_setting_on_the_command_line_is_a_recipes_with_its_explanation() -> None:
    train = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    helps = {option.name: option.help for option in train.params if option.name in SETTINGS}
    assert helps.keys() == {"epochs", "hidden", "learning_rate", "batch_size", "seed", "validation"}
    assert helps == {name: SETTINGS[name].metadata["help"] for name in helps}


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("sh", ["show-digit"]),
        ("train --recipe ", ["tutorial", "book", "fast", "best", "my.toml"]),
        ("sweep --recipe b", ["book", "best"]),
        *[
            (command, [str(Path("runs", "b")), str(Path("runs", "a"))])  # the newest first
            for command in (
                *("train --resume ", "sweep --resume ", "evaluate ", "compare r ", "report ", "report ru"),
                *("predict --model ", "show-digit --model "),
            )
        ],
    ],
)
def test_the_shell_completes_what_is_typed(
    typed: str, known: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("runs/a", "runs/b"):
        Path(folder).mkdir(parents=True)
    for file in ("runs/file", "my.toml"):
        Path(file).touch()
    for name, value in {
        "_MNIST_MLP_COMPLETE": "complete_bash",
        "COMP_WORDS": f"mnist-mlp {typed}",
        "COMP_CWORD": str(len(typed.split(" "))),
    }.items():
        monkeypatch.setenv(name, value)
    assert call().out.splitlines() == known


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
    wide = {**os.environ, "COLUMNS": "200"}
    shown = subprocess.run(
        [sys.executable, "-c", code, *COMMANDS], capture_output=True, text=True, check=True, env=wide
    )
    assert shown.stdout == "[]\n"


# What is wrong, in a whole line but for the command whose help it names in the end.
SWEEP_GOES_ON = "--resume goes on with what was asked; leave out settings and --out"
AFTER = "write it after the command, as in mnist-mlp"
IN_FILES = "is a setting of recipe files: put"
TOML = "into a file, and name it with --recipe FILE.toml"
NO_PART = "is no part; write K/N, as 3/30"
WRONG = {
    "train --lr 0.1": "there is no option --lr; did you mean --learning-rate?",
    "train -e 2": "there is no option -e; did you mean --epochs?",
    "train --\x1b[2J": r"there is no option --\x1b[2J",
    "train book": "'book' is one argument too many; did you mean --recipe book?",
    "evaluate a book": "'book' is one argument too many",
    "trian": "there is no command trian; did you mean train?",
    "fly": "there is no command fly",
    "tutorial": "there is no command tutorial; did you mean train --recipe tutorial?",
    "train --recipe bset": "recipe 'bset' is not known; did you mean best?",
    "train --epochs five": "--epochs must be a whole number from 1 to 100,000, not 'five'",
    "train --hidden 30,10001": "--hidden must be from 1 to 10,000, not 10001",
    "train --learning-rate nan": "--learning-rate must be from 1e-09 to 1000, not nan",
    "train --learning-rate 0,1,2": "--learning-rate must be a number from 1e-09 to 1000, not '0,1,2'",
    "train --learning-rate 0,1": "--learning-rate must be a number from 1e-09 to 1000, not '0,1'; "
    "did you mean 0.1?",
    "train --learning-rate": "--learning-rate needs a value",
    "train --seed 9223372036854775807 --repeats 2": "the last of the repeats: seed must be from 0 to "
    "9,223,372,036,854,775,807, not 9223372036854775808",
    "train --repeats 0": "invalid value for '--repeats': 0 is not in the range x>=1",
    "train --jobs 0": "invalid value for '--jobs': 0 is not in the range x>=1",
    **dict.fromkeys(
        ("train --resume run --force", "train --resume run --out new"),
        "--resume goes on in the run's own folder; leave out --out and --force",
    ),
    "train --hidden 300 100 50": "'100 50' is one argument too many; did you mean --hidden 300,100,50?",
    "train --hidden 300, 100": "'100' is one argument too many; did you mean --hidden 300,100?",
    "train epochs=3": "'epochs=3' is one argument too many; did you mean --epochs 3?",
    "train momentum=0.9": f"'momentum=0.9' is one argument too many; momentum {IN_FILES} "
    f"momentum = 0.9 {TOML}",
    "train --init uniform": f'there is no option --init; init {IN_FILES} init = "uniform" {TOML}',
    "train --weight-decay 1e-4": f"there is no option --weight-decay; weight_decay {IN_FILES} "
    f"weight_decay = 1e-4 {TOML}",
    "train --biases": f"there is no option --biases; biases {IN_FILES} biases = ... {TOML}",
    "train --biases=true -x": f"there is no option --biases; biases {IN_FILES} biases = true {TOML}",
    "--epochs 2 train": f"there is no option --epochs; {AFTER} train --epochs",
    "evaluate --model=lr01": "there is no option --model; write mnist-mlp evaluate lr01",
    "report --run lr01": "there is no option --run; write mnist-mlp report lr01",
    "evaluate --run": "there is no option --run; write mnist-mlp evaluate RUN",
    "check --model a": "there is no option --model",
    "show-digit five": "invalid value for 'INDEX': 'five' is not a whole number",
    "show-digit -1": "there is no option -1",
    "show-digit --split all": "invalid value for '--split': 'all' is not one of 'train', 'test'",
    "show-digit --save digit.jpg": "invalid value for --save: the picture is a PNG; let its name end in .png",
    "predict": "missing argument 'IMAGE...'",
    "predict a.png --labels 210": "--labels goes with --csv; name the file that they are written to",
    **{
        f"predict a.png --labels {labels} --csv a.csv": f"--labels must be digits, as 31415, not '{labels}'"
        for labels in ("7x", "7²")
    },
    "sweep": "there is nothing to try; name settings, as in learning_rate=0.1,0.2",
    "sweep --hidden 5,6": "there is no option --hidden; did you mean hidden=5,6?",
    "sweep hidden=5, 6": "'hidden=5,': ends with a comma; write all values without spaces between",
    "sweep epochs=1,2 hidden=5 epochs=3": "epochs is given twice; write all its values at once, with commas "
    "between",
    "sweep center_inputs=true": "center_inputs needs biases = true",
    "sweep hidden=5 --repeats 1001": "invalid value for '--repeats': 1001 is not in the range 1<=x<=1000",
    "sweep hidden=5 --samples 0": "invalid value for '--samples': 0 is not in the range x>=1",
    "sweep hidden=5 --jobs 0": "invalid value for '--jobs': 0 is not in the range x>=1",
    "sweep hidden=5 --validation 0": "invalid value for --validation: a sweep needs held-out digits to "
    "judge settings",
    "sweep hidden=5 --validation x": "--validation must be a whole number from 0 to 1,000,000,000, not 'x'",
    "sweep hidden=5 --dask tls://x --jobs 2": "--jobs counts workers here, and --dask uses those of "
    "a cluster; choose one",
    **{
        f"sweep hidden=5 --part {part}": f"invalid value for --part: '{part}' {NO_PART}"
        for part in ("3/2", "0/1", "1/0", "x/2", "2/x", "2", "1/100001")
    },
    **{
        f"sweep --resume x {more}": SWEEP_GOES_ON
        for more in ("a=1", "--recipe book", "--repeats 1", "--validation 9", "--samples 2", "--out y")
    },
}


@pytest.mark.parametrize("line", WRONG, ids=lambda line: line[:50])
def test_wrong_usage_is_one_line_that_says_what_would_be_right(line: str) -> None:
    shown, command = call(*line.split(" ")), line.split(" ", 1)[0]
    asked = f"mnist-mlp {command}" if command in COMMANDS else "mnist-mlp"
    help_of = "" if WRONG[line].endswith("?") else f"; see {asked} --help"
    assert shown == Outcome(2, "", f"mnist-mlp: {WRONG[line]}{help_of}\n")
    assert files() == set()


def test_files_that_are_there_help_to_tell_what_was_meant() -> None:
    Path("run").mkdir()
    for name in ("mine.toml", "my digits.csv"):
        Path(name).touch()
    see = "; see mnist-mlp train --help"
    for line, meant in {
        "train --recipe mine": "recipe 'mine' is not known; did you mean mine.toml?",
        "show-digit 8 run": "'run' is one argument too many; did you mean --model run?",
        "show-digit run": "invalid value for 'INDEX': 'run' is not a whole number; did you mean --model run?",
        "train --train-csv my digits.csv": "'digits.csv' is one argument too many; put the name in quotes: "
        f'"my digits.csv"{see}',
    }.items():
        assert call(*line.split(" ")) == Outcome(2, "", f"mnist-mlp: {meant}\n")


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
