"""HU bands on the cases of a slice set, for comparison."""

from __future__ import annotations

import numpy as np

from ChestCTLib.progress import CancelCheck, never_cancelled
from LesionSegLib.hu_bands import LEFT, RIGHT, segment_hu_bands
from LesionSegLib.metrics import Overlap, overlap_of
from LesionSegLib.settings import HUBandSettings
from LesionSegLib.training.labelled_slices import SegmentedCase

NOMINAL_MM = (2.5, 1.4, 1.4)  # the set does not tell: a field of view of 360 mm, slices between 1 and 8 mm


def score_hu_bands(
    case: SegmentedCase, settings: HUBandSettings | None = None, cancelled: CancelCheck = never_cancelled
) -> Overlap:
    """Segment one case by HU bands and compare it with its reference inside the lungs.

    Args:
        case: A case of ``covid19_ct_seg``; its spacing is unknown, so nominal values are used.
        settings: Limits; the defaults when None.
        cancelled: Asked between the steps.
    """
    columns = np.arange(case.hu.shape[-1])
    middle = np.average(columns, weights=case.lungs.sum(axis=(0, 1)))
    sides = np.where(columns < middle, RIGHT, LEFT).astype(np.uint8) * case.lungs
    found = segment_hu_bands(case.hu, sides.astype(np.uint8), NOMINAL_MM, settings, cancelled=cancelled)
    return overlap_of(found, case.lesions & case.lungs, case.lungs)
