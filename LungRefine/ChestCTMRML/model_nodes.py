"""Surfaces and planes of a case as model nodes."""

from __future__ import annotations

from typing import Any

from ChestCTMRML.nodes import owned_node


def set_model(scene: Any, volume_node: Any, role: str, name: str, polydata: Any) -> tuple[Any, bool]:
    """Put a surface into the model node that the volume keeps for ``role``.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The case's CT; the model stands under the same parent transform.
        role: What the model is for; saved with the scene.
        name: Name of a new node.
        polydata: ``vtkPolyData`` in the volume's local RAS.

    Returns:
        The ``vtkMRMLModelNode``, and whether it is new and still needs its looks.
    """
    node = owned_node(scene, volume_node, role, "vtkMRMLModelNode", name)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    node.SetAndObservePolyData(polydata)
    is_new = node.GetDisplayNode() is None
    if is_new:
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetVisibility2D(False)
    return node, is_new


def color_by(node: Any, array: str, color_node: Any, low: float, high: float, cells: bool = False) -> None:
    """Colour a model by one of its arrays.

    Args:
        node: The ``vtkMRMLModelNode``.
        array: Name of the array.
        color_node: The colour scale.
        low: Value of the scale's lower end.
        high: Value of its upper end.
        cells: Whether the array belongs to the cells instead of the points.
    """
    display = node.GetDisplayNode()
    modifying = display.StartModify()
    display.SetActiveScalar(array, 1 if cells else 0)  # vtkAssignAttribute: 0 points, 1 cells
    display.SetAndObserveColorNodeID(color_node.GetID())
    display.SetScalarRangeFlag(display.UseManualScalarRange)
    display.SetScalarRange(low, high)
    display.SetScalarVisibility(True)
    display.EndModify(modifying)
