"""Measure the lesions of one scan: every measure at once, on canonical axes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.errors import InputError
from ChestCTLib.grid import canonical
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS, Label
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from ChestCTLib.volume import CTVolume
from ChestCTLib.zones import six_zones
from LesionSegLib.measures.density import measure_density
from LesionSegLib.measures.periphery import border_distance_mm, peripheral_curve, peripheral_percent
from LesionSegLib.measures.regions import region_measures
from LesionSegLib.measures.result import NO_LESION, NO_LUNG, ONE_LESION, LesionMeasures
from LesionSegLib.measures.settings import MeasureSettings
from LesionSegLib.measures.single import centre_spread_mm, single_lesions

DEFAULT_SETTINGS = MeasureSettings()


def measure_lesions(
    volume: CTVolume,
    lungs: npt.NDArray[np.uint8],
    lesions: npt.NDArray[np.uint8],
    settings: MeasureSettings = DEFAULT_SETTINGS,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> LesionMeasures:
    """Measure lesions against the lungs that hold them.

    The scan is first turned to canonical axes, so flips and exchanged axes change nothing; slices are axial.

    Args:
        volume: The scan, HU.
        lungs: uint8 on its grid, 1 right, 2 left.
        lesions: uint8 on its grid, 1 ground glass, 2 consolidation. What lies outside the lungs is reported as such
            and counted nowhere else.
        settings: Limits.
        progress: Told the share done.
        cancelled: Asked between steps.

    Returns:
        The measures. Without lesions: volumes and ratios 0, "no lesion found", and None with the reason where a
        division by the lesion would be needed. Without lungs: ratios and score None, "no lung found".

    Raises:
        InputError: A mask lies on another grid or holds an unknown label.
        CancelledError: The user cancelled.
    """
    _check(lungs, volume, LUNG_LABELS, "lung")
    _check(lesions, volume, LESION_LABELS, "lesion")
    view = canonical(volume)
    lungs, lesions = view.apply(lungs.astype(np.uint8)), view.apply(lesions.astype(np.uint8))
    outside = int(np.count_nonzero((lesions > 0) & (lungs == 0)))
    lesions[lungs == 0] = 0
    box = _lung_box(lungs)
    hu, lungs, lesions = view.volume.hu[box], lungs[box], lesions[box]  # nothing outside the lungs is measured
    ijk_to_lps = view.volume.ijk_to_lps.copy()
    ijk_to_lps[:3, 3] += ijk_to_lps[:3, :3] @ [part.start for part in reversed(box)]

    progress(0.1, "volumes")
    zones = six_zones(lungs)
    total, right, left, by_zone = region_measures(lungs, lesions, zones, volume.voxel_ml)
    raise_if_cancelled(cancelled)
    progress(0.3, "periphery")
    distances = border_distance_mm(lungs > 0, lesions > 0, view.volume.spacing_mm[1:], cancelled)
    sigmas = tuple(float(sigma) for sigma in range(settings.curve_mm + 1))
    progress(0.6, "single lesions")
    rows = single_lesions(hu, ijk_to_lps, lesions, zones, distances, settings)
    raise_if_cancelled(cancelled)
    progress(0.8, "density")
    density = measure_density(hu, lungs > 0, lesions > 0, volume.voxel_ml, settings)
    scores = [zone.score for zone in by_zone if zone.score is not None]
    spread = centre_spread_mm(rows)
    progress(1.0, "done")
    return LesionMeasures(
        finding=_finding(len(rows), distances.size),
        total=total,
        right=right,
        left=left,
        zones=by_zone,
        severity_score=sum(scores) if scores else None,
        peripheral_percent=peripheral_percent(distances, settings.peripheral_mm),
        curve_mm=sigmas,
        curve_percent=peripheral_curve(distances, sigmas),
        lesions=rows,
        spread_mm=spread,
        density=density,
        outside_ml=outside * volume.voxel_ml,
        why=_reasons(bool(lungs.any()), bool(distances.size), spread is not None),
        settings=settings,
    )


def _check(mask: npt.NDArray[np.uint8], volume: CTVolume, labels: tuple[Label, ...], name: str) -> None:
    if mask.shape != volume.shape:
        raise InputError(
            f"The {name} mask has the size {mask.shape}, the scan {volume.shape} (z, y, x).",
            "Use the mask of this scan.",
        )
    unknown = sorted(set(np.unique(mask).tolist()) - {0} - {label.value for label in labels})
    if unknown:
        known = ", ".join(f"{label.value} {label.name}" for label in labels)
        raise InputError(f"The {name} mask holds the labels {unknown}.", f"Known labels: {known}.")


def _lung_box(lungs: npt.NDArray[np.uint8]) -> tuple[slice, ...]:
    """The part of the grid that holds the lungs; all of it where there are none."""
    boxes = ndimage.find_objects((lungs > 0).astype(np.uint8))
    return boxes[0] if boxes else tuple(slice(0, size) for size in lungs.shape)


def _finding(count: int, voxels: int) -> str:
    if count:
        return f"{count} lesion{'s' if count > 1 else ''}"
    return "only specks below the smallest lesion" if voxels else NO_LESION


def _reasons(has_lungs: bool, has_lesions: bool, has_spread: bool) -> dict[str, str]:
    """Why a measure is None, by its name."""
    why: dict[str, str] = {}
    if not has_lungs:
        why |= dict.fromkeys(("lesion_percent", "severity_score", "mean_lung_hu"), NO_LUNG)
    if not has_lesions:
        missing = ("peripheral_percent", "curve_percent", "mean_lesion_hu", "sd_lesion_hu", "peaks_hu")
        why |= dict.fromkeys(missing, NO_LESION)
    if not has_spread:
        why["spread_mm"] = ONE_LESION if has_lesions else NO_LESION
    return why
