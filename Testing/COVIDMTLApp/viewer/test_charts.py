"""Plots as SVG show the chart's series, whatever its numbers."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

slicer = pytest.importorskip("slicer")

from ChestCTMRML.plots import Chart, Curve, set_chart  # noqa: E402
from COVIDMTLApp.viewer.charts import chart_svg  # noqa: E402


@pytest.fixture
def scene() -> Any:
    return slicer.vtkMRMLScene()


def _chart(scene: Any, x: list[float], *curves: Curve) -> Any:
    owner = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    return set_chart(scene, owner, "Test", Chart("A <title>", "x [HU]", "y [%]", x, curves))


def _points(svg: str) -> list[list[tuple[float, float]]]:
    texts = re.findall(r'<polyline points="([^"]*)"', svg)
    return [[tuple(map(float, point.split(","))) for point in text.split()] for text in texts]  # type: ignore[misc]


def test_every_series_is_drawn_in_order_and_higher_values_higher(scene: Any) -> None:
    rising, falling = Curve("up", [0.0, 1.0, 4.0], (1, 0, 0)), Curve("down", [4.0, 1.0, 0.0], (0, 0, 1))
    svg = chart_svg(_chart(scene, [0.0, 1.0, 2.0], rising, falling))
    up, down = _points(svg)
    assert [x for x, _ in up] == sorted(x for x, _ in up)
    assert up[0][1] > up[1][1] > up[2][1] and down[0][1] < down[2][1]
    assert up[2][1] == down[0][1]
    assert "up" in svg and "down" in svg and "x [HU]" in svg


def test_names_cannot_break_out_of_the_drawing(scene: Any) -> None:
    svg = chart_svg(_chart(scene, [0.0, 1.0], Curve("<script>&", [1.0, 2.0], (1, 0, 0))))
    assert "<script>" not in svg
    ElementTree.fromstring(svg)


def test_missing_values_leave_a_gap_and_equal_ones_a_line(scene: Any) -> None:
    (points,) = _points(chart_svg(_chart(scene, [0.0, 1.0, 2.0], Curve("gap", [1.0, None, 1.0], (1, 0, 0)))))
    assert len(points) == 2
    assert chart_svg(_chart(scene, [1.0, 1.0], Curve("flat", [0.0, 0.0], (1, 0, 0))))


def test_no_chart_gives_no_drawing() -> None:
    assert chart_svg(None) == ""
