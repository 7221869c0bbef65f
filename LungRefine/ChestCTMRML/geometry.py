"""Matrices between MRML's RAS world and the engine's LPS world."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import vtk

from ChestCTLib.errors import InputError

Matrix = npt.NDArray[np.float64]

LPS_FROM_RAS: Matrix = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Turns RAS millimetres into LPS millimetres; its own inverse."""


def array_from_matrix(matrix: Any) -> Matrix:
    """Return a ``vtkMatrix4x4`` as a 4x4 float64 array."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrix_from_array(array: Matrix) -> Any:
    """Return a 4x4 array as a ``vtkMatrix4x4``."""
    matrix = vtk.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            matrix.SetElement(row, column, float(array[row, column]))
    return matrix


def ijk_to_local_ras(volume_node: Any) -> Matrix:
    """Voxel indices to the RAS millimetres in which the volume node stores itself, without its parent transform."""
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    return array_from_matrix(matrix)


def local_to_world(node: Any) -> Matrix:
    """The node's parent transforms as one 4x4 matrix; the identity where it has none.

    Raises:
        InputError: A parent transform is not linear (a grid or spline), so no matrix can express it.
    """
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    if not transform.IsTransformToWorldLinear():
        raise InputError(
            f"“{node.GetName()}” is placed by “{transform.GetName()}”, a transform that bends space.",
            "Harden it (Data module, right click on the volume, Harden transform), or resample the volume with the "
            "module “Resample Scalar/Vector/DWI Volume”; scans with a tilted gantry come with such a transform.",
        )
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    return array_from_matrix(matrix)


def ijk_to_world_ras(volume_node: Any) -> Matrix:
    """Voxel indices to world RAS millimetres, parent transforms included.

    Raises:
        InputError: A parent transform is not linear.
    """
    return local_to_world(volume_node) @ ijk_to_local_ras(volume_node)


def ijk_to_lps(volume_node: Any) -> Matrix:
    """Voxel indices to world LPS millimetres, as :class:`ChestCTLib.volume.CTVolume` keeps them."""
    return LPS_FROM_RAS @ ijk_to_world_ras(volume_node)
