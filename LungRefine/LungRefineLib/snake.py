"""The COVID-MTL paper's Algorithm 1: the classical mask refined slice by slice with active contours.

Published parameters and what scikit-image calls them: alpha 0.02 (length), beta 20 (smoothness), ``max_iterations`` 20,
today ``max_num_iter``; ``coordinates="rc"`` is the only choice left. The clean-up that follows is the released code's,
not the paper's: it is part of the published figures.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import find_contours
from skimage.morphology import disk
from skimage.segmentation import active_contour

from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from LungRefineLib.morphology import Mask

ALPHA = 0.02  # weight of the contour's length
BETA = 20.0  # weight of its bending
ITERATIONS = 20
SEED_CLOSING_PX = 10  # disc that inflates the initial lung into the seed contour, 1 mm pixels
CONTOUR_LEVEL = 0.8  # where the seed contour runs between background 0 and lung 1
SMALL_SLICE_PX = 15_000  # slices with less lung, or with one region only, are closed and not refined
SMALL_SLICE_CLOSING_PX = 5
CLEAN_EROSION_PX = 2
CLEAN_CLOSING_PX = 10
HU_OFFSET = 1024  # the released code works on HU + 1024, with 0 outside the lung
CONNECTED = np.ones((3, 3), int)  # eight neighbours, as scikit-image labels by default


def snake_mask(
    hu_1mm: npt.NDArray[np.int16],
    classical: Mask,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> Mask:
    """Refine the classical mask with active contours.

    Args:
        hu_1mm: ``int16 [z, y, x]``, HU, resampled to 1 mm.
        classical: bool, same shape, the initial mask.
        progress: Called once a slice.
        cancelled: Asked once a slice.

    Returns:
        bool, same shape; empty slices stay empty.
    """
    out = np.zeros_like(classical)
    for z, initial in enumerate(classical):
        raise_if_cancelled(cancelled)
        progress(z / len(classical), "active contours")
        if initial.any():
            out[z] = _refined_slice(hu_1mm[z], initial)
    return out


def _refined_slice(hu: npt.NDArray[np.int16], initial: Mask) -> Mask:
    labels, count = ndimage.label(initial, structure=CONNECTED)
    if count < 2 or initial.sum() < SMALL_SLICE_PX:
        return closed_by_disc(initial, SMALL_SLICE_CLOSING_PX)
    largest = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    snakes = np.zeros_like(initial)
    for lung in (labels == largest, initial & (labels != largest)):
        image = np.where(lung, np.maximum(hu, -HU_OFFSET) + HU_OFFSET, 0).astype(np.int16)
        for seed in find_contours(closed_by_disc(lung, SEED_CLOSING_PX).astype(float), CONTOUR_LEVEL):
            snakes |= _inside(active_contour(image, seed, alpha=ALPHA, beta=BETA, max_num_iter=ITERATIONS), lung.shape)
    return _cleaned(initial | snakes)


def _inside(contour: npt.NDArray[np.float64], shape: tuple[int, ...]) -> Mask:
    """The contour's pixels with what they enclose."""
    mask = np.zeros(shape, bool)
    rows = np.clip(contour[:, 0].astype(int), 0, shape[0] - 1)
    columns = np.clip(contour[:, 1].astype(int), 0, shape[1] - 1)
    mask[rows, columns] = True
    return ndimage.binary_fill_holes(mask)


def _cleaned(mask: Mask) -> Mask:
    """The released code's clean-up: the two largest regions, each eroded and closed."""
    labels, _ = ndimage.label(mask, structure=CONNECTED)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    out = np.zeros_like(mask)
    for number in np.argsort(-sizes)[:2]:
        if sizes[number]:
            eroded = ndimage.binary_erosion(labels == number, disk(CLEAN_EROSION_PX), border_value=1)
            out |= closed_by_disc(eroded, CLEAN_CLOSING_PX)
    return out


def closed_by_disc(mask: Mask, radius_px: int) -> Mask:
    """Two-dimensional closing by a disc; what lies beyond the edge counts as background first, as lung then."""
    grown = ndimage.binary_dilation(mask, disk(radius_px))
    return ndimage.binary_erosion(grown, disk(radius_px), border_value=1)
