"""How a case is shown: window and level, slices, translucent lungs in 3D; on any scene, with views or without."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTMRML.front_view import look_from_front
from ChestCTMRML.layouts import CLASSICAL_VIEW
from ChestCTMRML.segmentations import SURFACE

LUNG_WINDOW_HU = 1500.0  # the usual lung window of chest CT
LUNG_LEVEL_HU = -600.0
LUNG_OPACITY_3D = 0.35  # translucent: lesions and airway inside must show
FILL_OPACITY = 0.35
OUTLINE_OPACITY = 1.0
MARGIN = 1.04  # share of a slice view left free round the scan


class LabelStyle(Enum):
    """How segments are drawn in slice views."""

    fill = "fill"
    outline = "outline"
    both = "both"
    hidden = "hidden"


def show_lung_window(volume_node: Any) -> None:
    """Set a CT's window and level to those of the lung."""
    if volume_node.GetDisplayNode() is None:
        volume_node.CreateDefaultDisplayNodes()
    display = volume_node.GetScalarVolumeDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(LUNG_WINDOW_HU, LUNG_LEVEL_HU)


def show_segments(
    segmentation_node: Any,
    style: LabelStyle = LabelStyle.both,
    opacity_3d: float = LUNG_OPACITY_3D,
    view_ids: tuple[str, ...] = (),
) -> None:
    """Set how a segmentation is drawn.

    Args:
        segmentation_node: The ``vtkMRMLSegmentationNode``.
        style: Fill, outline, both, or not at all.
        opacity_3d: Opacity of the surfaces in 3D views, in [0, 1].
        view_ids: View nodes it is shown in; all of them when empty.
    """
    if segmentation_node.GetDisplayNode() is None:
        segmentation_node.CreateDefaultDisplayNodes()
    set_style(segmentation_node, style)
    display = segmentation_node.GetDisplayNode()
    modifying = display.StartModify()
    display.SetOpacity2DFill(FILL_OPACITY)
    display.SetOpacity2DOutline(OUTLINE_OPACITY)
    display.SetOpacity3D(opacity_3d)
    display.SetPreferredDisplayRepresentationName3D(SURFACE)
    display.RemoveAllViewNodeIDs()
    for view_id in view_ids:
        display.AddViewNodeID(view_id)
    display.EndModify(modifying)


def set_style(segmentation_node: Any, style: LabelStyle) -> None:
    """Set how a segmentation is drawn in slice views, and nothing else."""
    display = segmentation_node.GetDisplayNode()
    modifying = display.StartModify()
    display.SetVisibility(style is not LabelStyle.hidden)
    display.SetVisibility2DFill(style in (LabelStyle.fill, LabelStyle.both))
    display.SetVisibility2DOutline(style in (LabelStyle.outline, LabelStyle.both))
    display.EndModify(modifying)


def color_all(segmentation_node: Any, color: tuple[float, float, float]) -> None:
    """Give all segments one colour, so that two segmentations of the same organ can be told apart."""
    segmentation = segmentation_node.GetSegmentation()
    for index in range(segmentation.GetNumberOfSegments()):
        segmentation.GetNthSegment(index).SetColor(*color)


def show_side_by_side(scene: Any, refined_node: Any, classical_node: Any, apart: bool) -> None:
    """Show the classical segmentation only in its own view and the refined one in all others, or both everywhere.

    Args:
        scene: The ``vtkMRMLScene``.
        refined_node: Segmentation for the usual views.
        classical_node: Segmentation for the view :data:`ChestCTMRML.layouts.CLASSICAL_VIEW`; may be None.
        apart: Whether to part them.
    """
    own = scene.GetSingletonNode(CLASSICAL_VIEW, "vtkMRMLSliceNode")
    views = [*nodes_of_class(scene, "vtkMRMLSliceNode"), *nodes_of_class(scene, "vtkMRMLViewNode")]
    usual = [view.GetID() for view in views if view is not own]
    for node, wanted in ((refined_node, usual), (classical_node, [own.GetID()] if own is not None else [])):
        if node is None or node.GetDisplayNode() is None:
            continue
        display = node.GetDisplayNode()
        modifying = display.StartModify()
        display.RemoveAllViewNodeIDs()
        for view_id in wanted if apart else []:
            display.AddViewNodeID(view_id)
        display.EndModify(modifying)
    for composite in nodes_of_class(scene, "vtkMRMLSliceCompositeNode"):
        composite.SetLinkedControl(apart)
        composite.SetHotLinkedControl(apart)


def show_in_tables_and_plots(scene: Any, table_node: Any, chart_node: Any) -> None:
    """Show a table in every table view and a chart in every plot view; None leaves the views as they are."""
    for view in nodes_of_class(scene, "vtkMRMLTableViewNode") if table_node is not None else ():
        view.SetTableNodeID(table_node.GetID())
    for view in nodes_of_class(scene, "vtkMRMLPlotViewNode") if chart_node is not None else ():
        view.SetPlotChartNodeID(chart_node.GetID())


