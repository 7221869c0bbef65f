"""How a whole case is shown: overlays, tables and plots of one CT, and nothing of another case in the same scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ChestCTMRML import displays, intensity_plane, lesion_plots, overlays
from ChestCTMRML.activation_overlay import (
    ActivationStyle,
    activation_tasks,
    set_activation_style,
    show_activation,
)
from ChestCTMRML.case_folder import put_in_case_folder
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.overlays import Overlay
from ChestCTSlicer.case_parameters import ShownPlot, ShownTable
from ChestCTSlicer.case_work import case_segmentations
from ChestCTSlicer.lesion_work import LESION_OPACITY_3D

BEHIND_OPACITY_3D = 0.2  # of lesions behind another overlay that lies in the same place and must show


@dataclass(frozen=True)
class CaseStyle:
    """What of a case is shown.

    Attributes:
        task: Whose activation map is shown; "" for none.
        threshold: Of the map, share of its maximum.
        opacity: Of the map over the slices.
        on_slices: Whether the map is shown on slices.
        in_3d: Whether it is rendered in 3D.
        plane: Whether the intensity map stands beside the lungs.
        shell: Whether the periphery is drawn.
        table: Role of the table.
        chart: Role of the chart.
    """

    task: str = ""
    threshold: float = 0.35
    opacity: float = 0.5
    on_slices: bool = True
    in_3d: bool = True
    plane: bool = False
    shell: bool = False
    table: str = ""
    chart: str = ""


def show_case(scene: Any, volume: Any, style: CaseStyle) -> None:
    """Show a case as the style says; what it has not is passed over."""
    tasks = activation_tasks(volume)
    task = style.task if style.task in tasks else None
    if task is not None:
        set_activation_style(volume, task, ActivationStyle(style.threshold, style.opacity))
    show_activation(scene, volume, task, style.on_slices, style.in_3d)
    if task is not None:  # the map is in the slice views only now
        set_activation_style(volume, task, ActivationStyle(style.threshold, style.opacity))
    lesions = case_segmentations(volume)[1]
    if lesions is not None and lesions.GetDisplayNode() is not None:
        hidden = style.shell or (task is not None and style.in_3d)
        lesions.GetDisplayNode().SetOpacity3D(BEHIND_OPACITY_3D if hidden else LESION_OPACITY_3D)
    overlays.show_overlay(volume, Overlay.periphery, style.shell)
    overlays.show_overlay(volume, Overlay.intensity_map, style.plane)
    table, chart = find_owned(volume, style.table), find_owned(volume, f"{style.chart}.Chart")
    # also where there is none: another case's table must not stay
    for view in displays.nodes_of_class(scene, "vtkMRMLTableViewNode"):
        view.SetTableNodeID(table.GetID() if table is not None else None)
    for view in displays.nodes_of_class(scene, "vtkMRMLPlotViewNode"):
        view.SetPlotChartNodeID(chart.GetID() if chart is not None else None)


def best_table_and_plot(volume: Any) -> tuple[ShownTable, ShownPlot]:
    """What a review begins with: the cohort's where the lung features were asked, else the network's, else lesions."""
    tables = (ShownTable.features, ShownTable.network, ShownTable.lesions)
    table = next((t for t in tables if _has_rows(find_owned(volume, t.value))), tables[-1])
    cohort = find_owned(volume, f"{ShownPlot.cohort.value}.Chart")
    has_cohort = cohort is not None and cohort.GetNumberOfPlotSeriesNodes() > 0
    return table, ShownPlot.cohort if has_cohort else ShownPlot.histogram


def _has_rows(table: Any) -> bool:
    return table is not None and table.GetNumberOfColumns() > 0


def hide_other_cases(scene: Any, volume: Any) -> None:
    """Hide everything that belongs to other CTs, so that two cases in one scene do not mix; nothing is removed."""
    for other in displays.nodes_of_class(scene, "vtkMRMLScalarVolumeNode"):
        if other is volume or not any(case_segmentations(other)):
            continue
        show_activation(scene, other, None)
        for overlay in Overlay:
            overlays.show_overlay(other, overlay, False)
        for node in case_segmentations(other):
            if node is not None and node.GetDisplayNode() is not None:
                node.GetDisplayNode().SetVisibility(False)
    for node in case_segmentations(volume):
        if node is not None and node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility(True)


def mark_slice(scene: Any, volume: Any) -> None:
    """Mark the axial view's slice on the intensity map and draw its profile, where there is a map."""
    view = scene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    if view is None or find_owned(volume, intensity_plane.PLANE_ROLE) is None:
        return
    row = intensity_plane.row_of_slice_view(volume, view)
    mark = find_owned(volume, intensity_plane.MARK_ROLE)
    if mark is not None and mark.GetAttribute("COVIDMTL.Row") == str(row):
        return
    intensity_plane.mark_slice(scene, volume, row)
    data = intensity_plane.plane_data(volume)
    if data is not None:
        put_in_case_folder(scene, volume, [lesion_plots.set_intensity_profile(scene, volume, data, row)])
