"""From the greys of a picture to an approximate Hounsfield scale.

A published slice is 8 bit, windowed in an unknown way and perhaps equalised tile by tile (CLAHE), so its greys drift
across the picture; where it is known how, ``equalisation`` undoes that first, and one scale holds for all of it. Two
tissues are in every chest slice, and their Hounsfield units are known: aerated lung and soft tissue. Both are looked
for in the picture itself, their greys are followed across it as smooth fields, and every pixel is mapped linearly
between the two. The result is good for thresholds between lung and tissue, not for measuring densities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import threshold_otsu

from ChestCTLib.errors import InputError

LUNG_HU = -850.0  # aerated lung at full inspiration
TISSUE_HU = 0.0  # everything bright together: fat near -100, muscle and blood near 40, some bone
LOWEST_HU = -1024
HIGHEST_HU = 600  # beyond soft tissue a lung window is saturated anyway
SPLIT_HU = -420.0  # between lung and tissue: the classical method's threshold
MIN_SIDE = 32  # pixels
MIN_CONTRAST = 8.0  # grey levels between the two anchors: less is an empty picture
MIN_LUNG_SHARE = 0.01  # of the picture: fewer enclosed dark pixels are no lungs, all dark ones serve then
FIELD_WEIGHT = 0.05  # of a fully covered neighbourhood: how strongly a field is held to the picture's own anchor


@dataclass(frozen=True)
class CalibrationSettings:
    """How greys become Hounsfield units.

    Attributes:
        local: Follow the anchors across the picture (for equalised pictures); False takes one pair for all of it.
        scale: Width of the neighbourhood the anchors are followed at, share of the picture's shorter side.
        rounds: How often tissue is split and anchors are taken again.
        lung_percentile: Percentile of the lung's greys that is its aerated part; below the median, as lesions
            brighten it.
    """

    local: bool = True
    scale: float = 0.2
    rounds: int = 2
    lung_percentile: float = 35.0

    def __post_init__(self) -> None:
        if not 0.02 <= self.scale <= 2.0:
            raise InputError(f"The calibration scale is {self.scale}.", "Choose a share between 0.02 and 2.")
        if self.rounds < 1 or not 0 < self.lung_percentile < 100:
            raise InputError("Calibration needs at least one round and a percentile between 0 and 100.")


def calibrate(
    grey: npt.NDArray[np.uint8] | npt.NDArray[np.float32], settings: CalibrationSettings | None = None
) -> npt.NDArray[np.int16]:
    """Map a picture of an axial slice to approximate Hounsfield units.

    Args:
        grey: ``[y, x]`` in [0, 255], air dark.
        settings: How; None for the defaults.

    Returns:
        ``int16`` ``[y, x]`` within [-1024, 600] HU.

    Raises:
        InputError: The picture is too small, not two-dimensional, or has no contrast.
    """
    settings = settings or CalibrationSettings()
    if grey.ndim != 2 or min(grey.shape) < MIN_SIDE:
        raise InputError(f"A picture of shape {grey.shape} cannot be calibrated.", "Give a grey picture of one slice.")
    values = ndimage.gaussian_filter(grey.astype(np.float32), 1.0)
    if np.ptp(values) < MIN_CONTRAST:
        raise InputError("The picture is of one grey: it shows nothing.", "Leave this picture out.")
    tissue = values > threshold_otsu(values)
    lung_field = tissue_field = np.zeros_like(values)
    for _ in range(settings.rounds):
        lung = _enclosed(tissue)
        lung_field, tissue_field = _anchors(values, lung, tissue, settings)
        tissue = _scale(values, lung_field, tissue_field) > SPLIT_HU
    hu = _scale(grey.astype(np.float32), lung_field, tissue_field)
    return np.clip(np.rint(hu), LOWEST_HU, HIGHEST_HU).astype(np.int16)


def _enclosed(tissue: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Dark pixels inside the body; all dark pixels where the picture is cut so tightly that none are enclosed."""
    inside = ndimage.binary_fill_holes(tissue) & ~tissue
    return inside if inside.mean() >= MIN_LUNG_SHARE else ~tissue


def _anchors(
    values: npt.NDArray[np.float32],
    lung: npt.NDArray[np.bool_],
    tissue: npt.NDArray[np.bool_],
    settings: CalibrationSettings,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Greys of aerated lung and of soft tissue, everywhere in the picture."""
    if not lung.any() or not tissue.any():
        raise InputError("The picture does not show lung beside tissue.", "Leave this picture out.")
    low = float(np.percentile(values[lung], settings.lung_percentile))
    high = float(np.median(values[tissue]))
    if high - low < MIN_CONTRAST:
        raise InputError(f"Lung and tissue differ by {high - low:.1f} grey levels only.", "Leave this picture out.")
    if not settings.local:
        return np.full_like(values, low), np.full_like(values, high)
    sigma = settings.scale * min(values.shape)
    darkest = lung & (values <= np.percentile(values[lung], 2 * settings.lung_percentile))
    lung_field = _field(values, darkest, low, sigma)
    tissue_field = _field(values, tissue, high, sigma)
    return lung_field, np.maximum(tissue_field, lung_field + MIN_CONTRAST)


def _field(
    values: npt.NDArray[np.float32], where: npt.NDArray[np.bool_], anchor: float, sigma: float
) -> npt.NDArray[np.float32]:
    """Smooth mean of the values where they are known, drawn to the anchor where few are near."""
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(where, values, np.float32(0.0)), sigma)
    return np.asarray((total + FIELD_WEIGHT * anchor) / (weight + FIELD_WEIGHT), dtype=np.float32)


def _scale(
    values: npt.NDArray[np.float32], low: npt.NDArray[np.float32], high: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    return np.asarray(LUNG_HU + (values - low) * (TISSUE_HU - LUNG_HU) / (high - low), dtype=np.float32)
