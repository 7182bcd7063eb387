"""Runs a command; prints as JSON how long it took, its peak memory, what it printed, and its exit code.

Besides the time to its end, it takes the time until the first line of output, which is the answer.

It is a process of its own because the peak of a new process is counted from that of the process which started
it (a peculiarity of Linux), and the benchmark itself is large.
"""

import json
import subprocess
import sys
from tempfile import TemporaryFile
from time import perf_counter


def peak_of_children() -> float | None:
    """In MB; None where the system does not tell."""
    try:
        import resource  # noqa: PLC0415, not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e6 / 1024)  # bytes there, KiB elsewhere


def main() -> None:
    with TemporaryFile("w+", errors="replace") as errors:
        start = perf_counter()
        with subprocess.Popen(
            sys.argv[1:], stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace"
        ) as child:
            assert child.stdout is not None
            first_line = child.stdout.readline()
            answered = perf_counter() - start
            output = first_line + child.stdout.read()
        seconds = perf_counter() - start
        errors.seek(0)
        result = {
            "answered": answered,
            "seconds": seconds,
            "peak": peak_of_children(),
            "output": output,
            "errors": errors.read()[-2000:],
            "code": child.returncode,
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
