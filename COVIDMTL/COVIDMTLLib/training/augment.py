"""Augmentation of the training crops with MONAI: moved crop, rotation, flip and noise (Section 5.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import RandFlip, RandGaussianNoise, Randomizable, RandRotate, RandSpatialCrop

from COVIDMTLLib.network_input import InputSettings, centred


@dataclass(frozen=True)
class AugmentSettings:
    """How training crops vary.

    Attributes:
        rotation_deg: Largest rotation about each axis, degrees.
        rotation_chance: Chance of a rotation.
        flip_chance: Chance to exchange left and right.
        noise: Largest standard deviation of the added Gaussian noise inside the lungs, HU.
        noise_chance: Chance of noise.
    """

    rotation_deg: float = 10.0
    rotation_chance: float = 0.5
    flip_chance: float = 0.5
    noise: float = 30.0
    noise_chance: float = 0.3


class Augmentation:
    """Vary one prepared array; the same seed gives the same variation.

    Args:
        settings: How crops vary.
        input_settings: What the network sees.
    """

    def __init__(self, settings: AugmentSettings, input_settings: InputSettings) -> None:
        angle = math.radians(settings.rotation_deg)
        self._crop = RandSpatialCrop(input_settings.size, random_size=False)
        self._rotate = RandRotate(angle, angle, angle, prob=settings.rotation_chance, padding_mode="zeros")
        self._flip = RandFlip(prob=settings.flip_chance, spatial_axis=2)
        self._noise = RandGaussianNoise(prob=settings.noise_chance, std=settings.noise)

    def __call__(self, array: npt.NDArray[np.int16], seed: int) -> torch.Tensor:
        """float32 ``[1, z, y, x]`` of the network's size, still in intensities, 0 outside the lungs."""
        steps: tuple[Randomizable, ...] = (self._crop, self._rotate, self._flip, self._noise)
        for number, transform in enumerate(steps):
            transform.set_random_state(seed=(seed + number) % 2**32)
        image = torch.from_numpy(array.astype(np.float32))[None]
        image = self._flip(self._rotate(self._crop(image)))
        noisy = self._noise(image)
        image, noisy = torch.Tensor(image), torch.Tensor(noisy)  # plain tensors: MONAI's metadata is not needed
        return torch.where(image > 0, noisy.clamp(min=0), torch.zeros(()))


def plain(array: npt.NDArray[np.int16], input_settings: InputSettings) -> torch.Tensor:
    """The centred crop without variation, ``[1, z, y, x]`` float32 intensities."""
    return torch.from_numpy(centred(array, input_settings.size).astype(np.float32))[None]
