"""Does a volume show a chest? A quick look at about 5 mm: a body in Hounsfield units, with lungs inside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.errors import NotAChestCTError

LOOK_MM = 5.0  # sampling of the quick look: lungs are tens of such voxels wide
BODY_HU = -300.0  # between lung tissue and fat
LUNG_HU = -400.0  # aerated lung and gas lie below
GAS_HU = -970.0  # a region whose median is lower is gas or air, not lung: emphysema stays above
MIN_BODY_ML = 500.0  # a newborn's chest has more
BODY_MEDIAN_HU = (-150.0, 200.0)  # between fat and contrast-filled organs
BONE_HU = 300.0
SKULL_SHARE = 0.08  # of the body: skulls make up 10-20 % of a head, bones at most 6 % of a trunk
MIN_LUNG_ML = 150.0  # all aerated lung; a two-year-old, or an adult with nearly white lungs, has more
MIN_REGION_ML = 20.0  # of one enclosed region: trachea, sinuses and gas bubbles are smaller
MIN_DEPTH_SHARE = 0.4  # of the body's largest depth: lungs reach there, a table's foam below the back does not
MIN_HEIGHT_MM = 110.0  # of lungs cut off at one end; whole adult lungs are 200 mm and more, heart scans show 120 mm
CUT_SHARE = 0.5  # area of the end slice against the largest: more means that the lungs go on beyond the scan
CLOSED_SHARE = 0.1  # area of the end slice against the largest: less means that the lungs end within the scan
CUT_WARNING_SHARE = 0.25

REMEDY = "Choose the chest series."


@dataclass(frozen=True)
class ChestLook:
    """What the quick look saw.

    Attributes:
        body_ml: Volume of the largest body, mL.
        body_median_hu: Its median value, HU; None without a body.
        bone_share: Share of the body above 300 HU.
        lung_ml: Volume of lung-like air inside the body, mL (coarse).
        height_mm: Length of the slices that show lung, along the body's axis, mm.
        top_share: Lung area in the topmost slice against the largest; ``bottom_share`` in the lowest.
    """

    body_ml: float
    body_median_hu: float | None
    bone_share: float
    lung_ml: float = 0.0
    height_mm: float = 0.0
    top_share: float = 0.0
    bottom_share: float = 0.0


def require_chest(hu: npt.NDArray[np.int16], ijk_to_lps: npt.NDArray[np.float64]) -> None:
    """Refuse a volume that does not show a chest in Hounsfield units.

    Args:
        hu: ``[z, y, x]``.
        ijk_to_lps: 4x4 affine.

    Raises:
        NotAChestCTError: No body, no Hounsfield units, no lungs, or only their tips or bases.
    """
    low, high = int(hu.min()), int(hu.max())
    if low == high:
        raise NotAChestCTError(f"Every voxel has the value {low}.", REMEDY)
    if low >= 0 and high <= 255:
        raise NotAChestCTError(
            f"The values run from {low} to {high}: a windowed 8-bit picture, no Hounsfield units.",
            "Export the scan with its original values.",
        )
    if low > LUNG_HU:
        raise NotAChestCTError(
            f"The lowest value is {low}, but air is -1000 on the Hounsfield scale: the values are no Hounsfield units.",
            "Check the modality and the rescale slope and intercept.",
        )
    look = look_at(hu, ijk_to_lps)
    if look.body_median_hu is None:
        raise NotAChestCTError(f"There is no body in the scan ({look.body_ml:.0f} mL of tissue): it is air.", REMEDY)
    if not BODY_MEDIAN_HU[0] <= look.body_median_hu <= BODY_MEDIAN_HU[1]:
        raise NotAChestCTError(
            f"The body's median value is {look.body_median_hu:.0f}, soft tissue lies between "
            f"{BODY_MEDIAN_HU[0]:.0f} and {BODY_MEDIAN_HU[1]:.0f} HU: the values are no Hounsfield units.",
            "Check the modality and the rescale slope and intercept.",
        )
    if look.lung_ml < MIN_LUNG_ML:
        guess = "a head" if look.bone_share > SKULL_SHARE else "an abdomen or another part of the body"
        raise NotAChestCTError(
            f"There are no lungs in the scan ({look.lung_ml:.0f} mL of lung-like air in the body; "
            f"bone makes up {look.bone_share:.0%}): it looks like {guess}.",
            REMEDY,
        )
    if look.height_mm < MIN_HEIGHT_MM:
        if look.top_share > CUT_SHARE and look.bottom_share < CLOSED_SHARE:
            raise NotAChestCTError(
                f"Only the lowest {look.height_mm:.0f} mm of the lungs are in the scan: it looks like an abdomen.",
                REMEDY,
            )
        if look.bottom_share > CUT_SHARE and look.top_share < CLOSED_SHARE:
            raise NotAChestCTError(
                f"Only the upper {look.height_mm:.0f} mm of the lungs are in the scan: it looks like a neck or head.",
                REMEDY,
            )


def cut_off_lungs(hu: npt.NDArray[np.int16], ijk_to_lps: npt.NDArray[np.float64]) -> list[str]:
    """Warn where the lungs go on beyond the scan, as volumes and shares then lack a part."""
    look = look_at(hu, ijk_to_lps)
    ends = {"upper": look.top_share, "lower": look.bottom_share}
    return [
        f"The lungs reach the {end} end of the scan: a part of them is missing."
        for end, share in ends.items()
        if share > CUT_WARNING_SHARE
    ]


def look_at(hu: npt.NDArray[np.int16], ijk_to_lps: npt.NDArray[np.float64]) -> ChestLook:
    """Take the quick look at a volume.

    Args:
        hu: ``[z, y, x]``, any orientation.
        ijk_to_lps: 4x4 affine.
    """
    coarse, spacing = _upright(hu, ijk_to_lps)
    voxel_ml = float(np.prod(spacing)) / 1000.0
    labels, count = ndimage.label(coarse > BODY_HU)
    sizes = np.bincount(labels.ravel())[1:]
    if count == 0 or sizes.max() * voxel_ml < MIN_BODY_ML:
        return ChestLook(float(sizes.max(initial=0)) * voxel_ml, None, 0.0)
    body = labels == int(sizes.argmax()) + 1
    inside = coarse[body]
    found = ChestLook(float(sizes.max()) * voxel_ml, float(np.median(inside)), float(np.mean(inside > BONE_HU)))

    filled = np.stack([ndimage.binary_fill_holes(section) for section in body])
    depth = _depth(filled, spacing)
    regions, number = ndimage.label(filled & (coarse < LUNG_HU))
    areas = np.zeros(len(coarse))
    index = np.arange(1, number + 1)
    region_ml = np.bincount(regions.ravel(), minlength=number + 1)[1:] * voxel_ml
    deepest = ndimage.maximum(depth, regions, index) if number else []
    for region, size_ml, reach in zip(index, region_ml, deepest, strict=True):
        if size_ml < MIN_REGION_ML or reach < MIN_DEPTH_SHARE * depth.max():
            continue
        mask = regions == region
        if np.median(coarse[mask]) > GAS_HU:
            areas += mask.sum(axis=(1, 2))
    if not areas.any():
        return found
    largest = areas.max()
    return ChestLook(
        found.body_ml,
        found.body_median_hu,
        found.bone_share,
        lung_ml=float(areas.sum()) * voxel_ml,
        height_mm=float((areas > CLOSED_SHARE * largest).sum()) * spacing[0],
        top_share=float(areas[-1] / largest),
        bottom_share=float(areas[0] / largest),
    )


def _upright(
    hu: npt.NDArray[np.int16], ijk_to_lps: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int16], tuple[float, float, float]]:
    """A coarse copy whose first axis runs along the body from feet to head, and its spacing, mm."""
    lengths = np.linalg.norm(ijk_to_lps[:3, :3], axis=0)[::-1]  # array axes k, j, i
    steps = [max(1, round(LOOK_MM / float(length))) for length in lengths]
    coarse = hu[:: steps[0], :: steps[1], :: steps[2]]
    spacing = [float(length) * step for length, step in zip(lengths, steps, strict=True)]
    along = ijk_to_lps[2, 2::-1] / lengths  # how far each array axis runs towards the head
    axis = int(np.abs(along).argmax())
    coarse = np.moveaxis(coarse, axis, 0)
    spacing.insert(0, spacing.pop(axis))
    if along[axis] < 0:
        coarse = coarse[::-1]
    return np.ascontiguousarray(coarse), (spacing[0], spacing[1], spacing[2])


def _depth(filled: npt.NDArray[np.bool_], spacing: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """Distance of each voxel from the skin within its slice, mm; the image's border counts as skin."""
    padded = np.pad(filled, ((0, 0), (1, 1), (1, 1)))
    far = 1e4  # mm between slices: the distance is taken within a slice
    return ndimage.distance_transform_edt(padded, sampling=(far, spacing[1], spacing[2]))[:, 1:-1, 1:-1]
