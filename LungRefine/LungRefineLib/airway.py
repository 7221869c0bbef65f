"""Trachea and main bronchi: found by their round cross-section, grown while they do not leak into the lungs."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from LungRefineLib.morphology import IN_PLANE, Mask, Triple, dilate, opened

log = logging.getLogger(__name__)

LUMEN_HU = -600.0  # tracheal air, averaged over a block that may hold some wall
AREA_MM2 = (45.0, 900.0)  # trachea of a child ... tracheobronchomegaly
MAX_ASPECT = 2.0  # bounding box, long side to short; a sabre-sheath trachea reaches 2
MIN_EXTENT = 0.55  # area over bounding box; a disc has 0.79
MIDLINE_MM = 45.0  # how far the trachea may be pushed from the body's midline
MIN_LENGTH_MM = 20.0  # shorter chains are bronchi or bowel
STEP_SHIFT_MM = 8.0  # the trachea's shift from one slice to the next, at least one radius

GROWTH_HU = tuple(range(-960, -690, 20))  # thresholds tried, darkest first
MAX_TREE_ML = 110.0  # trachea and bronchi of a tall adult; more means a leak into the lung
MAX_STEP_FACTOR = 1.6  # volume from one threshold to the next; a leak jumps
SMALLEST_LUMEN_MM = 3.2  # radius; main bronchi have 5 to 8, lobar bronchi (which lie inside the lungs) about 4
WALL_MM = 2.0  # bronchial wall with its partial volume


@dataclass(frozen=True)
class Airway:
    """The air of the large airways.

    Attributes:
        tree: bool ``[z, y, x]``, everything that was grown, small bronchi included.
        main: bool, trachea and main bronchi only.
    """

    tree: Mask
    main: Mask

    @property
    def found(self) -> bool:
        """Whether there is any."""
        return bool(self.main.any())


@dataclass(frozen=True)
class _Disc:
    """A round air spot in one slice."""

    label: int
    z: int
    y_mm: float
    x_mm: float
    area_mm2: float


def find_airway(hu: npt.NDArray[np.float32], inside: Mask, spacing_mm: Triple) -> Airway:
    """Find the airway.

    Args:
        hu: ``float32 [z, y, x]``, HU.
        inside: bool, the body.
        spacing_mm: (z, y, x), mm.

    Returns:
        The airway; empty where no trachea is in view.
    """
    chain, labels = _longest_chain(hu, inside, spacing_mm)
    if not chain:
        return Airway(np.zeros_like(inside), np.zeros_like(inside))
    seed = np.isin(labels, [disc.label for disc in chain])
    tree = _grow(hu, inside, seed, float(np.prod(spacing_mm)) / 1000.0)
    wide = opened(tree, SMALLEST_LUMEN_MM, spacing_mm) | (seed & tree)
    parts, _ = ndimage.label(wide)
    kept = np.unique(parts[seed & wide])
    return Airway(tree, np.isin(parts, kept[kept > 0]))


def _longest_chain(
    hu: npt.NDArray[np.float32], inside: Mask, spacing_mm: Triple
) -> tuple[list[_Disc], npt.NDArray[np.int32]]:
    labels, _ = ndimage.label((hu < LUMEN_HU) & inside, structure=IN_PLANE)
    discs = _discs(labels, spacing_mm)
    columns = np.flatnonzero(inside.any(axis=(0, 1)))
    middle = float(columns.mean()) * spacing_mm[2] if columns.size else 0.0
    discs = [disc for disc in discs if abs(disc.x_mm - middle) < MIDLINE_MM]

    by_slice: dict[int, list[_Disc]] = {}
    for disc in discs:
        by_slice.setdefault(disc.z, []).append(disc)
    best: list[_Disc] = []
    best_score = 0.0
    chains: dict[int, list[_Disc]] = {}  # by label of the last disc
    for z in sorted(by_slice):
        for disc in by_slice[z]:
            before = [p for p in by_slice.get(z - 1, []) if _follows(p, disc)]
            chain = max((chains[p.label] for p in before), key=len, default=[])
            chains[disc.label] = [*chain, disc]
            score = _score(chains[disc.label], middle, spacing_mm[0])
            if score > best_score:
                best, best_score = chains[disc.label], score
    if len(best) * spacing_mm[0] < MIN_LENGTH_MM:
        return [], labels
    return best, labels


def _score(chain: list[_Disc], middle_mm: float, step_mm: float) -> float:
    """Long, central and wide chains look like a trachea."""
    off = np.mean([abs(disc.x_mm - middle_mm) for disc in chain])
    width = np.sqrt(np.median([disc.area_mm2 for disc in chain]))
    return float(len(chain) * step_mm * np.exp(-off / MIDLINE_MM) * width)


def _follows(one: _Disc, other: _Disc) -> bool:
    shift = np.hypot(one.y_mm - other.y_mm, one.x_mm - other.x_mm)
    similar = 0.5 < one.area_mm2 / other.area_mm2 < 2.0
    return bool(shift < max(STEP_SHIFT_MM, np.sqrt(one.area_mm2 / np.pi)) and similar)


def _discs(labels: npt.NDArray[np.int32], spacing_mm: Triple) -> list[_Disc]:
    _, dy, dx = spacing_mm
    counts = np.bincount(labels.ravel())
    discs = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        area = counts[number] * dy * dx
        height, width = (box[1].stop - box[1].start) * dy, (box[2].stop - box[2].start) * dx
        round_enough = max(height, width) <= MAX_ASPECT * min(height, width) and area >= MIN_EXTENT * height * width
        if AREA_MM2[0] <= area <= AREA_MM2[1] and round_enough:
            y = (box[1].start + box[1].stop - 1) / 2 * dy
            x = (box[2].start + box[2].stop - 1) / 2 * dx
            discs.append(_Disc(number, box[0].start, y, x, area))
    return discs


def _grow(hu: npt.NDArray[np.float32], inside: Mask, seed: Mask, voxel_ml: float) -> Mask:
    """Raise the threshold while the air joined to the seed grows gently."""
    tree = seed
    for threshold in GROWTH_HU:
        labels, _ = ndimage.label((hu < threshold) & inside)
        touched = np.unique(labels[seed])
        grown = np.isin(labels, touched[touched > 0])
        volume, before = grown.sum() * voxel_ml, tree.sum() * voxel_ml
        if volume > MAX_TREE_ML or (before > 5.0 and volume > MAX_STEP_FACTOR * before and tree is not seed):
            break
        if volume >= before:
            tree = grown
    return tree


def airway_wall(airway: Airway, spacing_mm: Triple) -> Mask:
    """The airway with its wall: kept out of the air that may be lung."""
    return dilate(airway.tree, WALL_MM, spacing_mm) if airway.found else airway.tree
