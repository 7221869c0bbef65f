"""Whole ``covidmtl lungs`` processes, refined against snake, in one run: seconds, their ratio and peak memory.

Usage: python Testing/benchmarks/bench_lungs.py [SCAN] [--cores 2]   (a phantom of clinical size where no scan is given)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

METHODS = ("refined", "snake")


def run(scan: Path, method: str, output: Path, cores: int) -> tuple[float, float, float]:
    """One process: wall seconds, CPU seconds, peak memory in GiB."""
    threads = {name: str(cores) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    threads["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(cores)
    command = [sys.executable, "-m", "COVIDMTLApp", "lungs", str(scan), "-o", str(output), "--method", method]
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **threads}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"{method} failed with status {status}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def main() -> None:
    """Measure both methods and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", nargs="?", type=Path)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with tempfile.TemporaryDirectory() as folder:
        scan = options.scan or _phantom(Path(folder))
        figures = {method: run(scan, method, Path(folder) / f"{method}.nii.gz", options.cores) for method in METHODS}
    for method, (wall, cpu, memory) in figures.items():
        print(f"{method:8} {wall:7.1f} s wall {cpu:7.1f} s CPU {memory:5.2f} GiB peak")
    wall, cpu = (figures["refined"][n] / figures["snake"][n] for n in (0, 1))
    print(f"refined / snake: {wall:.3f} of the wall time, {cpu:.3f} of the CPU time")


def _phantom(folder: Path) -> Path:
    from ChestCTLib.io import write_image
    from ChestCTLib.phantom import PhantomSettings, make_phantom

    made = make_phantom(PhantomSettings(seed=1, spacing_mm=(1.5, 0.8, 0.8)))
    path = folder / "ct.nii.gz"
    write_image(made.volume.hu, made.volume, path)
    return path


if __name__ == "__main__":
    main()
