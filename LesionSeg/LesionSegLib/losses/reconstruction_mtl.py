"""Loss of the reconstruction multitask network: the sum of its tasks' losses (equations 1 to 6 of its paper)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from LesionSegLib.networks.reconstruction_mtl import ReconstructionMTLOutput

SMOOTH = 1.0  # pixels; equation 2's smoothing factor


def smooth_dice_loss(logits: Tensor, truth: Tensor, smooth: float = SMOOTH) -> Tensor:
    """1 minus the smoothed Dice coefficient (equations 2 and 3), mean over pictures.

    The paper minimises -Dice; the constant 1 changes no gradient and keeps the loss above 0.

    Args:
        logits: ``[n, 1, y, x]``.
        truth: Same shape, 0 or 1.
        smooth: Added above and below, pixels: an empty picture with an empty output costs nothing.
    """
    guess = torch.sigmoid(logits).flatten(1)
    true = truth.flatten(1)
    overlap = 2.0 * (guess * true).sum(1) + smooth
    return (1.0 - overlap / (guess.sum(1) + true.sum(1) + smooth)).mean()


def reconstruction_mtl_loss(
    output: ReconstructionMTLOutput,
    pictures: Tensor,
    masks: Tensor,
    has_mask: Tensor,
    classes: Tensor,
    has_class: Tensor,
) -> Tensor:
    """Mean squared error plus Dice plus binary cross entropy (equation 6), each over the pictures that have its label.

    Args:
        output: Of the network; tasks it lacks are left out.
        pictures: ``[n, 1, y, x]``, what the reconstruction must give back.
        masks: ``[n, 1, y, x]``; any value where ``has_mask`` is False.
        has_mask: Bool ``[n]``.
        classes: ``[n]``, 1 COVID-19, 0 not; any value where ``has_class`` is False.
        has_class: Bool ``[n]``.

    Returns:
        Scalar; 0 where no task has a label in the batch.
    """
    total = pictures.sum() * 0.0
    if output.reconstruction is not None:
        total = total + functional.mse_loss(output.reconstruction, pictures)
    if output.segmentation is not None and bool(has_mask.any()):
        total = total + smooth_dice_loss(output.segmentation[has_mask], masks[has_mask])
    if output.classification is not None and bool(has_class.any()):
        total = total + functional.binary_cross_entropy_with_logits(
            output.classification[has_class], classes[has_class].float()
        )
    return total
