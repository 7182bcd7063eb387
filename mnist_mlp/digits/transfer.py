"""One file from one web server, given up if it does not come in time and to size."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from mnist_mlp.errors import printable

if TYPE_CHECKING:
    import requests

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "mnist-mlp"}


class TransferError(Exception):
    """Why a server did not give a file."""


@dataclass(frozen=True)
class Limits:
    """A server is given up if it sends less than `rate` bytes a second, averaged over `window` seconds."""

    rate: float = 5000
    window: float = 20


class _Receiver:
    """The file that pooch writes to, and the progress bar that it calls."""

    def __init__(self, file: BinaryIO, largest: int) -> None:
        self.done = self.total = 0
        self.error: Exception | None = None
        self._file, self._largest = file, largest

    def receive(self, url: str, timeout: float) -> None:
        """Have pooch download, and keep the error."""
        import pooch  # noqa: PLC0415

        with ExitStack() as responses:

            def close_later(response: "requests.Response", **_: object) -> None:
                """Pooch itself leaves responses open."""
                responses.callback(response.close)

            settings = {"timeout": timeout, "headers": _HEADERS, "hooks": {"response": close_later}}
            try:
                pooch.HTTPDownloader(self, chunk_size=2**14, **settings)(url, self, None)
            except Exception as error:  # whatever a server can provoke: the next one may do better
                self.error = error

    def write(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        if self.done == 0 and data.lstrip().startswith(b"<"):
            raise TransferError("sent a web page")
        self.done += len(data)
        if self.done > self._largest:
            raise TransferError(f"sends more than {self._largest:,} bytes")
        self._file.write(data)

    def ignore(self, *_: object) -> None:
        """Do nothing, where pooch calls for what is not needed."""

    flush = update = reset = close = ignore


def transfer(
    url: str, file: BinaryIO, largest: int, limits: Limits, report: Callable[[int, int], None]
) -> None:
    """Write to a file what a server sends, as long as it may be the right file and comes fast enough.

    pooch downloads; but it bounds neither size nor time, and a server that sends a byte now and then would
    hold it up for ever. So it works in a thread, which is left behind when the limits are reached, and ends
    with the next bytes that come, since the file is closed then.

    Args:
        url: http or https; redirections are followed.
        file: opened to write.
        largest: the bytes that the file can have at most.
        limits: when to give up.
        report: told of the bytes that have come, and of how many will (0 if the server does not say).

    Raises:
        TransferError: the server does not give it, or no file of digits.
        OSError: the file cannot be written.
    """
    import requests  # noqa: PLC0415

    receiver = _Receiver(file, largest)
    thread = threading.Thread(target=receiver.receive, args=(url, limits.window), daemon=True)
    thread.start()
    since, done_before, is_going_on = time.monotonic(), 0, True
    while is_going_on:
        thread.join(0.05)
        is_going_on = thread.is_alive()
        report(receiver.done, receiver.total)
        seconds = time.monotonic() - since
        if seconds > limits.window and is_going_on:
            if receiver.done - done_before < seconds * limits.rate:
                raise TransferError(f"sent less than {limits.rate:,g} bytes a second")
            since, done_before = since + seconds, receiver.done
    match receiver.error:
        case None:
            return
        case requests.HTTPError(response=requests.Response() as answer):
            raise TransferError(f"answers {answer.status_code} {printable(answer.reason, 40)}")
        case OSError() if not isinstance(receiver.error, requests.RequestException):
            raise receiver.error  # of the file
        case error:
            raise TransferError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    """The innermost error says most plainly what happened."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__, 100)
