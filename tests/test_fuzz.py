import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parents[1] / "scripts" / "fuzz.py"


def test_every_reader_bears_broken_and_hostile_files(tmp_path: Path) -> None:
    command = [sys.executable, str(FUZZ), "--seconds=0.2", f"--keep={tmp_path}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = done.stdout.splitlines()
    names = ["csv", "idx", "gz", "model", "checkpoint", "recipe", "scorecard", "plan"]
    assert [line.split(":")[0] for line in counts] == names
    assert all(line.endswith(" 0 defects") for line in counts)
    assert list(tmp_path.iterdir()) == []
