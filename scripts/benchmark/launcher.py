"""Runs a command; prints as JSON the seconds to its first line, to its end, its peak memory and its output.

It is a process of its own because Linux counts the peak of a new process from that of the process which
started it, and the benchmark itself is large.
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
    with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        output = child.stdout.readline()
        answered = perf_counter() - start
        output += child.stdout.read()
    print(json.dumps([answered, perf_counter() - start, peak_of_children(), output]))
    sys.exit(child.returncode)


if __name__ == "__main__":
    main()
