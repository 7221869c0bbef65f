"""Which segmentation belongs to which CT, and the mask as it was before somebody corrected it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer

from ChestCTLib.labels import Label
from ChestCTMRML.case_folder import FOLDER_ATTRIBUTE
from ChestCTMRML.displays import nodes_of_class
from ChestCTMRML.nodes import ROLE_PREFIX, find_owned, owned_node
from ChestCTMRML.segmentations import match_segments

ORIGINAL_ROLE = "Lesions.Original"
METHOD_ATTRIBUTE = "COVIDMTL.Method"
"""Attribute of a lesion segmentation: what made it."""


def volume_of(segmentation_node: Any) -> Any | None:
    """The CT on whose grid a segmentation was made; None where it is not known."""
    if segmentation_node is None:
        return None
    return segmentation_node.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())


def segmentation_of(scene: Any, volume_node: Any, labels: Sequence[Label]) -> Any | None:
    """A CT's own segmentation with certain labels; None where there is none.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        labels: Labels it must hold.
    """
    original = find_owned(volume_node, ORIGINAL_ROLE)
    for node in nodes_of_class(scene, "vtkMRMLSegmentationNode"):
        if volume_of(node) is volume_node and node is not original and len(match_segments(node, labels)) == len(labels):
            return node
    return None


def keep_original(scene: Any, volume_node: Any, lesions_node: Any) -> Any:
    """Keep a copy of a lesion mask as it is before any correction; it is not shown.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        lesions_node: Its lesions.

    Returns:
        The ``vtkMRMLSegmentationNode`` with the copy.
    """
    name = f"{volume_node.GetName()} lesions before correction"
    node = owned_node(scene, volume_node, ORIGINAL_ROLE, "vtkMRMLSegmentationNode", name)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.SetAndObserveTransformNodeID(lesions_node.GetTransformNodeID())
    node.GetSegmentation().DeepCopy(lesions_node.GetSegmentation())
    node.SetAttribute(METHOD_ATTRIBUTE, lesions_node.GetAttribute(METHOD_ATTRIBUTE) or "")
    return node


def set_method(volume_node: Any, lesions_node: Any, method: str) -> None:
    """Note what made a lesion mask, on it and on its copy from before any correction."""
    for node in (lesions_node, original_of(volume_node)):
        if node is not None:
            node.SetAttribute(METHOD_ATTRIBUTE, method)


def original_of(volume_node: Any) -> Any | None:
    """The copy that :func:`keep_original` made; None where there is none."""
    return find_owned(volume_node, ORIGINAL_ROLE)


def remove_case(scene: Any, volume_node: Any) -> None:
    """Remove a CT and everything that was made of it: segmentations, tables, plots, models, its folder."""
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = tree.GetItemParent(tree.GetItemByDataNode(volume_node))
    own = [node for node in nodes_of_class(scene, "vtkMRMLSegmentationNode") if volume_of(node) is volume_node]
    roles: list[str] = []
    volume_node.GetNodeReferenceRoles(roles)
    for role in roles:
        if role.startswith(ROLE_PREFIX):
            own.append(volume_node.GetNodeReference(role))
    for node in [*own, volume_node]:
        if node is None or node.GetScene() is None:
            continue
        parts = []
        if isinstance(node, slicer.vtkMRMLDisplayableNode):
            parts += [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
        if isinstance(node, slicer.vtkMRMLStorableNode):
            parts += [node.GetNthStorageNode(index) for index in range(node.GetNumberOfStorageNodes())]
        for part in [*parts, node]:
            if part is not None and part.GetScene() is not None:
                scene.RemoveNode(part)
    if folder and tree.HasItemAttribute(folder, FOLDER_ATTRIBUTE):
        tree.RemoveItem(folder)
