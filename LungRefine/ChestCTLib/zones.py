"""The six lung zones in which radiologists score disease: upper, middle and lower third of each lung."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from ChestCTLib.labels import LEFT_LUNG, RIGHT_LUNG

THIRDS = 3  # zones a lung


@dataclass(frozen=True)
class Zone:
    """One zone: its number in the zone map, its key in reports and its name for people."""

    value: int
    key: str
    name: str


RIGHT_UPPER = Zone(1, "right_upper", "right upper")
RIGHT_MIDDLE = Zone(2, "right_middle", "right middle")
RIGHT_LOWER = Zone(3, "right_lower", "right lower")
LEFT_UPPER = Zone(4, "left_upper", "left upper")
LEFT_MIDDLE = Zone(5, "left_middle", "left middle")
LEFT_LOWER = Zone(6, "left_lower", "left lower")
ZONES = (RIGHT_UPPER, RIGHT_MIDDLE, RIGHT_LOWER, LEFT_UPPER, LEFT_MIDDLE, LEFT_LOWER)


def six_zones(lungs: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Divide each lung into thirds of its own height.

    Each lung has its own thirds, so that a raised diaphragm on one side does not move the other side's zones. A slice
    belongs to the third in which its middle lies.

    Args:
        lungs: ``[z, y, x]`` on canonical axes (z towards the head), 1 right, 2 left, 0 elsewhere.

    Returns:
        uint8 on the same grid: 0 outside, else a value of :data:`ZONES`. A lung that is not there has no zones.

    Raises:
        InputError: The array is not three-dimensional.
    """
    if lungs.ndim != 3:
        raise InputError(f"The lung mask has {lungs.ndim} dimensions.", "Give a mask [z, y, x].")
    zones = np.zeros(lungs.shape, dtype=np.uint8)
    for side, label in enumerate((RIGHT_LUNG, LEFT_LUNG)):
        lung = lungs == label.value
        slices = np.flatnonzero(lung.any(axis=(1, 2)))
        if not slices.size:
            continue
        bottom, height = int(slices[0]), int(slices[-1] - slices[0]) + 1
        middles = np.arange(lungs.shape[0]) - bottom + 0.5
        third_from_top = THIRDS - 1 - np.clip(middles * THIRDS // height, 0, THIRDS - 1)
        values = (THIRDS * side + 1 + third_from_top).astype(np.uint8)
        np.copyto(zones, values[:, None, None], where=lung)
    return zones
