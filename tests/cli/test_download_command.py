"""`mnist-mlp download`, and where the other commands get their digits."""

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from commands import ROOT, call

from mnist_mlp.digits.download import Source

pytestmark = pytest.mark.usefixtures("alone")


@dataclass
class Mirror:
    """A web server with the archives of MNIST, and the paths it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    known = Mirror()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            known.asked.append(self.path)

    archives = functools.partial(Handler, directory=str(ROOT / "data"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), archives) as server:
        known.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield known
        server.shutdown()
        thread.join()


@pytest.fixture
def archives() -> Path:
    """A folder `data` with the archives of MNIST."""
    folder = Path("data")
    folder.mkdir()
    for path in (ROOT / "data").glob("*.gz"):
        (folder / path.name).symlink_to(path)
    return folder


def test_without_the_network_the_digits_of_the_program_will_do(mirror: Mirror) -> None:
    csvs = [str(Path("data", name)) for name in ("mnist_train.csv", "mnist_test.csv")]
    made = call("download", terminal=True)
    assert (made.code, made.out.splitlines()) == (0, csvs)
    assert all(Path(path).name in made.err for path in csvs)  # the progress
    before = [Path(path).stat() for path in csvs]
    assert [status.st_size for status in before] == [109_575_994, 18_289_443]  # the published ones'
    checked = call("download", "--data-dir", "data", "--mirror", mirror.url, "--json")
    assert (checked.code, json.loads(checked.out), checked.err) == (0, csvs, "")
    assert [Path(path).stat().st_mtime_ns for path in csvs] == [status.st_mtime_ns for status in before]
    assert mirror.asked == []


def test_without_the_network_a_folder_must_hold_the_published_files(archives: Path, mirror: Mirror) -> None:
    made = call("download", "--data-dir", archives)
    assert made.out.split() == [str(archives / "mnist_train.csv"), str(archives / "mnist_test.csv")]
    assert made.err == "from now on they are read in place of the other MNIST files in data\n"
    assert call("download", "--data-dir", archives).err == ""  # which was so before
    (archives / "mnist_test.csv").write_text("other")
    assert "mnist_test.csv: is not the published file" in call("download").line
    for offline in ([], ["--offline"]):  # the environment says so, too
        assert call("download", "--data-dir", "none", "--mirror", mirror.url, *offline).code == 1
    assert mirror.asked == []
    assert not Path("none").exists()
    for command in ("download", "train", "show-digit"):
        line = call(command, "--data-dir", archives / "mnist_test.csv").line
        assert line == f"{archives / 'mnist_test.csv'}: is a file; name the folder of the MNIST files"


def test_the_digits_of_this_folder_are_taken_first(archives: Path) -> None:
    assert call("show-digit", 0).out.startswith("test digit 0, label 7\n")
    assert len(list(archives.iterdir())) == 4


def test_other_commands_fetch_what_they_need(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_MLP_OFFLINE", "0")
    monkeypatch.setenv("MNIST_MLP_MIRROR", mirror.url)
    monkeypatch.setenv("MNIST_MLP_DATA", "new")
    shown = call("show-digit", 0)
    assert shown.err == "no MNIST files in new; downloading them\n"
    assert shown.out.startswith("test digit 0, label 7\n")
    assert "/t10k-images-idx3-ubyte.gz" in mirror.asked
    mirror.asked.clear()
    assert call("show-digit", 0).out == shown.out
    assert mirror.asked == []


@pytest.mark.parametrize(
    "command",
    [
        "download",
        *(
            f"{each} --data-dir none"
            for each in ("download", "train", "sweep hidden=5", "show-digit", "evaluate RUN")
        ),
    ],
)
def test_each_command_may_be_offline_or_ask_a_mirror(
    command: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = "ftp://127.0.0.1/: a mirror's address starts with http:// or https://"  # before any is asked
    asked = [run if word == "RUN" else word for word in command.split()]
    for value in ("0", "no", "false", "off", ""):
        monkeypatch.setenv("MNIST_MLP_OFFLINE", value)
        assert call(*asked, "--mirror", "ftp://127.0.0.1/").err.endswith(f"mnist-mlp: {refused}\n")
    monkeypatch.setenv("MNIST_MLP_MIRROR", "ftp://127.0.0.1/")
    assert call(*asked).err.endswith(f"mnist-mlp: {refused}\n")
    offline = call(*asked, "--offline")
    assert (offline.code, "ftp" in offline.err) == (1, False)
    monkeypatch.setenv("MNIST_MLP_OFFLINE", "yes")
    assert call(*asked) == offline
    assert list(Path().iterdir()) == []


def test_a_download_that_fails_leaves_no_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_MLP_OFFLINE", "0")
    monkeypatch.setattr("mnist_mlp.cli.sources.SOURCES", (Source("http://127.0.0.1:9/known", "idx"),))
    for arguments in (["show-digit"], ["evaluate", run], ["train"], ["download"]):
        shown = call(*arguments, "--data-dir", "dat/mnist", "--mirror", "http://127.0.0.1:9/mirror")
        assert (shown.code, shown.out) == (1, "")
        assert shown.err.index("http://127.0.0.1:9/mirror/") < shown.err.index("http://127.0.0.1:9/known/")
        assert list(Path().iterdir()) == []
