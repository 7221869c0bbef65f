"""Lesions in 3D, coloured by their class: a model beside the segmentation that is edited.

Slicer makes a segmentation's own surfaces anew at every stroke of the brush, which stops the GUI for seconds on a
thin-slice scan; a segmentation under correction is therefore shown in 3D by this model.
"""

from __future__ import annotations

from typing import Any

from ChestCTLib.labels import LESION_LABELS
from ChestCTMRML.model_nodes import color_by, set_model
from ChestCTMRML.nodes import find_owned, owned_node
from ChestCTMRML.segmentations import SURFACE
from ChestCTMRML.surface_files import CLASS

ROLE = "Lesions.Classes"


def set_lesion_classes(scene: Any, volume_node: Any, surfaces: Any) -> Any:
    """Put the surfaces of lesion classes into the model node that the CT keeps for them.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        surfaces: ``vtkPolyData`` with the point array :data:`ChestCTMRML.surface_files.CLASS`.

    Returns:
        The ``vtkMRMLModelNode``; a new one is hidden.
    """
    node, is_new = set_model(scene, volume_node, ROLE, f"{volume_node.GetName()} lesions by class", surfaces)
    if is_new:
        highest = max(label.value for label in LESION_LABELS)
        color_by(node, CLASS, _colors(scene, volume_node), 0, highest)
        node.GetDisplayNode().SetVisibility(False)
    return node


def show_lesion_classes(volume_node: Any, lesions_node: Any, shown: bool, opacity: float) -> None:
    """Show the classes in 3D: by the model once there is one, until then by the segmentation's own surfaces.

    Args:
        volume_node: The CT.
        lesions_node: Its lesions; they give up their own surfaces when the model is there.
        shown: Whether to show them.
        opacity: In [0, 1].
    """
    model = find_owned(volume_node, ROLE)
    display = lesions_node.GetDisplayNode() if lesions_node is not None else None
    if model is not None and model.GetDisplayNode() is not None:
        model.GetDisplayNode().SetVisibility(shown)
        model.GetDisplayNode().SetOpacity(opacity)
        if display is not None and lesions_node.GetSegmentation().ContainsRepresentation(SURFACE):
            lesions_node.GetSegmentation().RemoveRepresentation(SURFACE)
    elif display is not None and lesions_node.GetSegmentation().ContainsRepresentation(SURFACE):
        display.SetVisibility3D(shown)
        display.SetOpacity3D(opacity)


def _colors(scene: Any, volume_node: Any) -> Any:
    node = owned_node(scene, volume_node, "Colors.LesionClasses", "vtkMRMLColorTableNode", "Lesion classes")
    highest = max(label.value for label in LESION_LABELS)
    if node.GetNumberOfColors() != highest + 1:
        node.SetTypeToUser()
        node.SetHideFromEditors(False)
        node.SetNumberOfColors(highest + 1)
        node.SetColor(0, "none", 0.0, 0.0, 0.0, 0.0)
        for label in LESION_LABELS:
            node.SetColor(label.value, label.name, *label.color, 1.0)
        node.SetAttribute("Category", "COVID-MTL")
    return node
