"""Lesion volumes and lesion/lung ratios of the lungs, each lung and six zones, and the zones' severity score."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ChestCTLib.labels import LEFT_LUNG, RIGHT_LUNG
from ChestCTLib.zones import ZONES
from LesionSegLib.measures.result import RegionMeasure

SCORE_FROM_PERCENT = (1, 26, 51, 76)  # whole percents from which a zone scores 1, 2, 3, 4


def zone_score(lesion_percent: float) -> int:
    """Severity of one zone, 0 to 4.

    The published steps are whole percents (0; 1-25; 26-50; 51-75; above 75), so the share is rounded to one first,
    halves upwards: below 0.5 % scores 0, from 0.5 % 1, from 25.5 % 2, from 50.5 % 3, from 75.5 % 4.

    Args:
        lesion_percent: Lesion/lung volume ratio of the zone, %.
    """
    whole = math.floor(lesion_percent + 0.5)
    return sum(whole >= start for start in SCORE_FROM_PERCENT)


def region_measures(
    lung_voxels: npt.NDArray[np.int64], lesion_voxels: npt.NDArray[np.int64], voxel_ml: float
) -> tuple[RegionMeasure, RegionMeasure, RegionMeasure, tuple[RegionMeasure, ...]]:
    """Measure both lungs, the right, the left, and the six zones.

    Args:
        lung_voxels: Lung voxels of each zone, lesions included, in the order of :data:`ChestCTLib.zones.ZONES`.
        lesion_voxels: ``[zones, 2]``: its ground glass and its consolidation.
        voxel_ml: Volume of a voxel, mL.

    Returns:
        Total, right, left, and the zones in their order. Every one is the sum of its zones, so they agree.
    """

    def region(key: str, name: str, rows: slice, scored: bool = False) -> RegionMeasure:
        lung = int(lung_voxels[rows].sum())
        glass, solid = (int(n) for n in lesion_voxels[rows].sum(axis=0))
        lesion, ground_glass, consolidation = (
            100.0 * n / lung if lung else None for n in (glass + solid, glass, solid)
        )
        return RegionMeasure(
            key=key,
            name=name,
            lung_ml=lung * voxel_ml,
            lesion_ml=(glass + solid) * voxel_ml,
            ground_glass_ml=glass * voxel_ml,
            consolidation_ml=solid * voxel_ml,
            lesion_percent=lesion,
            ground_glass_percent=ground_glass,
            consolidation_percent=consolidation,
            score=zone_score(lesion) if scored and lesion is not None else None,
        )

    half = len(ZONES) // 2
    return (
        region("total", "both lungs", slice(None)),
        region("right", RIGHT_LUNG.name, slice(0, half)),
        region("left", LEFT_LUNG.name, slice(half, None)),
        tuple(region(zone.key, zone.name, slice(n, n + 1), True) for n, zone in enumerate(ZONES)),
    )
