"""The classical method: thresholding and connected parts, as in the Data Science Bowl 2017 tutorial.

It is the method that the COVID-MTL paper (section 4.1, its reference 25) starts from. One deviation: the tutorial keeps
the largest air object alone and so loses a lung whose connection through the airway is closed; here such a second lung
is kept.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from LungRefineLib.morphology import Mask

LUNG_THRESHOLD_HU = -420  # the tutorial's 604 on HU + 1024
SECOND_LUNG = 0.25  # of the largest object's size: a lung that no airway joins to it; gas and bronchi are smaller


def classical_mask(
    hu_1mm: npt.NDArray[np.int16], progress: Progress = no_progress, cancelled: CancelCheck = never_cancelled
) -> Mask:
    """Segment the lungs, airway included, by threshold.

    Args:
        hu_1mm: ``int16 [z, y, x]``, HU, resampled to 1 mm.
        progress: Called with share and step.
        cancelled: Asked between steps.

    Returns:
        bool, same shape; empty where no air is enclosed.
    """
    progress(0.0, "threshold")
    solid = ~_border_cleared(hu_1mm < LUNG_THRESHOLD_HU)
    raise_if_cancelled(cancelled)
    progress(0.4, "lung structures")
    # Air that reaches a slice's edge counts as solid from here on: the tutorial's fill from the corners is in that.
    lung = np.stack([_filled(part) for part in solid])
    raise_if_cancelled(cancelled)
    progress(0.8, "largest air object")
    return _lung_objects(lung)


def _border_cleared(air: Mask) -> Mask:
    """Remove, slice by slice, the air that touches the slice's edge."""
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[1] = True  # eight neighbours, as the tutorial's clear_border
    labels, count = ndimage.label(air, structure=in_plane)
    kept = np.ones(count + 1, bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        kept[np.unique(edge)] = False
    kept[0] = False
    return kept[labels]


def _filled(solid: Mask) -> Mask:
    """One slice: everything but the largest solid structure is lung, so vessels inside are filled."""
    labels, count = ndimage.label(solid, structure=np.ones((3, 3)))
    if count == 0:
        return np.zeros_like(solid)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels != int(sizes.argmax())


def _lung_objects(lung: Mask) -> Mask:
    labels, count = ndimage.label(lung)
    if count == 0:
        return lung
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept = sizes >= SECOND_LUNG * sizes.max()
    # A second lung only: what is left after the two largest is never lung.
    kept[np.argsort(-sizes)[2:]] = False
    return kept[labels]
