"""Overlap and surface measures against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ChestCTLib.errors import InputError
from ChestCTLib.overlap import NSD_TOLERANCE_MM, overlap_measures

EMPTY = np.zeros((6, 8, 8), bool)


def cube(first: int, last: int) -> np.ndarray:
    mask = EMPTY.copy()
    mask[1:5, first:last, 2:6] = True
    return mask


def test_measures_match_the_formulas_of_the_paper() -> None:
    found, truth = cube(2, 6), cube(3, 6)
    tp, fp, fn = 48, 16, 0
    tn = found.size - tp - fp - fn
    measures = overlap_measures(found, truth, None)
    assert measures["dice"] == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert measures["jaccard"] == pytest.approx(measures["dice"] / (2 - measures["dice"]))
    assert measures["precision"] == pytest.approx(tp / (tp + fp))
    assert measures["recall"] == 1.0
    assert measures["specificity"] == pytest.approx(tn / (tn + fp))
    root = math.sqrt((tp + fn) * (tp + fp) * (tn + fp) * (tn + fn))
    assert measures["mcc"] == pytest.approx((tp * tn - fp * fn) / root)
    assert "nsd" not in measures


def test_a_mask_agrees_fully_with_itself() -> None:
    measures = overlap_measures(cube(2, 6), cube(2, 6), (2.0, 1.0, 1.0))
    assert measures["dice"] == measures["mcc"] == measures["nsd"] == 1.0
    assert measures["rmsd_mm"] == measures["hd95_mm"] == 0.0


def test_surface_distances_are_in_millimetres() -> None:
    plate, shifted = EMPTY.copy(), EMPTY.copy()
    plate[1], shifted[3] = True, True
    near = overlap_measures(plate, shifted, (0.5, 1.0, 1.0))
    far = overlap_measures(plate, shifted, (5.0, 1.0, 1.0))
    assert near["rmsd_mm"] == pytest.approx(1.0) and near["hd95_mm"] == pytest.approx(1.0)
    assert far["rmsd_mm"] == pytest.approx(10.0) and far["hd95_mm"] == pytest.approx(10.0)
    assert 1.0 < NSD_TOLERANCE_MM < 10.0
    assert near["nsd"] == 1.0 and far["nsd"] == 0.0


def test_two_empty_masks_leave_nothing_to_measure() -> None:
    measures = overlap_measures(EMPTY, EMPTY, (1.0, 1.0, 1.0))
    assert measures.pop("specificity") == 1.0
    assert set(measures.values()) == {None}


@pytest.mark.parametrize(("found", "truth"), [(EMPTY, cube(2, 6)), (cube(2, 6), EMPTY)])
def test_one_empty_mask_overlaps_nothing_and_has_no_distance(found: np.ndarray, truth: np.ndarray) -> None:
    measures = overlap_measures(found, truth, (1.0, 1.0, 1.0))
    assert measures["dice"] == measures["jaccard"] == measures["nsd"] == 0.0
    assert measures["mcc"] is None and measures["rmsd_mm"] is None and measures["hd95_mm"] is None
    assert (measures["precision"] is None) == (not found.any())
    assert (measures["recall"] is None) == (not truth.any())


def test_mcc_survives_the_voxel_counts_of_a_full_scan() -> None:
    truth = np.zeros((60, 512, 512), np.uint8)
    truth[:, 100:400, 100:400] = 1
    measures = overlap_measures(truth, truth, None)
    assert measures["mcc"] == pytest.approx(1.0)


def test_masks_of_different_shape_are_refused_with_both_shapes() -> None:
    with pytest.raises(InputError, match=r"\(6, 8, 8\).*\(3, 8, 8\)"):
        overlap_measures(EMPTY, EMPTY[:3], None)
