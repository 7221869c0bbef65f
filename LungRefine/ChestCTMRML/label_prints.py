"""Fingerprints of segments, by which an edit by hand is noticed; numpy alone, so that a child process can compare."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

CORNER_TOLERANCE_MM = 0.01  # scenes are saved as text with about six decimals; a voxel is far larger


def fingerprint(mask: npt.NDArray[np.bool_], to_ras: npt.NDArray[np.float64]) -> dict[str, Any] | None:
    """What is kept of a segment that the project wrote.

    Args:
        mask: ``[k, j, i]``, in any box that holds the segment.
        to_ras: 4x4, indices of the mask to the segmentation's own RAS, mm.

    Returns:
        Shape and checksum of the bounding box and the position of its first voxel; None for an empty mask.
    """
    box = bounding_box(mask)
    if box is None:
        return None
    k, j, i = (part.start for part in box)
    corner = (to_ras @ [i, j, k, 1.0])[:3]
    voxels = mask[box]
    return {
        "shape": list(voxels.shape),
        "crc32": zlib.crc32(np.packbits(voxels).tobytes()),
        "corner_mm": [round(float(value), 4) for value in corner],
    }


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two fingerprints are those of the same voxels."""
    close = np.allclose(one["corner_mm"], other["corner_mm"], rtol=0, atol=CORNER_TOLERANCE_MM)
    return bool(close and one["shape"] == other["shape"] and one["crc32"] == other["crc32"])


def bounding_box(array: npt.NDArray[Any]) -> tuple[slice, ...] | None:
    """The part of an array ``[k, j, i]`` that is not zero; None where all of it is."""
    slices = np.flatnonzero(array.any(axis=(1, 2)))
    if slices.size == 0:
        return None
    low, high = int(slices[0]), int(slices[-1]) + 1
    shadow = np.any(array[low:high], axis=0)
    rows, columns = np.flatnonzero(shadow.any(axis=1)), np.flatnonzero(shadow.any(axis=0))
    return (
        slice(low, high),
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
    )
