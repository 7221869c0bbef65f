"""Surfaces of masks for the 3D view: coarse on purpose, so that a child process makes them within a second or two.

Slicer's own conversion works on every voxel and stops the GUI for many seconds on a thin-slice scan.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import vtk
from scipy import ndimage

from ChestCTLib.grid import resample_array
from ChestCTMRML.geometry import Matrix, matrix_from_array
from ChestCTMRML.volumes import image_from_array

SURFACE_SPACING_MM = 2.0  # finer adds triangles, not shape, at the size of a lesion on a screen
MOST_STEPS = 96  # along the longest side: a lung gets 3 mm, and 55,000 triangles that a processor draws quickly
SMOOTHING_MM = 1.5  # standard deviation of the Gaussian; takes the steps of the voxels away
HALF = 0.5  # iso value between outside (0) and inside (1)


def surface(mask: npt.NDArray[Any], spacing_mm: tuple[float, float, float], ijk_to_ras: Matrix) -> Any:
    """Return the closed surface of a mask.

    Args:
        mask: bool or uint8 ``[k, j, i]``; non-zero is inside.
        spacing_mm: Voxel spacing (z, y, x), mm.
        ijk_to_ras: Voxel indices to the RAS millimetres the surface is wanted in.

    Returns:
        ``vtkPolyData`` with point normals; without points for an empty mask.
    """
    inside = np.asarray(mask) != 0
    if not inside.any():
        return vtk.vtkPolyData()
    box = ndimage.find_objects(inside.astype(np.uint8))[0]
    crop = np.pad(inside[box].astype(np.float32), 1)
    first_kji = np.array([part.start - 1 for part in box], dtype=float)
    longest_mm = max((part.stop - part.start) * step for part, step in zip(box, spacing_mm, strict=True))
    wanted = max(SURFACE_SPACING_MM, longest_mm / MOST_STEPS)
    z, y, x = (max(step, wanted) for step in spacing_mm)
    coarse = resample_array(crop, spacing_mm, (z, y, x))
    scale = np.array(crop.shape) / np.array(coarse.shape)  # fine voxels a coarse voxel
    sigma = [SMOOTHING_MM / (step * factor) for step, factor in zip(spacing_mm, scale, strict=True)]
    smooth = np.pad(ndimage.gaussian_filter(coarse, sigma, mode="constant"), 1)

    # coarse index c (padded by one) lies at fine index (c - 1 + 0.5) * scale - 0.5, counted from the crop's first voxel
    to_fine = np.eye(4)
    for axis_ijk in range(3):
        factor = scale[2 - axis_ijk]
        to_fine[axis_ijk, axis_ijk] = factor
        to_fine[axis_ijk, 3] = -0.5 * factor - 0.5 + first_kji[2 - axis_ijk]
    return _contour(smooth, ijk_to_ras @ to_fine)


def _contour(values: npt.NDArray[np.floating[Any]], to_ras: Matrix) -> Any:
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(image_from_array(values.astype(np.float32)))
    contour.SetValue(0, HALF)
    contour.ComputeNormalsOff()
    contour.ComputeScalarsOff()
    transform = vtk.vtkTransform()
    transform.SetMatrix(matrix_from_array(to_ras))
    placed = vtk.vtkTransformPolyDataFilter()
    placed.SetTransform(transform)
    placed.SetInputConnection(contour.GetOutputPort())
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(placed.GetOutputPort())
    normals.SplittingOff()
    normals.ConsistencyOn()
    normals.AutoOrientNormalsOn()  # a mirrored grid turns the triangles inside out
    normals.Update()
    return normals.GetOutput()
