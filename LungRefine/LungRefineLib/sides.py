"""Right and left: the two lungs found, told apart where they touch, and labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import watershed

from LungRefineLib.morphology import Mask, Triple, depth_in, distance_to

RIGHT, LEFT = 1, 2
GAS_HU = -965.0  # median of bowel and stomach gas is below, of emphysematous lung above
MIN_LUNG_ML = 40.0  # a collapsed adult lung still holds this much air
MIN_PART = 0.05  # of the larger lung: smaller pieces join later, if they lie inside a lung
MIN_HALF = 0.2  # of both: each side of a split that counts as a lung
MIN_APART_MM = 50.0  # between the centres of two lungs, from right to left
COARSE_MM = 2.5  # grid on which a mask that is there already is told apart
BOTH_WIDE_MM = 180.0  # from right to left: one lung alone is narrower
FLANK = 0.12  # of that width: what lies further from the middle is beyond the mediastinum
EROSIONS_MM = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0)  # tried until lungs that touch come apart


@dataclass(frozen=True)
class _Piece:
    mask_label: int
    volume_ml: float
    x_mm: float


def aerated_lungs(air: Mask, hu: npt.NDArray[np.float32], spacing_mm: Triple) -> npt.NDArray[np.uint8]:
    """The aerated part of both lungs.

    Args:
        air: bool ``[z, y, x]``, air inside the body without the airway.
        hu: HU, same shape.
        spacing_mm: (z, y, x), mm; x runs towards the patient's left.

    Returns:
        uint8, 1 right, 2 left; all 0 where there is no lung.
    """
    labels, _ = ndimage.label(air)
    pieces = _lung_pieces(labels, hu, spacing_mm)
    if not pieces:
        return np.zeros(air.shape, np.uint8)
    main = pieces[0]
    second = next((p for p in pieces[1:] if abs(p.x_mm - main.x_mm) > MIN_APART_MM), None)
    markers = np.zeros(air.shape, np.uint8)
    halves = None
    if second is None or second.volume_ml < MIN_HALF * main.volume_ml:
        halves = split(labels == main.mask_label, spacing_mm)
    if halves is not None:
        markers = halves
    else:
        columns = np.flatnonzero(air.any(axis=(0, 1)))
        middle = float(columns.mean()) * spacing_mm[2]
        if second is not None:
            middle = (main.x_mm + second.x_mm) / 2
        for piece in (main, second):
            if piece is not None:
                markers[labels == piece.mask_label] = RIGHT if piece.x_mm < middle else LEFT
    others = [p for p in pieces if p is not main and p is not second]
    return _with_others(markers, labels, others, spacing_mm)


def _lung_pieces(labels: npt.NDArray[np.int32], hu: npt.NDArray[np.float32], spacing_mm: Triple) -> list[_Piece]:
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    sizes = np.bincount(labels.ravel()) * voxel_ml
    sizes[0] = 0
    big = np.flatnonzero(sizes > MIN_LUNG_ML)
    pieces = []
    for number in big[np.argsort(-sizes[big])]:
        where = labels == number
        if float(np.median(hu[where])) > GAS_HU:
            x = float(np.flatnonzero(where.any(axis=(0, 1))).mean()) * spacing_mm[2]
            pieces.append(_Piece(int(number), float(sizes[number]), x))
    return [p for p in pieces if p.volume_ml > MIN_PART * pieces[0].volume_ml]


def split(mask: Mask, spacing_mm: Triple) -> npt.NDArray[np.uint8] | None:
    """Part two lungs that touch, at their narrowest contact.

    Args:
        mask: bool ``[z, y, x]``, one connected piece.
        spacing_mm: (z, y, x), mm.

    Returns:
        uint8, 1 right, 2 left; None where the piece is one lung.
    """
    depth = depth_in(mask, spacing_mm)
    for radius in EROSIONS_MM:
        core, count = ndimage.label(depth > radius)
        if count < 2:
            continue
        sizes = np.bincount(core.ravel())
        sizes[0] = 0
        first, second = np.argsort(-sizes)[:2]
        if sizes[second] < MIN_HALF * (sizes[first] + sizes[second]):
            continue
        centres = [float(np.nonzero(core == part)[2].mean()) * spacing_mm[2] for part in (first, second)]
        if abs(centres[0] - centres[1]) < MIN_APART_MM:
            continue
        markers = np.zeros(mask.shape, np.int32)
        markers[core == first] = RIGHT if centres[0] < centres[1] else LEFT
        markers[core == second] = LEFT if centres[0] < centres[1] else RIGHT
        return watershed(-depth, markers, mask=mask).astype(np.uint8)
    return _split_in_the_middle(mask, depth, spacing_mm)


def _split_in_the_middle(
    mask: Mask, depth: npt.NDArray[np.float32], spacing_mm: Triple
) -> npt.NDArray[np.uint8] | None:
    """Part lungs that touch over a wide face, as on coarse sagittal slices: from the flanks inwards."""
    columns = np.flatnonzero(mask.any(axis=(0, 1)))
    width = (columns[-1] - columns[0] + 1) * spacing_mm[2]
    if width < BOTH_WIDE_MM:
        return None
    x = np.arange(mask.shape[2])
    middle = float(columns[0] + columns[-1]) / 2
    markers = np.zeros(mask.shape, np.int32)
    flank = FLANK * (columns[-1] - columns[0])
    markers[:, :, x < middle - flank] = RIGHT
    markers[:, :, x > middle + flank] = LEFT
    markers[~mask] = 0
    _, right, left = np.bincount(markers.ravel(), minlength=3).tolist()
    if min(right, left) < MIN_HALF * (right + left):
        return None
    return watershed(-depth, markers, mask=mask).astype(np.uint8)


def _with_others(
    markers: npt.NDArray[np.uint8], labels: npt.NDArray[np.int32], others: list[_Piece], spacing_mm: Triple
) -> npt.NDArray[np.uint8]:
    """Lobes that consolidation has cut off join the nearer lung."""
    if not others:
        return markers
    right = distance_to(markers == RIGHT, spacing_mm)
    left = distance_to(markers == LEFT, spacing_mm)
    for piece in others:
        where = labels == piece.mask_label
        markers[where] = RIGHT if right[where].mean() <= left[where].mean() else LEFT
    return markers


def nearest_side(mask: Mask, lungs: npt.NDArray[np.uint8], spacing_mm: Triple) -> npt.NDArray[np.uint8]:
    """Give every voxel of a mask the side of the nearer lung.

    Args:
        mask: bool ``[z, y, x]``.
        lungs: uint8, 1 right, 2 left.
        spacing_mm: (z, y, x), mm.
    """
    right = distance_to(lungs == RIGHT, spacing_mm)
    left = distance_to(lungs == LEFT, spacing_mm)
    return np.where(mask, np.where(right <= left, RIGHT, LEFT), 0).astype(np.uint8)


def label_sides(mask: Mask, spacing_mm: Triple) -> npt.NDArray[np.uint8]:
    """Label a mask that holds both lungs, and perhaps the airway that joins them.

    Args:
        mask: bool ``[z, y, x]``, canonical axes.
        spacing_mm: (z, y, x), mm.

    Returns:
        uint8, 1 right, 2 left. A single lung gets the side of the image's middle it lies on.
    """
    if not mask.any():
        return np.zeros(mask.shape, np.uint8)
    steps = [max(1, round(COARSE_MM / step)) for step in spacing_mm]
    coarse = mask[:: steps[0], :: steps[1], :: steps[2]]
    sz, sy, sx = (step * factor for step, factor in zip(spacing_mm, steps, strict=True))
    spacing = (sz, sy, sx)
    labels, _ = ndimage.label(coarse)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    order = np.argsort(-sizes)
    markers = np.zeros(coarse.shape, np.uint8)
    halves = split(labels == order[0], spacing)
    if halves is not None:
        markers = halves
    elif len(order) > 1 and sizes[order[1]] > 0:
        parts = [labels == number for number in order[:2]]
        x = [float(np.nonzero(part)[2].mean()) for part in parts]
        markers[parts[0]] = RIGHT if x[0] < x[1] else LEFT
        markers[parts[1]] = LEFT if x[0] < x[1] else RIGHT
    else:
        x_mean = float(np.nonzero(coarse)[2].mean())
        markers[coarse] = RIGHT if x_mean < coarse.shape[2] / 2 else LEFT
    coarse_sides = nearest_side(np.ones_like(coarse), markers, spacing)
    sides = coarse_sides
    for axis, factor in enumerate(steps):
        sides = sides.repeat(factor, axis=axis)
    z, y, x_size = mask.shape
    return np.where(mask, sides[:z, :y, :x_size], 0).astype(np.uint8)
