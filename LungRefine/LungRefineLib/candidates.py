"""Where an opacity may lie: the dents in the aerated lungs, each with the reach its place allows.

Thresholding leaves dense lesions out, so the aerated lung has dents. A dent towards the chest wall is bridged over a
long way: the pleura is smooth and convex there. A dent towards the heart, great vessels or diaphragm is anatomy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from LungRefineLib.morphology import Mask, Triple, closed, enclosed
from LungRefineLib.sides import nearest_side

HAZE_HU = -300.0  # below, and joined to the lung: ground glass, taken in without asking for its shape
GAS_FREE_HU = -800.0  # gas beside the lung is below; so is lung, but that is found already
HAZE_REACH_MM = 40.0  # from the nearest aerated lung
ANGLES = 360  # rays per slice
COSTAL_BEYOND_MM = 6.0  # aerated lung seen beyond a costal dent on its way out: specks at most
COSTAL_BEFORE_MM = 6.0  # aerated lung seen before it, coming from the middle
SMOOTH_CENTRE_MM = 20.0  # the centre of the rays moves no faster along the body axis


def with_haze(
    lungs: npt.NDArray[np.uint8], smooth_hu: npt.NDArray[np.float32], allowed: Mask, spacing_mm: Triple
) -> npt.NDArray[np.uint8]:
    """Add the ground glass that joins the aerated lungs.

    Args:
        lungs: uint8 ``[z, y, x]``, aerated lungs, 1 right, 2 left.
        smooth_hu: HU with its noise smoothed away, same shape.
        allowed: bool, the body without the large airways.
        spacing_mm: (z, y, x), mm.

    Returns:
        uint8, the lungs with the haze joined to them. Gas is left where it is: bowel lies close to the lungs.
    """
    haze = (smooth_hu < HAZE_HU) & (smooth_hu > GAS_FREE_HU) & allowed
    steps = max(1, round(HAZE_REACH_MM / float(np.mean(spacing_mm))))
    grown = ndimage.binary_dilation(lungs > 0, iterations=steps, mask=haze | (lungs > 0))
    sides = nearest_side(grown, lungs, spacing_mm)
    return np.where(lungs > 0, lungs, sides).astype(np.uint8)


def candidates(
    lungs: npt.NDArray[np.uint8], spacing_mm: Triple, costal_reach_mm: float, inner_reach_mm: float
) -> npt.NDArray[np.uint8]:
    """Dents of the lungs that an opacity may fill.

    Args:
        lungs: uint8 ``[z, y, x]``, aerated lungs, 1 right, 2 left.
        spacing_mm: (z, y, x), mm.
        costal_reach_mm: Ball radius towards the chest wall.
        inner_reach_mm: Ball radius elsewhere.

    Returns:
        uint8, the side each candidate voxel belongs to; aerated lung itself is not among them.
    """
    air = lungs > 0
    costal = costal_zone(air, spacing_mm)
    found = np.zeros(lungs.shape, np.uint8)
    for side in (1, 2):
        lung = lungs == side
        if not lung.any():
            continue
        dent = closed(lung, inner_reach_mm, spacing_mm)
        dent |= closed(dent, costal_reach_mm, spacing_mm) & costal
        dent |= enclosed(dent)
        found[dent & ~air] = side
    return found


def costal_zone(air: Mask, spacing_mm: Triple) -> Mask:
    """Where a way out from the middle of the chest has left the aerated lung for good.

    Rays run in each axial slice from the middle between the lungs to the outside. A voxel is costal when its ray has
    passed aerated lung before it and meets (almost) none beyond it.

    Args:
        air: bool ``[z, y, x]``, both aerated lungs.
        spacing_mm: (z, y, x), mm.
    """
    zone = np.zeros(air.shape, bool)
    slices = np.flatnonzero(air.any(axis=(1, 2)))
    if not slices.size:
        return zone
    _, dy, dx = spacing_mm
    height, width = air.shape[1:]
    step = min(dy, dx)
    radii = np.arange(int(np.hypot(height * dy, width * dx) / step) + 2) * step
    angles = np.arange(ANGLES) * 2 * np.pi / ANGLES
    centres = _centres(air, slices, spacing_mm)
    rows, columns = np.mgrid[:height, :width]
    for z, (cy, cx) in zip(slices, centres, strict=True):
        y = np.rint((cy + np.outer(np.sin(angles), radii)) / dy).astype(np.intp)
        x = np.rint((cx + np.outer(np.cos(angles), radii)) / dx).astype(np.intp)
        seen = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        along = np.zeros(y.shape, np.float32)
        along[seen] = air[z, y[seen], x[seen]]
        before = np.cumsum(along, axis=1) * step
        angle = np.arctan2(rows * dy - cy, columns * dx - cx) % (2 * np.pi)
        a = np.rint(angle * ANGLES / (2 * np.pi)).astype(np.intp) % ANGLES
        r = np.rint(np.hypot(rows * dy - cy, columns * dx - cx) / step).astype(np.intp)
        passed = before[a, r]
        beyond = before[a, -1] - passed
        zone[z] = (passed > COSTAL_BEFORE_MM) & (beyond < COSTAL_BEYOND_MM)
    return zone


def _centres(air: Mask, slices: npt.NDArray[np.intp], spacing_mm: Triple) -> npt.NDArray[np.float64]:
    """Middle of the lungs' bounding box in each slice, smoothed along z, mm."""
    raw = []
    for z in slices:
        ys, xs = np.flatnonzero(air[z].any(axis=1)), np.flatnonzero(air[z].any(axis=0))
        raw.append([(ys[0] + ys[-1]) / 2 * spacing_mm[1], (xs[0] + xs[-1]) / 2 * spacing_mm[2]])
    return ndimage.gaussian_filter1d(np.asarray(raw), SMOOTH_CENTRE_MM / spacing_mm[0], axis=0, mode="nearest")
