"""Peripheral lesion ratio (DeepSC-COVID, equation 1) and its whole curve, from one distance transform a slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.progress import CancelCheck, never_cancelled, raise_if_cancelled

TOLERANCE_MM = 1e-4  # a border exactly as far as the radius counts as reached, whatever the rounding


def border_distance_mm(
    lungs: npt.NDArray[np.bool_],
    lesions: npt.NDArray[np.bool_],
    spacing_mm: tuple[float, float],
    cancelled: CancelCheck = never_cancelled,
) -> npt.NDArray[np.float64]:
    """Distance of every lesion voxel to the nearest voxel outside the lungs in its own slice.

    A disc of radius sigma erodes a voxel away exactly when this distance is at most sigma, so one transform answers
    every sigma. What lies beyond the image counts as outside the lungs.

    Args:
        lungs: ``[z, y, x]``, slices axial.
        lesions: Same grid; voxels outside the lungs have distance 0.
        spacing_mm: In-plane spacing ``(y, x)``, mm.
        cancelled: Asked at every slice.

    Returns:
        Distances in mm, one a lesion voxel, in the order of ``np.nonzero(lesions)``; empty without lesions.
    """
    distances = []
    for lung, lesion in zip(lungs, lesions, strict=True):
        if lesion.any():
            raise_if_cancelled(cancelled)
            distances.append(slice_depth_mm(lung, spacing_mm)[lesion])
    return np.concatenate(distances) if distances else np.empty(0)


def slice_depth_mm(lung: npt.NDArray[np.bool_], spacing_mm: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Distance of every pixel of one axial slice to the nearest pixel outside the lungs, mm; 0 outside.

    Args:
        lung: ``[y, x]``; what lies beyond the image counts as outside.
        spacing_mm: ``(y, x)``, mm.
    """
    depth = np.zeros(lung.shape)
    rows, columns = (np.flatnonzero(lung.any(axis=axis)) for axis in (1, 0))
    if rows.size:
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        depth[box] = ndimage.distance_transform_edt(np.pad(lung[box], 1), sampling=spacing_mm)[1:-1, 1:-1]
    return depth


def peripheral_percent(distances_mm: npt.NDArray[np.floating[Any]], sigma_mm: float) -> float | None:
    """Peripheral lesion ratio: lesion within U - E(U, sigma) over all lesion, %; None without lesions.

    Args:
        distances_mm: As :func:`border_distance_mm` gives them.
        sigma_mm: Peripheral thickness, mm.
    """
    return peripheral_curve(distances_mm, [sigma_mm])[0] if distances_mm.size else None


def peripheral_curve(distances_mm: npt.NDArray[np.floating[Any]], sigmas_mm: Sequence[float]) -> tuple[float, ...]:
    """Peripheral lesion ratio at many thicknesses at once, %; empty without lesions.

    Args:
        distances_mm: As :func:`border_distance_mm` gives them.
        sigmas_mm: Peripheral thicknesses, mm. At 0 nothing is eroded, so the ratio is 0.
    """
    if not distances_mm.size:
        return ()
    inside = np.searchsorted(np.sort(distances_mm), np.asarray(sigmas_mm) + TOLERANCE_MM, side="right")
    return tuple(float(100.0 * n / distances_mm.size) for n in inside)


def peripheral_steps(
    distances_mm: npt.NDArray[np.floating[Any]],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The whole peripheral lesion ratio as steps: few, for voxels of one grid share their distances.

    Args:
        distances_mm: As :func:`border_distance_mm` gives them.

    Returns:
        Thicknesses at which the ratio rises, mm, and the ratio from each on, %; both empty without lesions.
    """
    if not distances_mm.size:
        return np.empty(0), np.empty(0)
    values, counts = np.unique(distances_mm, return_counts=True)
    return values.astype(np.float64) - TOLERANCE_MM, 100.0 * np.cumsum(counts) / distances_mm.size
