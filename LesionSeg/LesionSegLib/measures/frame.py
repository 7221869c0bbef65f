"""What measures need of a scan and its lungs, whatever the lesions: computed once, then used for mask after mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.errors import InputError
from ChestCTLib.grid import canonical_axes
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS, Label
from ChestCTLib.progress import CancelCheck, never_cancelled, raise_if_cancelled
from ChestCTLib.volume import CTVolume
from ChestCTLib.zones import ZONES, six_zones
from LesionSegLib.measures.attenuation import HuCounts
from LesionSegLib.measures.periphery import slice_depth_mm

LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LesionVoxels:
    """The lesion voxels inside the lungs, in the order of the frame's array.

    Attributes:
        at: Their places in the frame's flattened arrays, rising.
        classes: Label of each: 1 ground glass, 2 consolidation.
        outside: Number of marked voxels outside the lungs.
    """

    at: npt.NDArray[np.intp]
    classes: LabelArray
    outside: int

    def of_class(self, value: int) -> npt.NDArray[np.intp]:
        """Places of one class."""
        return self.at[self.classes == value]


class LungFrame:
    """A scan and its lungs on canonical axes, cut to the lungs.

    Args:
        volume: The scan, HU.
        lungs: uint8 on its grid, 1 right, 2 left.

    Attributes:
        volume: The scan as given.
        lungs: uint8 ``[z, y, x]``, cut to the lungs; the whole grid where there are none.
        hu: int16, the same part of the scan.
        ijk_to_lps: 4x4 affine of that part.
        spacing_mm: (z, y, x) on canonical axes.

    Raises:
        InputError: The mask lies on another grid or holds an unknown label.
    """

    def __init__(self, volume: CTVolume, lungs: LabelArray) -> None:
        _check(lungs, volume, LUNG_LABELS, "lung")
        self.volume = volume
        self._order, flips, affine = canonical_axes(volume.ijk_to_lps, volume.shape)
        self._turn = tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)
        turned = self._turned(lungs)
        self._box = _lung_box(turned)
        self.lungs: LabelArray = np.ascontiguousarray(turned[self._box], dtype=np.uint8)
        self.hu: npt.NDArray[np.int16] = np.ascontiguousarray(self._turned(volume.hu)[self._box])
        self.ijk_to_lps = affine.copy()
        self.ijk_to_lps[:3, 3] += affine[:3, :3] @ [part.start for part in reversed(self._box)]
        z, y, x = (float(step) for step in np.linalg.norm(affine[:3, :3], axis=0)[::-1])
        self.spacing_mm = (z, y, x)
        self._depth_mm = np.zeros(self.lungs.shape, dtype=np.float32)
        self._has_depth: npt.NDArray[np.bool_] = np.asarray(~self.lungs.any(axis=(1, 2)))

    def _turned(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.transpose(array, self._order)[self._turn]

    @cached_property
    def zones(self) -> LabelArray:
        """The six zones, on the frame's grid."""
        return six_zones(self.lungs)

    @cached_property
    def zone_voxels(self) -> npt.NDArray[np.int64]:
        """Lung voxels of each zone, in the order of :data:`ChestCTLib.zones.ZONES`."""
        # slice by slice: bincount makes 64-bit integers of its whole input
        return sum(
            (np.bincount(plane.ravel(), minlength=len(ZONES) + 1)[1:] for plane in self.zones),
            np.zeros(len(ZONES), dtype=np.int64),
        )

    @cached_property
    def hu_counts(self) -> HuCounts:
        """Voxels of the lungs by attenuation."""
        return HuCounts.of(self.hu[self.lungs > 0])

    def lesion_voxels(self, lesions: LabelArray) -> LesionVoxels:
        """Find the lesion voxels inside the lungs.

        Args:
            lesions: uint8 on the scan's own grid, 1 ground glass, 2 consolidation.

        Raises:
            InputError: The mask lies on another grid or holds an unknown label.
        """
        _check(lesions, self.volume, LESION_LABELS, "lesion")
        cut = np.ascontiguousarray(self._turned(lesions)[self._box], dtype=np.uint8).ravel()
        marked = np.flatnonzero(cut)
        at = marked[self.lungs.ravel()[marked] > 0]
        return LesionVoxels(at, cut[at], int(np.count_nonzero(lesions)) - at.size)

    def hu_counts_at(self, at: npt.NDArray[np.intp]) -> HuCounts:
        """Voxels at some places, by attenuation."""
        return HuCounts.of(self.hu.ravel()[at])

    def depth_mm(self, at: npt.NDArray[np.intp], cancelled: CancelCheck = never_cancelled) -> npt.NDArray[np.float32]:
        """Distance of voxels to the nearest voxel outside the lungs in their own slices, mm.

        Args:
            at: Places in the flattened array, rising.
            cancelled: Asked at every slice.
        """
        for k in np.unique(at // self.lungs[0].size):
            raise_if_cancelled(cancelled)
            self._measure_depth(int(k))
        depth: npt.NDArray[np.float32] = self._depth_mm.ravel()[at]
        return depth

    def prepare_depth(self) -> bool:
        """Measure the depth of one more slice ahead of time; returns whether there was one."""
        if self._has_depth.all():
            return False
        self._measure_depth(int(np.argmin(self._has_depth)))
        return True

    def _measure_depth(self, k: int) -> None:
        if not self._has_depth[k]:
            self._depth_mm[k] = slice_depth_mm(self.lungs[k] > 0, self.spacing_mm[1:])
            self._has_depth[k] = True


def _check(mask: LabelArray, volume: CTVolume, labels: Sequence[Label], name: str) -> None:
    if mask.shape != volume.shape:
        raise InputError(
            f"The {name} mask has the size {mask.shape}, the scan {volume.shape} (z, y, x).",
            "Use the mask of this scan.",
        )
    known = {0, *(label.value for label in labels)}
    highest = max(known)
    if known == set(range(highest + 1)) and mask.min() >= 0 and mask.max() <= highest:
        return  # quicker by far than listing all values of a large mask
    unknown = sorted(set(np.unique(mask).tolist()) - known)
    if unknown:
        listed = ", ".join(f"{label.value} {label.name}" for label in labels)
        raise InputError(f"The {name} mask holds the labels {unknown}.", f"Known labels: {listed}.")


def _lung_box(lungs: npt.NDArray[Any]) -> tuple[slice, ...]:
    """The part of the grid that holds the lungs; all of it where there are none."""
    boxes = ndimage.find_objects((lungs > 0).astype(np.uint8))
    return boxes[0] if boxes else tuple(slice(0, size) for size in lungs.shape)
