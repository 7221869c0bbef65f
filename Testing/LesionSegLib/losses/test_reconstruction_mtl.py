"""The reconstruction multitask loss: values by hand, and labels that are missing."""

from __future__ import annotations

import math

import pytest
import torch

from LesionSegLib.losses.reconstruction_mtl import reconstruction_mtl_loss, smooth_dice_loss
from LesionSegLib.networks.reconstruction_mtl import ReconstructionMTLOutput

LARGE = 50.0  # a logit whose sigmoid is 0 or 1


def test_smooth_dice_by_hand() -> None:
    logits = torch.tensor([[[[LARGE, LARGE, -LARGE, -LARGE]]]])
    truth = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
    assert float(smooth_dice_loss(logits, truth, smooth=1.0)) == pytest.approx(1 - (2 * 1 + 1) / (2 + 1 + 1))
    assert float(smooth_dice_loss(-LARGE * torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))) == pytest.approx(0.0)


def test_the_sum_counts_each_task_over_its_own_labels() -> None:
    pictures = torch.zeros(2, 1, 1, 2)
    output = ReconstructionMTLOutput(
        reconstruction=torch.full((2, 1, 1, 2), 0.5),
        segmentation=torch.full((2, 1, 1, 2), LARGE),
        classification=torch.tensor([0.0, 3.0]),
    )
    masks = torch.tensor([[[[1.0, 1.0]]], [[[float("nan"), float("nan")]]]])
    has_mask, has_class = torch.tensor([True, False]), torch.tensor([True, False])
    loss = reconstruction_mtl_loss(output, pictures, masks, has_mask, torch.tensor([1, 0]), has_class)
    assert float(loss) == pytest.approx(0.25 + 0.0 + math.log(2.0), rel=1e-5)


def test_a_batch_without_labels_trains_the_reconstruction_alone() -> None:
    pictures = torch.ones(1, 1, 2, 2)
    none = torch.tensor([False])
    output = ReconstructionMTLOutput(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), torch.zeros(1))
    assert float(reconstruction_mtl_loss(output, pictures, pictures, none, torch.tensor([0]), none)) == 1.0
    output = ReconstructionMTLOutput(None, torch.zeros(1, 1, 2, 2), None)
    assert float(reconstruction_mtl_loss(output, pictures, pictures, none, torch.tensor([0]), none)) == 0.0
