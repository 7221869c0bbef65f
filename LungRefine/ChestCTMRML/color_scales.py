"""Colour scales of overlays, and the legends that explain them with their unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer

from ChestCTMRML.nodes import owned_node

STEPS = 256  # colours of a scale
LEGEND_LABELS = 5
LEGEND_TEXT_SIZE = 11  # points
LEGEND_SIZE = (0.12, 0.28)  # share of the view; three of them stand apart
RGB = tuple[float, float, float]


@dataclass(frozen=True)
class ColorScale:
    """Colours between stops that lie at equal distances.

    Attributes:
        name: Name of the colour node.
        stops: RGB of each, in [0, 1], from the lower end to the upper one.
    """

    name: str
    stops: tuple[RGB, ...]

    def color(self, share: float) -> RGB:
        """The colour at a share in [0, 1] of the scale."""
        places = np.linspace(0.0, 1.0, len(self.stops))
        red, green, blue = (float(np.interp(share, places, [stop[band] for stop in self.stops])) for band in range(3))
        return red, green, blue


# from dark violet over red to yellow: brightness rises throughout, so it reads in grey as well
ACTIVATION = ColorScale(
    "Class activation", ((0.15, 0.03, 0.35), (0.55, 0.10, 0.45), (0.90, 0.30, 0.20), (0.99, 0.65, 0.10), (1, 1, 0.65))
)
# aerated to solid: pale yellow over orange to dark red, as the classes' own colours run
DENSITY = ColorScale("Lesion density", ((0.99, 0.95, 0.60), (0.98, 0.70, 0.20), (0.88, 0.25, 0.20), (0.45, 0.05, 0.15)))
SHARE = ColorScale("Intensity map", ((0.02, 0.02, 0.06), (0.10, 0.25, 0.50), (0.15, 0.65, 0.65), (0.95, 0.98, 0.75)))


def color_node(scene: Any, volume_node: Any, role: str, scale: ColorScale) -> Any:
    """The colour table node that a case keeps for a scale; made at the first call, saved with the scene."""
    node = owned_node(scene, volume_node, f"Colors.{role}", "vtkMRMLColorTableNode", scale.name)
    if node.GetNumberOfColors() != STEPS:
        node.SetTypeToUser()
        node.SetHideFromEditors(False)
        node.SetNumberOfColors(STEPS)
        for index in range(STEPS):
            node.SetColor(index, f"{index}", *scale.color(index / (STEPS - 1)), 1.0)
        node.SetAttribute("Category", "COVID-MTL")
    return node


def set_legend(display_node: Any, title: str, position: tuple[float, float], number_format: str = "%.0f") -> Any:
    """Show a colour legend for a display node, or update the one it has.

    Args:
        display_node: Display of a volume or model that has a colour node.
        title: What the colours mean, with the unit.
        position: Of the legend in the view, (0, 0) left below, (1, 1) right above.
        number_format: How the numbers are written.

    Returns:
        The ``vtkMRMLColorLegendDisplayNode``; it is shown whenever its display node is.
    """
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(display_node)
    if legend is not None:
        legend.SetTitleText(title)
        return legend
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(display_node)
    modifying = legend.StartModify()
    legend.SetTitleText(title)
    legend.SetLabelFormat(number_format)
    legend.SetNumberOfLabels(LEGEND_LABELS)
    legend.SetMaxNumberOfColors(STEPS)
    legend.SetOrientation(legend.Vertical)
    legend.SetPosition(*position)
    legend.SetSize(*LEGEND_SIZE)
    for text in (legend.GetTitleTextProperty(), legend.GetLabelTextProperty()):
        text.SetFontSize(LEGEND_TEXT_SIZE)
        text.SetColor(1.0, 1.0, 1.0)
        text.SetShadow(True)
        text.SetBold(False)
    legend.EndModify(modifying)
    return legend
