"""Surfaces of lesions that carry numbers: the mean density of each lesion, the depth below the lungs' surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import vtk
from scipy import ndimage
from vtk.util import numpy_support

from ChestCTLib.grid import canonical_axes, resample_to_shape
from ChestCTMRML.geometry import LPS_FROM_RAS, Matrix
from ChestCTMRML.lesion_density import MEAN_HU
from ChestCTMRML.peripheral_shell import DEPTH, ShellData
from ChestCTMRML.surfaces import surface

TOUCHING = np.ones((3, 3, 3), dtype=bool)  # 26-connectivity, as lesions are counted
SMALLEST_ML = 0.1  # as in the lesion measures; a ball of 6 mm
SHELL_SPACING_MM = (2.5, 1.5, 1.5)  # z, y, x; finer would not show at the size of a lung on a screen


@dataclass(frozen=True)
class Grid:
    """Where voxels lie.

    Attributes:
        spacing_mm: (z, y, x).
        ijk_to_ras: Voxel indices to the RAS millimetres the surfaces are wanted in.
    """

    spacing_mm: tuple[float, float, float]
    ijk_to_ras: Matrix


def density_surfaces(hu: npt.NDArray[np.int16], lesions: npt.NDArray[np.uint8], grid: Grid) -> Any:
    """Surfaces of all lesions, each point with its lesion's mean density.

    Args:
        hu: ``[k, j, i]``.
        lesions: Same grid; non-zero is lesion.
        grid: Where the voxels lie.

    Returns:
        ``vtkPolyData`` with the point array :data:`MEAN_HU`; without points where there is no lesion.
    """
    pieces, count = ndimage.label(lesions != 0, structure=TOUCHING)
    smallest = SMALLEST_ML * 1000.0 / float(np.prod(grid.spacing_mm))
    joined = vtk.vtkAppendPolyData()
    for number, box in enumerate(ndimage.find_objects(pieces, count), start=1):
        piece = pieces[box] == number
        if piece.sum() < smallest:
            continue
        shifted = grid.ijk_to_ras.copy()
        shifted[:3, 3] += shifted[:3, :3] @ [box[2].start, box[1].start, box[0].start]
        part = surface(piece, grid.spacing_mm, shifted)
        _add_points(part, MEAN_HU, np.full(part.GetNumberOfPoints(), hu[box][piece].mean()))
        joined.AddInputData(part)
    if not joined.GetNumberOfInputConnections(0):
        return vtk.vtkPolyData()
    joined.Update()
    return joined.GetOutput()


def shell_data(lungs: npt.NDArray[np.uint8], lesions: npt.NDArray[np.uint8], grid: Grid) -> ShellData:
    """Depth below the lungs' surface, measured in axial slices as the peripheral lesion ratio does.

    Args:
        lungs: ``[k, j, i]``; non-zero is lung.
        lesions: Same grid; non-zero is lesion.
        grid: Where the voxels lie.

    Returns:
        What :func:`ChestCTMRML.peripheral_shell.set_shell` needs; empty surfaces for empty masks.
    """
    order, flips, to_lps = canonical_axes(LPS_FROM_RAS @ grid.ijk_to_ras, lungs.shape)
    axes = tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)
    inside = np.transpose(lungs != 0, order)[axes]
    z, y, x = (float(step) for step in np.linalg.norm(to_lps[:3, :3], axis=0)[::-1])
    box = ndimage.find_objects(inside.astype(np.uint8))
    if not box:
        return ShellData(np.zeros((1, 1, 1), np.float32), np.eye(4), vtk.vtkPolyData())
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
    to_ras = LPS_FROM_RAS @ to_lps @ to_fine
    shapes = surface(lesions != 0, grid.spacing_mm, grid.ijk_to_ras)
    if shapes.GetNumberOfPoints():
        points = numpy_support.vtk_to_numpy(shapes.GetPoints().GetData()).astype(float)
        ijk = np.linalg.inv(to_ras) @ np.column_stack([points, np.ones(len(points))]).T
        _add_points(shapes, DEPTH, ndimage.map_coordinates(depth, ijk[2::-1], order=1, mode="nearest"))
    return ShellData(depth, to_ras, shapes)


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
