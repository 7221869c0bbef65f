"""Loss of the multi-decoder network (intensity-map paper, equation 4), with a Dice term beside the cross entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

ALPHA_LIMITS = (0.25, 8.0)  # a label on every slice would get weight 0, one on a single slice would drown the others


@dataclass(frozen=True)
class MultiLabelLossSettings:
    """Weights of the loss.

    Attributes:
        background_weight: Weight of background pixels in the cross entropy (paper: 0.3).
        lesion_weight: Weight of lesion pixels (paper: 0.7).
        dice_weight: Weight of the soft Dice term; 0 gives the paper's loss alone.
        dice_per_slice: Take the Dice term of each slice and average, so that a slice with a small lesion counts as much
            as one with a large lesion; else one Dice over the whole batch.
        smooth: Added to numerator and denominator of the Dice term, in pixels.
    """

    background_weight: float = 0.3
    lesion_weight: float = 0.7
    dice_weight: float = 1.0
    dice_per_slice: bool = False
    smooth: float = 1.0


def label_alphas(with_label: Sequence[int], slices: int) -> list[float]:
    """Weight of each label: slices without it over slices with it (paper, below equation 4).

    Args:
        with_label: Number of training slices that show each label.
        slices: Number of training slices.

    Returns:
        One weight a label, kept within :data:`ALPHA_LIMITS`; the upper limit where no slice shows the label.
    """
    low, high = ALPHA_LIMITS
    return [min(max((slices - n) / n, low), high) if n else high for n in with_label]


def label_loss(logits: Tensor, targets: Tensor, settings: MultiLabelLossSettings) -> Tensor:
    """Weighted cross entropy plus Dice of one label.

    Args:
        logits: ``[n, rows, columns]``; only slices annotated for the label.
        targets: Same shape, 0..1.
        settings: Weights of the terms.

    Returns:
        Scalar. The pixel weights are divided by their mean (0.5 in the paper), so that the two terms are of one size.
    """
    pixel = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    weight = settings.background_weight + (settings.lesion_weight - settings.background_weight) * targets
    loss = 2.0 * (weight * pixel).mean() / (settings.background_weight + settings.lesion_weight)
    if settings.dice_weight > 0:
        guess = torch.sigmoid(logits)
        rows = len(logits) if settings.dice_per_slice else 1
        guess, truth = guess.reshape(rows, -1), targets.reshape(rows, -1)
        overlap = 2.0 * (guess * truth).sum(1) + settings.smooth
        dice = overlap / ((guess**2).sum(1) + (truth**2).sum(1) + settings.smooth)
        loss = loss + settings.dice_weight * (1.0 - dice.mean())
    return loss


def multi_label_loss(
    logits: Sequence[Tensor | None],
    targets: Tensor,
    known: Tensor,
    alphas: Sequence[float],
    settings: MultiLabelLossSettings,
) -> Tensor:
    """Sum of the labels' losses, each times its alpha, over the slices whose label is known (equation 4).

    Args:
        logits: For each label ``[slices known for it, 1, rows, columns]``, None where there are none.
        targets: ``[n, labels, rows, columns]``, 0..1.
        known: Bool ``[n, labels]``: whether the slice was annotated for the label.
        alphas: Weight of each label.
        settings: Weights of the terms.

    Returns:
        Scalar; 0 where nothing is known.
    """
    total = torch.zeros((), device=targets.device)
    for index, (logit, alpha) in enumerate(zip(logits, alphas, strict=True)):
        if logit is not None:
            total = total + alpha * label_loss(logit[:, 0], targets[known[:, index], index], settings)
    return total
