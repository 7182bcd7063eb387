import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
FUZZ = SCRIPTS / "fuzz.py"


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
