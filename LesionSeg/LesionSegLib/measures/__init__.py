"""Measures of lesions: volumes, shares, periphery, single lesions, density and aeration."""

from LesionSegLib.measures.frame import LesionVoxels, LungFrame
from LesionSegLib.measures.measure import measure_lesions, measure_voxels
from LesionSegLib.measures.result import LesionMeasures, LesionRow, RegionMeasure
from LesionSegLib.measures.settings import MeasureSettings

__all__ = [
    "LesionMeasures",
    "LesionRow",
    "LesionVoxels",
    "LungFrame",
    "MeasureSettings",
    "RegionMeasure",
    "measure_lesions",
    "measure_voxels",
]
