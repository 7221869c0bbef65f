"""Single lesions: 26-connected pieces with size, place, density and class, and how far their centres spread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.labels import GROUND_GLASS
from ChestCTLib.zones import ZONES
from LesionSegLib.measures.frame import LesionVoxels, LungFrame
from LesionSegLib.measures.periphery import TOLERANCE_MM
from LesionSegLib.measures.result import LesionRow
from LesionSegLib.measures.settings import MeasureSettings

PERIPHERAL_FROM_PERCENT = 50.0  # a lesion counts as peripheral when at least half of it is
VOXELS_TOUCH = np.ones((3, 3, 3), dtype=bool)  # 26-connectivity


def single_lesions(
    frame: LungFrame, voxels: LesionVoxels, distances_mm: npt.NDArray[np.float32], settings: MeasureSettings
) -> tuple[LesionRow, ...]:
    """Measure every lesion of at least the smallest volume.

    Args:
        frame: The scan and its lungs.
        voxels: The lesions.
        distances_mm: Distance of each lesion voxel to the lungs' border, mm.
        settings: Smallest volume and peripheral thickness.

    Returns:
        The lesions, the largest first; equal ones in the order of the array. Empty without lesions.
    """
    if not voxels.at.size:
        return ()
    piece, boxes = _pieces(frame, voxels)
    count = len(boxes)
    sizes = np.bincount(piece, minlength=count)
    smallest = settings.smallest_lesion_ml / frame.volume.voxel_ml
    kept = [number for number in np.argsort(-sizes, kind="stable") if sizes[number] >= smallest]

    hu = frame.hu.ravel()[voxels.at].astype(np.float64)
    mean = np.bincount(piece, hu, count) / sizes
    variance = np.bincount(piece, (hu - mean[piece]) ** 2, count) / sizes
    glass = np.bincount(piece, voxels.classes == GROUND_GLASS.value, count)
    near = np.bincount(piece, distances_mm <= settings.peripheral_mm + TOLERANCE_MM, count)
    zone = frame.zones.ravel()[voxels.at].astype(np.intp) - 1
    most = np.bincount(piece * len(ZONES) + zone, minlength=count * len(ZONES)).reshape(count, -1).argmax(axis=1)
    rows = []
    for number, at in enumerate(kept, start=1):
        height, length, width = (
            float((part.stop - part.start) * step) for part, step in zip(boxes[at], frame.spacing_mm, strict=True)
        )
        glass_percent = float(100.0 * glass[at] / sizes[at])
        peripheral_percent = float(100.0 * near[at] / sizes[at])
        rows.append(
            LesionRow(
                number=number,
                volume_ml=float(sizes[at] * frame.volume.voxel_ml),
                width_mm=width,
                length_mm=length,
                height_mm=height,
                centre_lps_mm=_box_centre(frame.ijk_to_lps, boxes[at]),
                mean_hu=float(mean[at]),
                sd_hu=float(np.sqrt(variance[at])),
                ground_glass_percent=glass_percent,
                consolidation_percent=100.0 - glass_percent,
                peripheral_percent=peripheral_percent,
                peripheral=peripheral_percent >= PERIPHERAL_FROM_PERCENT,
                zone=ZONES[most[at]].key,
            )
        )
    return tuple(rows)


def _pieces(frame: LungFrame, voxels: LesionVoxels) -> tuple[npt.NDArray[np.intp], list[tuple[slice, ...]]]:
    """The piece that each voxel belongs to, from 0 on, and every piece's box in the frame."""
    where = np.unravel_index(voxels.at, frame.lungs.shape)
    first = [int(axis.min()) for axis in where]
    local = tuple(axis - start for axis, start in zip(where, first, strict=True))
    mask = np.zeros([int(axis.max()) + 1 for axis in local], dtype=np.uint8)
    mask[local] = 1
    labels, _count = ndimage.label(mask, structure=VOXELS_TOUCH)
    boxes = [
        tuple(slice(part.start + start, part.stop + start) for part, start in zip(box, first, strict=True))
        for box in ndimage.find_objects(labels)
    ]
    return labels[local].astype(np.intp) - 1, boxes


def _box_centre(ijk_to_lps: npt.NDArray[np.float64], box: tuple[slice, ...]) -> tuple[float, float, float]:
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
