"""Slice-wise networks on volumes: every slice with its neighbours and lungs, made consistent along z, memory aware."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import nn

from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from LesionSegLib.hu_bands import denser_than_normal, without_vessels
from LesionSegLib.preprocessing import prepare_slices
from LesionSegLib.settings import InferenceSettings

log = logging.getLogger(__name__)

NEIGHBOUR_MM = 2.5  # distance of the neighbouring slices shown to the network; the labelled volumes lie between 1 and 8
CHUNK_SLICES = 64  # slices prepared at once, to bound memory
FIRST_BATCH = 16


def lesion_probability(
    network: nn.Module,
    label: str,
    hu: npt.NDArray[np.int16],
    lungs: npt.NDArray[np.uint8],
    spacing_mm: tuple[float, float, float],
    settings: InferenceSettings,
    device: torch.device,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> npt.NDArray[np.float16]:
    """Probability of a label in every lung voxel.

    Args:
        network: A :class:`LesionSegLib.networks.multi_decoder.MultiDecoderNet` with 4 input channels.
        label: One of its labels.
        hu: ``[z, y, x]`` on canonical axes.
        lungs: Same shape, not empty.
        spacing_mm: (z, y, x).
        settings: How to apply it.
        device: Where; when its memory runs out the batch shrinks, then the CPU takes over.
        progress: Told the share done.
        cancelled: Asked between batches.

    Returns:
        ``float16 [z, y, x]``, 0 outside the lungs.
    """
    slices = np.flatnonzero(lungs.any(axis=(1, 2)))
    first, last = int(slices[0]), int(slices[-1]) + 1
    step = max(1, round(NEIGHBOUR_MM / spacing_mm[0]))
    probability = np.zeros(hu.shape, np.float16)
    rows = np.flatnonzero(lungs.any(axis=(0, 2)))
    columns = np.flatnonzero(lungs.any(axis=(0, 1)))
    extent = np.zeros(lungs.shape[1:], np.uint8)  # one frame for the whole volume, whatever the chunk
    extent[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 1
    runner = SliceRunner(network, label, settings.mirrored, device)
    for start in range(first, last, CHUNK_SLICES):
        raise_if_cancelled(cancelled)
        stop = min(last, start + CHUNK_SLICES)
        low, high = max(0, start - step), min(len(hu), stop + step)
        pictures, inside, frame = prepare_slices(hu[low:high], lungs[low:high], extent, spacing_mm[1:])
        own = np.arange(start - low, stop - low)
        below, above = np.maximum(own - step, 0), np.minimum(own + step, len(pictures) - 1)
        stack = np.stack([pictures[below], pictures[own], pictures[above], inside[own]], axis=1)
        probability[start:stop] = frame.put_back(runner.run(stack, cancelled), hu.shape[1:])
        progress((stop - first) / (last - first), f"lesions in slice {stop} of {last}")
    probability[lungs == 0] = 0
    return probability


def consistent_mask(
    probability: npt.NDArray[np.float16],
    hu: npt.NDArray[np.int16],
    lungs: npt.NDArray[np.uint8],
    spacing_mm: tuple[float, float, float],
    settings: InferenceSettings,
) -> npt.NDArray[np.bool_]:
    """Threshold after smoothing along z, inside lung denser than normal, without vessels and islands.

    Args:
        probability: ``[z, y, x]``.
        hu: Same shape, HU.
        lungs: Same shape.
        spacing_mm: (z, y, x).
        settings: Threshold, smoothing and smallest island.
    """
    smooth = probability.astype(np.float32)
    if settings.z_sigma_mm > 0:
        smooth = ndimage.gaussian_filter1d(smooth, settings.z_sigma_mm / spacing_mm[0], axis=0, mode="nearest")
    mask = (smooth >= settings.threshold) & (lungs > 0)
    if settings.min_rise_over_lung_hu > 0:
        mask &= denser_than_normal(hu, lungs, spacing_mm, settings.min_rise_over_lung_hu)
    if settings.remove_vessels and settings.min_rise_over_lung_hu > 0:
        mask = without_vessels(hu, mask, lungs, spacing_mm, settings.min_rise_over_lung_hu)
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if count == 0 or settings.min_island_ml <= 0:
        return mask
    volumes = np.bincount(labels.ravel()) * np.prod(spacing_mm) / 1000.0
    keep = volumes >= settings.min_island_ml
    keep[0] = False
    return keep[labels]


class SliceRunner:
    """Runs batches; when memory runs out it halves the batch, and at one slice moves to the CPU.

    Args:
        network: The network.
        label: The label wanted.
        mirrored: Also look at mirrored slices and average.
        device: Where to start.
    """

    def __init__(self, network: nn.Module, label: str, mirrored: bool, device: torch.device) -> None:
        self.network = network.to(device).eval()
        self.label = label
        self.mirrored = mirrored
        self.device = device
        self.batch = FIRST_BATCH

    def run(self, stack: npt.NDArray[np.float32], cancelled: CancelCheck = never_cancelled) -> npt.NDArray[np.float32]:
        """Probabilities ``[n, rows, columns]`` of slices ``[n, channels, rows, columns]``.

        Raises:
            MemoryError: Not even one slice fits on the CPU.
        """
        outputs: list[npt.NDArray[np.float32]] = []
        done = 0
        while done < len(stack):
            raise_if_cancelled(cancelled)
            try:
                outputs.append(self._once(stack[done : done + self.batch]))
            except (torch.OutOfMemoryError, MemoryError):
                self._shrink()
                continue
            done += len(outputs[-1])
        return np.concatenate(outputs)

    def _once(self, part: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            pictures = torch.from_numpy(part).to(self.device).contiguous(memory_format=torch.channels_last)
            found = torch.sigmoid(self.network(pictures, (self.label,)).float())
            if self.mirrored:
                other = torch.sigmoid(self.network(pictures.flip(-1), (self.label,)).float())
                found = (found + other.flip(-1)) / 2
        return found[:, 0].cpu().numpy()

    def _shrink(self) -> None:
        if self.batch > 1:
            self.batch //= 2
            log.warning("memory ran out; going on with %d slices at a time", self.batch)
        elif self.device.type != "cpu":
            self.device, self.batch = torch.device("cpu"), FIRST_BATCH
            self.network = self.network.to(self.device)
            log.warning("memory ran out even with one slice; going on on the CPU")
        else:
            raise MemoryError("One slice does not fit into memory.")
