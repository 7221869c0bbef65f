"""The 3D view from the front, filled by what is shown: lungs where there are any, and the intensity map beside them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer

from ChestCTMRML.geometry import local_to_world
from ChestCTMRML.intensity_plane import PLANE_ROLE
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.segmentations import SURFACE

CAMERA_ANGLE_DEG = 30.0  # VTK's default view angle, from the lower to the upper edge of the view
MARGIN = 1.08  # share left free round what is shown
Box = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def look_from_front(scene: Any, volume_node: Any, aspect: float = 1.0) -> None:
    """Look at a CT's lungs from the front in every 3D view.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT; it is looked at as a whole where it has no surfaces yet.
        aspect: Width of the views by their height.
    """
    low, high = shown_box(scene, volume_node)
    center, size = (low + high) / 2, high - low
    half = MARGIN * max(size[2], size[0] / max(aspect, 0.1)) / 2
    distance = half / np.tan(np.radians(CAMERA_ANGLE_DEG / 2)) + size[1] / 2
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLCameraNode")):
        camera = scene.GetNthNodeByClass(index, "vtkMRMLCameraNode")
        camera.SetFocalPoint(*center)
        camera.SetPosition(center[0], center[1] + distance, center[2])
        camera.SetViewUp(0.0, 0.0, 1.0)
        camera.SetViewAngle(CAMERA_ANGLE_DEG)
        camera.ResetClippingRange()


def shown_box(scene: Any, volume_node: Any) -> Box:
    """World RAS corners of what a CT shows in 3D: its segmentations' surfaces and its intensity map."""
    boxes = [box for node in _segmentations(scene, volume_node) for box in _surface_boxes(node)]
    if not boxes:
        boxes = [_box_of(volume_node)]
    plane = find_owned(volume_node, PLANE_ROLE)
    if plane is not None and plane.GetDisplayNode() is not None and plane.GetDisplayNode().GetVisibility():
        boxes.append(_box_of(plane))
    return np.min([low for low, _ in boxes], axis=0), np.max([high for _, high in boxes], axis=0)


def _segmentations(scene: Any, volume_node: Any) -> list[Any]:
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    count = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    nodes = [scene.GetNthNodeByClass(index, "vtkMRMLSegmentationNode") for index in range(count)]
    return [
        node
        for node in nodes
        if node.GetNodeReference(role) is volume_node
        and node.GetDisplayNode() is not None
        and node.GetDisplayNode().GetVisibility()
        and node.GetDisplayNode().GetVisibility3D()
    ]


def _surface_boxes(segmentation_node: Any) -> list[Box]:
    """Boxes of the surfaces alone: to ask the node would look at every voxel."""
    to_world = local_to_world(segmentation_node)
    segmentation = segmentation_node.GetSegmentation()
    found = []
    for index in range(segmentation.GetNumberOfSegments()):
        shape = segmentation.GetNthSegment(index).GetRepresentation(SURFACE)
        if shape is None or not shape.GetNumberOfPoints():
            continue
        bounds = shape.GetBounds()
        corners = np.array([[*corner, 1.0] for corner in itertools.product(bounds[0:2], bounds[2:4], bounds[4:6])])
        world = (corners @ to_world.T)[:, :3]
        found.append((world.min(axis=0), world.max(axis=0)))
    return found


def _box_of(node: Any) -> Box:
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    return np.array(bounds[0::2]), np.array(bounds[1::2])
