"""Class activation maps: where a network looked for a task (Section 6, Fig 7), and how well that fits the lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from ChestCTLib.errors import InputError
from COVIDMTLLib.networks.covid_mtl import MultitaskNetwork, TaskLayers

FloatMap = npt.NDArray[np.float32]


def class_activation(network: MultitaskNetwork, shared: Tensor, task: str, wanted: int) -> Tensor:
    """CAM of one class: the last feature maps, weighted with the class's head (Zhou et al. 2016).

    Args:
        network: In evaluation mode.
        shared: ``[batch, channels, z, y, x]``: the trunk's feature maps.
        task: Name of the task.
        wanted: Class number.

    Returns:
        ``[batch, z, y, x]``: evidence for the class over the mean of the other classes; what speaks against it is 0.

    Raises:
        InputError: The task has no linear head; use :func:`gradient_activation`.
    """
    layers = network.tasks[task]
    if not isinstance(layers, TaskLayers):
        raise InputError(f"The head of '{task}' is not linear.", "Use Grad-CAM.")
    maps = layers.class_maps(shared)
    others = [number for number in range(maps.shape[1]) if number != wanted]
    return (maps[:, wanted] - maps[:, others].mean(dim=1)).clamp(min=0)


def gradient_activation(network: MultitaskNetwork, shared: Tensor, task: str, wanted: int) -> Tensor:
    """Grad-CAM of one class, for any head (Selvaraju et al. 2017).

    Args:
        network: In evaluation mode, volume only.
        shared: ``[batch, channels, z, y, x]``: the trunk's feature maps.
        task: Name of the task.
        wanted: Class number.

    Returns:
        ``[batch, z, y, x]``: the maps weighted with their mean gradients towards the class over the mean of the other
        classes; what speaks against it is 0.
    """
    with torch.enable_grad():
        maps = shared.detach().requires_grad_()
        logits = network.tasks[task](maps, None)
        others = [number for number in range(logits.shape[1]) if number != wanted]
        score = logits[:, wanted] - logits[:, others].mean(dim=1)
        (gradient,) = torch.autograd.grad(score.sum(), maps)
    weights = gradient.mean(dim=(2, 3, 4), keepdim=True)
    return (weights * shared).sum(dim=1).clamp(min=0)


def explain(network: MultitaskNetwork, shared: Tensor, task: str, wanted: int) -> Tensor:
    """CAM where the head is linear, Grad-CAM where it is not; ``[batch, z, y, x]``, not negative."""
    if isinstance(network.tasks[task], TaskLayers):
        return class_activation(network, shared, task, wanted)
    return gradient_activation(network, shared, task, wanted)


def scaled(activation: Tensor, size: tuple[int, ...]) -> FloatMap:
    """One map over the network's crop, linearly interpolated to its size and scaled to [0, 1].

    Args:
        activation: ``[z, y, x]``, not negative.
        size: The crop, voxels.

    Returns:
        float32 with maximum 1; all 0 where nothing speaks for the class.
    """
    values = functional.interpolate(activation[None, None].float(), size=size, mode="trilinear", align_corners=False)
    peak = float(values.max())
    return (values[0, 0] / peak if peak > 0 else values[0, 0]).cpu().numpy().astype(np.float32)


@dataclass(frozen=True)
class ExplanationScore:
    """How well a map points at the truth; None where it cannot be said.

    Attributes:
        energy_in_lesions: Share of the map's sum that lies in lesions, in [0, 1].
        ratio_in_box: That share over the lesions' share of the scored box.
        ratio_in_lungs: The same, with both shares taken inside the lungs only: the stricter one.
        pointing_hit: Whether the map's highest voxel lies in a lesion.
    """

    energy_in_lesions: float | None
    ratio_in_box: float | None
    ratio_in_lungs: float | None
    pointing_hit: bool | None


def score_explanation(cam: FloatMap, lesions: npt.NDArray[np.bool_], lungs: npt.NDArray[np.bool_]) -> ExplanationScore:
    """Compare a map with the lesions.

    Args:
        cam: ``[z, y, x]``, not negative.
        lesions: Bool on the same grid; parts outside the lungs are left out.
        lungs: Bool on the same grid.

    Returns:
        The scores; all None where there is no lesion or the map is 0 everywhere.

    Raises:
        InputError: The arrays lie on different grids, or the map is negative.
    """
    if not cam.shape == lesions.shape == lungs.shape:
        raise InputError(f"Map {cam.shape}, lesions {lesions.shape} and lungs {lungs.shape} are on different grids.")
    if cam.min() < 0:
        raise InputError(f"The map's lowest value is {cam.min()}.", "Give a map in [0, 1].")
    truth = lesions & lungs
    values = cam.astype(np.float64)
    total, inside = values.sum(), values[lungs].sum()
    if not truth.any() or total == 0:
        return ExplanationScore(None, None, None, None)
    hit = values[truth].sum()
    return ExplanationScore(
        float(hit / total),
        float(hit / total / truth.mean()),
        float(hit / inside / (truth.sum() / lungs.sum())) if inside > 0 else None,
        bool(truth.flat[int(cam.argmax())]),
    )
