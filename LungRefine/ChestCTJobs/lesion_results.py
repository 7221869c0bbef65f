"""What was measured of a case's lesions as nodes: tables, plots, overlays; a further result updates the same nodes."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import numpy as np

from ChestCTJobs.measure_service import Measured
from ChestCTLib.case_report import Section, Table
from ChestCTMRML import intensity_plane, lesion_plots
from ChestCTMRML.case_folder import put_in_case_folder
from ChestCTMRML.lesion_classes import ROLE as CLASSES_ROLE
from ChestCTMRML.lesion_classes import set_lesion_classes
from ChestCTMRML.lesion_density import set_lesion_density
from ChestCTMRML.nodes import find_owned, owned_node
from ChestCTMRML.overlays import overlay_and_plot_nodes
from ChestCTMRML.peripheral_shell import set_shell
from ChestCTMRML.report_nodes import set_measures
from ChestCTMRML.tables import Column, set_table


class ResultTable(Enum):
    """A table of the result; the value is its key in the report."""

    totals = "totals"
    zones = "zones"
    classes = "classes"
    single = "single"


SHORT_TITLES = {"zones": "six zones", "classes": "lesion classes", "single": "single lesions"}
"""Names of the table nodes; the report's own titles are too long for the bar of a view."""


def show_measured(scene: Any, volume: Any, measured: Measured, thickness_mm: float) -> Iterator[None]:
    """Put a result into the nodes that the CT keeps for it, in steps short enough for the GUI.

    Tables and plots show the numbers, which come first; models follow with what is drawn.

    Args:
        scene: The ``vtkMRMLScene``.
        volume: The CT.
        measured: The result.
        thickness_mm: Thickness of the periphery to draw, which may have moved since.
    """
    if measured.drawn is None:
        fill_tables(scene, volume, measured.section)
        yield
        lesion_plots.set_density_histogram(scene, volume, measured.edges_hu, *measured.shares)
        lesion_plots.set_periphery_curve(scene, volume, measured.curve_mm, measured.curve_percent)
        yield
    else:
        set_lesion_density(scene, volume, measured.drawn.density)
        yield
        set_lesion_classes(scene, volume, measured.drawn.classes)
        yield
        if find_owned(volume, "IntensityMap.Plane") is None:
            intensity_plane.set_intensity_plane(scene, volume, measured.drawn.plane)
            yield
    move_thickness(scene, volume, measured, thickness_mm)
    yield
    tables = [find_owned(volume, f"Lesions.Table.{table.value}") for table in ResultTable]
    put_in_case_folder(scene, volume, [*tables, find_owned(volume, CLASSES_ROLE), *overlay_and_plot_nodes(volume)])
    yield


def move_thickness(scene: Any, volume: Any, measured: Measured, thickness_mm: float) -> float | None:
    """Move curve marker and shell to a thickness; quick enough to follow a slider.

    Returns:
        The peripheral lesion ratio there, %; None without lesions.
    """
    ratio = measured.ratio_percent(thickness_mm)
    lesion_plots.mark_periphery(scene, volume, thickness_mm, ratio)
    if measured.drawn is not None:
        set_shell(scene, volume, measured.drawn.shell, thickness_mm)
    return ratio


def follow_slice(scene: Any, volume: Any, measured: Measured, marked: int | None) -> int | None:
    """Mark the axial view's slice on the intensity map and draw its profile, unless they show it already.

    Args:
        scene: The ``vtkMRMLScene``.
        volume: The CT.
        measured: The result.
        marked: The map's row that is marked; None without one.

    Returns:
        The row that is marked now; None without an axial view or while there is no map.
    """
    view = scene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    if view is None or measured.drawn is None:
        return None
    row = intensity_plane.row_of_slice_view(volume, view)
    if row != marked:
        intensity_plane.mark_slice(scene, volume, row)
        lesion_plots.set_intensity_profile(scene, volume, measured.drawn.plane, row)
    return row


def fill_tables(scene: Any, volume: Any, section: Section) -> None:
    """Write the report's measures and tables into the table nodes."""
    name = volume.GetName()
    totals = owned_node(scene, volume, "Lesions.Table.totals", "vtkMRMLTableNode", f"{name}: lesion measures")
    set_measures(totals, section.measures)
    for table in section.tables:
        if table.key not in SHORT_TITLES:
            continue
        title = f"{name}: {SHORT_TITLES[table.key]}"
        node = owned_node(scene, volume, f"Lesions.Table.{table.key}", "vtkMRMLTableNode", title)
        fill_table(node, table)


def sorted_lesions(scene: Any, volume: Any, section: Section, column: int, descending: bool) -> list[int]:
    """Sort the table of single lesions by a column.

    Returns:
        For each row the lesion's place in the report's own order.
    """
    table = next(table for table in section.tables if table.key == ResultTable.single.value)
    values = [row[column] for row in table.rows]
    order = sorted(range(len(values)), key=lambda index: (values[index] is None, values[index]), reverse=descending)
    _fill(find_owned(volume, "Lesions.Table.single"), table, order)
    return order


def fill_table(node: Any, table: Table) -> None:
    """Write a report's table into a table node."""
    _fill(node, table, list(range(len(table.rows))))


def _fill(node: Any, table: Table, order: list[int]) -> None:
    shown = table.shown_rows()
    rows: list[list[str]] = [shown[index] for index in order]
    if not rows:
        rows = [[table.empty_text, *[""] * (len(table.columns) - 1)]]
    set_table(node, [Column(column.heading, [row[at] for row in rows]) for at, column in enumerate(table.columns)])


def center_of_lesion(measured: Measured, order: list[int], row: int) -> np.ndarray[Any, Any] | None:
    """World RAS centre of the lesion in a row of the sorted table; None where the table has no lesion."""
    if not 0 <= row < len(measured.centres_ras):
        return None
    centre: np.ndarray[Any, Any] = measured.centres_ras[order[row] if order else row]
    return centre
