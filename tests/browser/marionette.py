"""Firefox by its own protocol, Marionette: each message is its length, a colon, and JSON."""

import json
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Firefox:
    """A headless Firefox with a profile of its own, ended on leaving the `with` block."""

    def __init__(self, program: str, profile: Path) -> None:
        (profile / "user.js").write_text('user_pref("marionette.port", 0);\n')  # any free port
        command = [program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = profile / "MarionetteActivePort"
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text()):
            assert time.monotonic() < deadline, "Firefox did not start within a minute"
            time.sleep(0.05)
        self._socket = socket.create_connection(("127.0.0.1", int(port_file.read_text())))
        self._file = self._socket.makefile("rb")
        self._receive()  # a greeting
        self._commands = 0
        self._command("WebDriver:NewSession")
        self._command("WebDriver:SetTimeouts", script=120_000)

    def open(self, page: Path) -> None:
        """Load a page from a file."""
        self._command("WebDriver:Navigate", url=page.as_uri())

    def run(self, script: str, argument: object) -> Any:
        """Run the body of an async function of `argument` in the page and return what it returns."""
        wrapped = (
            "const [argument, done] = arguments;"
            f"(async () => {{ {script} }})().then(done, (error) => done('error: ' + error));"
        )
        return self._command("WebDriver:ExecuteAsyncScript", script=wrapped, args=[argument])["value"]

    def _command(self, name: str, **parameters: object) -> Any:
        self._commands += 1
        message = json.dumps([0, self._commands, name, parameters])
        self._socket.sendall(f"{len(message)}:{message}".encode())
        _, _, error, result = self._receive()
        assert error is None, error
        return result

    def _receive(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._file.read(1)
        return json.loads(self._file.read(int(length[:-1])))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._socket.close()
        self._process.terminate()
        self._process.wait(30)
