"""The plots of a case: attenuation of lungs and lesions, peripheral lesion ratio, intensity profile of a slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ChestCTLib.labels import CONSOLIDATION, GROUND_GLASS
from ChestCTMRML.intensity_plane import PlaneData
from ChestCTMRML.plots import Chart, Curve, Marker, set_chart, set_marker

HISTOGRAM_ROLE = "Lesions.Histogram"
PERIPHERY_ROLE = "Lesions.Periphery"
PROFILE_ROLE = "IntensityMap.Profile"
LUNG_COLOR = (0.36, 0.40, 0.47)
CURVE_COLOR = (0.10, 0.45, 0.70)
MARK_COLOR = (0.90, 0.15, 0.60)
MEAN_COLOR = (0.60, 0.60, 0.60)


def set_density_histogram(
    scene: Any,
    volume_node: Any,
    edges_hu: Sequence[float],
    sound_percent: Sequence[float],
    ground_glass_percent: Sequence[float],
    consolidation_percent: Sequence[float],
) -> Any:
    """Draw how lung without lesion, ground glass and consolidation are distributed over attenuation.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        edges_hu: Edges of the bins.
        sound_percent: Share of the lung without lesion in each bin; empty where there is none.
        ground_glass_percent: The same of ground glass.
        consolidation_percent: The same of consolidation.

    Returns:
        The ``vtkMRMLPlotChartNode``.
    """
    edges = np.asarray(edges_hu, dtype=float)
    centres = ((edges[:-1] + edges[1:]) / 2).tolist()
    groups = (
        ("lung without lesion", sound_percent, LUNG_COLOR),
        (GROUND_GLASS.name, ground_glass_percent, GROUND_GLASS.color),
        (CONSOLIDATION.name, consolidation_percent, CONSOLIDATION.color),
    )
    curves = [Curve(name, list(values) or [0.0] * len(centres), color) for name, values, color in groups]
    title = "Attenuation of lungs and lesions"
    chart = Chart(title, "Attenuation [HU]", "Share of tissue [%]", centres, curves)
    return set_chart(scene, volume_node, HISTOGRAM_ROLE, chart)


def set_periphery_curve(
    scene: Any, volume_node: Any, thicknesses_mm: Sequence[float], ratios_percent: Sequence[float]
) -> Any:
    """Draw the peripheral lesion ratio over the thickness of the periphery.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        thicknesses_mm: Thicknesses.
        ratios_percent: Ratio at each; empty where there is no lesion, then the chart says so.

    Returns:
        The ``vtkMRMLPlotChartNode``.
    """
    title = "Peripheral lesion ratio" if len(ratios_percent) else "Peripheral lesion ratio: no lesion found"
    curve = Curve("ratio", list(ratios_percent) or [0.0] * len(thicknesses_mm), CURVE_COLOR)
    y_title = "Lesion within [%]"
    chart = Chart(title, "Periphery [mm]", y_title, list(thicknesses_mm), [curve])
    node = set_chart(scene, volume_node, PERIPHERY_ROLE, chart)
    node.SetLegendVisibility(False)  # one curve and its mark; in a narrow view the legend would lie over them
    return node


def mark_periphery(scene: Any, volume_node: Any, thickness_mm: float, ratio_percent: float | None) -> None:
    """Mark the current thickness on the curve; quick enough to follow a slider."""
    set_marker(scene, volume_node, PERIPHERY_ROLE, Marker("chosen", thickness_mm, ratio_percent, MARK_COLOR))


def set_intensity_profile(scene: Any, volume_node: Any, data: PlaneData, row: int) -> Any:
    """Draw one slice's row of the intensity map against the mean of all slices.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        data: The intensity map, head first.
        row: Axial slice counted from the feet; rows beyond the scan are cut to it.

    Returns:
        The ``vtkMRMLPlotChartNode``.
    """
    shares = 100.0 * np.asarray(data.shares, dtype=float)
    row = min(max(row, 0), len(shares) - 1)
    edges = np.linspace(data.low_hu, data.high_hu, shares.shape[1] + 1)
    counted = shares.sum(axis=1) > 0
    mean = shares[counted].mean(axis=0) if counted.any() else np.zeros(shares.shape[1])
    curves = [
        Curve("all slices", mean.tolist(), MEAN_COLOR),
        Curve("this slice", shares[len(shares) - 1 - row].tolist(), CURVE_COLOR),
    ]
    title = f"Intensity profile, slice {row + 1} of {len(shares)} from the feet"
    centres = ((edges[:-1] + edges[1:]) / 2).tolist()
    return set_chart(
        scene,
        volume_node,
        PROFILE_ROLE,
        Chart(title, "Attenuation [HU]", "Share of slice [%]", centres, curves),
    )
