"""Surfaces of lesions that carry numbers: the mean density of each lesion, the depth below the lungs' surface."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import vtk
from scipy import ndimage
from vtk.util import numpy_support

from ChestCTLib.grid import canonical_axes, resample_to_shape
from ChestCTLib.progress import CancelCheck, never_cancelled
from ChestCTMRML.geometry import LPS_FROM_RAS, Matrix
from ChestCTMRML.surface_files import CLASS, DEPTH, MEAN_HU
from ChestCTMRML.surfaces import surface

TOUCHING = np.ones((3, 3, 3), dtype=bool)  # 26-connectivity, as lesions are counted
SMALLEST_ML = 0.1  # as in the lesion measures; a ball of 6 mm
_Place = tuple[tuple[tuple[int, int], ...], int]  # a piece's box and checksum
SHELL_SPACING_MM = (2.5, 2.5, 2.5)  # z, y, x; finer would not show at the size of a lung on a screen


@dataclass(frozen=True)
class Grid:
    """Where voxels lie.

    Attributes:
        spacing_mm: (z, y, x).
        ijk_to_ras: Voxel indices to the RAS millimetres the surfaces are wanted in.
    """

    spacing_mm: tuple[float, float, float]
    ijk_to_ras: Matrix


@dataclass(frozen=True)
class LesionSurfaces:
    """Surfaces of one lesion mask, ``vtkPolyData`` without points where there is no lesion.

    Attributes:
        whole: Every lesion as one, with the point arrays :data:`MEAN_HU` and :data:`DEPTH`.
        classes: Every class of every lesion, with the point array :data:`CLASS`.
    """

    whole: Any
    classes: Any


class LesionShapes:
    """Surfaces of one case's lesions, mask after mask: a lesion that stays as it is keeps its surface.

    Pieces below :data:`SMALLEST_ML` are no lesions of their own and get no surface.

    Args:
        hu: int16 ``[k, j, i]``.
        lungs: uint8 on the same grid; non-zero is lung.
        grid: Where the voxels lie.

    Attributes:
        depth_mm: float32 ``[k, j, i]``: distance to the lungs' border, measured in axial slices as the peripheral
            lesion ratio does, negative outside; on a coarser grid.
        to_ras: Indices of ``depth_mm`` to RAS millimetres.
    """

    def __init__(self, hu: npt.NDArray[np.int16], lungs: npt.NDArray[np.uint8], grid: Grid) -> None:
        self._hu, self._grid = hu, grid
        self.depth_mm, self.to_ras = _depth_map(lungs, grid)
        self._from_ras = np.linalg.inv(self.to_ras)
        self._made: dict[_Place, LesionSurfaces] = {}

    def surfaces(
        self, lesions: npt.NDArray[np.uint8], cancelled: CancelCheck = never_cancelled
    ) -> LesionSurfaces | None:
        """Surfaces of all lesions.

        Args:
            lesions: uint8 on the grid of the lungs: labels of the classes.
            cancelled: Asked at every lesion.

        Returns:
            The surfaces; None when cancelled.
        """
        made: dict[_Place, LesionSurfaces] = {}
        for box, piece in self._pieces(lesions):
            if cancelled():
                self._made.update(made)
                return None
            place = (tuple((part.start, part.stop) for part in box), zlib.crc32(piece.tobytes()))
            made[place] = self._made.get(place) or self._surfaces(box, piece)
        self._made = made
        parts = made.values()
        return LesionSurfaces(_joined([part.whole for part in parts]), _joined([part.classes for part in parts]))

    def _pieces(self, lesions: npt.NDArray[np.uint8]) -> Iterator[tuple[tuple[slice, ...], npt.NDArray[np.uint8]]]:
        boxes = ndimage.find_objects((lesions != 0).view(np.uint8))
        if not boxes:
            return
        labels, count = ndimage.label(lesions[boxes[0]], structure=TOUCHING)
        smallest = SMALLEST_ML * 1000.0 / float(np.prod(self._grid.spacing_mm))
        sizes = np.bincount(labels[labels > 0], minlength=count + 1)
        for number, box in enumerate(ndimage.find_objects(labels, count), start=1):
            if sizes[number] >= smallest:
                outer = tuple(
                    slice(part.start + whole.start, part.stop + whole.start)
                    for part, whole in zip(box, boxes[0], strict=True)
                )
                yield outer, np.where(labels[box] == number, lesions[outer], 0).astype(np.uint8)

    def _surfaces(self, box: tuple[slice, ...], piece: npt.NDArray[np.uint8]) -> LesionSurfaces:
        shifted = self._grid.ijk_to_ras.copy()
        shifted[:3, 3] += shifted[:3, :3] @ [box[2].start, box[1].start, box[0].start]
        classes = []
        for value in np.unique(piece[piece > 0]):
            classes.append(surface(piece == value, self._grid.spacing_mm, shifted))
            _add_points(classes[-1], CLASS, np.full(classes[-1].GetNumberOfPoints(), value))
        part = surface(piece, self._grid.spacing_mm, shifted)
        if part.GetNumberOfPoints():
            points = numpy_support.vtk_to_numpy(part.GetPoints().GetData()).astype(float)
            ijk = self._from_ras @ np.column_stack([points, np.ones(len(points))]).T
            depth = ndimage.map_coordinates(self.depth_mm, ijk[2::-1], order=1, mode="nearest")
            _add_points(part, DEPTH, depth)
            _add_points(part, MEAN_HU, np.full(len(points), self._hu[box][piece > 0].mean()))
        return LesionSurfaces(part, _joined(classes))


def _joined(parts: list[Any]) -> Any:
    joined = vtk.vtkAppendPolyData()
    for part in parts:
        if part.GetNumberOfPoints():
            joined.AddInputData(part)
    if not joined.GetNumberOfInputConnections(0):
        return vtk.vtkPolyData()
    joined.Update()
    return joined.GetOutput()


def _depth_map(lungs: npt.NDArray[np.uint8], grid: Grid) -> tuple[npt.NDArray[np.float32], Matrix]:
    order, flips, to_lps = canonical_axes(LPS_FROM_RAS @ grid.ijk_to_ras, lungs.shape)
    axes = tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)
    inside = np.transpose(lungs != 0, order)[axes]
    z, y, x = (float(step) for step in np.linalg.norm(to_lps[:3, :3], axis=0)[::-1])
    box = ndimage.find_objects(inside.astype(np.uint8))
    if not box:
        return np.zeros((1, 1, 1), np.float32), np.eye(4)
    crop = np.pad(inside[box[0]].astype(np.float32), 1)
    wanted = [max(step, least) for step, least in zip((z, y, x), SHELL_SPACING_MM, strict=True)]
    shape = tuple(max(2, round(n * old / new)) for n, old, new in zip(crop.shape, (z, y, x), wanted, strict=True))
    coarse = np.pad(resample_to_shape(crop, shape) >= 0.5, 1)
    scale = np.array(crop.shape) / np.array(shape)
    steps = np.array((z, y, x)) * scale
    depth = np.stack([_signed_depth(plane, (steps[1], steps[2])) for plane in coarse])
    # coarse index c (padded by one) lies at fine index (c - 1 + 0.5) * scale - 0.5, from the crop's padded corner on
    first = np.array([part.start - 1 for part in box[0]], dtype=float)
    to_fine = np.eye(4)
    for axis in range(3):
        factor = scale[2 - axis]
        to_fine[axis, axis] = factor
        to_fine[axis, 3] = -0.5 * factor - 0.5 + first[2 - axis]
    return depth, LPS_FROM_RAS @ to_lps @ to_fine


def _signed_depth(inside: npt.NDArray[np.bool_], steps: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Distance to the border in the slice, mm: positive inside, negative outside, 0 half-way between two voxels."""
    if not inside.any():
        return np.full(inside.shape, -float(max(steps)), dtype=np.float32)
    half = min(steps) / 2
    within = ndimage.distance_transform_edt(inside, sampling=steps) - half
    without = ndimage.distance_transform_edt(~inside, sampling=steps) - half
    return np.where(inside, within, -without).astype(np.float32)


def _add_points(polydata: Any, name: str, values: npt.NDArray[Any]) -> None:
    array = numpy_support.numpy_to_vtk(np.ascontiguousarray(values, dtype=np.float32), deep=True)
    array.SetName(name)
    polydata.GetPointData().AddArray(array)
    polydata.GetPointData().SetActiveScalars(name)
