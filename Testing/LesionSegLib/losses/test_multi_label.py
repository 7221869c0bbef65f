"""The multi-decoder loss: weights by hand, alphas, and labels that are missing."""

from __future__ import annotations

import math

import pytest
import torch

from LesionSegLib.losses.multi_label import (
    ALPHA_LIMITS,
    MultiLabelLossSettings,
    label_alphas,
    label_loss,
    multi_label_loss,
)

PAPER = MultiLabelLossSettings(dice_weight=0.0)


def test_lesion_pixels_weigh_seven_background_pixels_three() -> None:
    logits, targets = torch.zeros(1, 1, 2), torch.tensor([[[1.0, 0.0]]])
    assert float(label_loss(logits, targets, PAPER)) == pytest.approx(math.log(2) * (0.7 + 0.3) / 2 / 0.5)
    only_lesion = label_loss(torch.tensor([1.0]), torch.tensor([1.0]), PAPER)
    only_background = label_loss(torch.tensor([-1.0]), torch.tensor([0.0]), PAPER)
    assert float(only_lesion / only_background) == pytest.approx(0.7 / 0.3, rel=1e-5)


def test_a_perfect_answer_costs_almost_nothing() -> None:
    targets = torch.tensor([[[1.0, 0.0, 1.0, 0.0]]])
    assert float(label_loss(100 * (targets - 0.5), targets, MultiLabelLossSettings())) == pytest.approx(0.0, abs=1e-5)


def test_alphas_are_slices_without_over_slices_with_the_label() -> None:
    assert label_alphas([20, 50], 100) == [4.0, 1.0]
    low, high = ALPHA_LIMITS
    assert label_alphas([100, 1, 0], 100) == [low, high, high]


def test_slices_that_were_not_annotated_for_a_label_do_not_count() -> None:
    targets = torch.zeros(2, 2, 1, 2)
    targets[1, 1] = float("nan")
    known = torch.tensor([[True, True], [True, False]])
    logits = [torch.zeros(2, 1, 1, 2), torch.zeros(1, 1, 1, 2)]
    loss = multi_label_loss(logits, targets, known, [1.0, 2.0], PAPER)
    assert float(loss) == pytest.approx((1.0 + 2.0) * math.log(2) * 0.3 / 0.5, rel=1e-5)
    assert float(multi_label_loss([None, None], targets, ~known & known, [1.0, 1.0], PAPER)) == 0.0
