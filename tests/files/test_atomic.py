import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disk import largest_file, next_descriptor, watch_disk

from mnist_mlp.files.atomic import (
    StorageError,
    atomic_write,
    cannot_write,
    describe,
    read_text,
    reading,
    remove_leftovers,
    temporary_name,
    write_text,
)


def test_a_written_file_has_the_content_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path, before = tmp_path / "note.txt", next_descriptor()
    write_text(path, "café\n")
    write_text(path, "zweite Fassung: größer\n")
    assert path.read_bytes() == "zweite Fassung: größer\n".encode()
    assert read_text(path) == "zweite Fassung: größer\n"
    assert list(tmp_path.iterdir()) == [path]
    assert next_descriptor() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot synchronize folders")
def test_content_reaches_the_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = watch_disk(monkeypatch)
    write_text(tmp_path / "note.txt", "four")
    assert events == ["sync file of 4 bytes", "rename to note.txt", "sync folder"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_keeps_the_old_file_and_removes_the_new(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def write() -> None:
        with atomic_write(path) as file:
            file.write(b"half of the new")
            assert len(list(tmp_path.iterdir())) == 2
            raise failure

    with pytest.raises(failure):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_no_part_of_the_new(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with (
        largest_file(100_000),
        pytest.raises(StorageError, match="file: cannot be written: File too large; free some space, or ch"),
    ):
        write_text(tmp_path / "file", "x" * 200_000)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_what_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"absent.a\.txt: cannot be written: No such .*; check the path$"):
        write_text(tmp_path / "absent" / "a.txt", "")
    assert list(tmp_path.iterdir()) == []


ROOM, PERMISSIONS = (
    "free some space, or choose a folder with more room",
    "check its permissions, or choose another folder",
)
REMEDIES = {
    **dict.fromkeys(["ENOSPC", "EDQUOT", "EFBIG"], ROOM),
    **dict.fromkeys(["EACCES", "EPERM", "EROFS"], PERMISSIONS),
    **dict.fromkeys(["ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG"], "check the path"),
    "EIO": "check the disk, then try again",
}


@pytest.mark.parametrize("name", REMEDIES)
def test_each_error_of_the_system_is_told_with_what_to_do(name: str) -> None:
    error = OSError(getattr(errno, name), "It \x1b failed")
    assert describe(error) == rf"'It \x1b failed'; {REMEDIES[name]}"
    by = " with --out" if REMEDIES[name] in (ROOM, PERMISSIONS) else ""
    message = rf"a\b: cannot be written: 'It \x1b failed'; {REMEDIES[name]}{by}"
    assert str(cannot_write(r"a\b", error, "--out")) == message


def test_errors_without_a_number_are_told_by_their_text_or_type() -> None:
    assert describe(OSError("odd")) == "odd; check the disk, then try again"
    assert describe(TimeoutError()) == "TimeoutError; check the disk, then try again"


@pytest.mark.parametrize("path", ["", ".", "/", ".."])
def test_a_path_without_a_name_cannot_be_written(path: str) -> None:
    with pytest.raises(StorageError, match="cannot be written: Is a directory; check the path"):
        write_text(path, "text")


def test_text_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(StorageError, match=r"bytes: is broken: 'utf-8' .*; make or fetch it anew$"):
        read_text(tmp_path / "bytes")
    with pytest.raises(StorageError, match=r"absent: cannot be read: No such file.*; check the path$"):
        read_text(tmp_path / "absent")
    with pytest.raises(StorageError, match=r"[^/]+: is not a file; check the path$"):
        read_text(tmp_path)
    with (
        pytest.raises(StorageError, match=r"bytes: is broken: MemoryError; make or fetch it anew$"),
        reading(tmp_path / "bytes"),
    ):
        raise MemoryError  # which says nothing itself


@pytest.mark.parametrize(("limit", "options"), [(10, {"limit": 10}), (2**22, {})])
def test_a_text_is_read_up_to_a_limit(tmp_path: Path, limit: int, options: dict[str, int]) -> None:
    write_text(tmp_path / "long", "x" * limit)
    assert read_text(tmp_path / "long", **options) == "x" * limit
    write_text(tmp_path / "long", "x" * (limit + 1))
    with pytest.raises(StorageError, match=f"long: is broken: it is longer than {limit:,} bytes; make or"):
        read_text(tmp_path / "long", **options)


def test_leftovers_of_dead_processes_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    of_dead, of_own, of_parent = (
        tmp_path / temporary_name("a.csv", process) for process in (dead.pid, os.getpid(), os.getppid())
    )
    elsewhere = tmp_path / f".a.csv.elsewhere-{dead.pid}-0123abcd.tmp"  # of another computer
    others = [tmp_path / "a.csv", tmp_path / "b.tmp", tmp_path / f".a.{dead.pid}.tmp", elsewhere]
    for path in (of_dead, of_own, of_parent, *others):
        path.touch()
    folders = [tmp_path / temporary_name("folder", dead.pid) for _ in range(9)]  # which cannot be removed so
    for path in folders:
        path.mkdir()
    remove_leftovers(tmp_path)
    left = set(tmp_path.iterdir())
    assert left - {of_parent} == {*others, *folders}
    assert of_parent in left or os.name == "nt"
    remove_leftovers(tmp_path / "absent")
    (tmp_path / temporary_name("line\nend.csv", 999_999_999)).touch()
    remove_leftovers(tmp_path)
    assert not list(tmp_path.glob("*line*"))


@contextmanager
def another_user() -> Iterator[None]:
    """Be somebody who may not send signals to the processes of root."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="needs users as Linux has them")
def test_a_process_of_another_user_is_alive() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        leftover = folder / temporary_name("a.csv", 1)  # process 1 is root's
        leftover.touch()
        with another_user():
            remove_leftovers(folder)
        assert leftover.exists()
