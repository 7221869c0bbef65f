"""Gas of stomach and colon under a thin dome: darker than lung, without vessels, and walled in by soft tissue."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from LungRefineLib.morphology import Mask, Triple, dilate, distance_to, opened, widened
from LungRefineLib.sides import GAS_HU

DARK_HU = -930.0  # vessels and septa keep every ball of lung of the size below brighter, but for bullae
CORE_MM = 4.0  # radius of a ball of gas that is asked about
RIM_MM = 4.0  # from the ball's reach to the blurred wall
RIM_HU = -500.0
WALL_MM = 3.0  # stomach or colon wall, which is no lung either
SHELL_MM = 8.0  # shell beyond the rim in which lung or soft tissue is looked for
SOFT_HU = -250.0  # its border against lung, blurred
WALLED_IN = 0.6  # share of soft tissue in that shell: a bulla or pneumothorax has lung on half of it
SMALLEST_ML = 2.0


def bowel_gas(air: Mask, hu: npt.NDArray[np.float32], spacing_mm: Triple) -> Mask:
    """Find gas that no lung holds.

    Args:
        air: bool ``[z, y, x]``, air inside the body without the airway.
        hu: HU with its noise averaged out, same shape.
        spacing_mm: (z, y, x), mm.

    Returns:
        bool, the gas with its wall; empty where there is none.
    """
    found = np.zeros(air.shape, bool)
    dark = air & (ndimage.uniform_filter(hu, 3, mode="nearest") < DARK_HU)
    cores, count = ndimage.label(opened(dark, CORE_MM, spacing_mm))
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    sizes = np.bincount(cores.ravel(), minlength=count + 1) * voxel_ml
    for number, box in enumerate(ndimage.find_objects(cores), start=1):
        if sizes[number] < SMALLEST_ML:
            continue
        window = widened(box, RIM_MM + SHELL_MM, spacing_mm, air.shape)
        core = cores[window] == number
        if float(np.median(hu[window][core])) >= GAS_HU:
            continue
        gas = core | ((distance_to(core, spacing_mm) <= RIM_MM) & (hu[window] < RIM_HU))
        away = distance_to(gas, spacing_mm)
        shell = (away > WALL_MM) & (away <= SHELL_MM)
        if np.mean(hu[window][shell] > SOFT_HU) >= WALLED_IN:
            found[window] |= dilate(gas, WALL_MM, spacing_mm)
    return found
