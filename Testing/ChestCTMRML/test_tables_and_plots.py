"""Numbers -> table, plot and text nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from vtk.util import numpy_support

from ChestCTLib.case_report import RESEARCH_NOTICE, CaseReport, Measure, Section, Status
from ChestCTLib.case_report import Column as ReportColumn
from ChestCTLib.case_report import Table as ReportTable
from ChestCTMRML import report_nodes, tables
from ChestCTMRML.cohort_chart import set_cohort_chart
from ChestCTMRML.plots import Chart, Curve, set_chart
from ChestCTMRML.tables import Column


@pytest.fixture
def owner(scene: Any) -> Any:
    return scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")


def test_a_table_keeps_units_and_shows_missing_values_as_such(scene: Any) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", "t")
    tables.set_table(
        node, [Column("Lung", ["right", None]), Column("Volume", [1.5, None], "mL", "Voxels times voxel volume.")]
    )
    assert tables.rows(node)[0]["Lung"] == "right" and tables.rows(node)[1]["Lung"] == "n/a"
    values = numpy_support.vtk_to_numpy(node.GetTable().GetColumnByName("Volume"))
    assert values[0] == 1.5 and np.isnan(values[1])
    assert node.GetColumnUnitLabel("Volume") == "mL"
    assert node.GetColumnDescription("Volume") == "Voxels times voxel volume."


def test_writing_a_table_again_replaces_it(scene: Any) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", "t")
    tables.set_table(node, [Column("a", ["x"]), Column("b", ["y"])])
    tables.set_table(node, [Column("c", ["z", "z"])])
    assert tables.rows(node) == [{"c": "z"}, {"c": "z"}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "n/a"),
        (float("nan"), "n/a"),
        (0, "0"),
        (0.98765, "0.988"),
        (12.34, "12.3"),
        (3993.4, "3993"),
        (-353.2, "-353"),
    ],
)
def test_numbers_are_shown_with_three_digits_and_whole_ones_in_full(value: float | None, text: str) -> None:
    assert tables.number(value) == text


def test_a_chart_is_updated_in_place_and_drops_curves_that_are_gone(scene: Any, owner: Any) -> None:
    curves = [Curve("one", [1.0, None], (1, 0, 0)), Curve("two", [3.0, 4.0], (0, 1, 0))]
    chart = set_chart(scene, owner, "Test", Chart("Title", "x [HU]", "y [%]", [0.0, 1.0], curves))
    nodes = scene.GetNumberOfNodes()
    assert chart.GetNumberOfPlotSeriesNodes() == 2
    assert chart.GetNthPlotSeriesNode(1).GetYColumnName() == "two"
    again = set_chart(scene, owner, "Test", Chart("Title", "x [HU]", "y [%]", [0.0, 1.0], curves[:1]))
    assert again is chart
    assert chart.GetNumberOfPlotSeriesNodes() == 1
    assert scene.GetNumberOfNodes() == nodes - 1


def test_a_report_becomes_one_text_and_one_table_a_section_with_the_research_notice_first(
    scene: Any, owner: Any
) -> None:
    table = ReportTable("each", "Single lesions", (ReportColumn("v", "Volume", "mL"),), ((1.25,), (None,)))
    measures = (Measure("a", "Volume", 12.345, "mL"), Measure("b", "Share", None, "%", why="no lung"))
    report = CaseReport("case-1", (Section("lesions", "Lesions", measures, (table,)),))
    text, values, single = report_nodes.set_report(scene, owner, report)
    assert text.GetText().startswith(RESEARCH_NOTICE)
    assert "Share: n/a % (no lung)" in text.GetText()
    assert tables.rows(values)[1] == {"Measure": "Share", "Value": "n/a", "Unit": "%", "Note": "no lung"}
    assert [row["Volume [mL]"] for row in tables.rows(single)] == table.shown_rows()[0] + ["n/a"]
    before = scene.GetNumberOfNodes()
    assert report_nodes.set_report(scene, owner, report) == [text, values, single]
    assert scene.GetNumberOfNodes() == before


@pytest.mark.parametrize("outside", [False, True])
def test_the_cohort_chart_says_where_a_scan_lies_outside_and_leaves_its_legend_room(
    scene: Any, owner: Any, outside: bool
) -> None:
    columns = tuple(ReportColumn(key, key) for key in ("feature", "value", "low", "high", "mild", "severe"))
    profile = ReportTable(
        "profile", "Profile", columns, (("one", 3.0, 1.0, 5.0, 2.0, 4.0), ("two", 9.0, 1.0, 5.0, 2, 4))
    )
    share = Measure("features.outside_share", "Beyond", 49.0, "%", status=Status.WARNED if outside else Status.OK)
    report = CaseReport("case-1", (Section("features", "Features", (share,), (profile,)),))
    chart = set_cohort_chart(scene, owner, report)
    assert ("Outside the cohort" in chart.GetTitle()) == outside
    low, high = chart.GetXAxisRange()
    assert low == 1.0 and high > 2.5 and not chart.GetXAxisRangeAuto()
    table = chart.GetNthPlotSeriesNode(4).GetTableNode()
    scan = table.GetTable().GetColumnByName("this scan")
    assert [scan.GetValue(row) for row in range(2)] == [0.5, 2.0]
