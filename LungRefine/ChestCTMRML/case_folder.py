"""One subject-hierarchy folder a case, under the patient's study where the volume came from one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import slicer

FOLDER_ATTRIBUTE = "COVIDMTL.Case"


def case_folder(scene: Any, volume_node: Any) -> int:
    """Return the case's folder; make it round the volume when there is none.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The case's CT.

    Returns:
        Item id of the folder.
    """
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    volume_item = tree.GetItemByDataNode(volume_node)
    if not volume_item:
        volume_item = tree.CreateItem(tree.GetSceneItemID(), volume_node)
    parent = tree.GetItemParent(volume_item)
    if tree.HasItemAttribute(parent, FOLDER_ATTRIBUTE):
        return int(parent)
    folder = tree.CreateFolderItem(parent or tree.GetSceneItemID(), f"{volume_node.GetName()}: chest CT review")
    tree.SetItemAttribute(folder, FOLDER_ATTRIBUTE, "1")
    tree.SetItemExpanded(folder, True)
    tree.SetItemParent(volume_item, folder)
    return int(folder)


def put_in_case_folder(scene: Any, volume_node: Any, nodes: Iterable[Any]) -> int:
    """Put nodes under the case's folder; nodes that are there already, or None, are passed over.

    Returns:
        Item id of the folder.
    """
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = case_folder(scene, volume_node)
    for node in nodes:
        if node is None:
            continue
        item = tree.GetItemByDataNode(node)
        if not item:
            tree.CreateItem(folder, node)
        elif tree.GetItemParent(item) != folder:
            tree.SetItemParent(item, folder)
    return folder
