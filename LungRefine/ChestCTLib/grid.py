"""Grids: bring a volume to canonical axes or another spacing, and bring results back exactly.

Canonical means: the voxel axes lie closest to LPS, x towards the patient's left, y towards posterior, z towards the
head. Getting there only flips and permutes axes, so the way back is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.volume import CTVolume

Scalar = TypeVar("Scalar", bound=np.generic)
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class CanonicalView:
    """A volume seen along canonical axes, with the way back.

    Attributes:
        volume: The same voxels, flipped and permuted.
        order: For each canonical array axis (z, y, x) the array axis of the original.
        flips: For each canonical array axis whether the original runs the other way.
    """

    volume: CTVolume
    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @property
    def is_identity(self) -> bool:
        """Whether the original's axes are canonical already; arrays then come back as they are, not copied."""
        return self.order == (0, 1, 2) and not any(self.flips)

    def apply(self, array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """Bring an array ``[z, y, x]`` from the original grid to the canonical one."""
        return np.ascontiguousarray(np.transpose(array, self.order)[self._slices()])

    def restore(self, array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """Bring an array from the canonical grid back to the original one, voxel for voxel."""
        return np.ascontiguousarray(np.transpose(array[self._slices()], np.argsort(self.order)))

    def _slices(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)


def canonical(volume: CTVolume) -> CanonicalView:
    """See a volume along the axes closest to LPS.

    Args:
        volume: Any orientation; an oblique one keeps its obliqueness, only whole axes are exchanged.

    Returns:
        The canonical view with the way back. A volume that is canonical already is the view's own, without a copy.
    """
    order, flips, affine = canonical_axes(volume.ijk_to_lps, volume.shape)
    view = CanonicalView(volume, order, flips)
    if view.is_identity:
        return view
    return CanonicalView(volume.turned(view.apply(volume.hu), affine), order, flips)


def canonical_axes(
    ijk_to_lps: npt.NDArray[np.float64], shape: tuple[int, int, int]
) -> tuple[tuple[int, int, int], tuple[bool, bool, bool], npt.NDArray[np.float64]]:
    """How a grid is brought to the axes closest to LPS.

    Args:
        ijk_to_lps: Its 4x4 affine.
        shape: Its voxels ``(z, y, x)``.

    Returns:
        Order and flips as :class:`CanonicalView` keeps them, and the affine of the canonical grid.
    """
    directions = ijk_to_lps[:3, :3] / np.linalg.norm(ijk_to_lps[:3, :3], axis=0)  # columns: i, j, k
    # ijk axis for each of L, P, S: the assignment that keeps the directions closest to the identity
    best = max(permutations(range(3)), key=lambda p: sum(abs(directions[world, p[world]]) for world in range(3)))
    order = (2 - best[2], 2 - best[1], 2 - best[0])  # array axes run k, j, i
    flips_world = [bool(directions[world, best[world]] < 0) for world in range(3)]
    flips = (flips_world[2], flips_world[1], flips_world[0])

    affine = np.eye(4)
    origin = ijk_to_lps[:3, 3].copy()
    for world in range(3):
        column = ijk_to_lps[:3, best[world]]
        if flips_world[world]:
            origin = origin + column * (shape[2 - best[world]] - 1)
            column = -column
        affine[:3, world] = column
    affine[:3, 3] = origin
    return order, flips, affine


def resample_array(
    array: npt.NDArray[Any], spacing_mm: Triple, new_spacing_mm: Triple, order: int = 1
) -> npt.NDArray[Any]:
    """Resample an array ``[z, y, x]`` to another spacing, keeping its outer edges in place.

    Args:
        array: Any real dtype; bool arrays are treated as labels.
        spacing_mm: Present spacing (z, y, x), mm.
        new_spacing_mm: Wanted spacing (z, y, x), mm; the size is rounded, so the result's true spacing differs slightly
            and is ``array.shape * spacing_mm / result.shape``.
        order: 0 nearest neighbour (labels), 1 linear.

    Returns:
        The resampled array, same dtype.
    """
    shape = tuple(
        max(1, round(n * old / new)) for n, old, new in zip(array.shape, spacing_mm, new_spacing_mm, strict=True)
    )
    return resample_to_shape(array, shape, order)


def resample_to_shape(array: npt.NDArray[Any], shape: tuple[int, ...], order: int = 1) -> npt.NDArray[Any]:
    """Resample an array so that its outer edges stay in place and it gets ``shape``.

    Args:
        array: ``[z, y, x]``, any real dtype.
        shape: Wanted number of voxels per axis.
        order: 0 nearest neighbour (labels), 1 linear.
    """
    if tuple(array.shape) == tuple(shape):
        return array.copy()
    source = array.astype(np.uint8) if array.dtype == np.bool_ else array
    zoom = [new / old for new, old in zip(shape, array.shape, strict=True)]
    out = ndimage.zoom(source, zoom, order=order, mode="grid-constant" if order == 0 else "nearest", grid_mode=True)
    return out.astype(array.dtype)
