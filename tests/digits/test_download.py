import gzip
import hashlib
import os
import re
import socket
import socketserver
import threading
import time
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from disk import largest_file
from samples import idx_bytes, random_digits

from mnist_mlp.digits.download import PUBLISHED, SOURCES, DownloadError, Published, Source, download_mnist
from mnist_mlp.digits.mnist import load_mnist, write_csv
from mnist_mlp.errors import printable
from mnist_mlp.files.atomic import StorageError, temporary_name

ARCHIVES = Path(__file__).parents[2] / "data"

# What a server does after it was asked: bytes are sent, numbers are seconds to wait, and an error ends it.
Answer = Iterable[bytes | float | type[ConnectionResetError]]


class Server(socketserver.ThreadingTCPServer):
    """Answers each path as the test says, and remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.is_over = threading.Event()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what many tests are about."""


class Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        if self.connection.recv(1, socket.MSG_PEEK) == b"\x16":  # a TLS handshake, perhaps without a line end
            self.connection.recv(2**14)
            self.wfile.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        path = self.rfile.readline().split()[1].decode()
        headers = b"".join(iter(self.rfile.readline, b"\r\n"))
        told = [b"Accept-Encoding: identity\r\n" in headers, b"User-Agent: mnist-mlp\r\n" in headers]
        self.server.asked.append(path if all(told) else f"{path} by {headers!r}")
        for step in self.server.answers.get(path, [b"HTTP/1.1 404 Not Found\r\n\r\n"]):
            if isinstance(step, bytes):
                self.wfile.write(step)
            elif isinstance(step, type):
                linger = b"\1\0\0\0\0\0\0\0"  # on, for 0 seconds: close with a reset
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
            elif self.server.is_over.wait(step):
                break


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.is_over.set()
        server.shutdown()
        thread.join()


WITHOUT_LENGTH = b"HTTP/1.1 200 OK\r\n\r\n"


