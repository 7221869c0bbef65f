"""From stored numbers to Hounsfield units: padding, a forgotten offset of 1024, voxels that are not numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.errors import NotAChestCTError

AIR_HU = -1024  # what padding becomes; the lowest value a CT scale starts at
FORGOTTEN_OFFSET_HU = 1024  # unsigned exports store HU + 1024
SOFT_TISSUE_HU = (-150, 250)  # fat to muscle with contrast: where most of a body's voxels lie
LOWEST_UNSIGNED = -50  # a volume stored as HU + 1024 has nothing much below 0, filters may ring a little
AIR_BAND = 200  # width above the minimum within which stored air lies
MIN_AIR_SHARE = 0.05  # of all voxels: lungs and surroundings of a chest scan are far more
MAX_NAN_SHARE = 0.6  # of all voxels: corners outside a round or turned field of view stay below
SAMPLE_STEP = 4  # voxels along each axis: enough to see a histogram's peaks
MIN_PADDING_REGION = 16  # voxels of one padding region that touches a slice's border


def clean_hounsfield(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int16], list[str]]:
    """Turn an image's numbers into Hounsfield units.

    Values below -1024 (padding such as -2000 or -3024) become air; a volume stored as HU + 1024 is brought back;
    non-finite voxels that reach the image's border are padding and become air.

    Args:
        values: ``[z, y, x]``, any real dtype.

    Returns:
        ``int16`` Hounsfield units, and warnings about what was changed.

    Raises:
        NotAChestCTError: Non-finite voxels lie inside the image, or are most of it.
    """
    warnings: list[str] = []
    if values.dtype.kind == "f":
        values = _without_nan(values, warnings)
    offset = forgotten_offset(values)
    if offset:
        warnings.append(f"The values were stored as Hounsfield units + {offset}; the offset was taken off.")
    if values.dtype == np.int16 and not offset:
        hu = np.maximum(values, np.int16(AIR_HU))
    else:
        limits = np.iinfo(np.int16)
        whole = np.rint(values) if values.dtype.kind == "f" else values
        hu = (np.clip(whole, AIR_HU + offset, limits.max).astype(np.int32) - offset).astype(np.int16)
    return hu, warnings


def forgotten_offset(values: npt.NDArray[Any]) -> int:
    """Find out whether a volume is stored as HU + 1024.

    Args:
        values: ``[z, y, x]``, finite.

    Returns:
        1024 where air lies near 0 and soft tissue near 1024; else 0.
    """
    sample = np.asarray(values[::SAMPLE_STEP, ::SAMPLE_STEP, ::SAMPLE_STEP], dtype=np.float64)
    sample = sample[sample > AIR_HU - FORGOTTEN_OFFSET_HU // 2]  # padding says nothing about the scale
    if sample.size == 0:
        return 0
    low, high = SOFT_TISSUE_HU
    shifted = np.mean((sample > low + FORGOTTEN_OFFSET_HU) & (sample < high + FORGOTTEN_OFFSET_HU))
    unshifted = np.mean((sample > AIR_BAND) & (sample < 2 * AIR_BAND + high))
    no_air_on_hu_scale = np.mean(sample < -AIR_BAND) < 0.001
    air = np.mean((sample >= LOWEST_UNSIGNED) & (sample < AIR_BAND))
    if no_air_on_hu_scale and air >= MIN_AIR_SHARE and shifted >= MIN_AIR_SHARE and shifted > 0.5 * unshifted:
        return FORGOTTEN_OFFSET_HU
    return 0


def padding_to_air(hu: npt.NDArray[Any], low: float, high: float) -> None:
    """Replace a slice's padding by air, in place.

    A padding value on the air side of the scale is replaced everywhere. One that could be tissue (0 HU is water) is
    replaced only in regions that touch the slice's border.

    Args:
        hu: One slice ``[y, x]`` in Hounsfield units.
        low: Lowest padding value, HU.
        high: Highest padding value, HU.
    """
    padding = (hu >= low) & (hu <= high)
    if not padding.any():
        return
    if low > AIR_HU + AIR_BAND:
        labels, _ = ndimage.label(padding)
        border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        sizes = np.bincount(labels.ravel())
        touching = np.unique(border[border > 0])
        padding = np.isin(labels, touching[sizes[touching] >= MIN_PADDING_REGION])
    hu[padding] = AIR_HU


def _without_nan(values: npt.NDArray[Any], warnings: list[str]) -> npt.NDArray[Any]:
    bad = ~np.isfinite(values)
    count = int(bad.sum())
    if count == 0:
        return values
    remedy = "Export the scan again."
    if count > MAX_NAN_SHARE * values.size:
        raise NotAChestCTError(f"{count} of {values.size} voxels are not finite numbers.", remedy)
    labels, number = ndimage.label(bad)
    border = [labels.take(end, axis=axis).ravel() for axis in range(3) for end in (0, -1)]
    outside = np.unique(np.concatenate(border))
    if np.setdiff1d(np.arange(1, number + 1), outside).size:
        raise NotAChestCTError(f"{count} voxels inside the image are not finite numbers.", remedy)
    warnings.append(f"{count} voxels outside the field of view were not finite numbers; they are taken for air.")
    return np.where(bad, AIR_HU, values)
