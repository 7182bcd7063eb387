"""Kills, full disks and company: what a run must bear. See tests/scripts/test_reliability.py for more."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mnist_mlp.cli.app import app
from mnist_mlp.digits.mnist import read_csv
from mnist_mlp.files.arrays import load_arrays
from mnist_mlp.files.atomic import StorageError, temporary_name
from mnist_mlp.files.lock import locked
from mnist_mlp.runs.folder import CHECKPOINT, Plan, prepare
from mnist_mlp.runs.run import Callbacks, Data, carry_out
from mnist_mlp.training.history import EpochRecord
from mnist_mlp.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
SMALL = Recipe(name="small", epochs=2)
SMALL_DISK = 4 << 20


def temporary_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix == ".tmp"]


# Killed


def test_a_run_killed_right_after_its_scorecard_is_finished_and_tidied(
    tmp_path: Path, csv_files: tuple[Path, Path]
) -> None:
    run, (train_csv, test_csv) = tmp_path / "run", csv_files
    data = Data(read_csv(train_csv), read_csv(test_csv))
    plan = Plan(SMALL, train_csv=str(train_csv), test_csv=str(test_csv))
    prepare(run, plan)
    carry_out(run, plan, data, Callbacks())
    model = (run / "model.safetensors").read_bytes()
    (run / CHECKPOINT).write_bytes(b"of the last epoch")
    (run / temporary_name("scorecard.json", os.getpid())).write_bytes(b"of a killed process")
    done = CliRunner().invoke(app, ["train", "--resume", str(run)])
    assert (done.exit_code, done.stdout) == (0, f"{run}: finished already; nothing to do\n")
    assert (run / "model.safetensors").read_bytes() == model
    assert not (run / CHECKPOINT).exists()
    assert temporary_files(run) == []


# In company


def test_a_folder_in_use_is_not_taken(tmp_path: Path, csv_files: tuple[Path, Path]) -> None:
    files = ["--train-csv", str(csv_files[0]), "--test-csv", str(csv_files[1])]
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from mnist_mlp.files.lock import locked\n"
            "with locked(sys.argv[1]): print('locked', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == "locked\n"
        taken = CliRunner().invoke(app, ["train", *files, "--out", str(tmp_path)])
        holder.kill()  # which gives the folder free
    assert taken.exit_code == 1
    assert taken.stderr == (
        f"mnist-mlp: {tmp_path}: is in use by another process; wait for it, or choose another folder\n"
    )
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        pass


# On a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB, where this process may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(disk)]
    if mount is None or subprocess.run([mount, *options], check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes permission")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def leave(disk: Path, room: int) -> None:
    """Fill the disk so that so many bytes are left."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    status = os.statvfs(disk)
    ballast.write_bytes(bytes(status.f_bavail * status.f_frsize - room))


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory, data: Data) -> Path:
    run = tmp_path_factory.mktemp("runs") / "whole"
    prepare(run, Plan(SMALL))
    carry_out(run, Plan(SMALL), data, Callbacks())
    return run


def test_digits_are_read_without_a_cache_where_it_has_no_room(
    small_disk: Path, csv_files: tuple[Path, Path]
) -> None:
    path = small_disk / "train.csv"
    shutil.copyfile(csv_files[0], path)
    leave(small_disk, 100_000)  # of the 314,000 that a cache of 400 digits takes
    read = read_csv(path)
    assert (read.labels == read_csv(csv_files[0]).labels).all()
    assert path.read_bytes() == csv_files[0].read_bytes()
    assert {entry.name for entry in small_disk.iterdir()} == {"train.csv", "ballast"}


def test_a_checkpoint_without_room_leaves_the_one_before(
    small_disk: Path, csv_files: tuple[Path, Path], tmp_path: Path
) -> None:
    files = ["--train-csv", str(csv_files[0]), "--test-csv", str(csv_files[1]), "--epochs", "2"]
    whole, run = tmp_path / "whole", small_disk / "run"
    assert CliRunner().invoke(app, ["train", *files, "--out", str(whole)]).exit_code == 0
    leave(small_disk, 900_000)  # a checkpoint takes 640,000, and the next one as much beside it
    stopped = CliRunner().invoke(app, ["train", *files, "--out", str(run)])
    assert stopped.exit_code == 1
    assert stopped.stderr.splitlines()[-1] == (
        f"mnist-mlp: {run / CHECKPOINT}: cannot be written: No space left on device; "
        "free some space, or choose a folder with more room"
    )
    assert len(load_arrays(run / CHECKPOINT)[1]["history"]) == 1
    assert temporary_files(run) == []
    (small_disk / "ballast").unlink()
    resumed = CliRunner().invoke(app, ["train", "--resume", str(run)])
    assert resumed.exit_code == 0
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.parametrize("name", ["model.safetensors", "scorecard.json"])
def test_results_without_room_can_be_written_later(
    small_disk: Path, data: Data, whole_run: Path, name: str
) -> None:
    class StoppedError(Exception):
        pass

    def stop_at_the_end(record: EpochRecord) -> None:
        if record.epoch == SMALL.epochs:
            raise StoppedError

    run, plan = small_disk / "run", Plan(SMALL)
    prepare(run, plan)
    with pytest.raises(StoppedError):
        carry_out(run, plan, data, Callbacks(on_epoch=stop_at_the_end))
    order = [
        *("model.safetensors", "learning_curve.png", "confusion_matrix.png", "mistakes.png"),
        *("scorecard.md", "scorecard.json"),
    ]
    before = order[: order.index(name)]
    pages = sum(-(-(whole_run / file).stat().st_size // 4096) for file in before)
    leave(small_disk, 4096 * (pages + 1))
    with pytest.raises(StorageError, match=f"{name}: cannot be written: No space left"):
        carry_out(run, plan, data, Callbacks())
    assert {path.name for path in run.iterdir()} & set(order) == set(before)
    assert temporary_files(run) == []
    (small_disk / "ballast").unlink()
    carry_out(run, plan, data, Callbacks())
    assert {path.name for path in run.iterdir()} == {path.name for path in whole_run.iterdir()}
    assert (run / "model.safetensors").read_bytes() == (whole_run / "model.safetensors").read_bytes()


def test_a_limit_on_files_stops_a_run_with_one_line(tmp_path: Path, csv_files: tuple[Path, Path]) -> None:
    resource = pytest.importorskip("resource")
    command = [sys.executable, "-m", "mnist_mlp", "train", "--epochs", "1", "--out", str(tmp_path / "run")]
    stopped = subprocess.run(
        [*command, "--train-csv", str(csv_files[0]), "--test-csv", str(csv_files[1]), "--quiet"],
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)),
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert stopped.stderr == (
        f"mnist-mlp: {tmp_path / 'run' / CHECKPOINT}: cannot be written: File too large; "
        "free some space, or choose a folder with more room\n"
    )
    assert temporary_files(tmp_path) == []
