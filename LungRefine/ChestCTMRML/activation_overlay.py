"""A class activation map over the CT: colours on the slices, volume rendering in 3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from ChestCTMRML.color_scales import ACTIVATION, color_node, set_legend
from ChestCTMRML.displays import nodes_of_class
from ChestCTMRML.nodes import find_owned, owned_node
from ChestCTMRML.volumes import set_map

ROLE = "Activation"
ACTIVATION_PREFIX = "cam_"  # how the pipeline names its class activation maps
LEGEND = "Class activation\n[share of maximum]"
LEGEND_POSITION = (0.02, 0.04)  # the corner beside the patient
LEGEND_VIEW = "vtkMRMLSliceNodeRed"  # the axial view alone: in every view it would hide the picture
# a map is small and smooth: the processor casts it in some 20 ms, a graphics card that is only emulated takes 300
RENDERING_CLASS = "vtkMRMLCPURayCastVolumeRenderingDisplayNode"
OPACITY_UNIT_MM = 3.0  # the path through the map after which the set opacity is reached in 3D


@dataclass(frozen=True)
class ActivationStyle:
    """How a map is drawn.

    Attributes:
        threshold: Lower activations are not drawn, share of the maximum in [0, 1).
        opacity: Of the colours over the slices, in [0, 1].
    """

    threshold: float = 0.35
    opacity: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold < 1.0 or not 0.0 <= self.opacity <= 1.0:
            raise InputError(
                f"The activation's threshold is {self.threshold}, its opacity {self.opacity}.",
                "Give shares between 0 and 1.",
            )


DEFAULT_STYLE = ActivationStyle()


def set_activation(
    scene: Any,
    volume_node: Any,
    task: str,
    values: npt.NDArray[np.floating[Any]],
    title: str,
    style: ActivationStyle = DEFAULT_STYLE,
    step: tuple[int, int, int] = (1, 1, 1),
) -> Any:
    """Put a task's map into the nodes that the CT keeps for it; nothing is shown yet.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        task: Key of the task, such as ``ct``.
        values: ``[k, j, i]`` in [0, 1] on the CT's own voxel grid, at every ``step``-th voxel.
        title: Name of a new node.
        style: Threshold and opacity.
        step: Along k, j, i.

    Returns:
        The map's ``vtkMRMLScalarVolumeNode``.

    Raises:
        InputError: The map lies on another grid.
    """
    node = owned_node(scene, volume_node, f"{ROLE}.{task}", "vtkMRMLScalarVolumeNode", title)
    set_map(node, values, volume_node, step)
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    display = node.GetScalarVolumeDisplayNode()
    display.SetAndObserveColorNodeID(color_node(scene, volume_node, "Activation", ACTIVATION).GetID())
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(1.0, 0.5)
    display.SetInterpolate(True)
    legend = set_legend(display, LEGEND, LEGEND_POSITION, "%.2f")
    legend.SetVisibility(False)
    if not legend.GetNumberOfViewNodeIDs():
        legend.AddViewNodeID(LEGEND_VIEW)
    _rendering(scene, volume_node, task, node).SetVisibility(False)
    set_activation_style(volume_node, task, style)
    return node


def set_activation_style(volume_node: Any, task: str, style: ActivationStyle) -> None:
    """Set threshold and opacity of a map, on slices and in 3D."""
    node = find_owned(volume_node, f"{ROLE}.{task}")
    display = node.GetScalarVolumeDisplayNode()
    display.SetAutoThreshold(False)
    display.SetThreshold(style.threshold, 1.0)
    display.SetApplyThreshold(True)
    for composite in _composites_showing(node):
        composite.SetForegroundOpacity(style.opacity)
    node.SetAttribute("COVIDMTL.Opacity", f"{style.opacity:.3f}")
    prop = find_owned(volume_node, f"{ROLE}.{task}.Property").GetVolumeProperty()
    colors, opacity = prop.GetRGBTransferFunction(), prop.GetScalarOpacity()
    colors.RemoveAllPoints()
    opacity.RemoveAllPoints()
    for share in np.linspace(0.0, 1.0, 9):
        colors.AddRGBPoint(share, *ACTIVATION.color(float(share)))
    opacity.AddPoint(0.0, 0.0)
    opacity.AddPoint(max(style.threshold, 1e-3), 0.0)
    opacity.AddPoint(1.0, style.opacity)
    prop.SetScalarOpacityUnitDistance(OPACITY_UNIT_MM)


def show_activation(scene: Any, volume_node: Any, task: str | None, slices: bool = True, three_d: bool = True) -> None:
    """Show one task's map over the CT and hide the others; None hides all.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT; only slice views that show it are touched.
        task: The map to show.
        slices: Whether on slices.
        three_d: Whether in 3D.
    """
    shown = find_owned(volume_node, f"{ROLE}.{task}") if task is not None else None
    maps = {node.GetID(): node for node in _maps(volume_node)}
    for composite in nodes_of_class(scene, "vtkMRMLSliceCompositeNode"):
        if composite.GetBackgroundVolumeID() != volume_node.GetID():
            continue
        if shown is not None and slices:
            composite.SetForegroundVolumeID(shown.GetID())
            composite.SetForegroundOpacity(float(shown.GetAttribute("COVIDMTL.Opacity")))
        elif composite.GetForegroundVolumeID() in maps:
            composite.SetForegroundVolumeID(None)
            composite.SetForegroundOpacity(0.0)
    for node in maps.values():
        is_shown = node is shown
        for index in range(node.GetNumberOfDisplayNodes()):
            display = node.GetNthDisplayNode(index)
            if display.IsA("vtkMRMLVolumeRenderingDisplayNode"):
                display.SetVisibility(is_shown and three_d)
            elif display.IsA("vtkMRMLColorLegendDisplayNode"):
                display.SetVisibility(is_shown)


def drop_activations(scene: Any, volume_node: Any, kept: tuple[str, ...]) -> None:
    """Remove the maps of an older run except those of the ``kept`` tasks, which the new run replaces."""
    for node in _maps(volume_node):
        task = _task_of(volume_node, node)
        if task is None or task in kept:
            continue
        if shown_activation(scene, volume_node) == task:
            show_activation(scene, volume_node, None)
        for role in ("Rendering", "Property"):
            scene.RemoveNode(find_owned(volume_node, f"{ROLE}.{task}.{role}"))
        scene.RemoveNode(node)


def activation_tasks(volume_node: Any) -> list[str]:
    """Keys of the tasks that the CT has a map for."""
    found = [_task_of(volume_node, node) for node in _maps(volume_node)]
    return [task for task in found if task is not None]


def shown_activation(scene: Any, volume_node: Any) -> str | None:
    """Key of the task whose map is shown over the CT, on slices or in 3D; None for none."""
    foregrounds = {
        composite.GetForegroundVolumeID() for composite in nodes_of_class(scene, "vtkMRMLSliceCompositeNode")
    }
    for node in _maps(volume_node):
        displays = [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
        rendered = any(d.IsA("vtkMRMLVolumeRenderingDisplayNode") and d.GetVisibility() for d in displays)
        if rendered or node.GetID() in foregrounds:
            return _task_of(volume_node, node)
    return None


def _rendering(scene: Any, volume_node: Any, task: str, node: Any) -> Any:
    prop = owned_node(
        scene, volume_node, f"{ROLE}.{task}.Property", "vtkMRMLVolumePropertyNode", f"{node.GetName()} (3D colours)"
    )
    display = owned_node(scene, volume_node, f"{ROLE}.{task}.Rendering", RENDERING_CLASS, f"{node.GetName()} (3D)")
    display.SetAndObserveVolumePropertyNodeID(prop.GetID())
    display.SetFollowVolumeDisplayNode(False)
    display.SetCroppingEnabled(False)
    prop.GetVolumeProperty().SetInterpolationTypeToLinear()
    prop.GetVolumeProperty().ShadeOff()
    if display.GetVolumeNodeID() != node.GetID():
        node.AddAndObserveDisplayNodeID(display.GetID())
    return display


def _maps(volume_node: Any) -> list[Any]:
    roles: list[str] = []
    volume_node.GetNodeReferenceRoles(roles)
    prefix = f"COVIDMTL.{ROLE}."
    nodes = [volume_node.GetNodeReference(role) for role in roles if role.startswith(prefix)]
    return [node for node in nodes if node is not None and node.IsA("vtkMRMLScalarVolumeNode")]


def _task_of(volume_node: Any, node: Any) -> str | None:
    roles: list[str] = []
    volume_node.GetNodeReferenceRoles(roles)
    prefix = f"COVIDMTL.{ROLE}."
    return next(
        (
            role[len(prefix) :]
            for role in roles
            if role.startswith(prefix) and volume_node.GetNodeReference(role) is node
        ),
        None,
    )


def _composites_showing(node: Any) -> list[Any]:
    scene = node.GetScene()
    return [c for c in nodes_of_class(scene, "vtkMRMLSliceCompositeNode") if c.GetForegroundVolumeID() == node.GetID()]
