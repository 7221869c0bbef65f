"""Consolidation lying broadly on heart, diaphragm or chest wall, told from them by what parts the two.

Two kinds of evidence, for its density is that of the organs. Fat under the pleura parts it from the body: without the
fat, a piece of soft tissue is left that hangs on the body by a neck at most and has lung all around. Where no fat is
seen, it still fills a pocket that a ball of some centimetres cannot enter, dense throughout and with more lung than
organ around it. Hilar vessels look alike and are told apart by their size and by the main bronchi beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy import typing as npt
from scipy import ndimage

from LungRefineLib.morphology import Mask, Triple, closed, depth_in, distance_to, opened, widened

FIRM_HU = -50.0  # middle between fat and soft tissue, where a thin layer of fat is blurred
NECKS_MM = (1.5, 3.0, 5.0, 7.0, 9.0)  # half the width of the necks cut
RECLAIM_MM = 8.0  # beyond the neck's half width: what wearing down took off a piece's knobs
LARGEST_ML = 300.0  # consolidation of most of a lobe; the heart is larger
SMALLEST_ML = 0.3
TOUCHING_MM = 2.2  # shell next to a piece: soft tissue there is contact with the body
AROUND_MM = 5.0  # shell beyond it, past the partial volume of its border: lung or body
LEAST_LUNG = 0.5  # share of lung in that shell
CORE_LUNG = 0.3  # the same for a piece's core, asked first because it is cheap
MOST_CONTACT = 0.3  # share of the shell next to it
HILUM_MM = 35.0  # this close to the main bronchi ...
VESSEL_ML = 10.0  # ... smaller pieces are arteries, veins and nodes;
SMALL_LUNG = 0.75  # and elsewhere they need that much lung around


@dataclass(frozen=True)
class PocketSize:
    """Pockets of the lungs that are asked about.

    Attributes:
        ball_mm: Radius of a ball that does not enter them.
        half_thick_mm: Half their least thickness: clefts between vessels are thinner.
        least_ml: Least volume: the wider the ball, the more pockets between vessels it closes.
    """

    ball_mm: float
    half_thick_mm: float
    least_ml: float


POCKETS = (PocketSize(15.0, 2.5, 1.0), PocketSize(25.0, 4.0, 30.0))
POCKET_LUNG = 0.6  # least share of lung around: wedges beside the heart have half
POCKET_CONTACT = 0.18  # most share of soft tissue next to it: hilar pockets have 0.2 and more
POCKET_SOFT_HU = -30.0  # that contact's HU: fat lets a pocket go
POCKET_MEDIAN_HU = -25.0  # hilar and pericardial pockets hold fat between their vessels
BRONCHI_MM = 10.0  # from the main bronchi: nearer pockets are hila

RIM_MM = 4.0  # the blurred border between aerated lung and a lesion is closed over this width


@dataclass(frozen=True)
class _Piece:
    """A piece within its window.

    Attributes:
        window: Where it lies in the whole.
        mask: bool, its voxels.
        volume_ml: Its volume.
        lung: Share of lung around it.
        contact: Share of soft tissue next to it.
    """

    window: tuple[slice, ...]
    mask: Mask
    volume_ml: float
    lung: float
    contact: float


def separated_lesions(lungs: Mask, smooth_hu: npt.NDArray[np.float32], large_airway: Mask, spacing_mm: Triple) -> Mask:
    """Find dense lesions that the body does not hold.

    Args:
        lungs: bool ``[z, y, x]``, both lungs with what was recovered so far; what reaches the box's edge is body.
        smooth_hu: HU with its noise smoothed away, same shape.
        large_airway: bool, trachea and main bronchi; may be empty.
        spacing_mm: (z, y, x), mm.

    Returns:
        bool, the lesions with their blurred border towards the lung, none of them lung before.
    """
    to_airway = distance_to(large_airway, spacing_mm)
    found = _parted_by_fat(lungs, smooth_hu, to_airway, spacing_mm)
    if large_airway.any():  # without it hila are not known
        for size in POCKETS:
            found |= _pockets(lungs | found, smooth_hu, to_airway, size, spacing_mm)
    if found.any():
        found |= closed(lungs | found, RIM_MM, spacing_mm) & (distance_to(found, spacing_mm) <= RIM_MM)
    return found & ~lungs


def _parted_by_fat(
    lungs: Mask, smooth_hu: npt.NDArray[np.float32], to_airway: npt.NDArray[np.float32], spacing_mm: Triple
) -> Mask:
    found = np.zeros(lungs.shape, bool)
    firm = ~lungs & (smooth_hu > FIRM_HU)
    depth = depth_in(firm, spacing_mm)
    for radius in NECKS_MM:
        for piece in _pieces(depth > radius, radius, firm, lungs, found, spacing_mm):
            small = piece.volume_ml < VESSEL_ML
            hilar = small and to_airway[piece.window][piece.mask].min() < HILUM_MM
            free = piece.lung >= (SMALL_LUNG if small else LEAST_LUNG) and piece.contact <= MOST_CONTACT
            if free and not hilar:
                found[piece.window] |= piece.mask
    return found


def _pieces(worn: Mask, radius_mm: float, firm: Mask, lungs: Mask, found: Mask, spacing_mm: Triple) -> Iterator[_Piece]:
    """What is left of firm tissue when it is worn down, with what was worn off given back to the nearest core."""
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    cores, count = ndimage.label(worn)
    sizes = np.bincount(cores.ravel(), minlength=count + 1)
    asked = sizes * voxel_ml < LARGEST_ML
    asked &= np.bincount(cores[found], minlength=count + 1) < 0.8 * sizes
    asked[0] = False
    for face in (cores[0], cores[-1], cores[:, 0], cores[:, -1], cores[:, :, 0], cores[:, :, -1]):
        asked[np.unique(face)] = False
    for number, box in enumerate(ndimage.find_objects(cores), start=1):
        if not asked[number] or box is None:
            continue
        window = widened(box, radius_mm + RECLAIM_MM + AROUND_MM, spacing_mm, lungs.shape)
        lung = lungs[window] | found[window]
        free = firm[window] & ~found[window]
        core = cores[window] == number
        away = distance_to(core, spacing_mm)
        shell = (away > radius_mm) & (away <= radius_mm + AROUND_MM)
        if not _share(lung[shell]) >= CORE_LUNG:
            continue
        others = (cores[window] > 0) & ~core & ~found[window]
        mask = free & (away <= radius_mm + RECLAIM_MM) & (away < distance_to(others, spacing_mm))
        parts, _ = ndimage.label(mask)
        kept = np.unique(parts[core & mask])
        mask &= np.isin(parts, kept)
        volume = float(mask.sum() * voxel_ml)
        if SMALLEST_ML <= volume <= LARGEST_ML:
            yield _Piece(window, mask, volume, *_surroundings(mask, lung, free, spacing_mm))


def _surroundings(mask: Mask, lung: Mask, firm: Mask, spacing_mm: Triple) -> tuple[float, float]:
    """Share of lung around a piece and of firm tissue next to it; NaN, which no rule accepts, where no voxel tells."""
    away = distance_to(mask, spacing_mm)
    touching = (away > 0) & (away <= TOUCHING_MM)
    around = (away > TOUCHING_MM) & (away <= AROUND_MM)
    return _share(lung[around]), _share(firm[touching])


def _share(values: Mask) -> float:
    return float(values.mean()) if values.size else float("nan")


def _pockets(
    lungs: Mask,
    smooth_hu: npt.NDArray[np.float32],
    to_airway: npt.NDArray[np.float32],
    size: PocketSize,
    spacing_mm: Triple,
) -> Mask:
    found = np.zeros(lungs.shape, bool)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    pockets = opened(closed(lungs, size.ball_mm, spacing_mm) & ~lungs, size.half_thick_mm, spacing_mm)
    labels, _ = ndimage.label(pockets)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        window = widened(box, AROUND_MM, spacing_mm, lungs.shape)
        mask = labels[window] == number
        dense = np.median(smooth_hu[window][mask]) >= POCKET_MEDIAN_HU
        hilar = to_airway[window][mask].min() <= BRONCHI_MM
        if not dense or hilar or not size.least_ml <= mask.sum() * voxel_ml <= LARGEST_ML:
            continue
        firm = (smooth_hu[window] > POCKET_SOFT_HU) & ~lungs[window]
        lung, contact = _surroundings(mask, lungs[window], firm, spacing_mm)
        if lung >= POCKET_LUNG and contact <= POCKET_CONTACT:
            found[window] |= mask
    return found