def start(length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length


def gives(content: bytes) -> Answer:
    return [start(len(content)), content]


def redirects_to(path: str) -> Answer:
    return [f"HTTP/1.1 302 Found\r\nLocation: {path}\r\nConnection: close\r\n\r\n".encode()]


# Small stand-ins for MNIST


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """What a good server holds, by path."""
    held = {}
    for seed, (split, prefix) in enumerate([("train", "train"), ("test", "t10k")]):
        digits = random_digits(8, seed)
        write_csv(digits, tmp_path / "made.csv")
        held[f"/csv/mnist_{split}.csv"] = (tmp_path / "made.csv").read_bytes()
        for kind, array in ("images-idx3", digits.images), ("labels-idx1", digits.labels):
            held[f"/idx/{prefix}-{kind}-ubyte.gz"] = gzip.compress(idx_bytes(array), 1)
    (tmp_path / "made.csv").unlink()
    return held


def published(name: str, content: bytes) -> tuple[str, Published]:
    """What is published of a file, compressed or not."""
    plain = gzip.decompress(content) if name.endswith(".gz") else content
    return name.removesuffix(".gz"), Published(len(plain), hashlib.sha256(plain).hexdigest())


class World:
    """A folder to download into, a good server, and what it holds."""

    def __init__(self, folder: Path, server: Server, files: dict[str, bytes]) -> None:
        self.folder, self.server, self.files = folder, server, files
        self.published = dict(published(Path(path).name, content) for path, content in files.items())
        self.csv, self.idx = Source(f"{server.url}/csv", "csv"), Source(f"{server.url}/idx", "idx")
        self.bad = Source(f"{server.url}/bad", "csv")
        server.answers = {path: gives(content) for path, content in files.items()}

    def download(self, *sources: Source, mirrors: Sequence[str] = (), **options: Any) -> None:
        download_mnist(self.folder, mirrors, sources=sources, published=self.published, **options)

    def assert_holds(self, *forms: str) -> None:
        """Check that the folder holds what the good server holds, in these forms, and nothing else."""
        expected = {
            Path(path).name: content
            for path, content in self.files.items()
            if path.startswith(tuple(f"/{form}/" for form in forms))
        }
        assert {path.name: path.read_bytes() for path in self.folder.iterdir()} == expected


@pytest.fixture
def world(tmp_path: Path, server: Server, files: dict[str, bytes]) -> World:
    return World(tmp_path / "new" / "data", server, files)


# Good servers


def test_files_are_taken_from_the_first_source_that_has_them_and_stay_as_they_come(world: World) -> None:
    world.download(world.bad, world.csv, world.idx)
    world.assert_holds("csv")
    names = [f"/{folder}/mnist_{split}.csv" for split in ("train", "test") for folder in ("bad", "csv")]
    assert world.server.asked == names
    if os.name == "posix":
        umask = os.umask(0)
        os.umask(umask)
        assert (world.folder / "mnist_train.csv").stat().st_mode & 0o777 == 0o666 & ~umask


def test_idx_files_stay_idx_files_and_what_is_there_is_not_asked_for(world: World) -> None:
    names = [path[5:] for path in world.files if path.startswith("/idx/")]
    world.folder.mkdir(parents=True)
    (world.folder / names[0]).write_bytes(world.files[f"/idx/{names[0]}"])
    (world.folder / temporary_name(names[1], 999_999_999)).write_bytes(b"half")  # left by a killed process
    for _ in range(2):
        world.download(world.bad, world.idx)
        world.assert_holds("idx")
    assert [path[5:] for path in world.server.asked if path.startswith("/idx")] == names[1:]
    world.server.asked.clear()
    for name in names[:3]:  # unpacked, and as some copies spell them
        plain = (world.folder / name).rename(world.folder / name.removesuffix(".gz").replace("-idx", ".idx"))
        plain.write_bytes(gzip.decompress(plain.read_bytes()))
    world.download(world.csv)
    assert world.server.asked == []


def test_mirrors_come_first_and_may_hold_either_form(world: World) -> None:
    url = world.server.url
    world.server.answers["/csv/mnist_train.csv"] = redirects_to("/moved")
    world.server.answers["/moved"] = gives(world.files["/csv/mnist_train.csv"])
    world.download(world.idx, mirrors=(f"{url}/absent".replace("http", "HTTP"), f"{url}/csv/"))
    world.assert_holds("csv")
    assert world.server.asked[:5] == [
        "/absent/train-images-idx3-ubyte.gz",
        "/absent/mnist_train.csv",
        "/csv/train-images-idx3-ubyte.gz",
        "/csv/mnist_train.csv",
        "/moved",
    ]


def test_progress_names_file_and_host(world: World) -> None:
    calls: list[tuple[str, int, int]] = []
    train, test = world.files["/csv/mnist_train.csv"], world.files["/csv/mnist_test.csv"]
    world.server.answers["/csv/mnist_test.csv"] = [WITHOUT_LENGTH, test]
    world.download(world.csv, progress=lambda *call: calls.append(call))
    assert calls == [
        *(("mnist_train.csv from 127.0.0.1", done, len(train)) for done in (2**14, len(train))),
        *(("mnist_test.csv from 127.0.0.1", done, 0) for done in (2**14, len(test))),
    ]


def test_the_known_sources_and_files_are_the_published_ones(tmp_path: Path, server: Server) -> None:
    # The addresses are those that torchvision, TensorFlow and pjreddie.com give.
    assert [(source.url, source.form) for source in SOURCES] == [
        ("https://ossci-datasets.s3.amazonaws.com/mnist", "idx"),
        ("https://storage.googleapis.com/cvdf-datasets/mnist", "idx"),
        ("https://data.pjreddie.com/files", "csv"),
        ("https://pjreddie.com/media/files", "csv"),
    ]
    for path in ARCHIVES.glob("*.gz"):
        server.answers[f"/mnist/{path.name}"] = gives(path.read_bytes())
    download_mnist(tmp_path, [f"{server.url}/mnist"], sources=())
    for split in "train", "test":
        write_csv(load_mnist(tmp_path, split), tmp_path / f"mnist_{split}.csv")
    assert dict(published(path.name, path.read_bytes()) for path in tmp_path.iterdir()) == PUBLISHED


# What is there already


@pytest.mark.parametrize(
    "names",
    [
        ["mnist_train.csv"],
        ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"],
        ["train-labels-idx1-ubyte.gz"],
    ],
)
def test_other_files_are_never_overwritten(world: World, names: list[str]) -> None:
    world.folder.mkdir(parents=True)
    for name in names:
        (world.folder / name).write_text("my own")
    with pytest.raises(DownloadError, match=rf"{names[0]}: is not the published file; rename or remove it"):
        world.download(world.idx)
    assert all((world.folder / name).read_text() == "my own" for name in names)
    (world.folder / names[0]).unlink()
    (world.folder / names[0]).mkdir()
    with pytest.raises(DownloadError, match=rf"{names[0]}: is not the published file; rename or remove it"):
        world.download(world.idx)


# Bad servers

PART, FOR_EVER = b"5,0,0,0", 10.0
FAULTS: dict[str, tuple[Answer, str]] = {
    "web page": (gives(b"\n<!DOCTYPE html><html>home</html>"), "sent a web page"),
    "not found": ([b"HTTP/1.1 404 Not Found\r\n\r\n"], "answers 404 Not Found"),
    "failure": ([b"HTTP/1.1 500 Oh \x1b[31m\r\n\r\n"], r"answers 500 'Oh \\x1b\[31m'"),
    "unknown status": ([b"HTTP/1.1 999 Unheard of\r\n\r\n"], "sent something else, or not all of it"),
    "truncated": ([start(5000), PART], r"IncompleteRead\(7 bytes read, 4993 more expected\)"),
    "truncated without length": ([WITHOUT_LENGTH, PART], "sent something else, or not all of it"),
    "empty": (gives(b""), "sent something else, or not all of it"),
    "broken length": ([b"HTTP/1.1 200 OK\r\nContent-Length: 1 MB\r\n\r\n", PART], "invalid literal .*'1 MB'"),
    "reset": ([start(8000), PART, 0.05, ConnectionResetError], "Connection reset by peer|forcibly closed"),
    "stalled": ([start(8000), PART, FOR_EVER], "timed out"),
    "silent": ([FOR_EVER], "timed out"),
    "too long": (gives(bytes(100_000)), r"sends more than [\d,]+ bytes"),
    "announcing too much": ([start(10**12), PART], r"IncompleteRead|sends more than [\d,]+ bytes"),
    "endless": (chain([WITHOUT_LENGTH], repeat(b"5,0,0\n" * 1000)), r"sends more than [\d,]+ bytes"),
    "redirecting to a file": (redirects_to("file:///etc/passwd"), "No connection adapters were found"),
    "another protocol": ([b"SSH-2.0-OpenSSH\r\n"], "SSH-2.0-OpenSSH"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_bad_source_is_named_and_leaves_nothing(world: World, case: str) -> None:
    answer, reason = FAULTS[case]
    world.server.answers["/bad/mnist_train.csv"] = answer
    started = time.monotonic()
    with pytest.raises(DownloadError, match=rf"/bad/mnist_train\.csv: .*({reason})") as caught:
        world.download(world.bad, timeout=0.5)
    assert time.monotonic() - started < 6
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    assert not world.folder.parent.exists()


def test_bad_sources_are_passed_over(world: World) -> None:
    wrong = world.files["/csv/mnist_train.csv"].replace(b"1", b"2", 1)  # of the right length
    world.server.answers["/bad/mnist_train.csv"] = gives(wrong)
    world.server.answers["/bad/mnist_test.csv"] = gives(b"<html>")
    world.download(world.bad, world.csv)
    world.assert_holds("csv")


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(gzip.compress(b"other digits"), id="other content"),
        pytest.param(gzip.compress(b"other digits")[:-9], id="truncated"),
        pytest.param(gzip.compress(b"other digits")[:10] + b"\xff" * 20, id="damaged"),
        pytest.param(b"\x1f\x8b, said the spider", id="no gzip"),
        pytest.param(None, id="not packed"),
    ],
)
def test_a_bad_archive(world: World, packed: bytes | None) -> None:
    good = world.files["/idx/train-images-idx3-ubyte.gz"]
    world.server.answers["/bad/train-images-idx3-ubyte.gz"] = gives(packed or gzip.decompress(good))
    bad = Source(world.bad.url, "idx")
    with pytest.raises(DownloadError, match=r"/bad/train-images-idx3-ubyte\.gz: sent something else, or not"):
        world.download(bad)
    world.download(bad, world.csv)
    world.assert_holds("csv")


def test_a_gzip_bomb_is_not_unpacked(world: World) -> None:
    world.published["train-images-idx3-ubyte"] = Published(4_000_000, "0" * 64)
    bomb = gzip.compress(bytes(10**7)) * 400  # of 4 GB in 3.9 MB, which is within the size that is taken
    world.server.answers["/bad/train-images-idx3-ubyte.gz"] = gives(bomb)
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(DownloadError, match="sent something else"):
            world.download(Source(world.bad.url, "idx"))
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 2


def test_a_file_larger_than_it_can_be_is_refused(world: World) -> None:
    csv, packed = "mnist_train.csv", "train-images-idx3-ubyte.gz"
    most = world.published[packed.removesuffix(".gz")].size + 2**16  # packing never makes a file much larger
    for form, name, largest in (("csv", csv, world.published[csv].size), ("idx", packed, most)):
        for extra, reason in ((0, "sent something else"), (1, f"sends more than {largest:,} bytes")):
            world.server.answers[f"/bad/{name}"] = gives(bytes(largest + extra))
            with pytest.raises(DownloadError, match=reason):
                world.download(Source(world.bad.url, form))  # type: ignore[arg-type]


def test_if_all_fail_each_is_named_with_its_reason(world: World) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    world.server.answers["/bad/mnist_train.csv"] = gives(b"<html>")
    refused, bare = Source(f"http://127.0.0.1:{port}/x", "csv"), Source("http://[", "idx")
    tls = world.server.url.replace("http:", "HTTPS:")  # of a server that does not speak it
    world.folder.mkdir(parents=True)
    with pytest.raises(DownloadError) as caught:
        world.download(world.bad, refused, bare, Source(tls, "csv"))
    assert list(world.folder.iterdir()) == []  # a folder that was there stays
    first, *others, last = str(caught.value).splitlines()
    assert first == f"{world.folder}: no source gave the MNIST train digits"
    assert others[0] == f"  {world.bad.url}/mnist_train.csv: sent a web page"
    assert others[1].startswith(f"  http://127.0.0.1:{port}/x/mnist_train.csv: ")
    assert others[1].endswith("refused" if os.name == "posix" else "")
    assert others[2].startswith("  http://[/train-images-idx3-ubyte.gz: ")
    assert re.match(rf"  {tls}/mnist_train\.csv: .*(SSL|record)", others[3])
    assert last == (
        "Name a mirror with --mirror URL, or put mnist_train.csv, or train-images-idx3-ubyte.gz and "
        "train-labels-idx1-ubyte.gz, into the folder, or try again later."
    )


@pytest.mark.parametrize("url", ["file:///etc", "/srv/mnist", "httpd/mnist", "", "data:,x\x1b"])
def test_a_mirror_is_a_web_address(tmp_path: Path, url: str) -> None:
    fault = f"{printable(url)}: a mirror's address starts with http:// or https://"
    with pytest.raises(DownloadError, match=f"^{re.escape(fault)}$"):
        download_mnist(tmp_path / "data", ["http://127.0.0.1", url])
    assert not (tmp_path / "data").exists()


# This side's own troubles


def test_an_interruption_leaves_nothing(world: World) -> None:
    def interrupt(_what: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.download(world.csv, progress=interrupt)
    assert not world.folder.parent.exists()


def test_a_folder_that_cannot_be_made(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    world.folder = tmp_path / "file" / "data"
    with pytest.raises(StorageError, match=r"data: cannot be written: .*; check the path$"):
        world.download(world.csv)


def test_a_full_disk_is_not_the_server_s_fault(world: World) -> None:
    with (
        largest_file(1000),
        pytest.raises(StorageError, match=r"mnist_train\.csv: cannot be written: File too large; free some"),
    ):
        world.download(world.csv, world.idx)
    assert not world.folder.parent.exists()
