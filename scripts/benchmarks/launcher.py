"""Runs a command; prints as JSON how long it took, its peak memory, what it printed, and its exit code.

It is a process of its own because the peak of a new process is counted from that of the process which started
it (a peculiarity of Linux), and the benchmark itself is large.
"""

import json
import subprocess
import sys
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
    start = perf_counter()
    child = subprocess.run(sys.argv[1:], capture_output=True, check=False, text=True, errors="replace")
    result = {
        "seconds": perf_counter() - start,
        "peak": peak_of_children(),
        "output": child.stdout,
        "errors": child.stderr[-2000:],
        "code": child.returncode,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
