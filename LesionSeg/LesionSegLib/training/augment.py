"""Augmentation that covers the gap between slice sets and scanners: geometry, greys, sharpness, masks, neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class AugmentSettings:
    """Ranges of the random changes; 0 switches one off.

    Attributes:
        flip: Chance of a flip on each axis; the sets lie both anterior and posterior up.
        rotation_deg: Largest rotation.
        scale: Largest relative change of size.
        shift: Largest shift, share of the picture.
        gamma: Largest log of the gamma exponent; stands for other windows and equalisations.
        contrast: Largest relative change of contrast about the mean.
        brightness: Largest shift of grey values, of the full range.
        noise: Largest standard deviation of added noise, of the full range.
        blur: Chance of a 3 x 3 smoothing, as smoother kernels and thicker slices give.
        no_neighbours: Chance that the neighbours are replaced by the slice itself.
        no_lungs: Chance that the lung mask is unknown (all 1).
        mask_outside: Chance that everything outside known lungs is black.
    """

    flip: float = 0.5
    rotation_deg: float = 15.0
    scale: float = 0.2
    shift: float = 0.06
    gamma: float = 0.45
    contrast: float = 0.25
    brightness: float = 0.1
    noise: float = 0.06
    blur: float = 0.3
    no_neighbours: float = 0.25
    no_lungs: float = 0.15
    mask_outside: float = 0.2


def augment(
    pictures: Tensor, targets: Tensor, settings: AugmentSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Change a batch at random.

    Args:
        pictures: ``[n, channels, rows, columns]`` in [0, 1]: slice below, slice, slice above and lung mask, or a single
            picture and its lung mask.
        targets: ``[n, labels, rows, columns]``, 0 or 1.
        settings: Ranges.
        generator: Source of randomness; the same state gives the same batch.

    Returns:
        Both, of the same shapes; targets again 0 or 1.
    """
    n = len(pictures)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    def chance(probability: float) -> Tensor:
        return torch.rand(n, generator=generator) < probability

    grid = _random_grid(pictures.shape, uniform, chance, settings)
    both = functional.grid_sample(torch.cat([pictures, targets], 1), grid, padding_mode="zeros", align_corners=False)
    greys = pictures.shape[1] - 1  # the lung mask is last
    grey, lungs, targets = both[:, :greys], both[:, greys : greys + 1], both[:, greys + 1 :]
    targets = (targets >= 0.5).to(targets.dtype)

    mean = grey.mean(dim=(1, 2, 3), keepdim=True)
    grey = (grey - mean) * (1 + _column(uniform(-settings.contrast, settings.contrast))) + mean
    grey = (grey + _column(uniform(-settings.brightness, settings.brightness))).clamp(0, 1)
    grey = grey.clamp(min=1e-4) ** _column(torch.exp(uniform(-settings.gamma, settings.gamma)))
    smooth = functional.avg_pool2d(grey, 3, stride=1, padding=1, count_include_pad=False)
    grey = torch.where(_column(chance(settings.blur)), smooth, grey)
    grey = grey + torch.randn(grey.shape, generator=generator) * _column(uniform(0, settings.noise))
    alone = _column(chance(settings.no_neighbours))
    middle = greys // 2
    grey = torch.where(alone, grey[:, middle : middle + 1].expand_as(grey), grey).clamp(0, 1)
    grey = torch.where(_column(chance(settings.mask_outside)), grey * lungs, grey)
    lungs = torch.where(_column(chance(settings.no_lungs)), torch.ones_like(lungs), lungs)
    return torch.cat([grey, lungs], 1), targets


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _random_grid(shape: torch.Size, uniform, chance, settings: AugmentSettings) -> Tensor:  # type: ignore[no-untyped-def]
    rows, columns = shape[-2:]
    angle = torch.deg2rad(uniform(-settings.rotation_deg, settings.rotation_deg))
    size = 1.0 / (1.0 + uniform(-settings.scale, settings.scale))
    mirror_x = torch.where(chance(settings.flip), -1.0, 1.0)
    mirror_y = torch.where(chance(settings.flip), -1.0, 1.0)
    aspect = rows / columns  # rotation in pixels, not in the [-1, 1] square
    cosine, sine = torch.cos(angle) * size, torch.sin(angle) * size
    first = torch.stack([mirror_x * cosine, -mirror_x * sine * aspect, uniform(-settings.shift, settings.shift)], 1)
    second = torch.stack([mirror_y * sine / aspect, mirror_y * cosine, uniform(-settings.shift, settings.shift)], 1)
    return functional.affine_grid(torch.stack([first, second], 1), list(shape), align_corners=False)
