"""Where a scan lies among the cohort, as a plot: medians of the severity groups and this scan, feature by feature."""

from __future__ import annotations

from typing import Any

from ChestCTLib.case_report import CaseReport, Status, Table
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.plots import Chart, Curve, set_chart

ROLE = "Cohort"
TABLE_KEY = "profile"
GROUP_COLORS = {"control": (0.35, 0.62, 0.85), "mild": (0.93, 0.65, 0.20), "severe": (0.80, 0.25, 0.22)}
SCAN_COLOR = (0.05, 0.05, 0.05)
LIMIT_COLOR = (0.70, 0.70, 0.70)
LEGEND_ROOM = 0.75  # six entries would hide a third of the curves
REACH = 1.5  # cohort widths that are drawn beyond its limits; farther values lie at the edge


def set_cohort_chart(scene: Any, volume_node: Any, report: CaseReport) -> Any:
    """Draw the report's cohort profile into the nodes that the CT keeps for it.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        report: Its report.

    Returns:
        The ``vtkMRMLPlotChartNode``; an older one is emptied and None returned where the report has no profile.
    """
    table = next((t for s in report.sections for t in s.tables if t.key == TABLE_KEY), None)
    if table is None or not table.rows:
        chart = find_owned(volume_node, f"{ROLE}.Chart")
        if chart is not None:  # it would show an older run's patient
            chart.RemoveAllPlotSeriesNodeIDs()
            chart.SetTitle("This scan among the cohort: n/a")
        return None
    shares = [m for s in report.sections for m in s.measures if m.key == "features.outside_share"]
    outside = any(measure.status == Status.WARNED for measure in shares)
    return set_chart(scene, volume_node, ROLE, _chart(table, outside))


def _chart(table: Table, outside: bool) -> Chart:
    groups = [column.key for column in table.columns[4:]]
    scaled = []
    for _, value, low, high, *medians in table.rows:
        width = (float(high or 0) - float(low or 0)) or 1.0
        scaled.append([_scaled(number, float(low or 0), width) for number in (value, *medians)])
    curves = [
        Curve("0: 5th percentile", [0.0] * len(scaled), LIMIT_COLOR),
        Curve("1: 95th percentile", [1.0] * len(scaled), LIMIT_COLOR),
    ]
    for column, group in enumerate(groups, start=1):
        color = GROUP_COLORS.get(group, LIMIT_COLOR)
        curves.append(Curve(f"median, {group}", [row[column] for row in scaled], color))
    curves.append(Curve("this scan", [row[0] for row in scaled], SCAN_COLOR, points=True))
    title = "Outside the cohort: not to be relied on" if outside else "This scan among the cohort"
    numbers = [float(number) for number in range(1, len(scaled) + 1)]
    return Chart(title, "Number of the feature", "Cohort: 0 to 1", numbers, curves, LEGEND_ROOM)


def _scaled(value: Any, low: float, width: float) -> float | None:
    if value is None:
        return None
    return min(max((float(value) - low) / width, -REACH), 1.0 + REACH)
