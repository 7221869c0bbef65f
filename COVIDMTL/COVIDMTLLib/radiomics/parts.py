"""The parts the features are computed in: one pyradiomics class on the image, or GLCM and GLRLM of one sub-band."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from COVIDMTLLib.radiomics.definition import BIN_WIDTH, CLASSES, GLRLM, SUB_BANDS, WAVELET, WAVELET_GLCM
from COVIDMTLLib.radiomics.lung_image import bounding_box

SHARED = frozenset(CLASSES["glrlm"]) & frozenset(CLASSES["glszm"])
SUB_BAND_CLASSES = {"glcm": WAVELET_GLCM, "glrlm": GLRLM}


@dataclass(frozen=True)
class Part:
    """One piece of work.

    Attributes:
        feature_class: pyradiomics class: firstorder, glcm, glrlm or glszm; empty for all classes of a sub-band.
        band: Sub-band such as "LLH"; empty for the unfiltered image.
    """

    feature_class: str = ""
    band: str = ""

    @property
    def title(self) -> str:
        """What the user reads while it is computed."""
        return f"Texture of the {self.band} sub-band" if self.band else f"{self.feature_class} features"


# Longest first, so that no worker is left alone with a long part at the end.
PARTS = (
    Part("glszm"),
    Part(band="LLL"),
    *(Part(band=band) for band in SUB_BANDS if band != "LLL"),
    Part("glcm"),
    Part("glrlm"),
    Part("firstorder"),
)


def compute_from_file(one: Part, path: Path) -> dict[str, float]:
    """Compute one part of an image saved by numpy; runs in a worker process."""
    return compute(one, np.load(path, mmap_mode="r"))


def compute(one: Part, image: npt.NDArray[np.uint16]) -> dict[str, float]:
    """Compute one part of the features.

    Args:
        one: Which part.
        image: ``[z, y, x]``, lungs above 0, zero outside, even sides, a margin of zeros as wide as the filter.

    Returns:
        pyradiomics' values by the cohort's column names; NaN where pyradiomics could not compute one.
    """
    mask = np.asarray(image > 0, dtype=np.uint8)
    if not one.band:
        return _features(one.feature_class, np.asarray(image), mask, CLASSES[one.feature_class])
    # the transform needs the margin; the texture matrices do not
    box = bounding_box(mask)
    coefficients = np.ascontiguousarray(sub_band(np.asarray(image), one.band)[box])
    mask = np.ascontiguousarray(mask[box])
    values: dict[str, float] = {}
    for feature_class, names in SUB_BAND_CLASSES.items():
        found = _features(feature_class, coefficients, mask, names)
        values.update({f"{one.band}_{feature_class}_{name}": value for name, value in found.items()})
    return values


def merge(found: Mapping[Part, Mapping[str, float]]) -> dict[str, float]:
    """All parts found as one table; GLSZM comes after GLRLM and so overwrites the three names they share."""
    values: dict[str, float] = {}
    for one in (*(Part(feature_class) for feature_class in CLASSES), *(Part(band=band) for band in SUB_BANDS)):
        values.update(found.get(one, {}))
    if Part("glszm") not in found:  # the shared names mean GLSZM's values, which were not computed
        values = {name: value for name, value in values.items() if name not in SHARED}
    return values


def sub_band(image: npt.NDArray[Any], band: str) -> npt.NDArray[np.float64]:
    """One sub-band of the stationary coif1 transform (level 1) of an image with even sides.

    The letters name the filter along x, y and z, as pyradiomics names them. Only the wanted half of each axis is kept,
    so that the peak is a quarter of what transforming into all eight sub-bands takes.
    """
    import pywt

    data = np.asarray(image, dtype=np.float64)
    for axis, letter in zip((2, 1, 0), band, strict=True):
        low, high = pywt.swt(data, WAVELET, level=1, start_level=0, axis=axis)[0]
        data = low if letter == "L" else high
    return data


def _features(
    feature_class: str, image: npt.NDArray[Any], mask: npt.NDArray[np.uint8], names: tuple[str, ...]
) -> dict[str, float]:
    """Direct pyradiomics calls with the cohort's settings."""
    import radiomics
    import SimpleITK as sitk
    from radiomics import firstorder, glcm, glrlm, glszm

    radiomics.setVerbosity(logging.CRITICAL)  # it logs a warning for each class whose grey levels have gaps
    classes = {
        "firstorder": firstorder.RadiomicsFirstOrder,
        "glcm": glcm.RadiomicsGLCM,
        "glrlm": glrlm.RadiomicsGLRLM,
        "glszm": glszm.RadiomicsGLSZM,
    }
    calculator = classes[feature_class](sitk.GetImageFromArray(image), sitk.GetImageFromArray(mask), binWidth=BIN_WIDTH)
    for name in names:
        calculator.enableFeatureByName(name)
    return {name: float(value) for name, value in calculator.execute().items()}
