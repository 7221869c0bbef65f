"""Losses of DeepSC-COVID (section IV-E): Dice, focal, weighted cross entropy, task-aware, and their sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from LesionSegLib.networks.deepsc_covid import CLASSES, DeepSCCovid, DeepSCOutput, crop_at

EPSILON = 1e-6  # keeps logarithms finite; below single precision's resolution near 1
TASK_AWARE_SCALES = 3


@dataclass(frozen=True)
class DeepSCLossSettings:
    """Weights of the losses. The paper leaves all but lambda_ta open.

    Attributes:
        dice: lambda_dice.
        focal: lambda_focal; focal values are small, so it is weighted up to the size of the Dice loss.
        alpha: Weight of lesion voxels in the focal loss; lesions fill a few per cent of a patch.
        gamma: Focus on hard voxels; 2 is the focal loss paper's.
        segmentation: lambda_seg.
        classification: lambda_cls.
        task_aware: lambda_ta; 10 was best in the paper's figure 9.
        stop_gradient: Whether the lesion subnet learns from the segmentation loss alone: the diagnosis takes its
            lesions, and the task-aware loss its scales, without teaching them. Equation 4 leaves open whether lesions
            carry a gradient; equation 10 draws both subnets together, of which only the evidence then moves. On
            phantoms either gradient cost Dice and left the accuracy as it was.
    """

    dice: float = 1.0
    focal: float = 10.0
    alpha: float = 0.75
    gamma: float = 2.0
    segmentation: float = 1.0
    classification: float = 1.0
    task_aware: float = 10.0
    stop_gradient: bool = False


def dice_loss(probability: Tensor, truth: Tensor) -> Tensor:
    """1 - 2 |S^ o S| / (|S^| + |S|), over the whole batch (equation 6); 0 where both are empty."""
    overlap = 2.0 * (probability * truth).sum() + EPSILON
    return 1.0 - overlap / (probability.sum() + truth.sum() + EPSILON)


def focal_loss(probability: Tensor, truth: Tensor, alpha: float, gamma: float) -> Tensor:
    """Focal loss, mean over voxels (equation 7)."""
    p = probability.clamp(EPSILON, 1.0 - EPSILON)
    lesion = -alpha * (1.0 - p) ** gamma * truth * torch.log(p)
    background = -(1.0 - alpha) * p**gamma * (1.0 - truth) * torch.log(1.0 - p)
    return (lesion + background).mean()


def inverse_frequencies(classes: Sequence[int], count: int) -> Tensor:
    """Weight of each class: training samples over samples of the class (xi in equation 9), scaled to mean 1.

    Args:
        classes: Class of every training sample.
        count: Number of classes; one that no sample has gets weight 0.
    """
    seen = torch.bincount(torch.as_tensor(classes, dtype=torch.long), minlength=count).float()
    weights = torch.where(seen > 0, len(classes) / seen.clamp(min=1), torch.zeros_like(seen))
    return weights / weights[seen > 0].mean()


def classification_loss(logits: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy of each sample times its class weight, mean over samples (equation 9)."""
    return (weights[classes] * functional.cross_entropy(logits, classes, reduction="none")).mean()


def task_aware_loss(
    network: DeepSCCovid,
    output: DeepSCOutput,
    classes: Tensor,
    place: Tensor | None = None,
    multi_scale: bool = True,
    stop_gradient: bool = False,
) -> Tensor:
    """Squared difference of intermediate segmentation and evidence on three scales (equation 10).

    Both sides are brought to [0, 1]: the segmentation by a sigmoid, the evidence, as is usual for activation maps, as
    its positive part over its maximum in the scan. It is then cropped to where the patch lies (CROP in equation 5) and
    brought to the scale's size. Squares are averaged over voxels, not summed, so that lambda_ta does not depend on the
    patch size. Coarse segmentation meets the deepest evidence.

    Scans without pneumonia are left out: their lesions are empty, and evidence that must be empty too could not speak
    for their class, whose logit it adds up to (equation 4).

    Args:
        network: Gives the evidence.
        output: Of a pass with both inputs.
        classes: ``[n]``, true classes in training.
        place: ``[n, 3, 2]``, where the patch lies in the scan; the whole scan when None.
        multi_scale: All three scales; else the finest of them alone.
        stop_gradient: Teach the evidence alone.
    """
    evidence = tuple(reversed(network.evidence(output, classes)))  # coarse to fine, as the scales
    etas = network.settings.etas
    wanted = range(TASK_AWARE_SCALES) if multi_scale else (TASK_AWARE_SCALES - 1,)
    ill = classes != CLASSES.index("none")
    total = torch.zeros((), device=classes.device)
    if not ill.any():
        return total
    for index in wanted:
        segmentation = torch.sigmoid(output.scales[index][ill])
        if stop_gradient:
            segmentation = segmentation.detach()
        size = segmentation.shape[2:]
        shown = activation(evidence[index][ill])
        own = (
            functional.interpolate(shown, size, mode="trilinear", align_corners=False)
            if place is None
            else crop_at(shown, place[ill], size)
        )
        total = total + etas[index] * ((segmentation - own) ** 2).mean() * ill.float().mean()
    return total


def activation(evidence: Tensor) -> Tensor:
    """Evidence ``[n, 1, z, y, x]`` as an activation map: its positive part over its maximum in each scan, in [0, 1]."""
    positive = functional.relu(evidence)
    return positive / positive.amax(dim=(1, 2, 3, 4), keepdim=True).clamp(min=EPSILON)


def total_loss(
    network: DeepSCCovid,
    output: DeepSCOutput,
    truth: Tensor | None,
    classes: Tensor | None,
    weights: Tensor,
    settings: DeepSCLossSettings,
    place: Tensor | None = None,
) -> Tensor:
    """Equation 11 over the tasks whose labels are given; the task-aware part needs both.

    Args:
        network: The network.
        output: Its output.
        truth: True lesions of the patch, or None.
        classes: True classes, or None.
        weights: Of the classes (:func:`inverse_frequencies`).
        settings: Weights of the parts.
        place: Where the patch lies in the scan.
    """
    total = weights.sum() * 0.0
    if truth is not None and output.lesion is not None:
        segmentation = settings.dice * dice_loss(output.lesion, truth)
        segmentation = segmentation + settings.focal * focal_loss(output.lesion, truth, settings.alpha, settings.gamma)
        total = total + settings.segmentation * segmentation
    if classes is not None and output.class_logits is not None:
        total = total + settings.classification * classification_loss(output.class_logits, classes, weights)
        if output.scales and settings.task_aware > 0:
            multi_scale = network.settings.multi_scale
            alike = task_aware_loss(network, output, classes, place, multi_scale, settings.stop_gradient)
            total = total + settings.task_aware * alike
    return total
