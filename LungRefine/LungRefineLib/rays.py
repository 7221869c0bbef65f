"""Rays from the middle of the chest to the outside, slice by slice: which way is out, what lies before, what beyond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from LungRefineLib.morphology import Mask, Triple

ANGLES = 240  # rays per slice
SMOOTH_CENTRE_MM = 25.0  # the centre of the rays moves no faster along the body axis


@dataclass(frozen=True)
class Rays:
    """What the rays of every slice that shows lung meet.

    Attributes:
        slices: Indices of these slices.
        centres_mm: ``[slice, 2]``, y and x of each slice's middle, mm.
        last_mm: ``float32 [slice, angle]``, radius of the last aerated voxel; 0 where there is none.
        aerated_mm: ``float32 [slice, angle]``, aerated lung along the whole ray.
        passed_mm: ``float32 [slice, y, x]``, aerated lung between the middle and each voxel.
        beyond_mm: ``float32 [slice, y, x]``, aerated lung from each voxel on.
    """

    slices: npt.NDArray[np.intp]
    centres_mm: npt.NDArray[np.float64]
    last_mm: npt.NDArray[np.float32]
    aerated_mm: npt.NDArray[np.float32]
    passed_mm: npt.NDArray[np.float32]
    beyond_mm: npt.NDArray[np.float32]


def cast_rays(air: Mask, spacing_mm: Triple) -> Rays:
    """Send rays through the aerated lungs.

    Args:
        air: bool ``[z, y, x]``, both aerated lungs; at least one voxel.
        spacing_mm: (z, y, x), mm.
    """
    slices = np.flatnonzero(air.any(axis=(1, 2)))
    centres = _centres(air, slices, spacing_mm)
    _, dy, dx = spacing_mm
    height, width = air.shape[1:]
    step = min(dy, dx)
    radii = np.arange(int(np.hypot(height * dy, width * dx) / step) + 2) * step
    angles = np.arange(ANGLES) * 2 * np.pi / ANGLES
    away_y, away_x = np.outer(np.sin(angles), radii), np.outer(np.cos(angles), radii)
    last = np.zeros((len(slices), ANGLES), np.float32)
    total = np.zeros_like(last)
    passed = np.zeros((len(slices), height, width), np.float32)
    beyond = np.zeros_like(passed)
    for n, (z, centre) in enumerate(zip(slices, centres, strict=True)):
        y = np.rint((centre[0] + away_y) / dy).astype(np.intp)
        x = np.rint((centre[1] + away_x) / dx).astype(np.intp)
        seen = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        along = np.zeros(y.shape, bool)
        along[seen] = air[z, y[seen], x[seen]]
        before = np.cumsum(along, axis=1, dtype=np.float32) * np.float32(step)
        total[n] = before[:, -1]
        last[n] = np.where(along.any(axis=1), radii[::-1][along[:, ::-1].argmax(axis=1)], 0)
        angle, radius = polar((height, width), centre, spacing_mm)
        a = np.rint(angle).astype(np.intp) % ANGLES
        r = np.rint(radius / step).astype(np.intp)
        passed[n] = before[a, r]
        beyond[n] = total[n][a] - passed[n]
    return Rays(slices, centres, last, total, passed, beyond)


def polar(
    shape: tuple[int, int], centre_mm: npt.NDArray[np.float64], spacing_mm: Triple
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Angle (in rays, 0 to ANGLES) and radius (mm) of every pixel of a slice."""
    rows = np.arange(shape[0])[:, None] * spacing_mm[1] - centre_mm[0]
    columns = np.arange(shape[1])[None, :] * spacing_mm[2] - centre_mm[1]
    return (np.arctan2(rows, columns) % (2 * np.pi)) * (ANGLES / (2 * np.pi)), np.hypot(rows, columns)


def _centres(air: Mask, slices: npt.NDArray[np.intp], spacing_mm: Triple) -> npt.NDArray[np.float64]:
    """Middle of the lungs' bounding box in each slice, mm; small slices follow the large ones nearby."""
    middle, weight = np.empty((len(slices), 2)), np.empty(len(slices))
    for n, z in enumerate(slices):
        ys, xs = np.flatnonzero(air[z].any(axis=1)), np.flatnonzero(air[z].any(axis=0))
        middle[n] = (ys[0] + ys[-1]) / 2 * spacing_mm[1], (xs[0] + xs[-1]) / 2 * spacing_mm[2]
        weight[n] = float(np.count_nonzero(air[z])) ** 2
    sigma = SMOOTH_CENTRE_MM / spacing_mm[0]
    total = ndimage.gaussian_filter1d(weight, sigma, mode="constant", truncate=8.0)
    return (
        ndimage.gaussian_filter1d(middle * weight[:, None], sigma, axis=0, mode="constant", truncate=8.0)
        / total[:, None]
    )
