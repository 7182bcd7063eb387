"""What the numbers depend on besides the programs: the machine, and the versions of libraries."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import scipy
from threadpoolctl import threadpool_info

from benchmarks.rivals import installed


def description() -> list[str]:
    """One line for each thing that counts."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines = [
        f"{cores} cores, {cpu_name()}, {platform.system()}, Python {platform.python_version()}",
        f"NumPy {np.__version__} with {blas_of(np)}, SciPy {scipy.__version__} with {blas_of(scipy)}",
    ]
    lines += kernels()
    if installed("torch"):
        import torch  # noqa: PLC0415, only where installed

        capability = torch.backends.cpu.get_cpu_capability()
        lines.append(f"PyTorch {torch.__version__}: {capability}, {torch.get_num_threads()} threads")
    if installed("sklearn"):
        lines.append(f"scikit-learn {version('scikit-learn')}")
    return lines


def cpu_name() -> str:
    """The processor's name, as far as the system gives one away."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return platform.processor() or platform.machine()


def blas_of(module: object) -> str:
    """The BLAS library that NumPy or SciPy was built with."""
    blas = module.__config__.show(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[attr-defined]
    return f"{blas['name']} {blas['version']}"


def kernels() -> list[str]:
    """For which processor BLAS computes, and on how many threads."""
    found = {
        f"{pool['architecture']} kernels, {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["internal_api"] == "openblas"
    }
    return [f"OpenBLAS: {kernel}" for kernel in sorted(found)]
