"""HU bands on equalised slice sets, for comparison: greys are calibrated to approximate HU first."""

from __future__ import annotations

import numpy as np

from ChestCTLib.io.slice_calibration import CalibrationSettings, calibrate
from ChestCTLib.progress import CancelCheck, never_cancelled, raise_if_cancelled
from LesionSegLib.hu_bands import LEFT, RIGHT, segment_hu_bands
from LesionSegLib.metrics import Overlap, overlap_of
from LesionSegLib.preprocessing import SLICE_SPACING_MM
from LesionSegLib.settings import HUBandSettings
from LesionSegLib.training.labelled_slices import SegmentedCase

NOMINAL_SLICE_MM = 2.5  # the sets do not tell; their volumes lie between 1 and 8 mm


def score_hu_bands(
    case: SegmentedCase, settings: HUBandSettings | None = None, cancelled: CancelCheck = never_cancelled
) -> Overlap:
    """Segment one case by HU bands and compare it with its reference inside the lungs.

    Args:
        case: A case of ``covid19_ct_seg``; its spacing is unknown, so nominal values are used.
        settings: Limits; the defaults when None.
        cancelled: Asked between slices.
    """
    hu = np.empty(case.pictures.shape, np.int16)
    for index, picture in enumerate(case.pictures):
        raise_if_cancelled(cancelled)
        hu[index] = calibrate(picture, CalibrationSettings())
    columns = np.arange(case.pictures.shape[-1])
    middle = np.average(columns, weights=case.lungs.sum(axis=(0, 1)))
    sides = np.where(columns < middle, RIGHT, LEFT).astype(np.uint8) * case.lungs
    spacing = (NOMINAL_SLICE_MM, SLICE_SPACING_MM, SLICE_SPACING_MM)
    found = segment_hu_bands(hu, sides.astype(np.uint8), spacing, settings, cancelled=cancelled)
    return overlap_of(found, case.lesions & case.lungs, case.lungs)
