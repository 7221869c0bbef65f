"""Measure the lesions of one scan: every measure at once, on canonical axes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ChestCTLib.labels import LESION_LABELS
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from ChestCTLib.volume import CTVolume
from ChestCTLib.zones import ZONES
from LesionSegLib.measures.density import measure_density
from LesionSegLib.measures.frame import LesionVoxels, LungFrame
from LesionSegLib.measures.periphery import peripheral_curve, peripheral_percent
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
    frame = LungFrame(volume, lungs)
    return measure_voxels(frame, frame.lesion_voxels(lesions), settings, progress, cancelled)


def measure_voxels(
    frame: LungFrame,
    voxels: LesionVoxels,
    settings: MeasureSettings = DEFAULT_SETTINGS,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> LesionMeasures:
    """Measure one mask after another against the same lungs: :func:`measure_lesions` without its preparations.

    Args:
        frame: The scan and its lungs.
        voxels: The lesions, as the frame found them.
        settings: Limits.
        progress: Told the share done.
        cancelled: Asked between steps.

    Raises:
        CancelledError: The user cancelled.
    """
    voxel_ml = frame.volume.voxel_ml
    progress(0.1, "volumes")
    total, right, left, by_zone = region_measures(frame.zone_voxels, _by_zone(frame, voxels), voxel_ml)
    raise_if_cancelled(cancelled)
    progress(0.3, "periphery")
    distances = frame.depth_mm(voxels.at, cancelled)
    sigmas = tuple(float(sigma) for sigma in range(settings.curve_mm + 1))
    progress(0.6, "single lesions")
    rows = single_lesions(frame, voxels, distances, settings)
    raise_if_cancelled(cancelled)
    progress(0.8, "density")
    density = measure_density(frame.hu_counts, frame.hu_counts_at(voxels.at), voxel_ml, settings)
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
        outside_ml=voxels.outside * voxel_ml,
        why=_reasons(bool(frame.hu_counts.size), bool(distances.size), spread is not None),
        settings=settings,
    )


def _by_zone(frame: LungFrame, voxels: LesionVoxels) -> npt.NDArray[np.int64]:
    """Voxels of each class in each zone, ``[zones, 2]``."""
    classes = len(LESION_LABELS)
    zone = frame.zones.ravel()[voxels.at].astype(np.intp) - 1
    counts = np.bincount(zone * classes + voxels.classes - 1, minlength=len(ZONES) * classes)
    by_zone: npt.NDArray[np.int64] = counts.reshape(len(ZONES), classes)
    return by_zone


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
