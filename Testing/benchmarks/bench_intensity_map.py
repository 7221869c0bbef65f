"""Intensity map of 255 x 512 x 512 voxels against numpy's histogram plane by plane; prints both and their ratio.

Run: python Testing/benchmarks/bench_intensity_map.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ChestCTLib.volume import CTVolume
from COVIDMTLLib.intensity_map.map import MapSettings, project

SHAPE = (255, 512, 512)
REPEATS = 3


def made_up_scan() -> CTVolume:
    """A body with two lungs and noise, in the size of a thin-slice chest CT."""
    rng = np.random.default_rng(0)
    hu = rng.normal(40, 30, SHAPE).astype(np.int16)
    hu[:, :60], hu[:, -60:], hu[:, :, :40], hu[:, :, -40:] = -1000, -1000, -1000, -1000
    lung = rng.normal(-850, 60, (190, 250, 150)).astype(np.int16)
    hu[30:220, 130:380, 70:220] = lung
    hu[30:220, 130:380, 290:440] = lung
    return CTVolume(hu, np.diag([0.7, 0.7, 1.25, 1.0]))


def best_of(function: Callable[[], npt.NDArray[np.int64]]) -> tuple[float, npt.NDArray[np.int64]]:
    """Shortest time of some runs, s, and the result."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def main() -> None:
    """Compare both in one run."""
    volume, settings = made_up_scan(), MapSettings()

    def direct() -> npt.NDArray[np.int64]:
        span = (settings.low_hu, settings.high_hu)
        return np.stack([np.histogram(plane, bins=settings.bins, range=span)[0] for plane in volume.hu[::-1]])

    ours, found = best_of(lambda: project(volume, settings).counts)
    theirs, wanted = best_of(direct)
    assert np.array_equal(found, wanted)
    print(f"intensity map {ours:.2f} s, numpy.histogram per plane {theirs:.2f} s, ratio {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
