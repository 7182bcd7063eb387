import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open

from mnist_mlp.errors import printable
from mnist_mlp.files.arrays import load_arrays, map_arrays, new_arrays, save_arrays
from mnist_mlp.files.atomic import StorageError, atomic_write, remove_leftovers, temporary_folder, write_text

ARRAYS: dict[str, NDArray[Any]] = {
    "weight": np.array([[1.5, -2.0], [0.25, 4.0]], np.float32),
    "count": np.array(7, np.int64),
    "none": np.empty((0, 3), np.uint8),
}
METADATA = {"name": "tutorial", "rate": 0.3, "sizes": [784, 200, 10], "nothing": None}


def file_of(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: object, shape: object, offsets: object) -> object:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}, "__metadata__": {"json": "{}"}}


def with_metadata(text: object) -> object:
    return {"__metadata__": {"json": text}}


def temporary_files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix == ".tmp"]


# Whole files


def test_a_written_file_has_the_content_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "café\n")
    write_text(path, "second\n")
    assert path.read_bytes() == b"second\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_keeps_the_old_file_and_removes_the_new(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def write() -> None:
        with atomic_write(path) as file:
            file.write(b"half of the new")
            assert len(temporary_files(tmp_path)) == 1
            raise failure

    with pytest.raises(failure):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        StorageError, match=r"absent.a\.txt: cannot be written: No such file.*; check the path$"
    ):
        write_text(tmp_path / "absent" / "a.txt", "")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match=r"folder: cannot be written: .*; ch.*$"):
        write_text(tmp_path / "folder", "")
    assert temporary_files(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Permission denied; check its permissions"):
        write_text(tmp_path / "a.txt", "")


FULL_DISK = """
import resource
import numpy as np
from mnist_mlp.files.atomic import StorageError
from mnist_mlp.files.arrays import new_arrays, save_arrays

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for write in "save", "stream":
    try:
        if write == "save":
            save_arrays("file", {"a": np.zeros(200_000, np.uint8)}, {})
        else:
            with new_arrays("file") as writer:
                for _ in range(200):
                    writer.append("a", np.zeros(1000, np.uint8))
    except StorageError as error:
        print(error)
"""


def test_a_full_disk_leaves_the_old_file_and_no_part_of_the_new(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    (tmp_path / "file").write_bytes(b"old")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", FULL_DISK]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    line = "file: cannot be written: File too large; free some space, or choose a folder with more room\n"
    assert done.stdout == 2 * line
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_leftovers_of_dead_writers_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = [f".a.csv.{number}-0123abcd.tmp" for number in (dead.pid, os.getpid(), os.getppid())]
    for name in [*names, "a.csv", "b.tmp", f".a.{dead.pid}.tmp"]:
        (tmp_path / name).touch()
    with atomic_write(tmp_path / "new") as file:
        file.write(b"x")
        mine = temporary_files(tmp_path)
        assert any(name.startswith(".new.") for name in mine)
    (tmp_path / f".work.{dead.pid}-0123abcd.tmp").mkdir()
    (tmp_path / f".work.{dead.pid}-0123abcd.tmp" / "part").touch()
    remove_leftovers(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left - {names[2]} == {"a.csv", "b.tmp", f".a.{dead.pid}.tmp", "new"}
    assert names[2] in left or os.name == "nt"
    remove_leftovers(tmp_path / "absent")


def test_a_temporary_folder_goes_with_its_content(tmp_path: Path) -> None:
    def work() -> None:
        with temporary_folder(tmp_path) as folder:
            write_text(folder / "a.txt", "text")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert list(tmp_path.iterdir()) == []
    with (
        pytest.raises(StorageError, match="cannot be written: No such file"),
        temporary_folder(tmp_path / "absent"),
    ):
        pass


def test_text_from_strangers_prints_on_one_short_line() -> None:
    assert printable("data/mnist_train.csv") == "data/mnist_train.csv"
    assert printable("\x1b[31mred\n") == r"'\x1b[31mred\n'"
    assert printable("ab" * 1000, 20) == "ababababab...ababababab"


# Arrays


@pytest.mark.parametrize("read", [load_arrays, map_arrays])
def test_arrays_and_metadata_come_back(tmp_path: Path, read) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "arrays.safetensors"
    save_arrays(path, ARRAYS, METADATA)
    arrays, metadata = read(path)
    assert metadata == METADATA
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].flags.writeable == (read is load_arrays)


def test_a_file_written_by_hand_is_read(tmp_path: Path) -> None:
    # 258 = 0x0102, 3 = 0x0003; the lower byte comes first
    path = tmp_path / "a"
    path.write_bytes(file_of(entry("U16", [2], [0, 4]), b"\x02\x01\x03\x00"))
    assert load_arrays(path)[0]["a"].tolist() == [258, 3]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a", ARRAYS, METADATA)
    save_arrays(tmp_path / "b", ARRAYS, dict(reversed(METADATA.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_transposed_arrays_keep_their_meaning(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a", {"t": ARRAYS["weight"].T}, {})
    np.testing.assert_array_equal(load_arrays(tmp_path / "a")[0]["t"], [[1.5, 0.25], [-2.0, 4.0]])


def test_what_could_not_be_read_back_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="dtype object"):
        save_arrays(tmp_path / "a", {"o": np.array([None])}, {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_arrays(tmp_path / "a", {}, {"loss": float("nan")})
    with pytest.raises(StorageError, match="longer than 2 MB"):
        save_arrays(tmp_path / "a", {}, {"text": "x" * 3_000_000})
    assert list(tmp_path.iterdir()) == []


def test_streamed_arrays_are_what_safetensors_reads(tmp_path: Path) -> None:
    path = tmp_path / "streamed"
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    with new_arrays(path) as writer:
        for start in range(0, 6, 4):
            writer.append("images", images[start : start + 4])
        writer.append("labels", np.array([3, 1], np.int32))
        writer.metadata = METADATA
    theirs = safetensors.numpy.load_file(path)
    np.testing.assert_array_equal(theirs["images"], images)
    assert theirs["labels"].tolist() == [3, 1]
    with safe_open(path, framework="numpy") as file:
        assert json.loads(file.metadata()["json"]) == METADATA
    np.testing.assert_array_equal(map_arrays(path)[0]["images"], images)


def test_streamed_rows_must_fit_together(tmp_path: Path) -> None:
    with new_arrays(tmp_path / "a") as writer:
        writer.append("images", np.zeros((2, 3), np.uint8))
        with pytest.raises(ValueError, match="cannot append"):
            writer.append("images", np.zeros((2, 4), np.uint8))


# Files from strangers

BROKEN = {
    "empty": b"",
    "short": b"\x05\x00",
    "text": b"this is a photograph, not a model\n" * 100,
    "a header of terabytes": (2**43).to_bytes(8, "little") + b"{}",
    "a header beyond the end": (100).to_bytes(8, "little") + b"{}",
    "no JSON": file_of(b"{nothing}"),
    "no UTF-8": file_of(b'{"\xff\xfe": 1}'),
    "a list": file_of([]),
    "no metadata": file_of({}),
    "another program's metadata": file_of({"__metadata__": {"format": "pt"}}),
    "two keys of metadata": file_of({"__metadata__": {"json": "{}", "more": "x"}}),
    "metadata of another type": file_of(with_metadata(5)),
    "metadata that is no object": file_of(with_metadata("[1]")),
    "NaN": file_of(with_metadata('{"rate": NaN}')),
    "infinity": file_of(with_metadata('{"rate": 1e999}')),
    "deep nesting in the header": file_of(b"[" * 100_000),
    "deep nesting in the metadata": file_of(with_metadata('{"a":' * 100_000)),
    "a long number": file_of(with_metadata('{"a": ' + "9" * 100_000 + "}")),
    "an array without header": file_of({"a": None, "__metadata__": {"json": "{}"}}),
    "unknown dtype": file_of(entry("BF16", [1], [0, 2]), b"xx"),
    "dtype of another type": file_of(entry(["U8"], [1], [0, 1]), b"x"),
    "an array of terabytes": file_of(entry("F64", [2**40], [0, 2**43])),
    "a shape beyond its bytes": file_of(entry("U8", [4], [0, 2]), b"xx"),
    "a shape of zero times too much": file_of(entry("U8", [0, 2**59, 2**59], [0, 0])),
    "a negative shape": file_of(entry("U8", [-1, -2], [0, 2]), b"xx"),
    "a shape of fractions": file_of(entry("U8", [2.0], [0, 2]), b"xx"),
    "a shape of truths": file_of(entry("U8", [True], [0, 1]), b"x"),
    "many dimensions": file_of(entry("U8", [2**59] * 50_000, [0, 1]), b"x"),
    "a gap": file_of(entry("U8", [1], [1, 2]), b"xx"),
    "backwards": file_of(entry("U8", [1], [2, 1]), b"xx"),
    "too few bytes": file_of(entry("U8", [4], [0, 4]), b"xxx"),
    "too many bytes": file_of(entry("U8", [4], [0, 4]), b"xxxxx"),
    "an overlap": file_of(
        {
            "a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
            "b": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
            "__metadata__": {"json": "{}"},
        },
        b"xx",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("read", [load_arrays, map_arrays])
def test_a_broken_file_is_named_in_one_line(tmp_path: Path, case: str, read) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "model.safetensors"
    path.write_bytes(BROKEN[case])
    with pytest.raises(
        StorageError, match=r"model\.safetensors: is broken: .+; make or fetch it anew$"
    ) as caught:
        read(path)
    message = str(caught.value).removeprefix(str(path))
    assert message.isprintable()
    assert len(message) < 300


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"absent: cannot be read: No such file.*; check the path$"):
        load_arrays(tmp_path / "absent")
    with pytest.raises(StorageError, match="is not a file; check the path"):
        load_arrays(tmp_path)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_files_are_refused_or_read(scratch: Path, data: st.DataObject) -> None:
    save_arrays(scratch / "valid", ARRAYS, METADATA)
    content = bytearray((scratch / "valid").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.integers(0, len(content)))
        content[where : where + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    (scratch / "mutated").write_bytes(content)
    try:
        arrays, metadata = load_arrays(scratch / "mutated")
    except StorageError:
        return
    assert sum(array.nbytes for array in arrays.values()) <= len(content)
    json.dumps(metadata, allow_nan=False)


@pytest.mark.parametrize("path", ["", ".", "/", ".."])
def test_a_path_without_a_name_cannot_be_written(path: str) -> None:
    with pytest.raises(StorageError, match="cannot be written: Is a directory; check the path"):
        write_text(path, "text")
