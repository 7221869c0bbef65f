"""The refinement's energy, minimised by threshold dynamics.

The energy of a set is its surface area plus the sum of a data cost inside it. Alternating a Gaussian blur of the set's
indicator with a threshold shifted by the data cost lowers it in every step (Merriman, Bence and Osher 1992; Esedoglu
and Otto 2015). The set starts from the inflated seeds, the aerated lungs with all their candidate dents, as in
Algorithm 1 of the COVID-MTL paper, and shrinks to where area and data agree.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.progress import CancelCheck, never_cancelled, raise_if_cancelled
from LungRefineLib.morphology import Mask, Triple

BLUR_MM = 3.0  # width of the Gaussian: details of the surface below it are smoothed away
STEPS = 12  # the set hardly moves after eight


def minimise(
    start: Mask,
    force: npt.NDArray[np.float32],
    spacing_mm: Triple,
    cancelled: CancelCheck = never_cancelled,
) -> npt.NDArray[np.float32]:
    """Lower surface area plus data cost, starting from a set.

    Args:
        start: bool ``[z, y, x]``, the inflated seeds.
        force: ``float32``, same shape: minus the data cost, in units of the blurred indicator; +0.5 and more holds a
            voxel inside, -0.5 and less outside.
        spacing_mm: (z, y, x), mm.
        cancelled: Asked once a step.

    Returns:
        The final level function in [0, 1], ``float32``; its 0.5 level is the surface.
    """
    sigma = [BLUR_MM / step for step in spacing_mm]
    inside = start
    level = start.astype(np.float32)
    for _ in range(STEPS):
        raise_if_cancelled(cancelled)
        level = ndimage.gaussian_filter(inside.astype(np.float32), sigma, mode="nearest", truncate=3.0)
        level += force
        moved = level > 0.5
        if np.count_nonzero(moved ^ inside) == 0:
            break
        inside = moved
    return np.clip(level, 0.0, 1.0)
