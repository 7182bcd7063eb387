import gzip
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import RESULTS, files
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mnist_mlp import __version__
from mnist_mlp.cli.app import main
from mnist_mlp.cli.exits import exit_cleanly
from mnist_mlp.digits.images import Digits
from mnist_mlp.files.arrays import save_arrays
from mnist_mlp.nn.network import Network
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.trainer import train

ROOT = Path(__file__).parents[2]
COMMANDS = ("train", "evaluate", "show-digit", "download")
posix = pytest.mark.skipif(os.name != "posix", reason="signals, limits and terminals as Unix has them")
linux = pytest.mark.skipif(sys.platform != "linux", reason="what only Linux has for sure")


@dataclass
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line that tells why it could not be done."""
        assert self.code == 1
        assert self.err.startswith("mnist-mlp: ")
        assert self.err.endswith("\n")
        assert self.err[:-1].isprintable()
        return self.err


@pytest.fixture(autouse=True)
def alone(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Each test has a folder, no network, and none of this machine's settings."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "MNIST_MLP_DATA",
        "MNIST_MLP_MIRROR",
        "NO_COLOR",
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "COLUMNS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MNIST_MLP_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Matplotlib looks for fonts, which takes seconds, once for all tests.
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path_factory.getbasetemp() / "matplotlib"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield
    for process in _started:  # of a test that failed
        if process.poll() is None:
            process.kill()
        process.communicate()
    _started.clear()


_started: list["subprocess.Popen[str]"] = []


def call(*arguments: object) -> Outcome:
    """Run a command in this process; anything but an exit code is a defect and fails the test."""
    before = sys.argv, sys.stdout, sys.stderr
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2)]
    sys.argv, sys.stdout, sys.stderr = ["mnist-mlp", *map(str, arguments)], streams[0], streams[1]
    try:
        main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv, sys.stdout, sys.stderr = before
    texts = []
    for stream in streams:
        stream.seek(0)
        texts.append(stream.read())
    return Outcome(code, *texts)


def start(*arguments: object, code: str = "", **keywords: Any) -> "subprocess.Popen[str]":
    """Start a command in a process of its own, after a line of code if there is one."""
    run = ["-c", f"{code}; from mnist_mlp.__main__ import main; main()"] if code else ["-m", "mnist_mlp"]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    process = subprocess.Popen([sys.executable, *run, *map(str, arguments)], **{**streams, **keywords})
    _started.append(process)
    return process


def end(process: "subprocess.Popen[str]") -> Outcome:
    out, err = process.communicate(timeout=100)
    _started.remove(process)
    assert "Traceback" not in err
    return Outcome(process.returncode, out or "", err or "")


@pytest.fixture(scope="module")
def csvs(csv_files: tuple[Path, Path]) -> list[object]:
    """The options that name the digits."""
    return ["--train-csv", csv_files[0], "--test-csv", csv_files[1]]


@pytest.fixture(scope="module")
def test_csv(csv_files: tuple[Path, Path]) -> Path:
    return csv_files[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, csvs: list[object]) -> tuple[Path, Outcome]:
    """A finished run of the tutorial on 400 digits, by a process of its own, and what that showed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    outcome = end(start("train", *csvs, "--out", folder, cwd=folder.parent))
    assert outcome.code == 0
    return folder, outcome


@pytest.fixture(scope="module")
def run(trained: tuple[Path, Outcome]) -> Path:
    """The folder of that run; for reading only."""
    return trained[0]


# From digits to a scorecard


def test_training_shows_its_progress_and_ends_with_a_scorecard(trained: tuple[Path, Outcome]) -> None:
    folder, shown = trained
    assert files(folder) == RESULTS
    assert re.match(
        r"accuracy \d\d\.\d\d %  \(95 % confidence interval \d\d\.\d\d % to \d\d\.\d\d %\)\n", shown.out
    )
    assert re.search("digit +precision +recall +F1 +digits", shown.out)
    assert "most often taken for another: " in shown.out
    assert re.findall(r"(?m)^epoch (\d/5)  loss \d\.\d{4}  train \d", shown.err) == [
        f"{i}/5" for i in range(1, 6)
    ]
    for text in (shown.out, shown.err):
        assert "\x1b" not in text
        assert "\r" not in text
    assert all(len(line) <= 80 for line in shown.out.splitlines())
    card = json.loads((folder / "scorecard.json").read_text())
    assert shown.out.startswith(f"accuracy {100 * card['accuracy']:.2f} % ")
    assert card["accuracy"] > 0.7


