"""What the program must withstand, in small; the scripts do the same for longer."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_mlp.errors import MnistMlpError
from scripts.reliability import kill, together
from scripts.reliability.fuzz import Reader, feed, fuzz, readers

KINDS = ["csv", "idx", "gz", "picture", "model", "checkpoint", "recipe", "scorecard", "plan"]


@pytest.fixture(scope="module")
def all_readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    return {reader.kind: reader for reader in readers(tmp_path_factory.mktemp("valid"))}


# Broken and hostile files


@pytest.mark.parametrize("kind", KINDS)
def test_valid_files_are_read_and_changed_ones_at_least_refused(
    all_readers: dict[str, Reader], kind: str, tmp_path: Path
) -> None:
    reader = all_readers[kind]
    assert {feed(reader, data) for data in reader.valid.values()} == {"read"}
    counts = fuzz(reader, tmp_path, seeds=[1], examples=60, hostile=False)
    assert counts["defects"] == 0
    assert counts["read"] + counts["refused"] == 60
    assert counts["refused"] > 10
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "idx", "gz", "picture"])
def test_hostile_files_do_no_harm(all_readers: dict[str, Reader], kind: str, tmp_path: Path) -> None:
    assert fuzz(all_readers[kind], tmp_path, seeds=[])["defects"] == 0


class Panic(BaseException):
    """What a library written in Rust raises is no Exception."""


def read_by_raising(error: BaseException) -> Callable[[Path], object]:
    def read(_: Path) -> None:
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        (read_by_raising(Panic("\x1b[31m")), "Panic: \\x1b[31m"),
        (read_by_raising(ValueError("broken")), "ValueError: broken"),
        (read_by_raising(MnistMlpError("it is\nbroken")), "refused with 'it is\\nbroken'"),
        (read_by_raising(MnistMlpError("\x1b[31mbroken")), "refused with '\\x1b[31mbroken'"),
        (lambda path: path.with_suffix(".tmp").touch(), "a.tmp is left behind"),
        (lambda _: len(bytes(65 << 20)), "bytes allocated for"),
    ],
)
def test_a_defect_is_found(
    read: Callable[[Path], object], fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = fuzz(Reader("odd", read, {"a": b"valid"}), tmp_path, seeds=[1, 2], examples=5)
    assert counts["defects"] == 1
    assert fault in capsys.readouterr().out
    assert (tmp_path / "odd-defect").exists()


def test_the_file_that_shows_a_defect_is_kept_and_small(tmp_path: Path) -> None:
    def read(path: Path) -> None:
        if b"\xff" in path.read_bytes():
            raise ValueError("reads no such byte")

    reader = Reader("odd", read, {"a": b"valid"})
    assert fuzz(reader, tmp_path, seeds=range(9))["defects"] == 1
    kept = (tmp_path / "odd-defect").read_bytes()
    assert b"\xff" in kept
    assert len(kept) < 15


# Killed, and in company


@pytest.mark.parametrize("recipe", ["patient", pytest.param("tutorial", marks=pytest.mark.slow)])
def test_a_killed_run_is_resumed_to_the_same_bytes(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    # The first kill waits for a checkpoint's temporary file.
    assert kill.main(["--kills=1", "--samples=300", "--epochs=2", f"--recipe={recipe}"]) == 0
    said = capsys.readouterr().out
    assert "killed while writing a checkpoint (aimed)" in said or "killed between checkpoints (aimed)" in said
    assert "1 of 1 byte-identical, with nothing left over" in said


@pytest.mark.parametrize("folder", [[], pytest.param(["--same-folder"], marks=pytest.mark.slow)])
def test_two_at_once_on_an_empty_data_folder_do_each_other_no_harm(
    folder: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert together.main(["--rounds=1", *folder]) == 0
    assert "1 of 1 rounds without harm" in capsys.readouterr().out
