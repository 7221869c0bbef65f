"""Where an opacity may lie: the dents in the aerated lungs, each with the reach its place allows.

Thresholding leaves dense lesions out, so the aerated lung has dents. A dent towards the chest wall is bridged over a
long way: the pleura is smooth and convex there. A dent towards the heart, great vessels or diaphragm is anatomy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from LungRefineLib.attached import attached_lesions
from LungRefineLib.morphology import Mask, Triple, closed, distance_to, enclosed, opened
from LungRefineLib.pleura import covered_by_pleura
from LungRefineLib.rays import cast_rays
from LungRefineLib.separated import separated_lesions
from LungRefineLib.sides import nearest_side

BONE_HU = 180.0  # above, averaged over a block: rib or vertebra, never lung
FAT_HU = (-130.0, -60.0)  # chest wall and pericardial fat; consolidation is denser, ground glass thinner
MOST_BONE = 0.03  # share of a dent: calcified granuloma at most
MOST_FAT = 0.3  # share of a dent: consolidation mixed with air passes through the range of fat
SMALL_HOLE_MM2 = 400.0  # a vessel across its course; the tip of a dome is flat and small, filling it costs nothing
ROD_MM2 = 60.0  # 9 mm thick across a coronal or sagittal plane; a hilar artery is thicker
LOOKS = 3  # hardly anything is found later
THICK_MM = 4.0  # across thicker slices no plane but the axial one shows what is enclosed
HILUM_MM = 20.0  # from the main bronchi: what a second look finds there are hilar vessels
GAS_FREE_HU = -800.0  # gas beside the lung is below; so is lung, but that is found already
HALF_AERATED_HU = (
    -400.0,
    -145.0,
)  # thinner than any fat; the blurred border of lung and soft tissue passes through ...
HALF_AERATED_MM = 2.5  # ... but a ball of this radius does not fit into it
HAZE_REACH_MM = 40.0  # from the nearest aerated lung
COSTAL_BEYOND_MM = 6.0  # aerated lung seen beyond a costal dent on its way out: specks at most
COSTAL_BEFORE_MM = 12.0  # aerated lung seen before it, coming from the middle


def with_haze(
    lungs: npt.NDArray[np.uint8],
    smooth_hu: npt.NDArray[np.float32],
    haze_hu: float,
    allowed: Mask,
    spacing_mm: Triple,
    exact_hu: bool = False,
) -> npt.NDArray[np.uint8]:
    """Add the ground glass, and thick half-aerated consolidation, that join the aerated lungs.

    Args:
        lungs: uint8 ``[z, y, x]``, aerated lungs, 1 right, 2 left.
        smooth_hu: HU with its noise smoothed away, same shape.
        haze_hu: Upper limit of the haze, HU.
        allowed: bool, the body without the large airways.
        spacing_mm: (z, y, x), mm.
        exact_hu: Whether to add half-aerated consolidation.

    Returns:
        uint8, the lungs with the haze joined to them. Gas is left where it is: bowel lies close to the lungs.
    """
    haze = (smooth_hu < haze_hu) & (smooth_hu > GAS_FREE_HU) & allowed
    if exact_hu:
        half = (smooth_hu > HALF_AERATED_HU[0]) & (smooth_hu < HALF_AERATED_HU[1]) & allowed
        haze |= opened(half, HALF_AERATED_MM, spacing_mm)
    steps = max(1, round(HAZE_REACH_MM / float(np.mean(spacing_mm))))
    grown = ndimage.binary_dilation(lungs > 0, iterations=steps, mask=haze | (lungs > 0))
    sides = nearest_side(grown, lungs, spacing_mm)
    return np.where(lungs > 0, lungs, sides).astype(np.uint8)


def candidates(
    lungs: npt.NDArray[np.uint8],
    smooth_hu: npt.NDArray[np.float32],
    large_airway: Mask,
    spacing_mm: Triple,
    costal_reach_mm: float,
    inner_reach_mm: float,
) -> npt.NDArray[np.uint8]:
    """Dents of the lungs that an opacity may fill.

    Args:
        lungs: uint8 ``[z, y, x]``, aerated lungs, 1 right, 2 left.
        smooth_hu: HU with its noise smoothed away, same shape.
        large_airway: bool, trachea and main bronchi, whose neighbourhood is the hilum.
        spacing_mm: (z, y, x), mm.
        costal_reach_mm: Ball radius towards the chest wall.
        inner_reach_mm: Ball radius elsewhere.

    Returns:
        uint8, the side each candidate voxel belongs to; aerated lung itself is not among them.
    """
    air = lungs > 0
    rays = cast_rays(air, spacing_mm)
    costal = np.zeros(air.shape, bool)
    costal[rays.slices] = (rays.passed_mm > COSTAL_BEFORE_MM) & (rays.beyond_mm < COSTAL_BEYOND_MM)
    covered = _soft_pieces(covered_by_pleura(rays, air.shape, spacing_mm), smooth_hu)
    covered_sides = nearest_side(covered, lungs, spacing_mm)
    found = np.zeros(lungs.shape, np.uint8)
    for side in (1, 2):
        lung = lungs == side
        if not lung.any():
            continue
        dent = closed(lung, inner_reach_mm, spacing_mm)
        dent |= _soft_pieces(closed(dent, costal_reach_mm, spacing_mm) & costal & ~dent, smooth_hu)
        # A gap one voxel thin is the border's partial volume, not an opacity.
        thick = ndimage.binary_opening(dent & ~air, np.ones((2, 2, 2)))
        thick |= covered_sides == side
        thick |= enclosed(lung | thick, SMALL_HOLE_MM2, spacing_mm)
        found[thick & ~air] = side
    attached = attached_lesions(air | (found > 0), spacing_mm)
    found[attached] = nearest_side(attached, lungs, spacing_mm)[attached]
    separated = separated_lesions(air | (found > 0), smooth_hu, large_airway, spacing_mm)
    found[separated] = nearest_side(separated, lungs, spacing_mm)[separated]
    if spacing_mm[0] <= THICK_MM:
        beyond_hila = distance_to(large_airway, spacing_mm) > HILUM_MM
        for side in (1, 2):
            whole = (lungs == side) | (found == side)
            found[enclosed(whole, SMALL_HOLE_MM2, spacing_mm, ROD_MM2, LOOKS) & beyond_hila] = side
    return found


def _soft_pieces(dents: Mask, smooth_hu: npt.NDArray[np.float32]) -> Mask:
    """Drop the dents that hold rib or fat: there the wall itself bulges inwards."""
    labels, count = ndimage.label(dents)
    sizes = np.maximum(np.bincount(labels.ravel(), minlength=count + 1), 1)
    values = smooth_hu[dents]
    numbers = labels[dents]
    bone = np.bincount(numbers[values > BONE_HU], minlength=count + 1) / sizes
    fat = np.bincount(numbers[(values > FAT_HU[0]) & (values < FAT_HU[1])], minlength=count + 1) / sizes
    light = np.bincount(numbers[values < FAT_HU[0]], minlength=count + 1) / sizes
    # Half-aerated consolidation passes through the range of fat, but most of it is lighter; the wall is mostly denser.
    kept = (bone < MOST_BONE) & ((fat < MOST_FAT) | (light > fat))
    kept[0] = False
    return kept[labels]
