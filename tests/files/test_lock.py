import os
import subprocess
import sys
from pathlib import Path

import pytest
from disk import next_descriptor

from mnist_mlp.files.atomic import StorageError
from mnist_mlp.files.lock import locked

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from mnist_mlp.files.lock import locked
with locked(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time_has_a_folder_and_a_killed_one_has_it_no_more(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline().strip() == b"locked"
        before = next_descriptor()
        with pytest.raises(StorageError) as caught, locked(tmp_path):
            pass
        fault = "is in use by another process; wait for it, or choose another folder"
        assert str(caught.value) == f"{tmp_path}: {fault}"
        assert next_descriptor() == before  # the folder does not stay open
        holder.kill()
    for _ in range(2):  # the second time since it was given back
        with locked(tmp_path):
            assert list(tmp_path.iterdir()) == []
            with pytest.raises(StorageError, match="is in use"), locked(tmp_path):
                pass


def test_what_cannot_be_locked_is_not_kept_from_anybody(tmp_path: Path) -> None:
    with locked(tmp_path / "absent"), locked(tmp_path / "absent"):
        pass
