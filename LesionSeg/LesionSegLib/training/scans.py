"""Scans for DeepSC-COVID: windowed, lung-masked volumes, patches of them, and equidistant slices (section V-A)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ChestCTLib.errors import InputError
from ChestCTLib.grid import canonical, resample_to_shape
from ChestCTLib.io.slices import SliceCase
from ChestCTLib.phantom import Phantom
from LesionSegLib.networks.deepsc_covid import CLASSES

WINDOW_HU = (-1400.0, 200.0)


@dataclass(frozen=True)
class DeepSCScan:
    """One scan, cropped to its lungs.

    Attributes:
        volume: ``float32 [z, y, x]``, windowed to [0, 1], 0 outside the lungs.
        lesions: ``float32``, 1 in lesions.
        label: Index into the network's classes; None for a scan that teaches the segmentation alone.
    """

    volume: npt.NDArray[np.float32]
    lesions: npt.NDArray[np.float32]
    label: int | None


def window_and_mask(hu: npt.NDArray[np.int16], lungs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Cut HU to [-1400, 200], scale to [0, 1], set everything outside the lungs to 0."""
    low, high = WINDOW_HU
    scaled = np.clip((hu.astype(np.float32) - low) / (high - low), 0.0, 1.0)
    scaled[lungs == 0] = 0.0
    return scaled


def equidistant_slices(count: int, wanted: int = 48) -> npt.NDArray[np.int64]:
    """Indices of equidistant slices: every floor(S / N)-th from the first (equation 12).

    Counted from 0. The equation's upper index N - 1 would give one slice fewer than the 48 its text states; N are
    taken.
    A scan with fewer slices than wanted repeats some, evenly.
    """
    step = count // wanted
    if step >= 1:
        return np.arange(wanted) * step
    return np.floor(np.arange(wanted) * count / wanted).astype(np.int64)


def scan_of_phantom(phantom: Phantom, shape: tuple[int, int, int]) -> DeepSCScan:
    """A phantom as a training scan of ``shape`` voxels (multiples of 8), cropped to its lungs."""
    view = canonical(phantom.volume)
    label = CLASSES.index(phantom.diagnosis)
    return _cropped(view.volume.hu, view.apply(phantom.lungs), view.apply(phantom.lesions), label, shape)


def scan_of_slices(case: SliceCase, shape: tuple[int, int, int]) -> DeepSCScan:
    """A case of ``covid19_ct_seg`` as a stack for the segmentation subnet; its greys become approximate HU first.

    Args:
        case: Slices of one scan with lung and lesion masks.
        shape: Voxels of the result, multiples of 8.

    Raises:
        InputError: A slice has no lung or lesion mask.
    """
    masks = [(image.lungs(), image.lesions()) for image in case.slices]
    if any(lungs is None or lesions is None for lungs, lesions in masks):
        raise InputError(f"Case {case.name} has slices without masks.", "Give covid19_ct_seg.")
    hu = np.stack([image.hu() for image in case.slices])
    lungs, lesions = (np.stack([np.asarray(pair[index], np.uint8) for pair in masks]) for index in (0, 1))
    return _cropped(hu, lungs, lesions, None, shape)


def _cropped(
    hu: npt.NDArray[np.int16],
    lungs: npt.NDArray[np.uint8],
    lesions: npt.NDArray[np.uint8],
    label: int | None,
    shape: tuple[int, int, int],
) -> DeepSCScan:
    """Cut to the lungs, window, mask and resample."""
    where = [np.flatnonzero((lungs > 0).any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(int(axis[0]), int(axis[-1]) + 1) for axis in where)
    volume = window_and_mask(hu[box], lungs[box])
    mask = (lesions[box] > 0).astype(np.float32)
    return DeepSCScan(resample_to_shape(volume, shape), resample_to_shape(mask, shape), label)


def mirrored(scan: DeepSCScan) -> DeepSCScan:
    """The scan with left and right exchanged."""
    return replace(scan, volume=scan.volume[:, :, ::-1], lesions=scan.lesions[:, :, ::-1])


def random_patch(
    scan: DeepSCScan, size: tuple[int, int, int], draw: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """A patch, its lesions and its place in the scan (shares), half of the time about a lesion voxel.

    Returns:
        ``[1, z, y, x]``, ``[1, z, y, x]`` (0 or 1) and ``[3, 2]``.
    """
    shape = scan.volume.shape
    own = [min(a, b) for a, b in zip(size, shape, strict=True)]
    start = [int(draw.integers(0, n - s + 1)) for n, s in zip(shape, own, strict=True)]
    lesion = np.argwhere(scan.lesions > 0.5)
    if len(lesion) and draw.random() < 0.5:
        centre = lesion[draw.integers(len(lesion))]
        start = [int(np.clip(c - s // 2, 0, n - s)) for c, s, n in zip(centre, own, shape, strict=True)]
    box = tuple(slice(a, a + s) for a, s in zip(start, own, strict=True))
    place = torch.tensor([[a / n, (a + s) / n] for a, s, n in zip(start, own, shape, strict=True)])
    patch = torch.from_numpy(np.ascontiguousarray(scan.volume[box]))[None]
    truth = torch.from_numpy((scan.lesions[box] > 0.5).astype(np.float32))[None]
    return patch, truth, place.float()


def sampled(scan: DeepSCScan, slices: int) -> Tensor:
    """The scan's equidistant slices ``[1, slices, y, x]``."""
    return torch.from_numpy(np.ascontiguousarray(scan.volume[equidistant_slices(len(scan.volume), slices)]))[None]