def show_3d(segmentation_node: Any, shown: bool) -> None:
    """Show or hide a segmentation in 3D; a missing surface is made from the voxels, which takes Slicer a while."""
    display = segmentation_node.GetDisplayNode()
    if shown and not segmentation_node.GetSegmentation().ContainsRepresentation(SURFACE):
        segmentation_node.CreateClosedSurfaceRepresentation()
    display.SetVisibility3D(shown)


def set_views(
    scene: Any, volume_node: Any, center_ras: npt.NDArray[np.float64] | None = None, aspect: float = 1.0
) -> None:
    """Show a CT in every slice view, fitted to it and cut through its centre, and look at it from the front in 3D.

    Args:
        scene: The ``vtkMRMLScene``; views that do not exist yet are not made.
        volume_node: The CT.
        center_ras: World RAS position to cut through, mm; the volume's centre when not given.
        aspect: Width of the 3D views by their height.
    """
    if volume_node.GetImageData() is None:  # its box would be turned inside out
        return
    bounds = [0.0] * 6
    volume_node.GetRASBounds(bounds)
    low, high = np.array(bounds[0::2]), np.array(bounds[1::2])
    center = (low + high) / 2 if center_ras is None else np.asarray(center_ras, dtype=float)
    for composite in nodes_of_class(scene, "vtkMRMLSliceCompositeNode"):
        composite.SetBackgroundVolumeID(volume_node.GetID())
    for slice_node in nodes_of_class(scene, "vtkMRMLSliceNode"):
        _fit_slice(slice_node, low, high, center)
    look_from_front(scene, volume_node, aspect)


def jump_to(scene: Any, position_ras: npt.NDArray[np.float64]) -> None:
    """Cut every slice view through a world position and turn the 3D views' eyes to it, keeping their direction."""
    for slice_node in nodes_of_class(scene, "vtkMRMLSliceNode"):
        slice_node.JumpSliceByCentering(*position_ras)
    for camera in nodes_of_class(scene, "vtkMRMLCameraNode"):
        shift = np.asarray(position_ras) - np.array(camera.GetFocalPoint())
        camera.SetPosition(*(np.array(camera.GetPosition()) + shift))
        camera.SetFocalPoint(*position_ras)
        camera.ResetClippingRange()


def is_shown_in_slices(scene: Any, volume_node: Any) -> bool:
    """Whether any slice view shows a volume in its background."""
    composites = nodes_of_class(scene, "vtkMRMLSliceCompositeNode")
    return any(composite.GetBackgroundVolumeID() == volume_node.GetID() for composite in composites)


def refresh_slices(scene: Any) -> None:
    """Draw every slice view anew: a scene that was just read has segmentations that no view has cut yet."""
    for slice_node in nodes_of_class(scene, "vtkMRMLSliceNode"):
        slice_node.Modified()


def nodes_of_class(scene: Any, class_name: str) -> Iterator[Any]:
    """All nodes of a class, as they are now."""
    yield from [scene.GetNthNodeByClass(n, class_name) for n in range(scene.GetNumberOfNodesByClass(class_name))]


def center_of_first_segment(segmentation_node: Any) -> npt.NDArray[np.float64] | None:
    """World RAS centre of a segmentation's first segment, to cut the views through; None without one."""
    segmentation = segmentation_node.GetSegmentation()
    if segmentation.GetNumberOfSegments() == 0:
        return None
    center = segmentation_node.GetSegmentCenterRAS(segmentation.GetNthSegmentID(0))
    return None if center is None else np.array(center)


def _fit_slice(
    slice_node: Any, low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], center: npt.NDArray[np.float64]
) -> None:
    matrix = slice_node.GetSliceToRAS()
    axes = np.array([[matrix.GetElement(row, column) for row in range(3)] for column in range(3)])
    width, height = (float(np.abs(axis) @ (high - low)) * MARGIN for axis in axes[:2])
    columns, rows = (max(int(size), 1) for size in slice_node.GetDimensions()[:2])
    millimetres_a_pixel = max(width / columns, height / rows)
    depth = slice_node.GetFieldOfView()[2]
    slice_node.SetFieldOfView(columns * millimetres_a_pixel, rows * millimetres_a_pixel, depth)
    middle = (low + high) / 2
    along = axes[2] * float(axes[2] @ (center - middle))
    slice_node.JumpSliceByCentering(*(middle + along))


def center_of_labels(array: npt.NDArray[Any], ijk_to_ras: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """World RAS position of the slice-wise largest part of a label array, to cut the views through; None if empty."""
    if not array.any():
        return None
    slices = [int(np.count_nonzero(plane)) for plane in array]
    shadow = np.count_nonzero(array, axis=0)
    kji = [int(np.argmax(slices)), int(np.argmax(shadow.sum(axis=1))), int(np.argmax(shadow.sum(axis=0)))]
    return (ijk_to_ras @ np.array([kji[2], kji[1], kji[0], 1.0]))[:3]