def test_a_changed_recipe_is_told_from_the_one_of_its_name(csvs: list[object]) -> None:
    settings = ["--epochs", 1, "--hidden", 20, "--learning-rate", 0.1, "--batch-size", 8, "--validation", 9]
    shown = call("train", *csvs, *settings, "--seed", 5, "--out", "run")
    assert (
        "training for 1 epoch, recipe tutorial with hidden 20, batch size 8, learning\n"
        "  rate 0.1, validation 9, random seed 5\n"
    ) in shown.err
    held_out = re.search(r"epoch 1/1 .* held out (\d+\.\d\d %)", shown.err)
    assert held_out
    assert f"\nheld out: {held_out[1]} of 9 training digits right\n" in shown.out
    plain = call("train", *csvs, "--epochs", 1, "--seed", 5, "--out", "plain")
    assert "held out" not in plain.out
    assert "training for 1 epoch, recipe tutorial, random seed 5\n" in plain.err


def test_the_end_of_a_run_says_what_comes_next(trained: tuple[Path, Outcome]) -> None:
    folder, shown = trained
    assert f"all of it is in {folder}" in shown.err
    assert ":\n  scorecard.md, model.safetensors and pictures\n" in shown.err
    assert "python -m mnist_mlp train --recipe book" in shown.err
    hint = re.search(r"  python -m mnist_mlp (show-digit \d+ .*)", shown.err)
    assert hint
    digit = call(*shlex.split(hint[1]))
    assert digit.code == 0
    assert "true digit" in digit.out


def test_evaluating_gives_the_scorecard_of_the_run(run: Path, test_csv: Path) -> None:
    of_run = json.loads((run / "scorecard.json").read_text())
    shown = call("evaluate", run, "--test-csv", test_csv, "--out", "scored")
    assert shown.code == 0
    first, second, third = shown.out.splitlines()[:3]
    assert first == f"model {run / 'model.safetensors'}"
    assert second == f"digits {test_csv}"
    assert third.startswith(f"accuracy {100 * of_run['accuracy']:.2f} % ")
    assert files(Path("scored")) == {"scorecard.json", "scorecard.md", "confusion_matrix.png", "mistakes.png"}
    for card in (
        json.loads(call("evaluate", run / "model.safetensors", "--test-csv", test_csv, "--json").out),
        json.loads(Path("scored", "scorecard.json").read_text()),
    ):
        same = {"accuracy", "correct", "total", "confidence_interval", "confusion", "per_digit", "mistakes"}
        assert {key: card[key] for key in same} == {key: of_run[key] for key in same}
        assert (
            card.keys()
            == of_run.keys()
            == same | {"recipe", "seed", "data", "seconds", "versions", "machine"}
        )
        assert [entry.keys() for entry in card["per_digit"]] == [
            {"digit", "precision", "recall", "f1", "support"}
        ] * 10
        assert card["mistakes"][0].keys() == {"index", "label", "predicted", "output"}
        assert list(card["data"]) == ["test.csv"]
        assert card["seed"] == 1


def test_evaluating_replaces_only_what_it_wrote_before(run: Path, test_csv: Path) -> None:
    evaluate = ["evaluate", run, "--test-csv", test_csv, "--out"]
    before = (run / "scorecard.json").read_bytes()
    line = call(*evaluate, run).line
    assert line == f"mnist-mlp: {run}: holds a run; choose an empty folder, or an earlier evaluate's\n"
    assert (run / "scorecard.json").read_bytes() == before

    assert call(*evaluate, "scored").code == 0
    Path("scored", "scorecard.md").write_text("old")
    assert call(*evaluate, "scored").code == 0
    assert Path("scored", "scorecard.md").read_text().startswith("# Scorecard")
    Path("scored", "notes.txt").touch()
    assert "scored: holds other files; choose an empty folder" in call(*evaluate, "scored").line


def test_a_process_prints_json_and_nothing_else(run: Path, test_csv: Path) -> None:
    shown = end(start("evaluate", run, "--test-csv", test_csv, "--json"))
    assert (shown.code, shown.err) == (0, "")
    assert json.loads(shown.out)["total"] == 200


