"""`mnist-mlp report`: the page of a run, made anew."""

import json
import shutil
from pathlib import Path

import pytest
from commands import Outcome, call

pytestmark = pytest.mark.usefixtures("alone")


def test_the_page_is_the_one_that_training_wrote(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(run, "runs/copy")
    page = (run / "report.html").read_text("utf-8")
    Path("runs/copy/report.html").unlink()
    shown = call("report")  # the newest run
    assert (shown.code, shown.out) == (0, f"{Path('runs/copy/report.html')}\n")
    assert Path("runs/copy/report.html").read_text("utf-8") == page.replace("run · 784", "copy · 784")
    assert call("report", run, "--out", "page.html").out == "page.html\n"
    assert Path("page.html").read_text("utf-8") == page
    assert "What an output is worth" in page
    assert "What it withstands" not in page
    assert "How it learned" in page
    Path("runs/copy/history.csv").unlink()
    assert call("report", "nosuch").line == "nosuch: there is no such model or run; check the path"
    monkeypatch.chdir("runs/copy")
    assert call("report", ".", "--out", "page.html").code == 0
    assert "How it learned" not in Path("page.html").read_text("utf-8")
    assert "copy · 784" in Path("page.html").read_text("utf-8")


def test_it_is_opened_in_the_browser_where_there_is_one(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    answers = [False, True]

    def browser(uri: str) -> bool:
        opened.append(uri)
        return answers.pop()

    monkeypatch.setattr("webbrowser.open", browser)
    for note in ("", "no browser could be opened; open the file yourself\n"):
        assert call("report", run, "--out", "a page.html", "--open") == Outcome(0, "a page.html\n", note)
    assert opened == [Path("a page.html").absolute().as_uri()] * 2


def test_the_digits_are_those_scored_wherever_they_are(
    run: Path, test_csv: Path, csv_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run, "run")
    plan = json.loads(Path("run/run.json").read_text())
    before = Path("run/report.html").read_bytes()

    def report(*options: object, **places: str) -> Outcome:
        Path("run/run.json").write_text(json.dumps({**plan, "places": places}))
        return call("report", "run", *options)

    other = "run/scorecard.json: the run began with other data: "
    remedy = "; let the same files be read again; of a folder, CSV files are read first"
    line = report(train_csv=str(test_csv), test_csv=str(csv_files[1])).line
    assert line == f"{other}train.csv, where now test.csv, test test.csv are read{remedy}"
    assert Path("run/report.html").read_bytes() == before
    monkeypatch.setenv("MNIST_MLP_OFFLINE", "0")  # nothing is downloaded into a folder that a run names
    gone = Path("gone").absolute()
    assert report(data_dir=str(gone)).line.startswith(f"{gone}: there is no such folder; ")
    Path("mnist").mkdir()
    shutil.copy(csv_files[1], "mnist/mnist_test.csv")
    assert report(train_csv=str(csv_files[0]), data_dir=str(gone)).line.startswith(f"{gone}: ")
    line = report("--data-dir", "mnist", train_csv=str(csv_files[0]), data_dir=str(gone)).line
    assert line == f"{other}test.csv, where now train.csv, mnist_test.csv are read{remedy}"
