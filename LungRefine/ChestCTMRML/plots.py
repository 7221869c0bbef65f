"""Curves and histograms -> plot series and chart nodes, drawn from a table node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ChestCTMRML.nodes import find_owned, owned_node
from ChestCTMRML.tables import Column, set_table

POINT_SIZE = 11.0  # pixels
TITLE_SIZE, AXIS_TITLE_SIZE, AXIS_LABEL_SIZE, LEGEND_SIZE = 14, 12, 10, 11  # points; Slicer's own fill a small view


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Attributes:
        name: Legend entry and column heading.
        values: One value for each x; None leaves a gap.
        color: RGB, each in [0, 1].
        points: Whether to draw points instead of a line.
    """

    name: str
    values: Sequence[float | None]
    color: tuple[float, float, float]
    points: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart of curves over one x axis.

    Attributes:
        title: Title above the chart.
        x_title: Axis title with unit; also the heading of the x column.
        y_title: Axis title with unit.
        x: Positions, ascending.
        curves: At least one.
        legend_room: Share of the curves' width left free beside them for the legend.
    """

    title: str
    x_title: str
    y_title: str
    x: Sequence[float]
    curves: Sequence[Curve]
    legend_room: float = 0.0


def set_chart(scene: Any, owner: Any, role: str, chart: Chart) -> Any:
    """Draw a chart into the nodes that ``owner`` keeps for ``role``: one chart, one table, one series a curve.

    Args:
        scene: The ``vtkMRMLScene``.
        owner: The node the chart belongs to (see :mod:`ChestCTMRML.nodes`).
        role: Role of the chart, such as ``"Lungs.RecoveredHU"``; a second call updates the same nodes.
        chart: What to draw.

    Returns:
        The ``vtkMRMLPlotChartNode``.
    """
    table = owned_node(scene, owner, f"{role}.Table", "vtkMRMLTableNode", f"{chart.title} (values)")
    columns = [Column(chart.x_title, list(chart.x))]
    set_table(table, [*columns, *(Column(curve.name, list(curve.values)) for curve in chart.curves)])
    is_new = find_owned(owner, f"{role}.Chart") is None
    node = owned_node(scene, owner, f"{role}.Chart", "vtkMRMLPlotChartNode", chart.title)
    modifying = node.StartModify()
    if is_new:  # later the user's own sizes stay
        node.SetTitleFontSize(TITLE_SIZE)
        node.SetAxisTitleFontSize(AXIS_TITLE_SIZE)
        node.SetAxisLabelFontSize(AXIS_LABEL_SIZE)
        node.SetLegendFontSize(LEGEND_SIZE)
    node.SetTitle(chart.title)
    node.SetXAxisTitle(chart.x_title)
    node.SetYAxisTitle(chart.y_title)
    if chart.legend_room and chart.x:
        first, last = float(chart.x[0]), float(chart.x[-1])
        node.SetXAxisRange(first, last + chart.legend_room * (last - first))
    node.SetXAxisRangeAuto(not chart.legend_room)
    node.RemoveAllPlotSeriesNodeIDs()
    for index, curve in enumerate(chart.curves):
        series = owned_node(scene, owner, f"{role}.Series{index}", "vtkMRMLPlotSeriesNode", curve.name)
        _set_series(series, table, chart.x_title, curve)
        node.AddAndObservePlotSeriesNodeID(series.GetID())
    _drop_series_beyond(scene, owner, role, len(chart.curves))
    node.EndModify(modifying)
    return node


@dataclass(frozen=True)
class Marker:
    """A place on a chart: lines from both axes to it.

    Attributes:
        name: Legend entry.
        x: Position on the x axis.
        y: Position on the y axis; None where there is no value.
        color: RGB, each in [0, 1].
    """

    name: str
    x: float
    y: float | None
    color: tuple[float, float, float]


def set_marker(scene: Any, owner: Any, role: str, marker: Marker) -> None:
    """Mark a place on the chart that ``owner`` keeps for ``role``; a further call moves the mark.

    Args:
        scene: The ``vtkMRMLScene``.
        owner: As for :func:`set_chart`, which comes first and takes the mark off again.
        role: Role of the chart.
        marker: What to mark; without a value it is a line from the x axis upwards of height 0.
    """
    table = owned_node(scene, owner, f"{role}.Marker.Table", "vtkMRMLTableNode", f"{marker.name} (mark)")
    table.SetHideFromEditors(True)
    y = marker.y if marker.y is not None else 0.0
    set_table(table, [Column("x", [0.0, marker.x, marker.x]), Column("y", [y, y, 0.0])])
    series = owned_node(scene, owner, f"{role}.Marker.Series", "vtkMRMLPlotSeriesNode", marker.name)
    _set_series(series, table, "x", Curve(marker.name, [], marker.color), "y")
    chart = owner.GetNodeReference(f"COVIDMTL.{role}.Chart")
    if not chart.HasPlotSeriesNodeID(series.GetID()):
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
    chart.Modified()


def _set_series(series: Any, table: Any, x_title: str, curve: Curve, y_title: str = "") -> None:
    series.SetName(curve.name)
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName(x_title)
    series.SetYColumnName(y_title or curve.name)
    series.SetPlotType(series.PlotTypeScatter)  # "scatter" with lines is Slicer's curve over numeric x
    series.SetLineStyle(series.LineStyleNone if curve.points else series.LineStyleSolid)
    series.SetMarkerStyle(series.MarkerStyleDiamond if curve.points else series.MarkerStyleNone)
    series.SetMarkerSize(POINT_SIZE)
    series.SetLineWidth(2)
    series.SetColor(*curve.color)


def _drop_series_beyond(scene: Any, owner: Any, role: str, count: int) -> None:
    index = count
    while (series := owner.GetNodeReference(f"COVIDMTL.{role}.Series{index}")) is not None:
        owner.RemoveNodeReferenceIDs(f"COVIDMTL.{role}.Series{index}")
        scene.RemoveNode(series)
        index += 1
