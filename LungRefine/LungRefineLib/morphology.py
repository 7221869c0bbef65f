"""Distances and ball morphology in millimetres on anisotropic grids, and the little that masks need besides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

Mask = npt.NDArray[np.bool_]
Triple = tuple[float, float, float]

IN_PLANE = np.zeros((3, 3, 3), bool)  # four neighbours within the slice
IN_PLANE[1] = ndimage.generate_binary_structure(2, 1)

ENOUGH_VOTES = 2  # of the three planes


def distance_to(mask: Mask, spacing_mm: Triple) -> npt.NDArray[np.float32]:
    """Distance of every voxel to the nearest voxel of a mask.

    Args:
        mask: bool ``[z, y, x]``.
        spacing_mm: (z, y, x), mm.

    Returns:
        ``float32`` mm, 0 inside the mask; infinite everywhere for an empty mask.
    """
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing_mm[::-1])
    signed = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    return np.maximum(sitk.GetArrayFromImage(signed), np.float32(0))


def depth_in(mask: Mask, spacing_mm: Triple) -> npt.NDArray[np.float32]:
    """Distance of every voxel of a mask to the nearest voxel outside it, mm; 0 outside.

    The image's edge does not count as outside: a lung that the scan cuts off goes on behind it.
    """
    return distance_to(~mask, spacing_mm)


def dilate(mask: Mask, radius_mm: float, spacing_mm: Triple) -> Mask:
    """Dilation by a ball."""
    return distance_to(mask, spacing_mm) <= radius_mm


def erode(mask: Mask, radius_mm: float, spacing_mm: Triple) -> Mask:
    """Erosion by a ball."""
    return depth_in(mask, spacing_mm) > radius_mm


def opened(mask: Mask, radius_mm: float, spacing_mm: Triple) -> Mask:
    """Opening by a ball: what a ball of this radius inside the mask can reach."""
    return dilate(erode(mask, radius_mm, spacing_mm), radius_mm, spacing_mm) & mask


def closed(mask: Mask, radius_mm: float, spacing_mm: Triple) -> Mask:
    """Closing by a ball; beyond the image's edge lies background, as far as the ball reaches.

    Args:
        mask: bool ``[z, y, x]``.
        radius_mm: Radius of the ball, mm.
        spacing_mm: (z, y, x), mm.
    """
    pad = [int(np.ceil(radius_mm / step)) + 1 for step in spacing_mm]
    wide = np.pad(mask, [(p, p) for p in pad])
    wide = depth_in(distance_to(wide, spacing_mm) <= radius_mm, spacing_mm) > radius_mm
    inner = tuple(slice(p, p + size) for p, size in zip(pad, mask.shape, strict=True))
    return wide[inner] | mask


def slice_holes(mask: Mask, most_pixels: float = np.inf) -> Mask:
    """Holes of every slice along the first axis: background that does not reach the slice's edge.

    Args:
        mask: bool ``[z, y, x]``.
        most_pixels: Larger holes stay open.
    """
    labels, sizes = _hole_sizes(mask)
    return np.asarray((sizes > 0) & (sizes <= most_pixels))[labels]


def _hole_sizes(mask: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Labels of the background of every slice along the first axis, and the pixels of each; 0 where it is no hole."""
    labels, count = ndimage.label(~mask, structure=IN_PLANE)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        sizes[np.unique(edge)] = 0
    sizes[0] = 0
    return labels, sizes


def enclosed(mask: Mask, small_mm2: float, spacing_mm: Triple, thin_mm2: float = 0.0, looks: int = 1) -> Mask:
    """What a lung encloses: vessels and lesions, not a dome of the diaphragm.

    A lesion or vessel inside the lung is a hole in at least two of the axial, coronal and sagittal planes, a dome in
    the axial plane alone. Small axial holes count by themselves, for thick slices have no other planes. What is filled
    closes the planes across it, so that a second look finds what the first has left of a large consolidation.

    Args:
        mask: bool ``[z, y, x]``.
        small_mm2: Largest axial hole that counts by itself, mm².
        spacing_mm: (z, y, x), mm.
        thin_mm2: Likewise in the other planes.
        looks: How often to look.

    Returns:
        bool, the enclosed voxels alone.
    """
    dz, dy, dx = spacing_mm
    pixels_mm2 = (dy * dx, dz * dx, dz * dy)
    full = mask
    for _ in range(looks):
        votes = np.zeros(mask.shape, np.uint8)
        for axis, (pixel, small) in enumerate(zip(pixels_mm2, (small_mm2, thin_mm2, thin_mm2), strict=True)):
            labels, sizes = _hole_sizes(np.moveaxis(full, axis, 0))
            worth = np.where(sizes > 0, np.where(sizes * pixel <= small, ENOUGH_VOTES, 1), 0).astype(np.uint8)
            votes += np.moveaxis(worth[labels], 0, axis)
        more = votes >= ENOUGH_VOTES
        if not more.any():
            break
        full = full | more
    return full & ~mask


def filled_slices(mask: Mask) -> Mask:
    """Fill the holes of every axial slice."""
    return mask | slice_holes(mask)


def largest(mask: Mask) -> Mask:
    """The largest connected part; empty for an empty mask."""
    labels, count = ndimage.label(mask)
    if count <= 1:
        return mask.copy()
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == int(sizes.argmax())


def widened(box: tuple[slice, ...], margin_mm: float, spacing_mm: Triple, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """A box with a margin around it, as far as the grid reaches."""
    margins = [int(np.ceil(margin_mm / step)) + 1 for step in spacing_mm]
    return tuple(
        slice(max(axis.start - margin, 0), min(axis.stop + margin, size))
        for axis, margin, size in zip(box, margins, shape, strict=True)
    )
