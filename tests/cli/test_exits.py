"""How a command ends: by signals, for lack of memory, or with output streams that fail."""

import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import pytest
from commands import Stream, call, end, start
from folders import RESULTS, files
from networks import content

from mnist_mlp.cli.exits import exit_cleanly
from mnist_mlp.digits.images import Digits
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.nn.network import Network
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.trainer import train

pytestmark = pytest.mark.usefixtures("alone")
posix = pytest.mark.skipif(os.name != "posix", reason="signals and pipes as Unix has them")
linux = pytest.mark.skipif(sys.platform != "linux", reason="what only Linux has for sure")


# Signals


@posix
def test_a_stopped_training_resumes_and_ends_in_the_same_bytes(
    csvs: list[object], few_digits: Digits
) -> None:
    process = start("train", *csvs, "--hidden", 20, "--epochs", 60, "--out", "my run")
    assert process.stderr
    while not (line := process.stderr.readline()).startswith("epoch  2/60"):
        assert line
    process.send_signal(signal.SIGINT)
    shown = end(process)
    assert (shown.code, shown.out) == (130, "")
    line, hint = shown.err.splitlines()[-2:]
    assert line == "mnist-mlp: interrupted; go on with"
    assert shlex.split(hint)[-3:] == ["train", "--resume", "my run"]
    assert call("train", *csvs, "--out", "my run").line.startswith("my run: holds an unfinished run; go on")

    resumed = call("train", "--resume", "my run")
    assert resumed.code == 0
    assert "going on after epoch " in resumed.err
    assert files(Path("my run")) == RESULTS
    whole = Network([784, 20, 10], rng=1)
    train(whole, few_digits, Recipe(hidden=20, epochs=60))
    assert content(Network.load("my run/model.safetensors")) == content(whole)


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_at_any_other_time_ends_a_command(
    number: int, code: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def at_work() -> None:
        signal.raise_signal(number)

    def importing() -> None:
        try:
            signal.raise_signal(number)
        except BaseException:
            raise ImportError("initialization failed") from None  # as compiled modules do

    def own(*_: object) -> None:
        """The handler of a program that calls the command."""

    before = signal.signal(number, own)
    try:
        for command in (at_work, importing):
            with pytest.raises(SystemExit) as ended:
                exit_cleanly(command)()
            assert ended.value.code == code
            assert capsys.readouterr().err == f"mnist-mlp: {word}\n"
            assert signal.getsignal(number) is own
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MnistMlpError("a\x1b.csv: is empty"), r"a\x1b.csv: is empty"),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), "a.csv: No such file or directory"),
    ],
)
def test_what_a_person_can_cause_is_one_line(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        exit_cleanly(command)()
    assert (ended.value.code, capsys.readouterr().err) == (1, f"mnist-mlp: {line}\n")
    error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):  # a defect is not hidden
        exit_cleanly(command)()


@posix
def test_ctrl_c_while_the_program_still_loads_ends_it_quietly() -> None:
    interrupted_import = """
import importlib.abc, signal, sys
class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "mnist_mlp.cli.app":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
"""
    shown = end(start(code=interrupted_import))
    assert (shown.code, shown.out, shown.err) == (-signal.SIGINT, "", "")


# The memory and the streams


@linux
def test_too_little_memory_is_said(csvs: list[object]) -> None:
    Path("huge.toml").write_text("hidden = [10000, 10000]\n")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))"
    shown = end(start("train", *csvs, "--recipe", "huge.toml", "--out", "run", "--quiet", code=limit))
    assert shown.line == "not enough memory; choose fewer hidden units, smaller batches or fewer digits"


@posix
def test_a_closed_pipe_ends_it_quietly_and_the_run_is_whole(csvs: list[object]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("train", *csvs, "--hidden", 4, "--out", "run", "--quiet", "--json", stdout=writing)
    os.close(writing)
    shown = end(process)
    assert (shown.code, shown.err) == (1, "")
    assert files(Path("run")) == RESULTS


@linux
@pytest.mark.parametrize("arguments", [["--help"], ["check", "digits.csv", "--json"]], ids=" ".join)
def test_a_full_output_is_said(test_csv: Path, arguments: list[str]) -> None:
    shutil.copy(test_csv, "digits.csv")
    with Path("/dev/full").open("w") as full:
        assert end(start(*arguments, stdout=full)).line == "output: No space left on device"


@posix
def test_without_output_streams_it_still_works(run: Path, test_csv: Path) -> None:
    closed = "import sys; sys.stdout = sys.stderr = None"
    assert end(start("evaluate", run, "--test-csv", test_csv, "--out", "scored", code=closed)).code == 0
    assert "scorecard.json" in files(Path("scored"))


def test_names_that_an_encoding_lacks_are_escaped(test_csv: Path) -> None:
    shutil.copy(test_csv, "Zürich.csv")
    stream = Stream("ascii")
    assert call("show-digit", 1, "--csv", "Zürich.csv", out=stream).code == 0
    assert stream.text().startswith("Z\\xfcrich.csv 1, label 2\n")
    assert stream.text().isascii()


@posix
def test_control_characters_in_a_name_never_reach_the_terminal(csvs: list[object], test_csv: Path) -> None:
    name = "a\x1b[2J\x07\u202e$\\foo$.csv"
    shutil.copy(test_csv, name)
    short = ["--epochs", 1, "--hidden", 4, "--out", f"run{name}"]
    for shown, code in [
        (call("show-digit", 1, "--csv", name, "--save", f"{name}.png"), 0),
        (call("train", *csvs[:2], "--test-csv", name, *short), 0),
        (call("train", *csvs, *short), 1),
        (call("download", "--data-dir", name), 1),
    ]:
        assert shown.code == code
        assert re.sub("\n", "", shown.out + shown.err).isprintable()
        assert "\\x1b[2J" in shown.out + shown.err
