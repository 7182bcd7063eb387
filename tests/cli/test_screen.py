"""What is printed: scorecards, the progress of a training, bars where there is a terminal, and long lines."""

import re
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import pytest
from commands import Stream

from mnist_mlp.cli.progress import NetworksReport, TrainingReport
from mnist_mlp.cli.scores import show_repeated_scorecard, show_scorecard, show_sweep
from mnist_mlp.cli.screen import Screen
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard
from mnist_mlp.report.sweeps import Row
from mnist_mlp.runs.job import Job, Result
from mnist_mlp.training.history import EpochRecord
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.trainer import Progress, TrainingError

pytestmark = pytest.mark.usefixtures("alone")
Captured = pytest.CaptureFixture[str]


def card(correct: int, confusions: dict[tuple[int, int], int], seed: int = 1) -> Scorecard:
    """A scorecard of ones that were right, and of pairs of label and answer, by how often they came."""
    confusion = np.zeros((10, 10), np.int64)
    confusion[1, 1] = correct
    for pair, times in confusions.items():
        confusion[pair] = times
    return Scorecard(confusion, (), seed=seed, seconds={"load": 100.0, "train": 2.5, "score": 300.0})


# Scorecards


def test_a_scorecard_shows_counts_scores_and_confusions(capsys: Captured) -> None:
    # 90 of 100 right. Answer 1: 90 of 92 right; ones: 90 of 97 found. Wilson: 82.56 % to 94.48 %.
    show_scorecard(Screen(), card(90, {(1, 7): 6, (1, 3): 1, (4, 1): 2, (4, 9): 1}))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == [
        "accuracy 90.00 % (95 % confidence interval 82.56 % to 94.48 %)",
        "90 of 100 digits right, 10 wrong",
    ]
    assert lines[3] == "digit precision recall F1 digits"
    assert lines[5] == "1 97.83 % 92.78 % 95.24 % 97"
    assert lines[8] == "4 - 0.00 % 0.00 % 3"
    assert lines[-1] == "most often taken for another: 1 as 7 (6), 4 as 1 (2), 1 as 3 (1), 4 as 9 (1)"


def test_several_scorecards_show_their_mean_spread_and_training_times(capsys: Captured) -> None:
    # 90, 92 and 97 %: mean 93 %, sample standard deviation sqrt((9 + 1 + 16) / 2) = 3.61.
    cards = [card(right, {(1, 7): 100 - right}, seed) for seed, right in ((7, 90), (8, 92), (9, 97))]
    show_repeated_scorecard(Screen(), RepeatedScorecard(cards))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "mean accuracy 93.00 %, standard deviation 3.61 %, 3 seeds",
        "",
        "seed accuracy wrong training",
        "7 90.00 % 10 2.5 s",
        "8 92.00 % 8 2.5 s",
        "9 97.00 % 3 2.5 s",
    ]


def test_of_many_settings_the_best_twenty_are_shown(capsys: Captured) -> None:
    rows = [Row({"hidden": count}, [0.9 - count / 1000], 0, 1.0) for count in range(1, 24)]
    show_sweep(Screen(), rows, RepeatedScorecard([card(90, {(1, 7): 10})]))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert [line.split()[0] for line in lines[1:21]] == [str(count) for count in range(1, 21)]
    assert lines[21] == "and 3 more, which are in scorecard.md"
    assert lines[-1] == "the best, hidden=1, on the test digits: 90.00 %"


# Progress


def test_each_epoch_has_a_line_with_the_time_that_is_left(capsys: Captured) -> None:
    with TrainingReport(Screen(), show_card=False) as report:
        report.on_start(Recipe(epochs=4000), [])
        report.on_epoch(EpochRecord(1, 0.3, 0.12344, 0.93804, None, None, 2.0))
        report.on_start(Recipe(epochs=3, hidden=30), [EpochRecord(1, 0.3, 0.1, 0.9, None, None, 2.0)])
        report.on_epoch(EpochRecord(2, 0.3, 0.12344, 0.93804, 0.5, 0.91, 4.0))
        report.on_epoch(EpochRecord(3, 0.3, 0.1, 1.0, 0.5, 0.92, 4.0))
    assert capsys.readouterr().err.splitlines() == [
        "training for 4000 epochs, recipe tutorial, random seed 1",
        "epoch    1/4000  loss 0.1234  train 93.80 %  2.0 s, 2:13:18 left",  # 3999 times 2 s
        "going on after epoch 1 of 3 epochs, recipe tutorial with hidden 30, random seed",
        "  1",
        "epoch 2/3  loss 0.1234  train 93.80 %  held out 91.00 %  4.0 s, 0:03 left",  # the mean of 2 and 4 s
        "epoch 3/3  loss 0.1000  train 100.00 %  held out 92.00 %  4.0 s",
    ]


