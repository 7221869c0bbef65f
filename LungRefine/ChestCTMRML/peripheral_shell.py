"""The lungs' periphery at a thickness: a translucent shell in 3D, with the lesion part inside it marked.

Quick enough to follow a slider: one contour of a depth map and one cut through the lesions' surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import vtk

from ChestCTMRML.geometry import Matrix, matrix_from_array
from ChestCTMRML.model_nodes import set_model
from ChestCTMRML.surface_files import DEPTH
from ChestCTMRML.volumes import image_from_array

SHELL_ROLE = "Periphery.Shell"
LESION_ROLE = "Periphery.Lesion"
SHELL_COLOR = (0.35, 0.75, 0.95)
LESION_COLOR = (0.95, 0.20, 0.75)  # no class of lesion has it
SHELL_OPACITY = 0.18


@dataclass(frozen=True)
class ShellData:
    """What a shell of any thickness is cut from.

    Attributes:
        depth_mm: float32 ``[k, j, i]``: distance to the lungs' border in the axial slice, negative outside.
        to_ras: Its indices to RAS millimetres.
        lesions: ``vtkPolyData`` of the lesions with the point array :data:`DEPTH`.
    """

    depth_mm: npt.NDArray[np.float32]
    to_ras: Matrix
    lesions: Any


def set_shell(scene: Any, volume_node: Any, data: ShellData, thickness_mm: float) -> tuple[Any, Any]:
    """Cut the shell and the lesion part inside it, into the model nodes that the CT keeps for them.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        data: Depths and lesion surface.
        thickness_mm: Thickness of the periphery; at 0 the shell is the lungs' surface and holds no lesion.

    Returns:
        The two ``vtkMRMLModelNode``; new ones are hidden.
    """
    walls = vtk.vtkAppendPolyData()
    for depth in {0.0, float(thickness_mm)}:
        walls.AddInputData(_contour(data, depth))
    walls.Update()
    name = volume_node.GetName()
    shell, is_new = set_model(scene, volume_node, SHELL_ROLE, f"{name} periphery", walls.GetOutput())
    if is_new:
        _look(shell, SHELL_COLOR, SHELL_OPACITY)
    part = _lesion_part(data, thickness_mm)
    marked, is_new = set_model(scene, volume_node, LESION_ROLE, f"{name} lesion in the periphery", part)
    if is_new:
        _look(marked, LESION_COLOR, 1.0)
    for node in (shell, marked):
        node.SetAttribute("COVIDMTL.ThicknessMm", f"{thickness_mm:g}")
    return shell, marked


def _contour(data: ShellData, depth_mm: float) -> Any:
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(image_from_array(data.depth_mm))
    contour.SetValue(0, depth_mm)
    contour.ComputeScalarsOff()
    transform = vtk.vtkTransform()
    transform.SetMatrix(matrix_from_array(data.to_ras))
    placed = vtk.vtkTransformPolyDataFilter()
    placed.SetTransform(transform)
    placed.SetInputConnection(contour.GetOutputPort())
    placed.Update()
    return placed.GetOutput()


def _lesion_part(data: ShellData, thickness_mm: float) -> Any:
    if not data.lesions.GetNumberOfPoints() or thickness_mm <= 0:
        return vtk.vtkPolyData()
    source = vtk.vtkPolyData()
    source.ShallowCopy(data.lesions)
    source.GetPointData().SetActiveScalars(DEPTH)
    clip = vtk.vtkClipPolyData()
    clip.SetInputData(source)
    clip.SetValue(thickness_mm)
    clip.InsideOutOn()
    clip.Update()
    part = clip.GetOutput()
    part.GetPointData().SetActiveScalars("")
    return part


def _look(node: Any, color: tuple[float, float, float], opacity: float) -> None:
    display = node.GetDisplayNode()
    display.SetColor(*color)
    display.SetOpacity(opacity)
    display.SetScalarVisibility(False)
    display.SetBackfaceCulling(False)
    display.SetVisibility(False)
