"""Lesions in 3D, coloured by their mean density, with a legend in HU."""

from __future__ import annotations

from typing import Any

from ChestCTMRML.color_scales import DENSITY, color_node, set_legend
from ChestCTMRML.model_nodes import color_by, set_model
from ChestCTMRML.surface_files import MEAN_HU

ROLE = "Lesions.Density"
LOW_HU, HIGH_HU = -750.0, 50.0  # faint ground glass to solid tissue
LEGEND_POSITION = (0.97, 0.6)


def set_lesion_density(scene: Any, volume_node: Any, surfaces: Any) -> Any:
    """Put lesion surfaces with their mean densities into the model node that the CT keeps for them.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        surfaces: From :class:`ChestCTMRML.lesion_surfaces.LesionShapes`.

    Returns:
        The ``vtkMRMLModelNode``; a new one is hidden.
    """
    node, is_new = set_model(scene, volume_node, ROLE, f"{volume_node.GetName()} lesions by density", surfaces)
    if is_new:
        color_by(node, MEAN_HU, color_node(scene, volume_node, "Density", DENSITY), LOW_HU, HIGH_HU)
        set_legend(node.GetDisplayNode(), "Mean density\nof the lesion [HU]", LEGEND_POSITION)
        node.GetDisplayNode().SetVisibility(False)
    return node
