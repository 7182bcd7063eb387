"""MNIST from the web: where its files are, how to recognize them, and the CSV files made of them."""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

from mnist_mlp.digits.mnist import Progress, find_csv, find_idx, read_idx, write_csv
from mnist_mlp.digits.transfer import Limits, TransferError, transfer
from mnist_mlp.errors import MnistMlpError, printable
from mnist_mlp.files.atomic import atomic_write, cannot_write, remove_leftovers


class DownloadError(MnistMlpError):
    """The digits could not be had; the message may have a line for each source."""


@dataclass(frozen=True)
class Published:
    """A file as it was published; an IDX file before compression, since copies are packed differently."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Split:
    """The two forms that the training or the test digits come in."""

    csv: Published
    images: Published
    labels: Published


PUBLISHED: Mapping[str, Split] = {
    "train": Split(
        Published(
            "mnist_train.csv",
            109_575_994,
            "fb60bc58af4dac3554e394af262b3184479833d3cc540ff8783f274b73492d5d",
        ),
        Published(
            "train-images-idx3-ubyte",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        Published(
            "train-labels-idx1-ubyte",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
    ),
    "test": Split(
        Published(
            "mnist_test.csv",
            18_289_443,
            "51c292478d94ec3a01461bdfa82eb0885d262eb09e615679b2d69dedb6ad09e7",
        ),
        Published(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        Published(
            "t10k-labels-idx1-ubyte",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
}


@dataclass(frozen=True)
class Source:
    """A folder on a web server that holds the CSV files, or the IDX files as .gz."""

    url: str
    form: Literal["csv", "idx"]


SOURCES = (
    Source("https://ossci-datasets.s3.amazonaws.com/mnist", "idx"),
    Source("https://storage.googleapis.com/cvdf-datasets/mnist", "idx"),
    Source("https://data.pjreddie.com/files", "csv"),
    Source("https://pjreddie.com/media/files", "csv"),
)
DEFAULT_LIMITS = Limits()
_GZIP = b"\x1f\x8b"


def download_mnist(
    folder: str | Path,
    mirrors: Sequence[str] = (),
    *,
    csv: bool = False,
    sources: Sequence[Source] = SOURCES,
    published: Mapping[str, Split] = PUBLISHED,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> list[Path]:
    """Make MNIST be in a folder: what is missing comes from mirrors, or else from known sources.

    A file takes its name only if its SHA-256 is the published one. A source that fails in any way is passed
    over. Files already in the folder are never overwritten.

    Args:
        folder: is made if it does not exist, and removed again if nothing came.
        mirrors: addresses of web folders with the IDX files as .gz, or the CSV files; tried first, in order.
        csv: make CSV files of IDX files.
        sources: tried after the mirrors.
        published: by split, what the files must be.
        limits: when to give up a transfer.
        progress: told of the bytes of each file.

    Returns:
        The file or files of each split: CSV if there, else IDX.

    Raises:
        DownloadError: no source gave a file, or one in the folder is not the published one.
        StorageError: a file cannot be written.
    """
    for url in mirrors:
        if not url.lower().startswith(("http://", "https://")):
            raise DownloadError(f"{printable(url)}: a mirror's address starts with http:// or https://")
    from_mirrors = [Source(url, form) for url in mirrors for form in ("idx", "csv")]
    folder, paths = Path(folder), list[Path]()
    with _folder_to_fill(folder):
        remove_leftovers(folder)
        for split, files in published.items():
            if not _is_there(folder, split, files):
                fetch = partial(_fetch, folder, limits=limits, progress=progress)
                _fetch_split(folder, split, files, [*from_mirrors, *sources], fetch)
            archives = find_idx(folder, split)
            if csv and archives and not find_csv(folder, split):
                write_csv(read_idx(*archives), folder / files.csv.name, progress)
            made = find_csv(folder, split)
            paths += [made] if made else archives or []
    return paths


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


def _is_there(folder: Path, split: str, files: Split) -> bool:
    """Whether a folder holds a split.

    Raises:
        DownloadError: it holds a file that only has the name of a published one.
    """
    csv, archives = find_csv(folder, split), find_idx(folder, split)
    there = [(csv, files.csv)] if csv else []
    if archives and not csv:
        there = list(zip(archives, (files.images, files.labels), strict=True))
    for path, file in there:
        _check_published(path, file)
    return bool(there)


def _check_published(path: Path, file: Published) -> None:
    with suppress(OSError), path.open("rb") as content:
        if _is_published(content, file):
            return
    raise DownloadError(f"{printable(path)}: is not the published file; rename or remove it, then try again")


def _is_published(content: BinaryIO, file: Published) -> bool:
    """Whether a file, unpacked if it is a .gz, is the published one; hardly more than its size is read."""
    digest, size = hashlib.sha256(), 0
    content.seek(0)
    is_packed = content.read(2) == _GZIP
    content.seek(0)
    stream = gzip.GzipFile(fileobj=content, mode="rb") if is_packed else content
    try:
        while size <= file.size and (piece := stream.read(2**20)):
            digest.update(piece)
            size += len(piece)
    except (OSError, EOFError, zlib.error):
        return False
    return (size, digest.hexdigest()) == (file.size, file.sha256)


def _fetch_split(
    folder: Path,
    split: str,
    files: Split,
    sources: Sequence[Source],
    fetch: Callable[[Source, Published], None],
) -> None:
    """Fetch the files of a split from the first source that gives them."""
    faults = []
    for source in sources:
        try:
            for file in [files.csv] if source.form == "csv" else [files.images, files.labels]:
                fetch(source, file)
            return
        except TransferError as fault:
            faults.append(f"  {fault}")
    first = f"{printable(folder)}: no source gave the MNIST {split} digits"
    last = (
        f"Name a mirror with --mirror URL, or put {files.csv.name}, or {files.images.name}.gz and "
        f"{files.labels.name}.gz, into the folder, or try again later."
    )
    raise DownloadError("\n".join([first, *faults, last]))


def _fetch(
    folder: Path, source: Source, file: Published, *, limits: Limits, progress: Progress | None
) -> None:
    """Download a file into a folder, unless it is there, and check it.

    Raises:
        TransferError: the source has it not, or gives something else.
        DownloadError: the folder holds another file of this name.
        StorageError: it cannot be written.
    """
    is_packed = source.form == "idx"
    path = folder / (f"{file.name}.gz" if is_packed else file.name)
    if path.exists():
        _check_published(path, file)
        return
    url = f"{source.url.rstrip('/')}/{path.name}"

    def report(done: int, total: int) -> None:
        if progress:
            progress(f"{path.name} from {printable(urlsplit(url).hostname, 40)}", done, total)

    try:
        with atomic_write(path) as content:
            # Packing never makes a file much larger.
            transfer(url, content, file.size + is_packed * 2**16, limits, report)
            content.seek(0)
            if (content.read(2) == _GZIP) is not is_packed or not _is_published(content, file):
                raise TransferError("sent something else, or not all of it")
    except TransferError as error:
        raise TransferError(f"{printable(url)}: {error}") from error
