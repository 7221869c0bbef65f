"""DeepSC-COVID on whole scans: non-overlapping patches put together again (section V-A), and the diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from LesionSegLib.networks.deepsc_covid import DeepSCCovid, DeepSCOutput
from LesionSegLib.training.scans import DeepSCScan, sampled

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class WholeScan:
    """What DeepSC-COVID says about one scan.

    Attributes:
        lesions: Lesion probability ``float32 [z, y, x]`` on the scan's grid; None without segmentation.
        logits: ``[3]``, of the classes; None without classification.
        evidence: Finest evidence mask of each class (equation 5), ``float32 [3, slices, y, x]``; None likewise.
    """

    lesions: npt.NDArray[np.float32] | None
    logits: npt.NDArray[np.float32] | None
    evidence: npt.NDArray[np.float32] | None


def read_scan(
    network: DeepSCCovid,
    scan: DeepSCScan,
    patch: Triple,
    slices: int,
    segment: bool,
    classify: bool,
    device: torch.device,
) -> WholeScan:
    """Segment and classify a scan as the network was trained: with the lesions of the whole scan.

    A scan larger than the patch is diagnosed once for every patch, whose features the cross-stitch unit mixes in; the
    logits and the evidence are the mean of those passes.

    Args:
        network: In evaluation mode, on ``device``.
        scan: The scan.
        patch: Voxels of a patch.
        slices: Equidistant slices for the classification.
        segment: Whether the segmentation was trained.
        classify: Whether the classification was trained.
        device: Where to compute.
    """
    with torch.inference_mode():
        volume = sampled(scan, slices)[None].to(device) if classify else None
        if volume is None:
            return WholeScan(segment_scan(network, scan, patch, None, device), None, None)
        if not segment:
            return _diagnosed(network, [network(None, volume)], volume, None)
        lesions = segment_scan(network, scan, patch, volume, device)
        found = sampled(replace(scan, volume=lesions), slices)[None].to(device)
        outputs = [network(part, volume, found, place) for _, part, place in _patches(scan, patch, slices, device)]
        return _diagnosed(network, outputs, volume, lesions)


def _diagnosed(
    network: DeepSCCovid, outputs: list[DeepSCOutput], volume: Tensor, lesions: npt.NDArray[np.float32] | None
) -> WholeScan:
    logits = torch.stack([torch.as_tensor(output.class_logits)[0] for output in outputs]).mean(dim=0)
    masks = []
    for index in range(len(logits)):
        wanted = torch.tensor([index], device=volume.device)
        mask = torch.stack([network.evidence(output, wanted)[0] for output in outputs]).mean(dim=0)
        masks.append(functional.interpolate(mask, volume.shape[2:], mode="trilinear", align_corners=False)[0, 0])
    return WholeScan(lesions, logits.cpu().numpy(), torch.stack(masks).cpu().numpy())


def segment_scan(
    network: DeepSCCovid, scan: DeepSCScan, patch: Triple, slices: Tensor | None, device: torch.device
) -> npt.NDArray[np.float32]:
    """Lesion probability of a whole scan, ``[z, y, x]``, from its patches; the last of a row is moved inwards.

    Args:
        network: The network.
        scan: The scan.
        patch: Voxels of a patch.
        slices: Equidistant slices ``[1, 1, slices, y, x]`` for the cross-stitch unit, or None.
        device: Where to compute.
    """
    found = np.zeros(scan.volume.shape, np.float32)
    count = None if slices is None else slices.shape[2]
    for box, part, place in _patches(scan, patch, count, device):
        lesion = network.segment(part, slices, place)[0]
        found[box] = lesion[0, 0].float().cpu().numpy()
    return found


def _patches(
    scan: DeepSCScan, patch: Triple, slices: int | None, device: torch.device
) -> Iterator[tuple[tuple[slice, ...], Tensor, Tensor | None]]:
    """Box, voxels ``[1, 1, z, y, x]`` and place of each patch; no place where one is the whole scan."""
    shape = scan.volume.shape
    size = [min(a, b) for a, b in zip(patch, shape, strict=True)]
    starts = [sorted({min(a, n - s) for a in range(0, n, s)}) for n, s in zip(shape, size, strict=True)]
    volume = torch.from_numpy(np.ascontiguousarray(scan.volume))[None, None].to(device)
    for z in starts[0]:
        for y in starts[1]:
            for x in starts[2]:
                first = (z, y, x)
                box = tuple(slice(a, a + s) for a, s in zip(first, size, strict=True))
                shares = [[a / n, (a + s) / n] for a, s, n in zip(first, size, shape, strict=True)]
                whole = tuple(size) == shape and slices in (None, shape[0])
                place = None if whole else torch.tensor([shares], device=device)
                yield box, volume[(slice(None), slice(None), *box)], place
