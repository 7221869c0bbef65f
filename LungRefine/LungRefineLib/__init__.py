"""Lungs from a chest CT without any weights: classical, snake and refined segmentation, airway, side split."""

from LungRefineLib.segmentation import LungResult, segment_lungs
from LungRefineLib.settings import METHODS, LungSettings, Method

__all__ = ["METHODS", "LungResult", "LungSettings", "Method", "segment_lungs"]
