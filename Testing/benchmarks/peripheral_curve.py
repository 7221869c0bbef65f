"""Peripheral lesion ratio at 36 radii: one distance transform a slice against 36 erosions, in one run.

The rival erodes every slice with an exact disc by scikit-image's isotropic erosion, the quickest at these radii (ITK's
binary erosion with a ball took about a thousand times as long as the curve). Both see the same lungs (a phantom's, on a
255 x 512 x 512 grid) and only every n-th slice, to keep the run short.

    python Testing/benchmarks/peripheral_curve.py [--every 8]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from skimage.morphology import isotropic_erosion

from ChestCTLib.grid import resample_to_shape
from ChestCTLib.phantom import PhantomSettings, make_phantom
from LesionSegLib.measures.periphery import TOLERANCE_MM, border_distance_mm, peripheral_curve

SHAPE = (255, 512, 512)
PIXEL_MM = 0.7
SIGMAS_MM = range(36)


def by_distance(lungs: np.ndarray, lesions: np.ndarray) -> tuple[float, ...]:
    return peripheral_curve(border_distance_mm(lungs, lesions, (PIXEL_MM, PIXEL_MM)), SIGMAS_MM)


def by_erosion(lungs: np.ndarray, lesions: np.ndarray) -> tuple[float, ...]:
    rows, columns = (np.flatnonzero(lungs.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    box = (slice(None), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    slices, inside = np.pad(lungs[box], ((0, 0), (1, 1), (1, 1))), lesions[box]
    total, curve = lesions.sum(), []
    for sigma in SIGMAS_MM:
        inner = np.stack(
            [isotropic_erosion(part, sigma + TOLERANCE_MM, spacing=(PIXEL_MM, PIXEL_MM)) for part in slices]
        )
        curve.append(100.0 * float((inside & ~inner[:, 1:-1, 1:-1]).sum() / total))
    return tuple(curve)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=8, help="use every n-th slice")
    every = parser.parse_args().every
    phantom = make_phantom(PhantomSettings(seed=0, spacing_mm=(3.0, 2.0, 2.0)))
    lungs = resample_to_shape(phantom.lungs > 0, SHAPE, order=0)[::every]
    lesions = resample_to_shape(phantom.lesions > 0, SHAPE, order=0)[::every] & lungs
    seconds, curves = [], []
    for method in (by_distance, by_erosion):
        start = time.perf_counter()
        curves.append(np.array(method(lungs, lesions)))
        seconds.append(time.perf_counter() - start)
    print(f"{lungs.shape[0]} of {SHAPE[0]} slices of {SHAPE[1]} x {SHAPE[2]}, {len(SIGMAS_MM)} radii")
    print(f"one distance transform a slice: {seconds[0]:.2f} s; {len(SIGMAS_MM)} erosions: {seconds[1]:.2f} s")
    difference = np.abs(curves[0] - curves[1]).max()
    print(f"ratio {seconds[0] / seconds[1]:.4f}; largest difference of the curves {difference:.6f} %")


if __name__ == "__main__":
    main()
