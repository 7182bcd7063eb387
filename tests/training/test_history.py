"""The history of a training, as CSV and as plain values."""

from dataclasses import asdict

import pytest

from mnist_mlp.training.history import (
    EpochRecord,
    HistoryError,
    best_epoch,
    history_from,
    history_from_csv,
    history_to_csv,
)

FIRST = EpochRecord(1, 0.3, 0.5, 0.75, None, None, 2.0)
HELD_OUT = [EpochRecord(i, 0.1, 0.25, 0.9, 0.5, share, 2.5) for i, share in enumerate([0.5, 0.7, 0.7], 1)]


def test_what_is_not_known_stays_empty_in_the_csv() -> None:
    assert history_to_csv([FIRST, HELD_OUT[1]]).splitlines() == [
        "epoch,learning_rate,loss,accuracy,validation_loss,validation_accuracy,seconds",
        "1,0.3,0.5,0.75,,,2.0",
        "2,0.1,0.25,0.9,0.5,0.7,2.5",
    ]


@pytest.mark.parametrize("history", [[], [FIRST], HELD_OUT], ids=len)
def test_a_history_reads_back_as_it_was(history: list[EpochRecord]) -> None:
    assert history_from([asdict(record) for record in history]) == history
    assert history_from_csv(history_to_csv(history)) == history


def test_the_best_epoch_is_the_first_with_the_largest_accuracy_on_held_out_digits() -> None:
    assert best_epoch(HELD_OUT) == 2
    assert best_epoch([FIRST]) == best_epoch([]) == 0


@pytest.mark.parametrize("value", [None, "1", True, [1.0], -1.0, 10**400, float("nan")], ids=str)
@pytest.mark.parametrize("name", ["epoch", "loss", "validation_accuracy", "seconds", "more"])
def test_a_broken_record_is_refused(name: str, value: object) -> None:
    if (name, value) == ("validation_accuracy", None):
        return  # is allowed
    with pytest.raises(HistoryError, match="cannot be read"):
        history_from([{**asdict(FIRST), name: value}])


@pytest.mark.parametrize("records", [None, 3, [3], [{}], {"epoch": 1}, [asdict(FIRST)] * 2], ids=repr)
def test_what_is_no_list_of_records_in_order_is_refused(records: object) -> None:
    with pytest.raises(HistoryError, match="cannot be read"):
        history_from(records)


@pytest.mark.parametrize(
    "text", ["epoch\nx\n", "a,b\n1,2\n", history_to_csv([FIRST])[:-4] + "3,4\n", "", "\0"], ids=repr
)
def test_a_csv_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(HistoryError, match="cannot be read"):
        history_from_csv(text)
