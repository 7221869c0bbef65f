"""From a scan and its lungs to the image the cohort's features are defined on.

The definition (COVID-MTL paper, section 5.1, and the released table): intensities HU + 1024 clipped to [0, 4095], then
resampled to 1 mm, zero outside the lungs; the region of interest is where the intensity is above zero. The clip comes
first: 94 of the 1,329 patients have a maximum above 4095, which only a spline's overshoot after it explains.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from ChestCTLib.grid import canonical, resample_array
from ChestCTLib.volume import CTVolume

SPACING_MM = (1.0, 1.0, 1.0)
HU_OFFSET = 1024  # air lies at about 0 after adding it, as in the cohort's files
MAX_INTENSITY = 4095  # 12 bit, the cohort's upper clip
SPLINE_ORDER = 3  # the cohort was resampled by cubic splines; linear interpolation smooths the texture away
RESAMPLING_MARGIN_MM = (
    12.0  # a cubic spline reaches a few voxels; of 8 mm slices this still leaves one beyond the lungs
)
WAVELET_MARGIN = (
    6  # voxels; at least the length of coif1's filter, so that cropping changes no coefficient in the lungs
)
MIN_LUNG_ML = 200.0  # smaller "lungs" are a failed segmentation: an adult's hold 2 to 6 litres, a toddler's 0.3


def lung_image(volume: CTVolume, lungs: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """The cropped 1 mm image that the features are computed on.

    Args:
        volume: The scan, any orientation and spacing.
        lungs: Mask ``[z, y, x]`` on the scan's grid; everything above 0 is lung.

    Returns:
        ``uint16`` array ``[z, y, x]`` along canonical axes, 1 mm voxels, HU + 1024 (not below 0) inside the lungs and 0
        outside, cropped to the lungs with a margin; every side has an even length (the wavelet transform needs that).

    Raises:
        InputError: The mask lies on another grid, or holds less than ``MIN_LUNG_ML``.
    """
    if lungs.shape != volume.shape:
        raise InputError(
            f"The lung mask has {lungs.shape} voxels, the scan {volume.shape}.", "Give a mask on the scan's grid."
        )
    lung_ml = float(np.count_nonzero(lungs)) * volume.voxel_ml
    if lung_ml < MIN_LUNG_ML:
        raise InputError(
            f"The lung mask holds {lung_ml:.0f} mL, features need at least {MIN_LUNG_ML:.0f} mL.",
            "Check the lung segmentation, or give a mask with --lungs.",
        )
    view = canonical(volume)
    mask = view.apply(np.asarray(lungs) > 0)
    spacing = view.volume.spacing_mm
    margin = [int(np.ceil(RESAMPLING_MARGIN_MM / step)) for step in spacing]
    box = tuple(
        slice(max(0, side.start - extra), side.stop + extra)
        for side, extra in zip(bounding_box(mask), margin, strict=True)
    )
    clipped = np.clip(view.volume.hu[box].astype(np.int32) + HU_OFFSET, 0, MAX_INTENSITY)
    intensity = np.maximum(resample_array(clipped, spacing, SPACING_MM, order=SPLINE_ORDER), 0)
    inside = resample_array(mask[box], spacing, SPACING_MM, order=0)
    intensity[~inside] = 0
    return _cropped(intensity.astype(np.uint16))


def bounding_box(mask: npt.NDArray[Any]) -> tuple[slice, slice, slice]:
    """The smallest box around the voxels above 0 of a mask that has some."""
    z, y, x = (np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    return slice(int(z[0]), int(z[-1]) + 1), slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1)


def _cropped(image: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    lungs = image[bounding_box(image > 0)]
    padding = [(WAVELET_MARGIN, WAVELET_MARGIN + side % 2) for side in lungs.shape]
    return np.ascontiguousarray(np.pad(lungs, padding))
