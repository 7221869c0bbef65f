"""Segmentation metrics: by hand, and on empty masks."""

from __future__ import annotations

import numpy as np
import pytest

from LesionSegLib.metrics import global_iou, mean_iou, overlap_of


def test_overlap_by_hand_inside_a_region() -> None:
    mask, truth = np.array([1, 1, 0, 0, 1]), np.array([1, 0, 1, 0, 0])
    o = overlap_of(mask, truth, np.array([1, 1, 1, 1, 0]))
    assert (o.true_positive, o.false_positive, o.false_negative, o.true_negative) == (1, 1, 1, 1)
    assert (o.dice, o.sensitivity, o.specificity, o.precision) == (0.5, 0.5, 0.5, 0.5)


def test_empty_masks_have_no_overlap_rather_than_zero() -> None:
    o = overlap_of(np.zeros(3), np.zeros(3))
    assert o.dice is None and o.sensitivity is None and o.precision is None
    assert o.specificity == 1.0


def test_mean_iou_by_hand_and_the_paper_s_rule_for_slices_without_the_label() -> None:
    truth = np.zeros((2, 2, 2), bool)
    truth[0, 0] = True
    found = np.zeros_like(truth)
    found[0, 0, 0] = True
    with_lesion = ((1 / 2) + (2 / 3)) / 2
    assert mean_iou(found, truth) == pytest.approx((with_lesion + 1.0) / 2)
    assert global_iou(found, truth) == pytest.approx(with_lesion)
    assert global_iou(found[1:], truth[1:]) is None


def test_a_lesion_found_where_there_is_none_costs_mean_iou() -> None:
    truth, found = np.zeros((1, 2, 2), bool), np.zeros((1, 2, 2), bool)
    found[0, 0, 0] = True
    assert mean_iou(found, truth) == pytest.approx((0 + 3 / 4) / 2)