def test_a_digit_is_shown_with_what_the_network_makes_of_it(run: Path, test_csv: Path) -> None:
    shown = end(start("show-digit", 3, "--csv", test_csv, "--model", run, "--save", "digit.png"))
    assert shown.code == 0
    assert shown.out.startswith(f"{test_csv} 3, label 0\n")
    assert re.search(r"(?m)  0  .*0\.9\d\d  answer, true digit$", shown.out)
    assert shown.err == "written to digit.png\n"
    assert "\x1b" not in shown.out
    assert Path("digit.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_newest_run_answers_where_no_model_is_named(run: Path, test_csv: Path) -> None:
    assert "answer" not in call("show-digit", 3, "--csv", test_csv).out
    shutil.copytree(run, "runs/one")
    shown = call("show-digit", 3, "--csv", test_csv)
    assert shown.err == f"model {Path('runs/one/model.safetensors')}\n"
    assert shown.out == call("show-digit", 3, "--csv", test_csv, "--model", run).out


def test_a_digit_at_random_names_itself(test_csv: Path) -> None:
    first = call("show-digit", "--csv", test_csv).out.splitlines()[0]
    named = re.fullmatch(rf"{re.escape(str(test_csv))} (\d+), label (\d)", first)
    assert named
    assert call("show-digit", named[1], "--csv", test_csv).out.splitlines()[0] == first


def test_a_digit_is_shown_beside_distorted_ones(test_csv: Path) -> None:
    shown = call("show-digit", 3, "--csv", test_csv, "--distort", "--save", "digits.png")
    assert shown.code == 0
    lines = shown.out.splitlines()[1:]
    assert 10 <= len(lines) <= 14
    assert max(map(len, lines)) <= 80
    assert Path("digits.png").stat().st_size > 10_000


def test_the_folder_of_mnist_serves_every_command(run: Path) -> None:
    shown = call("show-digit", 0, "--data-dir", ROOT / "data")
    assert shown.out.startswith("test digit 0, label 7\n")  # as everyone knows them
    assert (
        call("show-digit", 0, "--split", "train", "--data-dir", ROOT / "data").out[:22]
        == "train digit 0, label 5"
    )
    # Whatever digits the run itself was tested on, these are named.
    archives = "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz"
    assert f"\ndigits {archives}\n" in call("evaluate", run, "--data-dir", ROOT / "data").out
    card = json.loads(call("evaluate", run, "--data-dir", ROOT / "data", "--json").out)
    assert (card["total"], [entry["support"] for entry in card["per_digit"]][:2]) == (10_000, [980, 1135])


def test_a_run_of_its_own_is_made_and_found(csvs: list[object], test_csv: Path) -> None:
    assert "train one first" in call("evaluate", "--test-csv", test_csv).line
    short = ["--epochs", 1, "--hidden", 4, "--batch-size", 50]
    quiet = call("train", *csvs, *short, "--quiet")
    assert (quiet.code, quiet.err) == (0, "")
    (made,) = Path("runs").iterdir()
    assert re.fullmatch(r"\d{8}T\d{6}Z-tutorial", made.name)
    assert call("evaluate", "--test-csv", test_csv).out.startswith(f"model {made / 'model.safetensors'}\n")

    assert "holds a finished run" in call("train", *csvs, *short, "--out", made).line
    before = (made / "model.safetensors").read_bytes()
    assert call("train", *csvs, *short, "--out", made, "--force", "--seed", 2).code == 0
    assert (made / "model.safetensors").read_bytes() != before
    assert call("train", "--resume", made).out == f"{made}: finished already; nothing to do\n"


def test_a_folder_of_other_things_is_left_alone(csvs: list[object]) -> None:
    Path("thesis").mkdir()
    Path("thesis", "recipe.toml").write_text("hidden = 7\n")
    for arguments in ([], ["--force"]):
        line = call("train", *csvs, "--out", "thesis", *arguments).line
        assert line == "mnist-mlp: thesis: is not empty, and holds no run; choose another folder\n"
    assert files() == {"thesis/recipe.toml"}
    assert Path("thesis", "recipe.toml").read_text() == "hidden = 7\n"


def test_several_seeds_are_summed_up(csvs: list[object], test_csv: Path) -> None:
    Path("my.toml").write_text('base = "fast"\nhidden = 4\nepochs = 1\n')
    shown = call("train", *csvs, "--recipe", "my.toml", "--repeats", 2, "--validation", 50, "--out", "run")
    assert re.match(r"mean accuracy \d\d\.\d\d %, standard deviation \d\.\d\d %, 2 seeds\n", shown.out)
    card = json.loads(Path("run", "scorecard.json").read_text())
    assert card.keys() == {"mean", "standard_deviation", "runs"}
    assert re.findall(r"(?m)^ +(\d)  +\d", shown.out) == ["1", "2"]
    assert len(re.findall(r"held out \d", shown.err)) == 2
    assert "a folder with its model and pictures" in shown.err
    # Where a single model is wanted, it is the first.
    for arguments in (["evaluate", "run", "--test-csv"], ["show-digit", 0, "--model", "run", "--csv"]):
        assert call(*arguments, test_csv).err == "run: several seeds; taking the first, seed-1\n"
    assert call("evaluate", "run/seed-2", "--test-csv", test_csv).err == ""
    # The run's own recipe repeats it.
    again = call("train", *csvs, "--recipe", "run/seed-2/recipe.toml", "--out", "again")
    assert f"{100 * card['runs'][1]['accuracy']:.2f} %" in again.out
    model = "model.safetensors"
    assert Path("again", model).read_bytes() == Path("run", "seed-2", model).read_bytes()


# Usage


def test_alone_it_shows_the_help() -> None:
    shown = call()
    assert (shown.code, shown.err) == (0, "")
    # Whole sentences, in the order in which the commands are likely wanted.
    assert re.findall(r"(?m)^  ([a-z][a-z-]+) +[A-Z].*\.$", shown.out) == list(COMMANDS)
    assert "..." not in shown.out.split("Commands:")[1]
    assert shown == call("--help")


def test_the_help_of_a_command_says_what_is_taken_when_nothing_is_named() -> None:
    assert "Usage: mnist-mlp evaluate [OPTIONS] [MODEL-OR-RUN]\n" in call("evaluate", "--help").out
    assert "newest run under ./runs]" in " ".join(call("evaluate", "--help").out.split())
    assert "[default: at random]" in call("show-digit", "--help").out


def test_the_version_is_told() -> None:
    assert call("--version") == Outcome(0, f"mnist-mlp {__version__}\n", "")


def test_help_starts_without_the_heavy_libraries() -> None:
    code = """
import contextlib, io, sys
from mnist_mlp.cli.app import main
for command in ([], ["download"], ["train"], ["evaluate"], ["show-digit"]):
    sys.argv = ["mnist-mlp", *command, "--help"]
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as text:
        main()
    assert "Usage" in text.getvalue()
    assert all(len(line) <= 80 for line in text.getvalue().splitlines())
print([name for name in ("numpy", "scipy", "matplotlib", "pooch", "safetensors") if name in sys.modules])
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["train", "--learning-rate", "-1"], "--learning-rate must be from 1e-09 to 1000, not -1.0"),
        (["train", "--learning-rate", "nan"], "not nan"),
        (["train", "--learning-rate", "fast"], "--learning-rate"),
        (["train", "--epochs", "0"], "--epochs"),
        (["train", "--epochs", "9" * 400], "--epochs must be from 1 to 100,000"),
        (["train", "--hidden", "10001"], "--hidden must be from 1 to 10,000, not 10001"),
        (["train", "--batch-size", "60001"], "--batch-size must be"),
        (["train", "--seed", "-1"], "--seed"),
        (["train", "--seed", str(2**63)], "seed"),
        (["train", "--repeats", "0"], "--repeats"),
        (["train", "--seed", str(2**63 - 1), "--repeats", "2"], "the last of the repeats: seed must be from"),
        (["train", "--validation", "-1"], "--validation"),
        (["train", "--recipe", "none"], "recipe 'none' is not known; choose tutorial, book, fast, best"),
        (["train", "--recipe", "\x1b[2J"], "recipe '\\x1b[2J' is not known"),
        (["train", "--resume", "run", "--out", "other"], "--out"),
        (["train", "--resume", "run", "--force"], "--force"),
        (["train", "--what"], "--what"),
        (["train", "\x1b[2J"], "one argument too many"),
        (["show-digit", "-1"], "-1"),
        (["show-digit", "first"], "INDEX"),
        (["show-digit", "--split", "all"], "--split"),
        (["show-digit", "--save", "digit.jpg"], "--save: the picture is a PNG; let its name end in .png"),
        (["evaluate", "a", "b"], "one argument too many"),
        (["fly"], "fly"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_usage_ends_with_2(arguments: list[str], part: str) -> None:
    shown = call(*arguments)
    assert (shown.code, shown.out) == (2, "")
    assert part in shown.err
    assert "\x1b" not in shown.err
    assert files() == set()


# Bad input: one line that names the file, exit code 1, and nothing half-written

GOOD_ROW = "7" + ",0" * 784
BAD_CSVS: dict[str, tuple[str | bytes | None, str]] = {
    "missing": (None, "bad.csv: cannot be read: No such file"),
    "empty": ("", "bad.csv: is empty"),
    "columns": (f"{GOOD_ROW}\n7,0,0\n", "bad.csv: line 2 has 3 columns instead of 785"),
    "pixel of 256": (
        f"{GOOD_ROW}\n7,256{',0' * 783}\n",
        "bad.csv: line 2 has '256' in column 2, not",
    ),
    "label of 10": (f"10{GOOD_ROW[1:]}\n", "bad.csv: line 1 has '10' in column 1, not a label from 0 to 9"),
    "text": (f"7,\x1b[2J{',0' * 783}\n", "bad.csv: line 1 has '\\x1b[2J' in column 2, not a pixel"),
    "photograph": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "bad.csv: is a picture"),
    "web page": ("<!DOCTYPE html><title>Home</title>", "bad.csv: is a web page"),
}


@pytest.mark.parametrize(("content", "part"), BAD_CSVS.values(), ids=BAD_CSVS)
def test_a_bad_csv_file_is_named(
    csvs: list[object], run: Path, test_csv: Path, content: str | bytes | None, part: str
) -> None:
    if content is not None:
        Path("bad.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    before = files()
    for arguments in (
        ["show-digit", 0, "--csv", "bad.csv"],
        ["evaluate", run, "--test-csv", "bad.csv"],
        ["train", "--train-csv", "bad.csv", "--test-csv", test_csv, "--out", "new"],
        ["train", *csvs[:2], "--test-csv", "bad.csv", "--out", "new"],
    ):
        shown = call(*arguments)
        assert part in shown.line
        assert shown.out == ""
        assert files() == before


def test_a_path_that_is_no_file_is_named(test_csv: Path, run: Path) -> None:
    for path in (".", "", "/", "no\x1b[2J.csv", "a" * 5000):
        assert "\x1b" not in call("show-digit", "--csv", path).line
        assert "\x1b" not in call("evaluate", run, "--test-csv", path).line
    Path("folder.png").mkdir()
    for path in ("folder.png", "no/picture.png"):
        shown = call("show-digit", 0, "--csv", test_csv, "--save", path)
        assert (shown.code, "cannot be written" in shown.err) == (1, True)


def idx(magic: bytes, count: int, *sizes: int, data: int) -> bytes:
    return magic + b"".join(size.to_bytes(4, "big") for size in (count, *sizes)) + bytes(data)


BAD_IDX = {
    "magic": (
        idx(b"\0\0\x0d\x03", 2, 28, 28, data=2 * 784),
        "images-idx3-ubyte: is not an IDX file of images",
    ),
    "count": (idx(b"\0\0\x08\x03", 3, 28, 28, data=2 * 784), "holds 1584 bytes instead of the 2368"),
    "size": (
        idx(b"\0\0\x08\x03", 2, 32, 32, data=2 * 1024),
        "holds images of 32 x 32 pixels instead of 28 x 28",
    ),
    "terabytes": (idx(b"\0\0\x08\x03", 2**31, 28, 28, data=784), "instead of the"),
    "empty": (b"", "is empty"),
    "cut .gz": (gzip.compress(idx(b"\0\0\x08\x03", 2, 28, 28, data=2 * 784))[:-9], "is a damaged .gz file"),
    "expanding .gz": (gzip.compress(idx(b"\0\0\x08\x03", 2, 28, 28, data=10**7)), "holds more than the 1568"),
    "other .gz": (gzip.compress(b"hello"), "is not an IDX file of images"),
}


@pytest.mark.parametrize(("content", "part"), BAD_IDX.values(), ids=BAD_IDX)
def test_a_bad_idx_file_is_named(run: Path, content: bytes, part: str) -> None:
    folder = Path("digits")
    folder.mkdir()
    end = ".gz" if content.startswith(b"\x1f\x8b") else ""
    for split in ("train", "t10k"):
        (folder / f"{split}-images-idx3-ubyte{end}").write_bytes(content)
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx(b"\0\0\x08\x01", 2, data=2))
    before = files()
    for arguments in (["show-digit", 0], ["evaluate", run], ["train", "--out", "new"]):
        shown = call(*arguments, "--data-dir", folder)
        assert "-images-idx3-ubyte" in shown.line
        assert part in shown.line
        assert files() == before


def bad_models(run: Path) -> dict[str, bytes]:
    good = (run / "model.safetensors").read_bytes()
    return {
        "missing": b"",
        "cut": good[: len(good) // 2],
        "longer": good + b"\0",
        "terabytes": (2**60).to_bytes(8, "little") + good[8:],
        "other": b"\x80\x04cos\nsystem\n(S'touch owned'\ntR." * 100,
        "not a number": good[:-4] + np.float32(np.nan).tobytes(),
        "activation": good.replace(b"sigmoid", b"\\u001b[2"),
    }


@pytest.mark.parametrize(
    "name", ["missing", "cut", "longer", "terabytes", "other", "not a number", "activation"]
)
def test_a_broken_model_is_named(run: Path, test_csv: Path, name: str) -> None:
    model = Path("bad.safetensors")
    if name != "missing":
        model.write_bytes(bad_models(run)[name])
    before = files()
    assert "bad.safetensors: " in call("evaluate", model, "--test-csv", test_csv).line
    shown = call("show-digit", 0, "--csv", test_csv, "--model", model)
    assert (shown.code, "bad.safetensors: " in shown.err) == (1, True)
    assert files() == before


def test_a_network_for_something_else_is_named(test_csv: Path) -> None:
    Network([3, 4, 2], rng=1).save("other.safetensors")
    line = call("evaluate", "other.safetensors", "--test-csv", test_csv).line
    assert "other.safetensors: a 3-4-2 network; digits need 784 inputs and 10 outputs" in line
    save_arrays("cache.safetensors", {"images": np.zeros(3, np.uint8)}, {"format": 1})
    assert "cache.safetensors: " in call("evaluate", "cache.safetensors", "--test-csv", test_csv).line


def test_digits_in_the_place_of_a_model_are_told_from_one(test_csv: Path) -> None:
    own = "digits of your own go with --test-csv, or --csv for show-digit"
    assert call("evaluate", test_csv).line == f"mnist-mlp: {test_csv}: is not a model; {own}\n"
    Path("run.json").write_text('{"recipe": {}, "repeats": 1}')
    assert "run.json: is not a model; name a run's folder" in call("evaluate", "run.json").line


def test_an_index_out_of_range_is_named(test_csv: Path) -> None:
    for index in (200, 10**30):
        line = call("show-digit", index, "--csv", test_csv).line
        assert f"there is no digit {index:,}; choose an index from 0 to 199" in line


def test_a_folder_that_cannot_be_made_is_named(csvs: list[object], test_csv: Path, run: Path) -> None:
    Path("file").touch()
    places = ["file", "file/run", *(["/proc/run"] if sys.platform == "linux" else [])]
    for place in places:
        assert f"{place}: cannot be made" in call("train", *csvs, "--out", place).line
        assert (
            f"{place}: cannot be made" in call("evaluate", run, "--test-csv", test_csv, "--out", place).line
        )
    Path("runs").touch()
    assert "runs: cannot be made" in call("train", *csvs).line
    assert files() == {"file", "runs"}


def test_a_bad_recipe_file_is_named(csvs: list[object]) -> None:
    Path("bad.toml").write_text("hidden = 0\n")
    assert "bad.toml: hidden must be from 1 to 10,000" in call("train", *csvs, "--recipe", "bad.toml").line
    assert "none.toml: cannot be read" in call("train", *csvs, "--recipe", "none.toml").line
    assert files() == {"bad.toml"}


def test_holding_out_all_digits_is_named(csvs: list[object]) -> None:
    assert "--validation 400 leaves none" in call("train", *csvs, "--validation", 400, "--quiet").line


# Without a network


def test_without_digits_and_network_one_line_says_so(run: Path) -> None:
    Path("empty").mkdir()
    for arguments in (["train", "--offline"], ["evaluate", run], ["show-digit"]):
        assert "empty: holds no MNIST" in call(*arguments, "--data-dir", "empty").line
    line = call("train", "--offline", "--data-dir", "my data").line
    assert line.endswith(' or run: mnist-mlp download --data-dir "my data"\n')
    assert "no source gave the MNIST train digits" in call("download", "--data-dir", "empty").err
    assert files() == set()


def test_a_download_that_fails_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.setenv("MNIST_MLP_OFFLINE", "0")
    monkeypatch.setattr("mnist_mlp.digits.download.SOURCES", ())
    mistyped = Path("dat", "mnist")
    for arguments in (["show-digit"], ["evaluate", run], ["train"], ["download"]):
        assert call(*arguments, "--data-dir", mistyped).code == 1
        assert list(Path().iterdir()) == []
    mistyped.parent.mkdir()
    assert call("show-digit", "--data-dir", mistyped).code == 1
    assert list(Path().rglob("*")) == [mistyped.parent]  # what was there stays


def test_offline_may_be_switched_off_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens at that address, and an address of another kind is refused before any is tried.
    mirror = "ftp://127.0.0.1/"
    for value in ("0", "no", ""):
        monkeypatch.setenv("MNIST_MLP_OFFLINE", value)
        shown = call("show-digit", "--data-dir", "none")
        assert "none" in shown.err
        break_off = call("download", "--data-dir", "none", "--mirror", mirror)
        assert "a mirror's address starts with http" in break_off.line


def test_a_mirror_of_the_environment_holds_for_every_command(
    monkeypatch: pytest.MonkeyPatch, run: Path
) -> None:
    monkeypatch.setenv("MNIST_MLP_OFFLINE", "0")
    monkeypatch.setenv("MNIST_MLP_MIRROR", "ftp://127.0.0.1/")
    for arguments in (["show-digit"], ["evaluate", run], ["train"], ["download"]):
        assert "a mirror's address starts with http" in call(*arguments, "--data-dir", "none").err


# Going on


def test_going_on_with_other_settings_is_refused(csvs: list[object], run: Path, test_csv: Path) -> None:
    assert "began with --epochs 5, not 2" in call("train", "--resume", run, "--epochs", 2).line
    assert "began with --recipe tutorial, not book" in call("train", "--resume", run, "--recipe", "book").line
    assert "--train-csv" in call("train", "--resume", run, "--train-csv", test_csv).line
    assert "--repeats 1, not 3" in call("train", "--resume", run, "--repeats", 3).line
    same = call("train", "--resume", run, *csvs, "--recipe", "tutorial", "--epochs", 5)
    assert same.out == f"{run}: finished already; nothing to do\n"
    assert "holds no run" in call("train", "--resume", "nowhere").line


def stopped_run(csvs: Sequence[object], number: int, after: int = 1) -> Outcome:
    """Send a signal to a training of 30 epochs once so many of them are done."""
    process = start("train", *csvs, "--hidden", 20, "--epochs", 30, "--out", "my run")
    assert process.stderr
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith(f"epoch {after:2}/30"):
            break
    process.send_signal(number)
    rest = end(process)
    return Outcome(rest.code, rest.out, "".join(lines) + rest.err)


@posix
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_stopped_training_says_how_to_go_on(
    csvs: list[object], few_digits: Digits, number: int, code: int, word: str
) -> None:
    shown = stopped_run(csvs, number)
    assert (shown.code, shown.out) == (code, "")
    line, hint = shown.err.splitlines()[-2:]
    assert line == f"mnist-mlp: {word}; go on with"
    assert hint == '  python -m mnist_mlp train --resume "my run"'
    assert "my run: holds an unfinished run" in call("train", *csvs, "--out", "my run").line

    resumed = call(*shlex.split(hint)[-3:])
    assert resumed.code == 0
    assert "going on after epoch " in resumed.err
    assert files(Path("my run")) == RESULTS
    whole = Network([784, 20, 10], rng=1)
    train(whole, few_digits, Recipe(epochs=30, hidden=20))
    for found, expected in zip(
        Network.load("my run/model.safetensors").parameters(), whole.parameters(), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_has_come_to_its_end_is_not_stopped(csvs: list[object], number: int) -> None:
    shown = stopped_run(csvs, number, after=30)  # while it scores and draws, which takes its time
    assert shown.code == 0
    assert shown.out.startswith("accuracy ")
    assert "all of it is in my run" in shown.err
    assert "stopped" not in shown.err
    assert files(Path("my run")) == RESULTS


@posix
def test_ctrl_c_while_it_starts_ends_quietly(csvs: list[object]) -> None:
    # What python does with it before any line of ours is run, nobody can help.
    ours = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); print(flush=True)"
    processes = [start("train", *csvs, "--epochs", 9999, "--out", f"run-{i}", code=ours) for i in range(4)]
    for process in processes:
        assert process.stdout
        process.stdout.readline()
    for process in processes:
        process.send_signal(signal.SIGINT)
        time.sleep(0.15)
    for i, process in enumerate(processes):
        shown = end(process)
        assert shown.code in {-signal.SIGINT, 130}  # before and after the command took over
        going_on = f"  mnist-mlp train --resume run-{i}"  # where it trained already
        assert shown.err.splitlines()[-1:] in ([], ["mnist-mlp: interrupted"], [going_on])


def test_ctrl_c_that_breaks_an_import_is_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    @exit_cleanly
    def interrupted() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException:
            raise ImportError("initialization failed") from None  # as compiled modules do

    with pytest.raises(SystemExit) as ended:
        interrupted()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "mnist-mlp: interrupted\n"


@posix
@pytest.mark.parametrize("ending", ["", "; raise OSError(28, 'No space left on device')"])
def test_ctrl_c_right_after_the_end_is_no_defect(ending: str) -> None:
    # From there on it ends the process as it would any other.
    code = f"""
import signal
from mnist_mlp.cli.exits import exit_cleanly
signal.signal(signal.SIGINT, signal.SIG_DFL)
@exit_cleanly
def command():
    pass{ending}
try:
    command()
finally:
    signal.raise_signal(signal.SIGINT)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr in ("", "mnist-mlp: output: No space left on device\n")


@posix
def test_a_full_disk_keeps_what_was_there_and_the_run_goes_on_later(csvs: list[object]) -> None:
    # No file may have more than 300 kB, and a checkpoint has 640.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    shown = end(start("train", *csvs, "--epochs", 1, "--out", "run", code=limit))
    assert shown.code == 1
    last = shown.err.splitlines()[-1]
    assert last.startswith("mnist-mlp: run")
    assert "checkpoint.safetensors: cannot be written: File too large; free some space" in last
    assert files(Path("run")) == {"run.json", "recipe.toml", "history.csv"}
    assert call("train", "--resume", "run").code == 0
    assert files(Path("run")) == RESULTS


@linux
def test_too_little_memory_is_said(csvs: list[object]) -> None:
    Path("huge.toml").write_text("hidden = 10000\nbatch_size = 60000\n")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))"
    shown = end(start("train", *csvs, "--recipe", "huge.toml", "--out", "run", "--quiet", code=limit))
    assert shown.line.startswith("mnist-mlp: not enough memory; choose fewer hidden units, smaller batches")


