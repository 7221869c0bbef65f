"""New, resolved and persisting lesion voxels as one label mask on the second scan's own voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.labels import NEW_LESION, PERSISTING_LESION, RESOLVED_LESION
from COVIDMTLLib.follow_up.compare import FollowUp
from COVIDMTLLib.follow_up.registration import resample_labels
from COVIDMTLLib.follow_up.time_point import Mask, TimePoint

CHANGE_FILE = "change.nrrd"


def change_mask(found: FollowUp, points: tuple[TimePoint, TimePoint]) -> Mask:
    """What became of the lesions, voxel by voxel.

    Args:
        found: The comparison.
        points: The two time points it compared.

    Returns:
        ``uint8`` ``[z, y, x]`` on the second time point's canonical grid: labels
        :data:`ChestCTLib.labels.CHANGE_LABELS`, 0 without lesion at either time.
    """
    before, after = points
    to_before = found.motion.transform if found.keeper == 1 else found.motion.transform.GetInverse()
    earlier = resample_labels(before, before.lesions, after.image(after.lesions), to_before) > 0
    later = after.lesions > 0
    mask = np.zeros(later.shape, dtype=np.uint8)
    mask[later & ~earlier] = NEW_LESION.value
    mask[earlier & ~later] = RESOLVED_LESION.value
    mask[earlier & later] = PERSISTING_LESION.value
    return mask


def write_change(found: FollowUp, points: tuple[TimePoint, TimePoint], folder: Path) -> None:
    """Write the mask as ``change.nrrd`` into a folder, whole or not at all."""
    with atomic_path(folder / CHANGE_FILE) as path:
        sitk.WriteImage(points[1].image(change_mask(found, points)), str(path), useCompression=True)
