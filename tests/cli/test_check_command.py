"""`mnist-mlp check`: how a file of digits is understood."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import call

from mnist_mlp.digits.images import Digits
from mnist_mlp.digits.mnist import write_csv
from mnist_mlp.report.text import Terminal, digits_text

pytestmark = pytest.mark.usefixtures("alone")


def test_it_tells_the_labels_the_form_and_what_looks_wrong(
    run: Path, few_test_digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    images, labels = 255 - few_test_digits.images, few_test_digits.labels
    write_csv(Digits(images, labels), "mine.csv")
    form = "commas between cells, no header line, label in the first column"
    counts = np.bincount(labels).tolist()
    shown = call("check", "mine.csv")
    assert shown.code == 0
    assert shown.out == (
        f"mine.csv: 200 digits; {form}\n"
        f"labels  {', '.join(f'{digit}: {count}' for digit, count in enumerate(counts))}\n"
        "the first digits, with the labels 7 2 1 0 4 1 4 9:\n"
        f"{digits_text(list(images[:8]), Terminal(1000, 'blocks'))}\n"
    )
    facts = json.loads(call("check", "mine.csv", "--json").out)
    (warning,) = facts.pop("warnings")
    assert facts == {"digits": 200, "form": form, "labels": counts}
    assert "they may be inverted (dark ink on light paper)" in warning
    assert " ".join(shown.err.split()) == f"warning: {warning}"
    assert call("evaluate", run, "--test-csv", "mine.csv").err == shown.err
    assert call("check", Path("none.csv")).line == (
        "none.csv: cannot be read: No such file or directory; check the path"
    )


def test_a_name_cannot_write_over_the_line_that_tells_it(few_test_digits: Digits) -> None:
    write_csv(few_test_digits[:4], "mine.csv\ryours.csv")
    shown = call("check", "mine.csv\ryours.csv", terminal=True)
    assert shown.out.startswith(r"mine.csv\ryours.csv: 4 digits; ")
    assert "\nlabels  0: 1, 1: 1, 2: 1, 3: 0, 4: 0, 5: 0, 6: 0, 7: 1, 8: 0, 9: 0\n" in shown.out
    assert r"mine.csv\ryours.csv" in shown.err  # the progress of reading it
