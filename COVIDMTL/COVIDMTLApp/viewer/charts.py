"""A scene's plot chart as SVG: the same series, names, colours and axes that Slicer's plot view shows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from vtk.util import numpy_support

WIDTH, HEIGHT = 380, 250  # pixels
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 26, 58  # margins: axis texts and the legend below
TICKS = 5
TEXT, LINE, AXIS = "#c8d0d8", "#333a42", "#6b7680"
LIGHTEN = 0.35  # series colours were chosen for white paper
LEGEND_STEP = 118
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Series:
    name: str
    x: Values
    y: Values
    color: str


def chart_svg(chart: Any) -> str:
    """Draw a ``vtkMRMLPlotChartNode``; empty text without one or without series."""
    series = _series(chart) if chart is not None else []
    if not series:
        return ""
    x_low, x_high = _range([one.x for one in series], False)
    y_low, y_high = _range([one.y for one in series], True)
    x_ticks, y_ticks = _ticks(x_low, x_high), _ticks(y_low, y_high)
    y_high = max(y_high, y_ticks[-1])

    def place(x: Values, y: Values) -> tuple[Values, Values]:
        across = LEFT + (x - x_low) / max(x_high - x_low, 1e-9) * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - (y - y_low) / max(y_high - y_low, 1e-9) * (HEIGHT - TOP - BOTTOM)
        return across, down

    parts = [_text(WIDTH / 2, 15, chart.GetTitle() or chart.GetName(), 12, "middle")]
    for tick in y_ticks:
        _, (down,) = place(np.array([x_low]), np.array([tick]))
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down:.1f}" y2="{down:.1f}" stroke="{LINE}"/>')
        parts.append(_text(LEFT - 5, down + 4, f"{tick:g}", 10, "end"))
    for tick in x_ticks:
        (across,), _ = place(np.array([tick]), np.array([y_low]))
        parts.append(_text(across, HEIGHT - BOTTOM + 13, f"{tick:g}", 10, "middle"))
    parts.append(
        f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="{AXIS}"/>'
        + _text(WIDTH / 2, HEIGHT - BOTTOM + 28, chart.GetXAxisTitle(), 11, "middle")
        + f'<g transform="rotate(-90 11 {(HEIGHT - BOTTOM + TOP) / 2})">'
        + _text(11, (HEIGHT - BOTTOM + TOP) / 2, chart.GetYAxisTitle(), 11, "middle")
        + "</g>"
    )
    for number, one in enumerate(series):
        across, down = place(one.x, one.y)
        known = np.isfinite(across) & np.isfinite(down)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across[known], down[known], strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{one.color}" stroke-width="1.6"/>')
        at = LEFT + number * LEGEND_STEP
        parts.append(f'<rect x="{at}" y="{HEIGHT - 18}" width="9" height="9" fill="{one.color}"/>')
        parts.append(_text(at + 13, HEIGHT - 10, one.name, 10, "start"))
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _series(chart: Any) -> list[_Series]:
    found = []
    for index in range(chart.GetNumberOfPlotSeriesNodes()):
        node = chart.GetNthPlotSeriesNode(index)
        table = node.GetTableNode() if node is not None else None
        if table is None:
            continue
        x, y = (_column(table, name) for name in (node.GetXColumnName(), node.GetYColumnName()))
        if x is not None and y is not None and x.size:
            found.append(_Series(node.GetName(), x, y, _color(node.GetColor())))
    return found


def _column(table: Any, name: str) -> Values | None:
    array = table.GetTable().GetColumnByName(name)
    return None if array is None else np.asarray(numpy_support.vtk_to_numpy(array), dtype=np.float64)


def _color(rgb: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * (part + (1 - part) * LIGHTEN)):02x}" for part in rgb)


def _range(arrays: list[Values], from_zero: bool) -> tuple[float, float]:
    values = np.concatenate(arrays)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    low = min(low, 0.0) if from_zero else low
    return low, high if high > low else low + 1.0


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers over a range."""
    rough = (high - low) / TICKS
    unit = 10.0 ** np.floor(np.log10(rough))
    step = next(unit * factor for factor in STEPS if unit * factor >= rough * 0.999)
    first = np.ceil(low / step - 1e-9)
    return [float(round(number * step, 10)) + 0.0 for number in np.arange(first, high / step + 1e-6)]


def _text(x: float, y: float, text: str, size: int, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {place} fill="{TEXT}">{escape(text or "")}</text>'
