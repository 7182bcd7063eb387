"""`mnist-mlp check`: how a file of digits is understood."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import call

from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.mnist import write_csv

pytestmark = pytest.mark.usefixtures("alone")


def test_it_tells_the_labels_the_form_and_what_looks_wrong(few_test_digits: Digits) -> None:
    write_csv(Digits(255 - few_test_digits.images, few_test_digits.labels), "mine.csv")
    counts = np.bincount(few_test_digits.labels).tolist()
    shown = call("check", "mine.csv")
    assert shown.code == 0
    assert shown.out.startswith("mine.csv: 200 digits; ")
    assert ", ".join(f"{digit}: {count}" for digit, count in enumerate(counts)) in shown.out
    assert f"labels {' '.join(map(str, few_test_digits.labels[:8]))}:\n" in shown.out
    assert "inverted" in shown.err
    facts = json.loads(call("check", "mine.csv", "--json").out)
    assert (facts["digits"], facts["labels"], len(facts["warnings"])) == (200, counts, 1)
    assert call("check", Path("none.csv")).line.startswith("none.csv: ")


def test_a_name_cannot_write_over_the_line_that_tells_it(few_test_digits: Digits) -> None:
    write_csv(few_test_digits, "mine.csv\ryours.csv")
    assert call("check", "mine.csv\ryours.csv").out.startswith(r"mine.csv\ryours.csv: 200 digits; ")
