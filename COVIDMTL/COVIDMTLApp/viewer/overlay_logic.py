"""Which overlays are shown: lungs, lesions, activation maps, peripheral shell, intensity map."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from ChestCTMRML import displays, overlays
from ChestCTMRML.activation_overlay import (
    DEFAULT_STYLE,
    ActivationStyle,
    set_activation_style,
    show_activation,
    shown_activation,
)
from ChestCTMRML.displays import LabelStyle
from ChestCTMRML.overlays import Overlay
from ChestCTMRML.scene_file import LESION_OPACITY_3D
from COVIDMTLApp.viewer.context import SessionContext
from COVIDMTLLib.tasks import TASK_BY_NAME

BEHIND_SHELL_OPACITY_3D = 0.2  # the lesion part that the shell marks lies in the same place and must show
NO_TASK = "none"
STYLES = [{"title": style.value.capitalize(), "value": style.value} for style in LabelStyle]


class Coloring(Enum):
    """What the colours of lesions in 3D mean; the value is the entry in the selector."""

    classes = "Class: ground glass, consolidation"
    density = "Mean density of each lesion (HU)"
    hidden = "Hidden"


class OverlayLogic:
    """Shows and hides.

    Args:
        context: The session.
        fit_3d: Looks at what is shown in 3D, which the intensity map makes wider.
    """

    def __init__(self, context: SessionContext, fit_3d: Callable[[], None]) -> None:
        self._context, self._fit_3d = context, fit_3d
        context.state.update(
            {
                "styles": STYLES,
                "lungs_style": LabelStyle.outline.value,
                "lungs_3d": True,
                "lesions_style": LabelStyle.both.value,
                "coloring": Coloring.classes.name,
                "colorings": [{"title": way.value, "value": way.name} for way in Coloring],
                "show_shell": False,
                "show_map": False,
                "cam_task": NO_TASK,
                "cam_tasks": [],
                "cam_threshold": DEFAULT_STYLE.threshold,
                "cam_opacity": DEFAULT_STYLE.opacity,
            }
        )
        segment_keys = ("lungs_style", "lungs_3d", "lesions_style", "coloring", "show_shell")
        context.state.change(*segment_keys)(self._on_overlays)
        context.state.change("show_map")(self._on_map)
        context.state.change("cam_task", "cam_threshold", "cam_opacity")(self._on_activation)
        context.on_case(shown=self._on_case)

    def draw(self) -> None:
        """Show the overlays as the user wants them."""
        state, nodes = self._context.state, self._context.nodes
        if nodes.lungs is not None:
            displays.set_style(nodes.lungs, LabelStyle(state.lungs_style))
            nodes.lungs.GetDisplayNode().SetVisibility(True)  # hidden on slices, it may still show in 3D
            displays.show_3d(nodes.lungs, bool(state.lungs_3d))
        if nodes.lesions is not None:
            displays.set_style(nodes.lesions, LabelStyle(state.lesions_style))
            display = nodes.lesions.GetDisplayNode()
            display.SetVisibility(True)
            display.SetVisibility3D(state.coloring == Coloring.classes.name)
            display.SetOpacity3D(BEHIND_SHELL_OPACITY_3D if state.show_shell else LESION_OPACITY_3D)
        if nodes.volume is not None:
            overlays.show_overlay(nodes.volume, Overlay.lesion_density, state.coloring == Coloring.density.name)
            overlays.show_overlay(nodes.volume, Overlay.periphery, bool(state.show_shell))
            overlays.show_overlay(nodes.volume, Overlay.intensity_map, bool(state.show_map))

    def _on_case(self) -> None:
        nodes = self._context.nodes
        shown = shown_activation(self._context.scene, nodes.volume) if nodes.tasks else None
        names = [{"title": "None", "value": NO_TASK}]
        names += [{"title": TASK_BY_NAME[task].title, "value": task} for task in nodes.tasks]
        self._context.state.update({"cam_tasks": names, "cam_task": shown or NO_TASK})
        self.draw()

    def _on_overlays(self, **_: Any) -> None:
        self.draw()

    def _on_map(self, **_: Any) -> None:
        self.draw()
        self._fit_3d()

    def _on_activation(self, cam_task: str, cam_threshold: float, cam_opacity: float, **_: Any) -> None:
        nodes = self._context.nodes
        if not nodes.tasks:
            return
        task = cam_task if cam_task in nodes.tasks else None
        show_activation(self._context.scene, nodes.volume, task)
        if task is not None:
            set_activation_style(nodes.volume, task, ActivationStyle(float(cam_threshold), float(cam_opacity)))
