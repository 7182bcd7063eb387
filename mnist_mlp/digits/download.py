"""MNIST from the web: where its files can be had, and how they are known to be the right ones."""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple
from urllib.parse import urlsplit

from mnist_mlp.digits.mnist import FILES, Progress, find_files
from mnist_mlp.errors import MnistMlpError, printable
from mnist_mlp.files.atomic import atomic_write, cannot_write, remove_leftovers


class DownloadError(MnistMlpError):
    """The digits could not be had; the message may have a line for each source."""


class TransferError(Exception):
    """Why a server did not give a file."""


class Published(NamedTuple):
    """The size and SHA-256 of a file as it was published; of an IDX file, before it was compressed."""

    size: int
    sha256: str


_PUBLISHED = """
mnist_train.csv         109575994 fb60bc58af4dac3554e394af262b3184479833d3cc540ff8783f274b73492d5d
train-images-idx3-ubyte  47040016 ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
train-labels-idx1-ubyte     60008 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
mnist_test.csv           18289443 51c292478d94ec3a01461bdfa82eb0885d262eb09e615679b2d69dedb6ad09e7
t10k-images-idx3-ubyte    7840016 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
t10k-labels-idx1-ubyte      10008 ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
"""
PUBLISHED = {
    name: Published(int(size), sha256)
    for name, size, sha256 in map(str.split, _PUBLISHED.strip().splitlines())
}


class Source(NamedTuple):
    """A folder on a web server that holds the CSV files, or the IDX files as .gz."""

    url: str
    form: Literal["csv", "idx"]


SOURCES = (
    Source("https://ossci-datasets.s3.amazonaws.com/mnist", "idx"),
    Source("https://storage.googleapis.com/cvdf-datasets/mnist", "idx"),
    Source("https://data.pjreddie.com/files", "csv"),
    Source("https://pjreddie.com/media/files", "csv"),
)
_GZIP = b"\x1f\x8b"


def download_mnist(
    folder: str | Path,
    mirrors: Sequence[str] = (),
    *,
    sources: Sequence[Source] = SOURCES,
    published: Mapping[str, Published] = PUBLISHED,
    timeout: float = 20,
    progress: Progress | None = None,
) -> None:
    """Make MNIST be in a folder: what is missing comes from mirrors, or else from known sources.

    A file takes its name only if its SHA-256 is the published one. A source that fails in any way is passed
    over. Files already in the folder are never overwritten.

    Args:
        folder: is made if it does not exist, and removed again if nothing came.
        mirrors: addresses of web folders with the IDX files as .gz, or the CSV files; tried first, in order.
        sources: tried after the mirrors.
        published: by file name without .gz, what the files must be.
        timeout: seconds after which a source that sends nothing is given up.
        progress: told of the bytes of each file.

    Raises:
        DownloadError: no source gave a file, or one in the folder is not the published one.
        StorageError: a file cannot be written.
    """
    for url in mirrors:
        if not url.lower().startswith(("http://", "https://")):
            raise DownloadError(f"{printable(url)}: a mirror's address starts with http:// or https://")
    from_mirrors = [Source(url, form) for url in mirrors for form in ("idx", "csv")]
    folder = Path(folder)
    download = _Download(folder, [*from_mirrors, *sources], published, timeout, progress)
    with _folder_to_fill(folder):
        remove_leftovers(folder)
        for split in FILES:
            download.provide(split)


@contextmanager
def _folder_to_fill(folder: Path) -> Iterator[None]:
    """Make a folder and those above it where they are missing; what stays empty is removed in the end."""
    missing: list[Path] = []
    try:
        try:
            missing += (path for path in (folder, *folder.parents) if not path.exists())
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error, "--data-dir") from error
        yield
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()


