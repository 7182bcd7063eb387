"""`mnist-mlp report`: the page of a run, made anew."""

import json
import shutil
from pathlib import Path

import pytest
from commands import call

pytestmark = pytest.mark.usefixtures("alone")


def test_the_page_is_the_one_that_training_wrote(run: Path) -> None:
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
    assert call("report", "nosuch").line == "nosuch: there is no such run; name a run's folder"


def test_it_is_opened_in_the_browser_where_there_is_one(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    shown = call("report", run, "--out", "a page.html", "--open")
    assert opened == [Path("a page.html").absolute().as_uri()]
    assert shown.code == 0
    assert "no browser could be opened; open the file yourself" in shown.err


def test_other_digits_than_those_scored_are_refused(run: Path, test_csv: Path) -> None:
    shutil.copytree(run, "run")
    plan = json.loads(Path("run/run.json").read_text())
    plan["places"]["train_csv"] = str(test_csv)
    Path("run/run.json").write_text(json.dumps(plan))
    before = Path("run/report.html").read_bytes()
    assert "was scored on other digits" in call("report", "run").line
    assert Path("run/report.html").read_bytes() == before
