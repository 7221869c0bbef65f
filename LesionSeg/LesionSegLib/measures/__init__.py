"""Measures of lesions: volumes, shares, periphery, single lesions, density and aeration."""

from LesionSegLib.measures.measure import measure_lesions
from LesionSegLib.measures.result import LesionMeasures, LesionRow, RegionMeasure
from LesionSegLib.measures.settings import MeasureSettings

__all__ = ["LesionMeasures", "LesionRow", "MeasureSettings", "RegionMeasure", "measure_lesions"]