@dataclass(frozen=True)
class _Download:
    """What `download_mnist` is asked for."""

    folder: Path
    sources: Sequence[Source]
    published: Mapping[str, Published]
    timeout: float
    progress: Progress | None

    def provide(self, split: str) -> None:
        """Make the files of a split be there, from the first source that gives them."""
        names, faults = FILES[split], []
        if found := find_files(self.folder, split):
            for path in found:
                self._check(path)
            return
        for source in self.sources:
            try:
                for name in [names.csv] if source.form == "csv" else names.archives:
                    self._fetch(source, name)
                return
            except TransferError as fault:
                faults.append(f"  {fault}")
        first = f"{printable(self.folder)}: no source gave the MNIST {split} digits"
        files = f"{names.csv}, or {' and '.join(names.archives)},"
        last = f"Name a mirror with --mirror URL, or put {files} into the folder, or try again later."
        raise DownloadError("\n".join([first, *faults, last]))

    def _check(self, path: Path) -> None:
        with suppress(OSError), path.open("rb") as content:
            if self._is_published(path.name, content):
                return
        fault = "is not the published file; rename or remove it, then try again"
        raise DownloadError(f"{printable(path)}: {fault}")

    def _is_published(self, name: str, content: BinaryIO) -> bool:
        """Whether a file, unpacked if it is a .gz, is the published one; hardly more than that is read."""
        expected = self.published[name.removesuffix(".gz").replace(".idx", "-idx")]
        digest, size = hashlib.sha256(), 0
        content.seek(0)
        is_packed = content.read(2) == _GZIP
        content.seek(0)
        stream = gzip.GzipFile(fileobj=content, mode="rb") if is_packed else content
        try:
            while size <= expected.size and (piece := stream.read(2**20)):
                digest.update(piece)
                size += len(piece)
        except (OSError, EOFError, zlib.error):
            return False
        return expected == (size, digest.hexdigest())

    def _fetch(self, source: Source, name: str) -> None:
        """Download a file, unless it is there.

        Raises:
            TransferError: the source has it not, or gives something else.
            DownloadError: the folder holds another file of this name.
            StorageError: it cannot be written.
        """
        path, url = self.folder / name, f"{source.url.rstrip('/')}/{name}"
        if path.exists():
            self._check(path)
            return
        is_packed = path.suffix == ".gz"
        # Packing never makes a file much larger.
        largest = self.published[name.removesuffix(".gz")].size + is_packed * 2**16

        def report(done: int, total: int) -> None:
            if self.progress:
                self.progress(f"{name} from {printable(urlsplit(url).hostname, 40)}", done, total)

        try:
            with atomic_write(path) as content:
                _receive(url, content, largest, self.timeout, report)
                content.seek(0)
                if (content.read(2) == _GZIP) is not is_packed or not self._is_published(name, content):
                    raise TransferError("sent something else, or not all of it")
        except TransferError as error:
            raise TransferError(f"{printable(url)}: {error}") from error


def _receive(
    url: str, file: BinaryIO, largest: int, timeout: float, report: Callable[[int, int], None]
) -> None:
    """Write to a file what a server sends, as long as it may be the right file.

    Raises:
        TransferError: the server does not give it, or no file of digits.
        OSError: the file cannot be written.
    """
    import requests  # noqa: PLC0415 - slow to load

    headers, done = {"Accept-Encoding": "identity", "User-Agent": "mnist-mlp"}, 0
    try:
        with requests.get(url, stream=True, timeout=timeout, headers=headers) as answer:
            if not answer.ok:
                raise TransferError(f"answers {answer.status_code} {printable(answer.reason, 40)}")
            total = int(answer.headers.get("Content-Length", 0))
            for piece in answer.iter_content(2**14):
                if done == 0 and piece.lstrip().startswith(b"<"):
                    raise TransferError("sent a web page")
                done += len(piece)
                if done > largest:
                    raise TransferError(f"sends more than {largest:,} bytes")
                file.write(piece)
                report(done, total)
    except (requests.RequestException, ValueError) as error:  # ValueError: a broken address or length
        raise TransferError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    """The innermost error says most plainly what happened."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__, 100)