# The streams


@posix
def test_a_closed_pipe_ends_it_quietly(run: Path, test_csv: Path) -> None:
    commands: list[list[object]] = [["--help"], ["evaluate", run, "--test-csv", test_csv, "--json"]]
    processes = []
    for command in commands:
        reading, writing = os.pipe()
        os.close(reading)
        processes.append(start(*command, stdout=writing))
        os.close(writing)
    for process in processes:
        shown = end(process)
        assert (shown.code, shown.err) == (1, "")


@posix
def test_a_run_of_which_nobody_reads_the_scorecard_is_finished(csvs: list[object]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("train", *csvs, "--epochs", 1, "--out", "run", "--quiet", stdout=writing)
    os.close(writing)
    shown = end(process)
    assert (shown.code, shown.err) == (1, "")
    assert files(Path("run")) >= {"scorecard.json", "mistakes.png"}
    assert "checkpoint.safetensors" not in files(Path("run"))


@linux
def test_a_full_output_is_said(run: Path, test_csv: Path) -> None:
    with Path("/dev/full").open("w") as full:
        processes = [
            start("--help", stdout=full),
            start("evaluate", run, "--test-csv", test_csv, stdout=full),
        ]
        for process in processes:
            assert end(process).line == "mnist-mlp: output: No space left on device\n"


@posix
def test_without_outputs_it_still_works(run: Path, test_csv: Path) -> None:
    closed = "import sys; sys.stdout = sys.stderr = None"
    assert end(start("evaluate", run, "--test-csv", test_csv, "--out", "scored", code=closed)).code == 0
    assert "scorecard.json" in files(Path("scored"))


def test_names_that_an_encoding_lacks_are_escaped(test_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(test_csv, "Zürich.csv")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shown = end(start("show-digit", 1, "--csv", "Zürich.csv", "--save", "Zürich.png"))
    assert (shown.code, shown.err) == (0, "written to Z\\xfcrich.png\n")
    assert shown.out.startswith("Z\\xfcrich.csv 1, label 2\n")
    assert shown.out.isascii()


@posix
def test_control_characters_in_a_name_never_reach_the_terminal(test_csv: Path, csvs: list[object]) -> None:
    name = "a\x1b[2J\x07\u202e$\\foo$.csv"
    shutil.copy(test_csv, name)
    shown = call("show-digit", 1, "--csv", name, "--save", f"{name}.png")
    assert shown.code == 0
    trained = call(
        "train", *csvs[:2], "--test-csv", name, "--epochs", 1, "--hidden", 4, "--out", f"run{name}"
    )
    assert trained.code == 0
    again = call("train", *csvs, "--out", f"run{name}")
    download = call("download", "--data-dir", name)
    for text in (shown.out, shown.err, trained.out, trained.err, again.line, download.line):
        assert text.replace("\n", "").isprintable()
    assert "\\x1b[2J" in shown.out


def on_a_terminal(*arguments: object, code: str = "", **environment: str) -> str:
    """What a terminal of 80 columns is sent."""
    import pty  # noqa: PLC0415 - not on Windows
    from fcntl import ioctl  # noqa: PLC0415
    from termios import TIOCSWINSZ  # noqa: PLC0415

    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, b"\x18\0\x50\0\0\0\0\0")
    env = {**os.environ, "TERM": "xterm-256color", **environment}
    process = start(*arguments, code=code, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux says so at the end
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return shown.decode()


ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@posix
def test_a_terminal_that_cannot_move_its_cursor_gets_lines_alone(csvs: list[object]) -> None:
    sent = on_a_terminal("train", *csvs, "--epochs", 1, "--hidden", 4, TERM="dumb")
    assert sent.startswith("warning: ")
    start, end = sent.index("training for"), sent.index("accuracy")
    assert re.fullmatch(r"training for .*\r\nepoch 1/1 .*\r\n(warning.*\r\n( .*\r\n)*)?\r\n", sent[start:end])


@posix
def test_no_color_is_respected_on_a_terminal(test_csv: Path, run: Path) -> None:
    arguments = ("show-digit", 3, "--csv", test_csv, "--model", run)
    assert "\x1b[38;5;" in on_a_terminal(*arguments)
    plain = on_a_terminal(*arguments, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*m", plain)
    assert "█" in plain


def test_no_terminal_no_bars_whatever_colours_are_forced(csvs: list[object], monkeypatch: Any) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = call("train", *csvs, "--epochs", 1, "--hidden", 4, "--out", "run")
    assert shown.code == 0
    assert "\r" not in shown.err
    assert "rows/s" not in shown.err


# Whatever is asked

OPTIONS = [
    *["--recipe", "--epochs", "--hidden", "--learning-rate", "--batch-size", "--seed", "--repeats"],
    *["--validation", "--train-csv", "--test-csv", "--data-dir", "--mirror", "--offline", "--out", "--force"],
    *["--resume", "--quiet", "--json", "--split", "--csv", "--model", "--distort", "--save", "--version"],
    *["--help", "-h", "--", "--seed=1", "--csv=good.csv", "--model=run", "--hidden="],
]
VALUES = [
    *["-", "=", "0", "1", "3", "-1", "1e3", "1e999", "nan", "9" * 5000, "", " ", "\x1b[2J", "\udcff"],
    *["none.csv", "bad.csv", "good.csv", "run", "run/model.safetensors", ".", "/", "file", "file/x", "x.png"],
    *["train", "test", "tutorial", "best", "bad.toml", "http://127.0.0.1:9/", "ftp://x"],
]
WORDS = st.sampled_from([*COMMANDS, *OPTIONS, *VALUES])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.sampled_from([[], *([name] for name in COMMANDS)]), words=st.lists(WORDS, max_size=6))
@example(["show-digit"], ["--csv", "good.csv", "--save", "."])
@example(["show-digit"], ["--csv", "good.csv", "--model", "run", "--distort"])
@example(["evaluate"], ["run", "--test-csv", "good.csv", "--out", "file"])
@example(["train"], ["--resume", "run", "--recipe", "bad.toml"])
def test_no_arguments_end_in_a_traceback(
    run: Path, test_csv: Path, command: list[str], words: list[str]
) -> None:
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
    assert shown.err == "" or shown.code != 0 or "usage" not in shown.err.lower()
    for text in (shown.out, shown.err):
        assert "\x1b" not in text
        assert "Traceback" not in text
    if shown.code == 1:
        assert "mnist-mlp: " in shown.err
