"""Volume node <-> CT volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import vtk
from vtk.util import numpy_support

from ChestCTLib.errors import InputError, NotAChestCTError
from ChestCTMRML.geometry import LPS_FROM_RAS, ijk_to_lps, matrix_from_array

if TYPE_CHECKING:
    from ChestCTLib.volume import CTVolume

VOXEL_TYPES = ("vtkMRMLScalarVolumeNode",)
DERIVED = "COVIDMTL.Derived"
"""Attribute of a volume node that was made of a CT, such as an activation map; saved with the scene."""


def voxels(volume_node: Any) -> npt.NDArray[Any]:
    """The volume node's own voxels ``[k, j, i]``, not copied.

    Raises:
        InputError: There is no volume node, or it holds no voxels.
        NotAChestCTError: The voxels are colours, vectors or labels.
    """
    if volume_node is None:
        raise InputError("No volume is chosen.", "Load a chest CT (DICOM, NRRD or NIfTI) and choose it as input.")
    if volume_node.IsA("vtkMRMLLabelMapVolumeNode") or not volume_node.IsA(VOXEL_TYPES[0]):
        raise NotAChestCTError(f"“{volume_node.GetName()}” is a label map, not a CT volume.", "Choose the CT itself.")
    image = volume_node.GetImageData()
    if image is None or image.GetPointData() is None or image.GetPointData().GetScalars() is None:
        raise InputError(f"“{volume_node.GetName()}” holds no voxels.", "Load the scan again, or choose another.")
    if image.GetNumberOfScalarComponents() != 1:
        raise NotAChestCTError(
            f"“{volume_node.GetName()}” has {image.GetNumberOfScalarComponents()} values a voxel, a CT has one.",
            "Choose the CT itself.",
        )
    i, j, k = image.GetDimensions()
    return numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i)


def volume_from_node(volume_node: Any) -> CTVolume:
    """Read a CT volume from a scalar volume node.

    Args:
        volume_node: Any IJK-to-RAS; linear parent transforms are applied.

    Returns:
        The volume in world LPS; its array is a copy, so later edits of the node do not reach it.

    Raises:
        InputError: No node, no voxels, or a parent transform that is not linear.
        NotAChestCTError: The voxels or their geometry cannot be a chest CT.
    """
    from ChestCTLib.volume import CTVolume  # looks at the content with scipy, which modules must load without

    return CTVolume(np.array(voxels(volume_node)), ijk_to_lps(volume_node))


def set_volume(volume_node: Any, volume: CTVolume) -> None:
    """Put a CT volume into a scalar volume node, whose parent transform is taken off: the volume is in the world."""
    volume_node.SetAndObserveTransformNodeID(None)
    _set_voxels(volume_node, volume.hu, volume.ijk_to_lps)


def add_volume(scene: Any, volume: CTVolume, name: str) -> Any:
    """Add a CT volume to the scene as a new scalar volume node with default display.

    Args:
        scene: The ``vtkMRMLScene``.
        volume: What to show.
        name: Name of the node; never a patient's.

    Returns:
        The new ``vtkMRMLScalarVolumeNode``.
    """
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    set_volume(node, volume)
    node.CreateDefaultDisplayNodes()
    return node


def add_map(scene: Any, values: npt.NDArray[np.floating[Any]], like: CTVolume, name: str) -> Any:
    """Add an array of real numbers on a CT volume's grid, such as an intensity map, as a new scalar volume node."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetAttribute(DERIVED, "1")
    _set_voxels(node, np.asarray(values, dtype=np.float32), like.ijk_to_lps)
    node.CreateDefaultDisplayNodes()
    return node


def is_derived(volume_node: Any) -> bool:
    """Whether a volume was made of a CT by :func:`add_map` or :func:`set_map`: nothing to be segmented."""
    return volume_node is not None and volume_node.GetAttribute(DERIVED) == "1"


def set_map(
    map_node: Any, values: npt.NDArray[np.floating[Any]], volume_node: Any, step: tuple[int, int, int] = (1, 1, 1)
) -> None:
    """Put an array of real numbers ``[k, j, i]`` on a volume node's own grid into a scalar volume node.

    Args:
        map_node: The ``vtkMRMLScalarVolumeNode`` to fill.
        values: Values at every ``step``-th voxel, from the first on.
        volume_node: Gives the grid.
        step: Along k, j, i: 1 for a value at every voxel.

    Raises:
        InputError: The array lies on another grid.
    """
    dimensions = tuple(reversed(volume_node.GetImageData().GetDimensions()))
    shape = tuple(-(-size // every) for size, every in zip(dimensions, step, strict=True))
    if values.shape != shape:
        raise InputError(
            f"The map has {values.shape} voxels (z, y, x), the volume “{volume_node.GetName()}” asks for {shape}.",
            "Make the map of this volume.",
        )
    map_node.SetAttribute(DERIVED, "1")
    map_node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    for column in range(3):
        for row in range(3):
            matrix.SetElement(row, column, matrix.GetElement(row, column) * step[2 - column])
    map_node.SetIJKToRASMatrix(matrix)
    map_node.SetAndObserveImageData(image_from_array(np.asarray(values, dtype=np.float32)))


def _set_voxels(volume_node: Any, array: npt.NDArray[Any], to_lps: npt.NDArray[np.float64]) -> None:
    volume_node.SetIJKToRASMatrix(matrix_from_array(LPS_FROM_RAS @ to_lps))
    volume_node.SetAndObserveImageData(image_from_array(array))


def image_from_array(array: npt.NDArray[Any]) -> Any:
    """A ``vtkImageData`` with index geometry holding a copy of ``array`` ``[k, j, i]``."""
    k, j, i = array.shape
    scalars = numpy_support.numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=True)
    image = vtk.vtkImageData()
    image.SetDimensions(i, j, k)
    image.GetPointData().SetScalars(scalars)
    return image
