"""The facts of a machine on which the last digits of a training depend."""

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np


def machine_facts() -> dict[str, str]:
    """The threads of matrix products, the BLAS libraries that make them, the processor and the system.

    Where one of these differs, sums are formed in another order and so rounded differently.
    """
    import scipy  # noqa: PLC0415  (takes time to import)

    return {
        "threads": str(_blas_threads()),
        "blas": f"{_blas(np.show_config('dicts'))} (NumPy), {_blas(scipy.show_config('dicts'))} (SciPy)",
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _blas_threads() -> int:
    """As many as OpenBLAS takes: what the environment asks for, at most one for each processor."""
    asked = (os.environ.get(name, "") for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"))
    return min([processors(), *[int(number) for number in asked if number.isdecimal() and int(number)][:1]])


def _blas(config: Any) -> str:
    library = config.get("Build Dependencies", {}).get("blas", {})
    return f"{library.get('name', 'unknown')} {library.get('version', '')}".strip()


def _processor() -> str:
    with suppress(OSError):  # Linux alone has this file
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
