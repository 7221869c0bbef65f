"""Lesions of two time points matched: new, resolved, or persisting (grown, shrunk, merged or split)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from COVIDMTLLib.follow_up.time_point import TimePoint

LesionStatus = Literal["new", "resolved", "persisting"]
Ids = npt.NDArray[np.integer]


@dataclass(frozen=True)
class FollowedLesion:
    """A lesion, or several that merged or split, at both time points.

    Attributes:
        status: "new", "resolved" or "persisting".
        pieces: Number of separate lesions before and after; 2 and 1 is a merger.
        before_ml: Volume at the first time point, mL.
        after_ml: Volume at the second, mL.
        zone: Number of the lung zone that holds most of it, at the time point where it is larger; 0 outside.
    """

    status: LesionStatus
    pieces: tuple[int, int]
    before_ml: float
    after_ml: float
    zone: int

    @property
    def change_ml(self) -> float:
        """After minus before, mL."""
        return self.after_ml - self.before_ml


def number_lesions(point: TimePoint, min_ml: float) -> Ids:
    """Number a scan's lesions.

    Args:
        point: The scan.
        min_ml: Smaller lesions are left out, mL.

    Returns:
        ``[z, y, x]``, 0 elsewhere, 1..n for the 26-connected lesions.
    """
    ids, count = ndimage.label(point.lesions > 0, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(ids.ravel(), minlength=count + 1) * point.voxel_ml
    kept = sizes >= min_ml
    kept[0] = False
    table = np.zeros(count + 1, dtype=np.int32)
    table[kept] = np.arange(1, int(kept.sum()) + 1)
    return table[ids]


def volumes_ml(ids: Ids, voxel_ml: float) -> npt.NDArray[np.float64]:
    """Volume of each numbered lesion, mL; position 0 is lesion 1."""
    return np.bincount(ids.ravel())[1:].astype(np.float64) * voxel_ml


def link(first: Ids, second: Ids, reach_mm: float, spacing_mm: float, min_share: float) -> list[tuple[int, int]]:
    """Pairs of lesions that are the same.

    Two lesions are linked when, after widening one of them by the registration's reach, at least ``min_share`` of the
    smaller one is covered. Either may be the widened one, so that the answer does not depend on their order.

    Args:
        first: Numbered lesions on an isotropic common grid.
        second: The same of the other scan.
        reach_mm: How far registration may miss, mm.
        spacing_mm: Of the grid.
        min_share: Share of the smaller lesion, 0 to 1.
    """
    sizes = [np.bincount(ids.ravel()).astype(float) for ids in (first, second)]
    found = set(_covered(first, second, reach_mm, spacing_mm, min_share, sizes[0], sizes[1]))
    found |= {(a, b) for b, a in _covered(second, first, reach_mm, spacing_mm, min_share, sizes[1], sizes[0])}
    return sorted(found)


def follow(
    before: npt.NDArray[np.float64],
    after: npt.NDArray[np.float64],
    links: list[tuple[int, int]],
    zones: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> list[FollowedLesion]:
    """Group linked lesions and say what became of them, the largest first.

    Args:
        before: Volumes at the first time point, mL.
        after: At the second.
        links: Numbers of the lesions that are the same.
        zones: Zone of each lesion, before and after.
    """
    n, m = len(before), len(after)
    rows = [a - 1 for a, _ in links]
    columns = [n + b - 1 for _, b in links]
    graph = coo_array((np.ones(len(links)), (rows, columns)), shape=(n + m, n + m))
    count, group = connected_components(graph, directed=False)
    lesions = []
    for number in range(count):
        first, second = np.flatnonzero(group[:n] == number), np.flatnonzero(group[n:] == number)
        sums = float(before[first].sum()), float(after[second].sum())
        status: LesionStatus = "new" if not first.size else "resolved" if not second.size else "persisting"
        larger = (before[first], zones[0][first]) if sums[0] > sums[1] else (after[second], zones[1][second])
        zone = int(larger[1][larger[0].argmax()])
        lesions.append(FollowedLesion(status, (first.size, second.size), *sums, zone))
    return sorted(lesions, key=lambda one: (-max(one.before_ml, one.after_ml), one.zone))


def main_zone(ids: Ids, zones: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """For each numbered lesion the zone that holds most of it; 0 where it lies outside all."""
    count = int(ids.max(initial=0))
    inside = (ids > 0) & (zones > 0)
    table = np.zeros((count + 1, int(zones.max(initial=0)) + 1), dtype=np.int64)
    np.add.at(table, (ids[inside], zones[inside]), 1)
    return table[1:].argmax(axis=1)


def _covered(
    widened: Ids,
    other: Ids,
    reach_mm: float,
    spacing_mm: float,
    min_share: float,
    widened_sizes: npt.NDArray[np.float64],
    other_sizes: npt.NDArray[np.float64],
) -> list[tuple[int, int]]:
    if not widened.any() or not other.any():
        return []
    distance, nearest = ndimage.distance_transform_edt(widened == 0, sampling=spacing_mm, return_indices=True)
    touched = (other > 0) & (distance <= reach_mm)
    owners = widened[tuple(nearest[:, touched])]
    pairs, counts = np.unique(np.stack([owners, other[touched]]), axis=1, return_counts=True)
    smaller = np.minimum(widened_sizes[pairs[0]], other_sizes[pairs[1]])
    linked = counts >= np.maximum(min_share * smaller, 1)
    return [(int(a), int(b)) for a, b in pairs[:, linked].T]
