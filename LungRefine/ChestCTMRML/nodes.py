"""Nodes that belong to another node: made once, found again in a re-run, restored with the scene."""

from __future__ import annotations

from typing import Any

ROLE_PREFIX = "COVIDMTL."


def owned_node(scene: Any, owner: Any, role: str, class_name: str, name: str) -> Any:
    """Return the node that ``owner`` refers to in ``role``; make it when there is none.

    Args:
        scene: The ``vtkMRMLScene``.
        owner: Usually the CT's volume node: one case, one volume.
        role: What the node is for, such as ``"Lungs.Table"``; saved with the scene.
        class_name: Class of a new node.
        name: Name of a new node; an existing one keeps the name the user may have given it.
    """
    node = owner.GetNodeReference(ROLE_PREFIX + role)
    if node is None or node.GetScene() is None or not node.IsA(class_name):
        node = scene.AddNewNodeByClass(class_name, name)
        owner.SetNodeReferenceID(ROLE_PREFIX + role, node.GetID())
    return node


def find_owned(owner: Any, role: str) -> Any:
    """The node that ``owner`` refers to in ``role``, or None."""
    return owner.GetNodeReference(ROLE_PREFIX + role)