def test_each_of_several_networks_has_a_line(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("mnist_mlp.cli.progress.monotonic", lambda: now[0])
    history = [EpochRecord(1, 0.3, 0.1, 0.9, None, None, 2.5)] * 2
    result = Result(Recipe().network(), history, card(90, {(1, 7): 10}), 0.5)
    with NetworksReport(Screen(), 12, done=9) as report:
        now[0] = 10.0
        report.on_done(Job(Recipe(seed=4), Path("run/seed-4")), result)
        now[0] = 30.0
        report.on_done(Job(Recipe(seed=5), Path("run/seed-5")), TrainingError("its loss is not finite"))
    assert capsys.readouterr().err.splitlines() == [
        "10/12  90.00 %  5.0 s  0:20 left  seed 4",
        "11/12  failed  0:15 left  seed 5: its loss is not finite",
    ]


# Terminals


def lines_sent(text: str) -> list[str]:
    """What a terminal is sent, line by line, without the escape sequences."""
    return [line.rstrip() for line in re.split("[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))]


def test_the_bar_of_several_networks_counts_the_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Stream(terminal=True)
    with redirect_stderr(terminal), NetworksReport(Screen(), 3) as report:
        for seed in (1, 2):
            job = Job(Recipe(seed=seed), Path(f"run/seed-{seed}"))
            report.on_done(job, TrainingError("its loss is not finite"))
    assert any(line.endswith("0:00 left, 2 failed") for line in lines_sent(terminal.text()))


def test_the_bar_of_a_long_training_fits_into_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("mnist_mlp.cli.progress.monotonic", lambda: now[0])
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Stream(terminal=True)
    with redirect_stderr(terminal), TrainingReport(Screen(), show_card=False) as report:
        report.on_start(Recipe(epochs=600), [])
        now[0] = 600.0
        report.on_progress(Progress(100, 59_904, 60_000, 0.938))
    (bar,) = {line for line in lines_sent(terminal.text()) if "/s" in line}
    # 59,904 samples in 600 s; another 500 epochs take 83 hours and 28 minutes.
    assert re.fullmatch(r"epoch 100/600 .* 59,904/60,000 +100/s train 93\.80 % 83:28:\d\d left", bar)
    assert len(bar) <= 80


def test_figures_are_whole_on_a_narrow_screen(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    screen = Screen()
    screen.table(["run", "accuracy", "deviation"], [["a" * 20, "98.76 %", "-"]])
    screen.table(["run", "accuracy", "95 % interval"], [["a/" * 15, "98.76 %", "98.01 % to 99.12 %"]])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{'run':>20} accuracy deviation",
        f"{'a' * 20}  98.76 %         -",
        f"run {'a/' * 15},",
        "  accuracy 98.76 %, 95 % interval",
        "  98.01 % to 99.12 %",
    ]
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Stream(terminal=True)
    with redirect_stderr(terminal), Screen().progress() as told:
        told("train-images-idx3-ubyte.gz", 55_000_000, 109_000_000)
    with redirect_stderr(terminal), TrainingReport(Screen(), show_card=False) as report:
        report.on_start(Recipe(epochs=5, hidden=(30, 20)), [])
        report.on_progress(Progress(2, 59_904, 60_000, 0.938))
    lines = lines_sent(terminal.text())
    assert any("…" in line and "55.0/109.0 MB" in line for line in lines)
    assert any(re.fullmatch(r"epoch 2/5 train 93\.80 % \d:\d\d left", line) for line in lines)
    assert "recipe tutorial with hidden 30,20," in " ".join(line.strip() for line in lines)
    assert all(len(line) <= 40 for line in lines)


def test_there_are_no_bars_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(*, terminal: bool = True, quiet: bool = False) -> str:
        stream = Stream(terminal=terminal)
        with redirect_stderr(stream), Screen(quiet=quiet).progress() as told:
            told("file.csv", 1000, 2000)
        return stream.text()

    monkeypatch.setenv("TERM", "xterm-256color")
    assert "file.csv" in shown()
    assert shown(quiet=True) == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert shown(terminal=False) == ""
    monkeypatch.setenv("TERM", "dumb")  # cannot move its cursor
    assert shown() == ""


def test_notes_break_between_words_and_indented_lines_stay_whole(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.argv", ["/somewhere/mnist_mlp/__main__.py"])
    monkeypatch.setattr("sys.orig_argv", ["python3"])
    screen.note("go on with\n  mnist-mlp train --resume run")
    assert capsys.readouterr().err == "go on with\n  python3 -m mnist_mlp train --resume run\n"
    screen.note("word " * 20 + "\n  " + "whole " * 20)
    screen.warning("something may be wrong")
    screen.result("a\x1b[2Jb " * 20)
    out, err = capsys.readouterr()
    first, second, whole, warning = err.splitlines()
    assert len(first) <= 79
    assert second.startswith("  word")
    assert whole.split() == ["whole"] * 20
    assert warning == "warning: something may be wrong"
    assert out == r"a\x1b[2Jb " * 20 + "\n"
