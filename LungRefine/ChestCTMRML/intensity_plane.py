"""The intensity map as a plane beside the lungs in 3D: each row stands at the height of its slice.

The plane is a mesh with one coloured cell a slice and bin: a texture would be lost when the scene is saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import vtk
from vtk.util import numpy_support

from ChestCTMRML.color_scales import SHARE, color_node, set_legend
from ChestCTMRML.geometry import LPS_FROM_RAS, Matrix, array_from_matrix, ijk_to_lps, local_to_world
from ChestCTMRML.model_nodes import color_by, set_model
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.volumes import voxels

PLANE_ROLE = "IntensityMap.Plane"
MARK_ROLE = "IntensityMap.CurrentSlice"
SHARE_ARRAY = "log10 of the share of the slice's voxels [%]"
EXACT_ARRAY = "Share of the slice's voxels"
LOWEST_LOG, HIGHEST_LOG = -2.0, 2.0  # 0.01 % to 100 %; rarer values are drawn as the lowest
WIDTH_SHARE = 0.75  # of the scan's height: room for the map beside the chest in one view
GAP_MM = 25.0  # between the scan and the plane
MARK_COLOR = (1.0, 0.95, 0.2)
MARK_WIDTH = 3.0  # pixels
MARK_REACH_MM = 6.0  # how far the mark stands out on both sides
LEGEND_POSITION = (0.02, 0.86)  # above the lungs, which are lower than wide where the plane stands beside them


@dataclass(frozen=True)
class PlaneData:
    """An intensity map ready to be drawn.

    Attributes:
        shares: float ``[slices, bins]``, head first; each row sums to 1 or is 0 where nothing was counted.
        low_hu: Lower edge of the first bin.
        high_hu: Upper edge of the last one.
    """

    shares: npt.NDArray[np.floating[Any]]
    low_hu: float
    high_hu: float


def set_intensity_plane(scene: Any, volume_node: Any, data: PlaneData) -> Any:
    """Draw an intensity map into the model node that the CT keeps for it.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT, with as many axial slices as the map has rows.
        data: The map.

    Returns:
        The ``vtkMRMLModelNode``; a new one is hidden.
    """
    frame = plane_frame(volume_node)
    percent = np.log10(np.maximum(100.0 * np.asarray(data.shares, dtype=np.float64), 10.0**LOWEST_LOG))
    mesh = _mesh(frame, percent[::-1])  # the mesh runs from the feet upwards
    exact = np.ascontiguousarray(np.asarray(data.shares, dtype=np.float32)[::-1])
    mesh.GetCellData().AddArray(_named(exact.ravel(), EXACT_ARRAY))
    node, is_new = set_model(scene, volume_node, PLANE_ROLE, f"{volume_node.GetName()} intensity map", mesh)
    node.SetAttribute("COVIDMTL.LowHU", f"{data.low_hu:g}")
    node.SetAttribute("COVIDMTL.HighHU", f"{data.high_hu:g}")
    if is_new:
        display = node.GetDisplayNode()
        color_by(node, SHARE_ARRAY, color_node(scene, volume_node, "Share", SHARE), LOWEST_LOG, HIGHEST_LOG, True)
        display.SetInterpolation(display.FlatInterpolation)
        display.SetLighting(False)
        display.SetVisibility(False)
    width = (data.high_hu - data.low_hu) / max(percent.shape[1], 1)
    title = f"Voxels [% of slice\nper {width:g} HU]\n{data.low_hu:g} to {data.high_hu:g} HU"
    set_legend(node.GetDisplayNode(), title, LEGEND_POSITION, "1e%.0f")
    return node


def plane_data(volume_node: Any) -> PlaneData | None:
    """The intensity map that a CT's plane was drawn from, also after the scene was saved and opened; None without."""
    node = find_owned(volume_node, PLANE_ROLE)
    mesh = node.GetPolyData() if node is not None else None
    array = mesh.GetCellData().GetArray(EXACT_ARRAY) if mesh is not None else None
    if array is None:
        return None
    rows = plane_frame(volume_node).rows
    shares = numpy_support.vtk_to_numpy(array).reshape(rows, -1)[::-1]
    return PlaneData(shares, float(node.GetAttribute("COVIDMTL.LowHU")), float(node.GetAttribute("COVIDMTL.HighHU")))


