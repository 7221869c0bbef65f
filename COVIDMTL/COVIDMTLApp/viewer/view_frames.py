"""What stands over a view's picture: sides of the patient, slice position and slider, button to reset; its scales."""

from __future__ import annotations

from typing import Any

import slicer
from trame.widgets import html
from trame_slicer.app.logic import get_view_slider_typed_state
from trame_slicer.app.ui import create_vertical_slice_view_gutter_ui, create_vertical_view_gutter_ui

SIDES = {"Axial": "RLAP", "Coronal": "RLSI", "Sagittal": "APSI"}
"""Letters at the left, right, upper and lower edge, as Slicer turns the planes."""
COLORS = {"Axial": "#F34A33", "Coronal": "#6DAD4A", "Sagittal": "#EFD64D"}
PLACES = ("side-left", "side-right", "side-top", "side-bottom")


def slice_frame(server: Any, view_id: str, view: Any) -> None:
    """Frame of a plane."""
    create_vertical_slice_view_gutter_ui(server, view_id, view)
    orientation = view.get_orientation()
    position = get_view_slider_typed_state(server, view).name.value
    html.Div(classes="view-bar", style=f"background: {COLORS[orientation]};")
    html.Div(f"{orientation}  {{{{ Number({position}).toFixed(1) }}}} mm", classes="view-name")
    for letter, place in zip(SIDES[orientation], PLACES, strict=True):
        html.Div(letter, classes=f"view-side {place}")


def space_frame(server: Any, view_id: str, view: Any) -> None:
    """Frame of the 3D view."""
    create_vertical_view_gutter_ui(server, view_id, view)
    html.Div("3D", classes="view-name")


def set_scales(view_manager: Any) -> None:
    """Show Slicer's rulers in the planes and its orientation cube in 3D; a scene that is read brings its own choice."""
    node = slicer.vtkMRMLAbstractViewNode
    for view in view_manager.get_slice_views():
        view.set_ruler(node.RulerTypeThin)
    for view in view_manager.get_threed_views():
        view.set_orientation_marker(node.OrientationMarkerTypeCube, node.OrientationMarkerSizeSmall)
