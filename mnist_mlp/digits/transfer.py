"""One file from one web server, given up if it does not come in time and to size, however that fails."""

import http
import os
import queue
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import requests

from mnist_mlp.errors import printable


class TransferError(Exception):
    """Why a server did not give a file."""


@dataclass(frozen=True)
class Limits:
    """How long to bear with a server.

    Attributes:
        stall: seconds to wait for the next bytes, or for the first.
        window: seconds over which the rate is averaged.
        rate: bytes a second, below which a transfer is given up.
    """

    stall: float = 20
    window: float = 30
    rate: float = 5000


def save(url: str, path: Path, largest: int, limits: Limits, report: Callable[[int, int], None]) -> None:
    """Write to a new file what a server sends, as long as it may be the right file and comes fast enough.

    Args:
        url: http or https; redirections are followed.
        path: does not exist yet.
        largest: the bytes that the file can have at most.
        limits: when to give up.
        report: told of the bytes that have come, and of how many will (0 if the server does not say).

    Raises:
        TransferError: the server does not give it, or no file of digits.
        OSError: the file cannot be written.
    """
    done = done_before = 0
    since = time.monotonic()
    with path.open("xb") as file, closing(_pieces(url, limits)) as pieces:
        for piece, total in pieces:
            if done == 0 and piece.lstrip().startswith(b"<"):
                raise TransferError("sent a web page")
            file.write(piece)
            done += len(piece)
            if max(done, total) > largest:
                raise TransferError(f"sends more than {largest} bytes")
            report(done, total)
            seconds = time.monotonic() - since
            if seconds > limits.window:
                if done - done_before < seconds * limits.rate:
                    raise TransferError(f"sends less than {limits.rate:g} bytes a second")
                done_before, since = done, since + seconds
        file.flush()
        os.fsync(file.fileno())


# From the thread that listens: bytes and the announced length of all, or an error, or None for the end.
_Message = tuple[bytes, int] | Exception | None


def _pieces(url: str, limits: Limits) -> Generator[tuple[bytes, int]]:
    """The bytes of an answer as they come, each piece with the announced length of all, or 0.

    A thread listens, so that whatever can hold a connection up is noticed and left behind: names that do not
    resolve, headers that trickle, silence.
    """
    messages: queue.Queue[_Message] = queue.Queue(maxsize=16)
    stop = threading.Event()
    threading.Thread(target=_listen, args=(url, limits.stall, messages, stop), daemon=True).start()
    try:
        while (message := messages.get(timeout=limits.stall)) is not None:
            if isinstance(message, Exception):
                raise TransferError(_reason(message)) from message
            yield message
    except queue.Empty:
        raise TransferError(f"sent nothing for {limits.stall:g} seconds") from None
    finally:
        stop.set()
        while not messages.empty():  # the thread may wait for room
            messages.get_nowait()


def _listen(url: str, timeout: float, messages: "queue.Queue[_Message]", stop: threading.Event) -> None:
    headers = {"Accept-Encoding": "identity", "User-Agent": "mnist-mlp"}
    try:
        with requests.get(url, stream=True, timeout=timeout, headers=headers) as response:
            if response.status_code != http.HTTPStatus.OK:
                phrase = http.HTTPStatus(response.status_code).phrase
                raise ValueError(f"answers {response.status_code} {phrase}")
            total = int(response.headers.get("Content-Length", 0))
            while not stop.is_set() and (piece := response.raw.read1(2**16, decode_content=False)):
                messages.put((piece, total))
        messages.put(None)
    except Exception as error:  # whatever a server can provoke: the next one may do better
        messages.put(error)


def _reason(error: BaseException) -> str:
    """The innermost error says most plainly what happened."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__, 100)
