"""Which overlays of a case are shown: one switch each, kept in the display nodes and so saved with the scene."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ChestCTMRML import intensity_plane, lesion_density, lesion_plots, peripheral_shell
from ChestCTMRML.nodes import find_owned


class Overlay(Enum):
    """An overlay of the 3D view; the value is the roles of its models.

    Class activation maps have a switch of their own (:func:`ChestCTMRML.activation_overlay.show_activation`), because
    they are shown on slices too, and one at a time.
    """

    lesion_density = (lesion_density.ROLE,)
    periphery = (peripheral_shell.SHELL_ROLE, peripheral_shell.LESION_ROLE)
    intensity_map = (intensity_plane.PLANE_ROLE, intensity_plane.MARK_ROLE)


def overlay_nodes(volume_node: Any, overlay: Overlay) -> list[Any]:
    """The models of an overlay that the case has so far."""
    found = [find_owned(volume_node, role) for role in overlay.value]
    return [node for node in found if node is not None and node.GetDisplayNode() is not None]


def overlay_and_plot_nodes(volume_node: Any) -> list[Any]:
    """All models and charts that the overlays of a case consist of, for its folder."""
    models = [node for overlay in Overlay for node in overlay_nodes(volume_node, overlay)]
    roles = (lesion_plots.HISTOGRAM_ROLE, lesion_plots.PERIPHERY_ROLE, lesion_plots.PROFILE_ROLE)
    charts = [find_owned(volume_node, f"{role}.Chart") for role in roles]
    return models + [chart for chart in charts if chart is not None]


def show_overlay(volume_node: Any, overlay: Overlay, shown: bool) -> None:
    """Show or hide an overlay; its colour legend goes with it."""
    for node in overlay_nodes(volume_node, overlay):
        for index in range(node.GetNumberOfDisplayNodes()):
            node.GetNthDisplayNode(index).SetVisibility(shown)


def is_shown(volume_node: Any, overlay: Overlay) -> bool:
    """Whether an overlay is shown."""
    return any(node.GetDisplayNode().GetVisibility() for node in overlay_nodes(volume_node, overlay))