def mark_slice(scene: Any, volume_node: Any, row: int) -> Any:
    """Mark a slice's row on the plane.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        row: Axial slice counted from the feet; rows beyond the scan are cut to it.

    Returns:
        The mark's ``vtkMRMLModelNode``; a new one is hidden.
    """
    frame = plane_frame(volume_node)
    row = min(max(row, 0), frame.rows - 1)
    low, high = frame.corner + frame.up * row, frame.corner + frame.up * (row + 1)
    reach = frame.across / np.linalg.norm(frame.across) * MARK_REACH_MM
    corners = [low - reach, low + frame.across + reach, high + frame.across + reach, high - reach]
    points, lines = vtk.vtkPoints(), vtk.vtkCellArray()
    for corner in [*corners, corners[0]]:
        points.InsertNextPoint(*corner)
    lines.InsertNextCell(5)
    for index in range(5):
        lines.InsertCellPoint(index)
    outline = vtk.vtkPolyData()
    outline.SetPoints(points)
    outline.SetLines(lines)
    node, is_new = set_model(scene, volume_node, MARK_ROLE, f"{volume_node.GetName()} current slice", outline)
    node.SetAttribute("COVIDMTL.Row", str(row))
    if is_new:
        display = node.GetDisplayNode()
        display.SetColor(*MARK_COLOR)
        display.SetLineWidth(MARK_WIDTH)
        display.SetLighting(False)
        plane = find_owned(volume_node, PLANE_ROLE)
        display.SetVisibility(plane is not None and bool(plane.GetDisplayNode().GetVisibility()))
    return node


@dataclass(frozen=True)
class Frame:
    """Where the plane stands, in the volume's local RAS.

    Attributes:
        corner: Its corner at the feet, towards the scan.
        across: From low to high HU, mm.
        up: From one row to the next, mm.
        rows: Number of rows.
    """

    corner: npt.NDArray[np.float64]
    across: npt.NDArray[np.float64]
    up: npt.NDArray[np.float64]
    rows: int


def plane_frame(volume_node: Any) -> Frame:
    """The plane to the patient's left of the scan, half-way between front and back, facing the front."""
    from ChestCTLib.grid import canonical_axes  # needs scipy, which modules must load without

    shape = voxels(volume_node).shape
    order, _, to_lps = canonical_axes(ijk_to_lps(volume_node), shape)
    z, y, x = (shape[axis] for axis in order)
    to_ras: Matrix = np.linalg.inv(local_to_world(volume_node)) @ LPS_FROM_RAS @ to_lps
    left = to_ras[:3, 0] / np.linalg.norm(to_ras[:3, 0])
    corner = (to_ras @ np.array([x - 0.5, (y - 1) / 2, -0.5, 1.0]))[:3] + left * GAP_MM
    height = z * float(np.linalg.norm(to_ras[:3, 2]))
    return Frame(corner, left * height * WIDTH_SHARE, to_ras[:3, 2].copy(), z)


def row_of_slice_view(volume_node: Any, slice_node: Any) -> int:
    """The axial slice, counted from the feet, that a slice view cuts through at its centre."""
    frame = plane_frame(volume_node)
    center = array_from_matrix(slice_node.GetSliceToRAS())[:, 3]
    local = (np.linalg.inv(local_to_world(volume_node)) @ center)[:3]
    return int(np.floor((local - frame.corner) @ frame.up / (frame.up @ frame.up)))


def _mesh(frame: Frame, values: npt.NDArray[np.float64]) -> Any:
    rows, columns = values.shape
    across = np.linspace(0.0, 1.0, columns + 1)[None, :, None] * frame.across
    up = np.arange(rows + 1)[:, None, None] * (frame.up * frame.rows / rows)
    points = (frame.corner + across + up).reshape(-1, 3)
    first = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    quads = np.stack([np.full_like(first, 4), first, first + 1, first + columns + 2, first + columns + 1], axis=1)
    mesh = vtk.vtkPolyData()
    holder = vtk.vtkPoints()
    holder.SetData(numpy_support.numpy_to_vtk(np.ascontiguousarray(points), deep=True))
    cells = vtk.vtkCellArray()
    cells.ImportLegacyFormat(numpy_support.numpy_to_vtkIdTypeArray(np.ascontiguousarray(quads.ravel()), deep=True))
    mesh.SetPoints(holder)
    mesh.SetPolys(cells)
    mesh.GetCellData().SetScalars(_named(np.ascontiguousarray(values.ravel(), dtype=np.float32), SHARE_ARRAY))
    return mesh


def _named(values: npt.NDArray[np.float32], name: str) -> Any:
    array = numpy_support.numpy_to_vtk(values, deep=True)
    array.SetName(name)
    return array
