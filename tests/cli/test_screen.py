"""What is printed: scorecards, the progress of a training, bars where there is a terminal, and long lines."""

import re
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cards import MORE
from commands import Stream

from mnist_mlp.cli.progress import NetworksReport, TrainingReport
from mnist_mlp.cli.scores import show_repeated_scorecard, show_scorecard, show_sweep
from mnist_mlp.cli.screen import Screen
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard
from mnist_mlp.report.sweeps import AS_GOOD, Row
from mnist_mlp.report.tables import digits_table
from mnist_mlp.runs.job import Job, Result
from mnist_mlp.training.history import EpochRecord
from mnist_mlp.training.recipe import Recipe
from mnist_mlp.training.trainer import Progress, TrainingError

pytestmark = pytest.mark.usefixtures("alone")
Captured = pytest.CaptureFixture[str]


def card(correct: int, confusions: dict[tuple[int, int], int], **facts: Any) -> Scorecard:
    """A scorecard of ones that were right, and of pairs of label and answer, by how often they came."""
    confusion = np.zeros((10, 10), np.int64)
    confusion[1, 1] = correct
    for pair, times in confusions.items():
        confusion[pair] = times
    return Scorecard(confusion, (), seconds={"load": 100.0, "train": 2.5, "score": 300.0}, **facts)


