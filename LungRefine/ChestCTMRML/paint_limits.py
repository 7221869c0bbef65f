"""Where the segment editor may paint: inside the lungs, between two densities, through the editor's own masks.

The editor's mask is a segment of the segmentation that is edited, so the lungs are put there as a hidden one. Only
visible segments are overwritten, which keeps it whole; it is taken out again when painting is free.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import slicer
import vtk

from ChestCTLib.labels import LUNG_LABELS
from ChestCTMRML.geometry import ijk_to_local_ras
from ChestCTMRML.segmentations import LABELMAP, SURFACE, label_map, labels_in_steps, match_segments

LIMIT_TAG = "COVIDMTL.PaintLimit"
NAME = "lungs (limit of painting)"


def limit_to_lungs(editor_node: Any, segmentation_node: Any, lungs_node: Any, volume_node: Any) -> Iterator[None]:
    """Let the editor paint inside the lungs alone, in steps short enough for the GUI.

    Args:
        editor_node: The ``vtkMRMLSegmentEditorNode``.
        segmentation_node: What is edited.
        lungs_node: Segmentation with right and left lung.
        volume_node: The CT; gives the grid.

    Raises:
        InputError: The lungs are not found in their segmentation.
    """
    inside = yield from labels_in_steps(lungs_node, volume_node, LUNG_LABELS)
    np.minimum(inside, 1, out=inside)
    yield
    remove_limit(segmentation_node)
    segment = slicer.vtkSegment()
    segment.SetName(NAME)
    segment.SetTag(LIMIT_TAG, "1")
    segment.AddRepresentation(LABELMAP, label_map(inside, ijk_to_local_ras(volume_node)))
    segment.SetLabelValue(1)
    segmentation = segmentation_node.GetSegmentation()
    if segmentation.ContainsRepresentation(SURFACE):  # else Slicer makes one, for many seconds
        segment.AddRepresentation(SURFACE, _surface(lungs_node))
    id_ = segmentation.GenerateUniqueSegmentID("lungs-limit")
    segmentation.AddSegment(segment, id_)
    display = segmentation_node.GetDisplayNode()
    if display is not None:
        display.SetSegmentVisibility(id_, False)
    modifying = editor_node.StartModify()
    editor_node.SetMaskSegmentID(id_)
    editor_node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment)
    editor_node.SetOverwriteMode(editor_node.OverwriteVisibleSegments)
    editor_node.EndModify(modifying)
    yield


def paint_everywhere(editor_node: Any, segmentation_node: Any) -> None:
    """Let the editor paint outside the lungs too."""
    modifying = editor_node.StartModify()
    editor_node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedEverywhere)
    editor_node.SetMaskSegmentID("")
    editor_node.SetOverwriteMode(editor_node.OverwriteAllSegments)
    editor_node.EndModify(modifying)
    remove_limit(segmentation_node)


def remove_limit(segmentation_node: Any) -> None:
    """Take the limit out of a segmentation, if it has one."""
    if segmentation_node is None:
        return
    segmentation = segmentation_node.GetSegmentation()
    for id_ in list(segmentation.GetSegmentIDs()):
        if _is_limit(segmentation.GetSegment(id_)):
            segmentation.RemoveSegment(id_)


def has_limit(segmentation_node: Any) -> bool:
    """Whether a segmentation holds the limit."""
    segmentation = segmentation_node.GetSegmentation()
    return any(_is_limit(segmentation.GetSegment(id_)) for id_ in segmentation.GetSegmentIDs())


def limit_to_range(editor_node: Any, low_hu: float | None, high_hu: float | None) -> None:
    """Let the editor paint between two densities alone; None for both switches it off."""
    if low_hu is None or high_hu is None:
        editor_node.SetSourceVolumeIntensityMask(False)
        return
    editor_node.SetSourceVolumeIntensityMaskRange(min(low_hu, high_hu), max(low_hu, high_hu))
    editor_node.SetSourceVolumeIntensityMask(True)


def _surface(lungs_node: Any) -> Any:
    """The lungs' surfaces as one; without points where there are none."""
    joined = vtk.vtkAppendPolyData()
    segmentation = lungs_node.GetSegmentation()
    for id_ in match_segments(lungs_node, LUNG_LABELS).values():
        part = segmentation.GetSegment(id_).GetRepresentation(SURFACE)
        if part is not None:
            joined.AddInputData(part)
    if not joined.GetNumberOfInputConnections(0):
        return vtk.vtkPolyData()
    joined.Update()
    return joined.GetOutput()


def _is_limit(segment: Any) -> bool:
    value = vtk.reference("")
    return bool(segment.GetTag(LIMIT_TAG, value))
