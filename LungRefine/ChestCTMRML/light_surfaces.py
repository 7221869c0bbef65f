"""Surfaces light enough to turn without a graphics card.

A segmentation read from a file brings surfaces at the scan's full resolution, half a million triangles a lung, of which
a view of some hundred pixels shows nothing.
"""

from __future__ import annotations

from typing import Any

import vtk

from ChestCTMRML.segmentations import SURFACE

MOST_TRIANGLES = 150_000  # of one segment; drawn in some 50 ms by one processor
DIVISIONS = 128  # cells along each side of a segment's box: some 2 mm for a lung


def lighten_surfaces(segmentation_node: Any, most_triangles: int = MOST_TRIANGLES) -> int:
    """Thin the surfaces that have more triangles than a view can show; voxels stay as they are.

    Args:
        segmentation_node: The ``vtkMRMLSegmentationNode``.
        most_triangles: Surfaces of at most so many are left alone.

    Returns:
        How many were thinned.
    """
    segmentation = segmentation_node.GetSegmentation()
    thinned = 0
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        shape = segment.GetRepresentation(SURFACE)
        if shape is None or shape.GetNumberOfPolys() <= most_triangles:
            continue
        segment.AddRepresentation(SURFACE, _thinned(shape))
        thinned += 1
    if thinned:  # replaced representations tell nobody
        segmentation_node.Modified()
        if segmentation_node.GetDisplayNode() is not None:
            segmentation_node.GetDisplayNode().Modified()
    return thinned


def _thinned(shape: Any) -> Any:
    thin = vtk.vtkBinnedDecimation()
    thin.SetInputData(shape)
    thin.SetNumberOfDivisions(DIVISIONS, DIVISIONS, DIVISIONS)
    thin.SetPointGenerationModeToBinAverages()
    thin.ProducePointDataOn()  # the fine surface's normals: the thinned one does not tell in from out everywhere
    thin.Update()
    return thin.GetOutput()