def printed(capsys: Captured) -> list[str]:
    """The lines on standard output, with single spaces."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


# Scorecards


def test_a_scorecard_shows_counts_scores_confusions_and_what_else_is_known(capsys: Captured) -> None:
    # 90 of 100 are right; Wilson's interval is from 82.56 % to 94.48 %.
    wrong = {(1, 7): 3, (4, 1): 2, (1, 3): 1, (4, 9): 1, (5, 6): 1, (8, 0): 1, (9, 4): 1}
    headings, rows = digits_table(card(90, wrong))
    show_scorecard(Screen(), card(90, wrong))
    alone = printed(capsys)
    assert alone == [
        "accuracy 90.00 % (95 % confidence interval 82.56 % to 94.48 %)",
        "90 of 100 digits right, 10 wrong",
        "",
        *(" ".join(cells) for cells in (headings, *rows)),
        "",
        "most often taken for another: 1 as 7 (3), 4 as 1 (2), 1 as 3 (1), 4 as 9 (1), 5",
        "as 6 (1), 8 as 0 (1)",
    ]
    show_scorecard(Screen(), card(90, wrong, more=MORE))
    assert printed(capsys) == [
        *alone,
        "not sure of 3 digits; of the others 75.00 % right; of images that are no digits",
        "70.50 % refused",
        "",
        "accuracy in percent on changed digits, by the amount of the change",
        "rotated, degrees 5: 90.0 10: 80.0",
        "blurred, pixels 0.5: 70.0",
    ]
    show_scorecard(Screen(), card(90, {}, more={"answers": {**MORE["answers"], "answered": 0}}))
    assert printed(capsys)[14:] == [
        "not sure of 3 digits; of the others - right"
    ]  # none is taken for another


def test_several_scorecards_show_their_mean_spread_and_training_times(capsys: Captured) -> None:
    # 90, 92 and 97 %: mean 93 %, sample standard deviation sqrt((9 + 1 + 16) / 2) = 3.61.
    cards = [card(right, {(1, 7): 100 - right}, seed=seed) for seed, right in ((7, 90), (8, 92), (9, 97))]
    show_repeated_scorecard(Screen(), RepeatedScorecard(cards))
    assert printed(capsys) == [
        "mean accuracy 93.00 %, standard deviation 3.61 %, 3 seeds",
        "",
        "seed accuracy wrong training",
        "7 90.00 % 10 2.5 s",
        "8 92.00 % 8 2.5 s",
        "9 97.00 % 3 2.5 s",
    ]


def test_of_many_settings_the_best_twenty_are_shown(capsys: Captured) -> None:
    rows = [Row({"learning_rate": i}, [0.9 - i / 1000], 0, 1.0) for i in range(1, 24)]
    for shown, more in ((rows, ["and 3 more, which are in scorecard.md"]), (rows[:20], [])):
        show_sweep(Screen(), shown, RepeatedScorecard([card(90, {(1, 7): 10})]))
        assert printed(capsys) == [
            "learning",
            "rate mean deviation networks time",
            "1 89.90 % - 1 1.0 s best",
            *[f"{i} {90 - i / 10:.2f} % - 1 1.0 s" for i in range(2, 21)],
            *more,
            "",
            "one network a setting does not show how much chance matters; --repeats 3 does",
            "",
            "the best, learning_rate=1, on the test digits: 90.00 %",
        ]


def test_settings_as_good_as_the_best_are_explained_and_chance_where_it_is_known(capsys: Captured) -> None:
    # The deviations are 1.41 and 2.83 %, so that 2 standard errors of the difference are 4.47 %.
    rows = [
        Row({}, [0.92, 0.90], 0, 2.0),
        *[Row({"hidden": 5}, [mean, mean - 0.04], 0, 1.0) for mean in (0.92, 0.88)],
    ]
    cards = [card(90, {(1, 7): 10}), card(92, {(1, 7): 8})]
    for shown, explained in ((rows, [AS_GOOD, ""]), (rows[::2], [])):
        show_sweep(Screen(), shown, RepeatedScorecard(cards))
        lines = printed(capsys)
        assert lines[1] == "recipe 91.00 % 1.41 % 2 2.0 s best"
        assert lines[len(shown) + 1 :] == [
            "",
            *explained,
            "the best, the recipe unchanged, on the test digits: 91.00 % ± 1.41 %",
        ]


# Progress


def record(epoch: int, seconds: float, held_out: float | None = None) -> EpochRecord:
    loss = None if held_out is None else 0.5
    return EpochRecord(epoch, 0.3, 0.12344, 0.93804, loss, held_out, seconds)


def test_each_epoch_has_a_line_with_the_time_that_is_left(capsys: Captured) -> None:
    with TrainingReport(Screen(), show_card=False) as report:
        report.on_start(Recipe(epochs=3700), [])
        report.on_epoch(record(1, 2.0))
        report.on_start(Recipe(epochs=3, hidden=30, learning_rate=0.2), [record(1, 2.0)])
        report.on_epoch(record(2, 4.0, 0.91))
        report.on_epoch(EpochRecord(3, 0.3, 0.1, 1.0, 0.5, 0.92, 4.0))
        report.on_start(Recipe(name="my", epochs=13, hidden=5, seed=7), [record(1, 100.0), record(2, 100.0)])
        for epoch in range(3, 13):
            report.on_epoch(record(epoch, 1.0))
        report.on_start(Recipe(epochs=1), [])
        report.on_card(card(90, {}))
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[:7] == [
        "training for 3700 epochs, recipe tutorial, random seed 1",
        "epoch    1/3700  loss 0.1234  train 93.80 %  2.0 s, 2:03:18 left",  # 3699 times 2 s
        "going on after epoch 1 of 3 epochs, recipe tutorial with hidden 30, learning",
        "  rate 0.2, random seed 1",
        "epoch 2/3  loss 0.1234  train 93.80 %  held out 91.00 %  4.0 s, 0:03 left",  # the mean of 2 and 4 s
        "epoch 3/3  loss 0.1000  train 100.00 %  held out 92.00 %  4.0 s",
        "going on after epoch 2 of 13 epochs, recipe my, random seed 7",
    ]
    assert lines[-3:] == [  # of the last ten epochs one took 100 s, then none
        "epoch 11/13  loss 0.1234  train 93.80 %  1.0 s, 0:22 left",
        "epoch 12/13  loss 0.1234  train 93.80 %  1.0 s, 0:01 left",
        "training for 1 epoch, recipe tutorial, random seed 1",
    ]


@pytest.mark.parametrize(
    ("patience", "kept"),
    [
        (0, "91.00 % of 1,050 training digits right"),
        (2, "92.00 % of 1,050 training digits right after epoch 2, whose weights are kept"),
    ],
)
def test_the_scorecard_ends_with_the_held_out_digits(patience: int, kept: str, capsys: Captured) -> None:
    one = card(90, {(1, 7): 10})
    show_scorecard(Screen(), one)
    expected = capsys.readouterr().out
    with TrainingReport(Screen(), show_card=True) as report:
        report.on_start(Recipe(validation=1050, patience=patience), [record(1, 1.0, 0.90)])
        for epoch, held_out in ((2, 0.92), (3, 0.91)):
            report.on_epoch(record(epoch, 1.0, held_out))
        report.on_card(one)
    out, err = capsys.readouterr()
    assert out == f"{expected}\nheld out: {kept}\n"
    assert err.endswith("left\n\n")
    with TrainingReport(Screen(), show_card=True) as report:
        report.on_epoch(record(1, 1.0))
        report.on_card(one)
    assert capsys.readouterr().out == expected


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


def test_the_bar_of_several_networks_counts_the_done_and_the_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Stream(terminal=True)
    with redirect_stderr(terminal), NetworksReport(Screen(), 4, done=1) as report:
        for seed in (1, 2):
            job = Job(Recipe(seed=seed), Path(f"run/seed-{seed}"))
            report.on_done(job, TrainingError("its loss is not finite"))
    bars = [line for line in lines_sent(terminal.text()) if "networks" in line]
    assert bars[0] == f"1/4 networks {'━' * 5}                0:00:00"
    assert bars[-1] == f"3/4 networks {'━' * 15}      0:00:00 0:00 left, 2 failed"


def test_the_bar_of_a_long_training_fits_into_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("mnist_mlp.cli.progress.monotonic", lambda: now[0])
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Stream(terminal=True)
    with redirect_stderr(terminal), TrainingReport(Screen(), show_card=True) as report:
        now[0] = 100.0  # the digits were read
        report.on_start(Recipe(epochs=600), [])
        now[0] = 700.0
        report.on_progress(Progress(100, 59_904, 60_000, 0.938))
        now[0] = 800.0
        report.on_epoch(record(100, 600.0))
        now[0] = 1100.0
        report.on_progress(Progress(101, 3_000, 60_000, 0.5))
        report.on_card(card(90, {}))
        shown = terminal.text()
    assert terminal.text() == shown  # the scorecard stands below the bar's last trace
    bars = list(dict.fromkeys(line for line in lines_sent(terminal.text()) if "/s" in line))
    # 59,904 samples in 600 s: 500.0016 epochs of 600.96 s are left. 3,000 in 300 s: 499.95 epochs of 6000 s.
    assert len(bars) == 2
    assert re.fullmatch(r"epoch 100/600 ━{7}╸ 59,904/60,000     100/s train 93\.80 % 83:28:02 left", bars[0])
    assert re.fullmatch(r"epoch 101/600 ━{8}  3,000/60,000      10/s train 50\.00 % 833:15:00 left", bars[1])
    assert max(map(len, bars)) <= 80


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
    for name in ("a" * 34, "a" * 25 + "/"):  # fits as it is
        screen.table(["run"], [[name]])
        assert printed(capsys)[-2:] == ["run", name]
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
            told("file\x1b.csv", 1000, 0)
        return stream.text()

    monkeypatch.setenv("TERM", "xterm-256color")
    assert re.search(r"file\\x1b\.csv ━{20} 1\.0/\? kB", "\n".join(lines_sent(shown())))
    assert shown(quiet=True) == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert shown(terminal=False) == ""
    monkeypatch.setenv("TERM", "dumb")  # cannot move its cursor
    assert shown() == ""


@pytest.mark.parametrize(
    ("started", "typed"),
    [
        ("/somewhere/mnist_mlp/__main__.py", '"my python/python3" -m mnist_mlp'),
        ("my bin/mnist-mlp", '"my bin/mnist-mlp"'),
        ("/gone/mnist-mlp", "mnist-mlp"),
    ],
)
def test_commands_in_notes_are_spelled_as_the_program_was_started(
    started: str, typed: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("my bin").mkdir()
    Path("my bin/mnist-mlp").touch()
    monkeypatch.setattr("sys.argv", [started])
    monkeypatch.setattr("sys.orig_argv", ["my python/python3"])
    Screen().note(
        "go on in my-mnist-mlp run, of mnist-mlp 1, with\n  mnist-mlp train --resume run\n  mnist-mlp --help"
    )
    assert capsys.readouterr().err == (
        f"go on in my-mnist-mlp run, of mnist-mlp 1, with\n  {typed} train --resume run\n  {typed} --help\n"
    )


@pytest.mark.parametrize(("columns", "width"), [(63, 62), (64, 63), (200, 79)])
def test_notes_break_between_words_and_indented_lines_stay_whole(
    columns: int, width: int, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Screen()
    assert (screen.width, screen.narrow) == (columns, columns == 63)
    words = "a " * ((width - 2) // 2) + "of 5 % b b"  # 5 and % stay together
    screen.note(words + "\n  " + "whole " * 40)
    screen.warning("something [/may] be wrong")
    screen.result("a\x1b[2J[b] " * 40)
    screen.paragraph(words, indent="  ")
    out, err = capsys.readouterr()
    first, second, *rest = err.splitlines()
    assert [len(first), second] == [width - width % 2, "  5 % b b"]
    assert rest == ["  " + "whole " * 40, "warning: something [/may] be wrong"]
    result, *paragraph = out.splitlines()
    assert result == r"a\x1b[2J[b] " * 40
    assert [line[: len(line) - len(line.lstrip())] for line in paragraph[:2]] == ["  ", "    "]
    assert max(map(len, paragraph)) <= width
    assert " ".join(out.split("\n", 1)[1].split()) == words
