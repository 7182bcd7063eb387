"""The history of a training, and as CSV."""

import pytest

from mnist_mlp.training.history import (
    EpochRecord,
    HistoryError,
    best_epoch,
    history_from_csv,
    history_to_csv,
)

FIRST = EpochRecord(1, 0.3, 0.5, 0.75, None, None, 0.0)
HELD_OUT = [EpochRecord(i, 0.1, 0.25, 0.9, 0.5, share, 2.5) for i, share in enumerate([0.5, 0.7, 0.7], 1)]


def test_what_is_not_known_stays_empty_in_the_csv() -> None:
    assert history_to_csv([FIRST, HELD_OUT[1]]).splitlines() == [
        "epoch,learning_rate,loss,accuracy,validation_loss,validation_accuracy,seconds",
        "1,0.3,0.5,0.75,,,0.0",
        "2,0.1,0.25,0.9,0.5,0.7,2.5",
    ]


@pytest.mark.parametrize("history", [[], [FIRST], HELD_OUT], ids=len)
def test_a_history_reads_back_as_it_was(history: list[EpochRecord]) -> None:
    assert history_from_csv(history_to_csv(history)) == history


def test_the_best_epoch_is_the_first_with_the_largest_accuracy_on_held_out_digits() -> None:
    assert best_epoch(HELD_OUT) == 2
    assert best_epoch([FIRST]) == best_epoch([]) == 0
    assert best_epoch([EpochRecord(1, 0.1, 0.25, 0.9, 0.5, 0.0, 2.5)]) == 1  # none was right


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        "2,0.3,0.5,0.75,,,2.0",
        "1.5,0.3,0.5,0.75,,,2.0",
        "1,0.3,0.5,0.75,,,2.0,5",
        "1,,0.5,0.75,,,2.0",
        "x,0.3,0.5,0.75,,,2",
        "1,0.3,-0.5,0.75,,,2.0",
        "1,0.3,0.5,0.75,,1e999,2.0",
        "1,0.3,nan,0.75,,,2.0",
        "1,0.3,0.5,0.75,,,1e9",
    ],
)
def test_a_broken_record_is_refused(line: str) -> None:
    with pytest.raises(HistoryError, match="its history cannot be read"):
        history_from_csv(history_to_csv([]) + line + "\n")


@pytest.mark.parametrize("text", ["", "\0", "a,b\n1,2\n", history_to_csv([FIRST] * 2)], ids=repr)
def test_a_text_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(HistoryError, match="its history cannot be read"):
        history_from_csv(text)
