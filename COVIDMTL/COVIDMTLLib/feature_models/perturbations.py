"""Changes a scan may undergo without any change of the patient: another kernel, dose, position, slice or outline.

Used to see which features, and which models, hold under them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.volume import CTVolume

SMOOTHING_MM = 0.6  # Gaussian sigma: about the step from a sharp to a standard reconstruction kernel
NOISE_HU = 20.0  # standard deviation; about what halving the dose of a standard chest scan adds
SHIFT_MM = 0.5  # along each axis: another position of the patient on the voxel grid
THICK_SLICE_MM = 5.0  # routine thick reconstruction; thicker scans are left alone
OUTLINE_MM = 1.0  # how far two careful lung outlines differ
NOISE_SEED = 0

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Perturbation:
    """A named change of a scan and its lungs.

    Attributes:
        name: Key in tables.
        title: For people.
        apply: Takes a scan and its lung mask, gives both back changed; ``None`` where the change is impossible.
    """

    name: str
    title: str
    apply: Callable[[CTVolume, Mask], tuple[CTVolume, Mask] | None]


def _with_hu(volume: CTVolume, hu: npt.NDArray[Any]) -> CTVolume:
    return CTVolume(np.clip(np.rint(hu), -32768, 32767).astype(np.int16), volume.ijk_to_lps)


def _smooth(volume: CTVolume, lungs: Mask) -> tuple[CTVolume, Mask]:
    sigma = [SMOOTHING_MM / step for step in volume.spacing_mm]
    return _with_hu(volume, ndimage.gaussian_filter(volume.hu.astype(np.float32), sigma)), lungs


def _noise(volume: CTVolume, lungs: Mask) -> tuple[CTVolume, Mask]:
    noise = np.random.default_rng(NOISE_SEED).normal(0.0, NOISE_HU, volume.shape)
    return _with_hu(volume, volume.hu + noise), lungs


def _shift(volume: CTVolume, lungs: Mask) -> tuple[CTVolume, Mask]:
    by = [SHIFT_MM / step for step in volume.spacing_mm]
    hu = ndimage.shift(volume.hu.astype(np.float32), by, order=3, mode="nearest")
    moved = ndimage.shift(lungs.astype(np.float32), by, order=1) > 0.5
    return _with_hu(volume, hu), moved


def _thick_slices(volume: CTVolume, lungs: Mask) -> tuple[CTVolume, Mask] | None:
    every = round(THICK_SLICE_MM / volume.spacing_mm[0])
    if every < 2:
        return None
    slices = volume.shape[0] // every * every
    hu = volume.hu[:slices].reshape(-1, every, *volume.shape[1:]).mean(axis=1, dtype=np.float32)
    share = lungs[:slices].reshape(-1, every, *volume.shape[1:]).mean(axis=1, dtype=np.float32)
    affine = volume.ijk_to_lps.copy()
    affine[:3, 3] += affine[:3, 2] * (every - 1) / 2  # the middle of the joined slices
    affine[:3, 2] *= every
    return CTVolume(np.rint(hu).astype(np.int16), affine), share >= 0.5


def _erode(volume: CTVolume, lungs: Mask) -> tuple[CTVolume, Mask]:
    return volume, ndimage.distance_transform_edt(lungs, sampling=volume.spacing_mm) > OUTLINE_MM


def _dilate(volume: CTVolume, lungs: Mask) -> tuple[CTVolume, Mask]:
    return volume, ndimage.distance_transform_edt(~lungs, sampling=volume.spacing_mm) <= OUTLINE_MM


PERTURBATIONS = (
    Perturbation("smooth", f"Smoothed, Gaussian of {SMOOTHING_MM} mm", _smooth),
    Perturbation("noise", f"Noise of {NOISE_HU:.0f} HU added", _noise),
    Perturbation("shift", f"Moved by {SHIFT_MM} mm along each axis", _shift),
    Perturbation("thick", f"Slices joined to about {THICK_SLICE_MM:.0f} mm", _thick_slices),
    Perturbation("erode", f"Lung outline {OUTLINE_MM:.0f} mm smaller", _erode),
    Perturbation("dilate", f"Lung outline {OUTLINE_MM:.0f} mm larger", _dilate),
)
