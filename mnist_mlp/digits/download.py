"""MNIST from the web: where its files can be had, how to know them, and the CSV files made of them."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pooch

from mnist_mlp.digits.mnist import Progress, find_idx, read_idx, write_csv
from mnist_mlp.digits.transfer import Limits, TransferError, save
from mnist_mlp.errors import MnistMlpError, printable
from mnist_mlp.files.atomic import cannot_write, remove_leftovers, rename, temporary_folder


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
    Source("https://pjreddie.com/media/files", "csv"),
    Source("https://data.pjreddie.com/files", "csv"),
    Source("https://ossci-datasets.s3.amazonaws.com/mnist", "idx"),
    Source("https://storage.googleapis.com/cvdf-datasets/mnist", "idx"),
)


DEFAULT_LIMITS = Limits()


def download_mnist(
    folder: str | Path,
    mirrors: Sequence[str] = (),
    *,
    sources: Sequence[Source] = SOURCES,
    published: Mapping[str, Split] = PUBLISHED,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> list[Path]:
    """Make the two CSV files be in a folder: from IDX files there, from mirrors, or from known sources.

    Every file is checked against its published SHA-256 before it takes its name. A source that fails in any
    way is passed over. Files already in the folder are never overwritten.

    Args:
        folder: is made if it does not exist, and removed again if nothing came.
        mirrors: addresses of folders with the CSV files or the IDX files as .gz, tried first, in this order.
        sources: tried after the mirrors.
        published: by split, what the files must be.
        limits: when to give up a transfer.
        progress: told of the bytes of each file.

    Returns:
        The CSV files.

    Raises:
        DownloadError: no source gave a file, or a CSV file in the folder is not the published one.
        StorageError: a file cannot be written.
    """
    for url in mirrors:
        if not url.lower().startswith(("http://", "https://")):
            raise DownloadError(f"{printable(url)}: a mirror's address starts with http:// or https://")
    from_mirrors = [Source(url, form) for url in mirrors for form in ("csv", "idx")]
    folder = Path(folder)
    with _folder_to_fill(folder):
        remove_leftovers(folder)
        return [
            _provide(folder, split, files, [*from_mirrors, *sources], limits=limits, progress=progress)
            for split, files in published.items()
        ]


@contextmanager
def _folder_to_fill(folder: Path) -> Iterator[None]:
    """Make a folder and those above it where they are missing; what stays empty is removed in the end."""
    missing: list[Path] = []
    try:
        try:
            missing += (path for path in (folder, *folder.parents) if not path.exists())
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from error
        yield
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def _provide(
    folder: Path,
    split: str,
    files: Split,
    sources: Sequence[Source],
    *,
    limits: Limits,
    progress: Progress | None,
) -> Path:
    """Make the CSV file of one split be in the folder."""
    csv = folder / files.csv.name
    if csv.exists():
        if _is_published(csv, files.csv):
            return csv
        raise DownloadError(
            f"{printable(csv)}: is not the published file; rename or remove it, then try again"
        )
    faults = []
    if archives := find_idx(folder, split):
        if _is_published(archives[0], files.images) and _is_published(archives[1], files.labels):
            write_csv(read_idx(*archives), csv, progress)
            return csv
        faults.append(f"{archives[0].name} or {archives[1].name} in the folder: is not the published file")
    for source in sources:
        try:
            with temporary_folder(folder) as work:
                if source.form == "csv":
                    rename(_fetch(source, files.csv, work, limits, progress), csv)
                else:
                    images = _fetch(source, files.images, work, limits, progress)
                    labels = _fetch(source, files.labels, work, limits, progress)
                    write_csv(read_idx(images, labels), csv, progress)
            return csv
        except TransferError as fault:
            faults.append(str(fault))
    lines = [f"{printable(csv)}: no source gave it", *(f"  {fault}" for fault in faults)]
    lines.append(
        f"Name a mirror with --mirror URL, or put {csv.name} into the folder by hand, or try again later."
    )
    raise DownloadError("\n".join(lines))


def _is_published(path: Path, file: Published) -> bool:
    """Whether a file, unpacked if it is a .gz, is the published one; hardly more than its size is read."""
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as packed:
            is_gzip = packed.peek(2).startswith(b"\x1f\x8b")
            stream = gzip.GzipFile(fileobj=packed) if is_gzip else packed
            while size <= file.size and (piece := stream.read(2**20)):
                digest.update(piece)
                size += len(piece)
    except (OSError, EOFError, zlib.error):
        return False
    return (size, digest.hexdigest()) == (file.size, file.sha256)


def _fetch(source: Source, file: Published, folder: Path, limits: Limits, progress: Progress | None) -> Path:
    """Download a file into a folder and check it.

    Raises:
        TransferError: the source has it not, or gives something else.
        StorageError: it cannot be written.
    """
    is_csv = source.form == "csv"
    name = file.name if is_csv else f"{file.name}.gz"
    known_hash = file.sha256 if is_csv else None
    largest = file.size if is_csv else file.size + 2**16  # packing never makes it much larger
    url = f"{source.url.rstrip('/')}/{name}"

    def report(done: int, total: int) -> None:
        if progress:
            progress(f"{name} from {printable(urlsplit(url).hostname, 40)}", done, total)

    def downloader(url: str, path: str, _pooch: object) -> None:
        Path(path).unlink()  # pooch makes it readable for its owner alone
        save(url, Path(path), largest, limits, report)

    pooch.get_logger().setLevel("ERROR")
    try:
        path = Path(pooch.retrieve(url, known_hash, name, folder, downloader=downloader))
        if not is_csv and not _is_published(path, file):
            raise ValueError("not the published content")
    except TransferError as error:
        raise TransferError(f"{printable(url)}: {error}") from error
    except OSError as error:
        raise cannot_write(folder.parent / name, error) from error
    except ValueError as error:  # by pooch, too
        raise TransferError(f"{printable(url)}: sent something else, or not all of it") from error
    return path
