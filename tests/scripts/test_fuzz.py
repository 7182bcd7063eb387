import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_mlp.digits.csvfile import format_rows

SCRIPTS = Path(__file__).parents[2] / "scripts"
FUZZ = SCRIPTS / "fuzz.py"
LINE = b"5" + b",0" * 783 + b",255\n"


def test_every_reader_bears_broken_and_hostile_files(tmp_path: Path) -> None:
    command = [sys.executable, str(FUZZ), "--seconds=0.2", f"--keep={tmp_path / 'kept'}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = done.stdout.splitlines()
    names = ["csv", "idx", "gz", "model", "checkpoint", "recipe", "scorecard", "plan"]
    assert [line.split(":")[0] for line in counts] == names
    assert all(line.endswith(" 0 defects") for line in counts)
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.fixture
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))


@pytest.mark.usefixtures("_scripts")
def test_the_slow_way_to_read_a_csv_file() -> None:
    from fuzz import slow_rows  # noqa: PLC0415

    row = bytes([5, *[0] * 783, 255])
    header = b",".join([b"label", *(b"pixel%d" % i for i in range(784))]) + b"\r\n"
    assert slow_rows(LINE) == row
    assert slow_rows(b"\xef\xbb\xbf" + header + b"\r\n" + LINE + LINE[:-1]) == row * 2
    assert slow_rows(LINE.replace(b"5,", b" 0005\t,")) == row
    assert slow_rows(LINE + header) is None
    for wrong in (b"10,", b"-5,", b",", b"5,0,", b"5.0,", b"\xb2,", b'"5",'):
        assert slow_rows(LINE + LINE.replace(b"5,", wrong, 1)) is None


@pytest.mark.usefixtures("_scripts")
def test_a_good_share_of_changed_csv_files_is_valid_and_of_many_forms() -> None:
    from fuzz import slow_rows  # noqa: PLC0415
    from mutations import mutate_csv  # noqa: PLC0415

    rng = np.random.default_rng(1)
    rows = rng.integers(0, 10, (20, 785), np.uint8)
    files = [mutate_csv(format_rows(rows), rng) for _ in range(150)]
    valid = [file for file in files if slow_rows(file)]
    assert 30 < len(valid) < 120
    assert any(b"label" in file for file in valid)
    assert any(b"\r\n" in file for file in valid)
    assert any(not file.endswith(b"\n") for file in valid)
    assert any(len(file) > 2**18 for file in valid)  # several blocks


class Panic(BaseException):
    """What a library written in Rust raises is no Exception."""


@pytest.mark.usefixtures("_scripts")
def test_counts_are_told_of_a_reader_that_panics_and_of_one_that_is_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fuzz import Reader, fuzz  # noqa: PLC0415

    events = iter([None, Panic("\x1b[31m"), None, KeyboardInterrupt()])

    def read(_: Path) -> None:
        if event := next(events):
            raise event

    reader = Reader("odd", [b"valid"], read, lambda data, _: data, [])
    with pytest.raises(KeyboardInterrupt):
        fuzz(reader, 60, np.random.default_rng(1), tmp_path, tmp_path)
    said = capsys.readouterr().out
    assert "Panic: \\x1b[31m" in said
    assert said.endswith("odd: stopped after 0 s, 3 files, 1 failed, 2 read, 1 defects\n")
