"""Single lesions: 26-connected pieces with size, place, density and class, and how far their centres spread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.labels import GROUND_GLASS
from ChestCTLib.zones import ZONES
from LesionSegLib.measures.periphery import TOLERANCE_MM
from LesionSegLib.measures.result import LesionRow
from LesionSegLib.measures.settings import MeasureSettings

PERIPHERAL_FROM_PERCENT = 50.0  # a lesion counts as peripheral when at least half of it is
VOXELS_TOUCH = np.ones((3, 3, 3), dtype=bool)  # 26-connectivity


def single_lesions(
    hu: npt.NDArray[np.int16],
    ijk_to_lps: npt.NDArray[np.float64],
    lesions: npt.NDArray[np.uint8],
    zones: npt.NDArray[np.uint8],
    distances_mm: npt.NDArray[np.float64],
    settings: MeasureSettings,
) -> tuple[LesionRow, ...]:
    """Measure every lesion of at least the smallest volume.

    Args:
        hu: ``[z, y, x]`` on canonical axes.
        ijk_to_lps: Its 4x4 affine.
        lesions: Same grid, 1 ground glass, 2 consolidation, 0 outside the lungs.
        zones: Same grid, the six zones.
        distances_mm: Distance to the lung's border of every lesion voxel, in the order of ``np.nonzero(lesions)``.
        settings: Smallest volume and peripheral thickness.

    Returns:
        The lesions, the largest first; equal ones in the order of the array. Empty without lesions.
    """
    mask = lesions > 0
    pieces, count = ndimage.label(mask, structure=VOXELS_TOUCH)
    if not count:
        return ()
    peripheral = np.bincount(pieces[mask], distances_mm <= settings.peripheral_mm + TOLERANCE_MM, count + 1)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    boxes = ndimage.find_objects(pieces)
    spacing_mm = np.linalg.norm(ijk_to_lps[:3, :3], axis=0)[::-1]
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    smallest = settings.smallest_lesion_ml / voxel_ml
    kept = [piece for piece in np.argsort(-sizes[1:], kind="stable") + 1 if sizes[piece] >= smallest]
    rows = []
    for number, piece in enumerate(kept, start=1):
        box = boxes[piece - 1]
        here = pieces[box] == piece
        peripheral_percent = float(100.0 * peripheral[piece] / sizes[piece])
        glass = float(100.0 * (lesions[box][here] == GROUND_GLASS.value).mean())
        densities = hu[box][here]
        height, length, width = (
            float((part.stop - part.start) * step) for part, step in zip(box, spacing_mm, strict=True)
        )
        zone = int(np.argmax(np.bincount(zones[box][here], minlength=len(ZONES) + 1)[1:]))
        rows.append(
            LesionRow(
                number=number,
                volume_ml=float(sizes[piece] * voxel_ml),
                width_mm=width,
                length_mm=length,
                height_mm=height,
                centre_lps_mm=_box_centre(ijk_to_lps, box),
                mean_hu=float(densities.mean()),
                sd_hu=float(densities.std()),
                ground_glass_percent=glass,
                consolidation_percent=100.0 - glass,
                peripheral_percent=peripheral_percent,
                peripheral=peripheral_percent >= PERIPHERAL_FROM_PERCENT,
                zone=ZONES[zone].key,
            )
        )
    return tuple(rows)


def _box_centre(ijk_to_lps: npt.NDArray[np.float64], box: tuple[slice, slice, slice]) -> tuple[float, float, float]:
    k, j, i = ((part.start + part.stop - 1) / 2 for part in box)
    x, y, z = (ijk_to_lps @ np.array([i, j, k, 1.0]))[:3]
    return float(x), float(y), float(z)


def centre_spread_mm(lesions: tuple[LesionRow, ...]) -> float | None:
    """How scattered the lesions are (DeepSC-COVID, finding 4).

    The paper gives "the standard deviation of the lesion centers" without saying over which axes; this is the root mean
    square distance of the bounding boxes' centres from their mean, mm. None with fewer than two lesions.
    """
    if len(lesions) < 2:
        return None
    centres = np.array([lesion.centre_lps_mm for lesion in lesions])
    return float(np.sqrt(((centres - centres.mean(axis=0)) ** 2).sum(axis=1).mean()))
