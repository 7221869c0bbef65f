"""Selectors of CTs: activation maps are volumes too, and must not be offered as scans."""

from __future__ import annotations

from typing import Any

import slicer

from ChestCTMRML.displays import nodes_of_class
from ChestCTMRML.volumes import is_derived


def offer_scans_only(selector: slicer.qMRMLNodeComboBox, scene: Any) -> None:
    """Let a selector of volumes list those that somebody loaded, not those that were made of another one.

    The volumes are hidden from this selector alone: hidden from all editors, Slicer's slice views would drop them from
    their foreground.

    Args:
        selector: A ``qMRMLNodeComboBox``.
        scene: The ``vtkMRMLScene``; to be called again whenever it may have got such volumes.
    """
    found = [node.GetID() for node in nodes_of_class(scene, "vtkMRMLScalarVolumeNode") if is_derived(node)]
    selector.sortFilterProxyModel().hiddenNodeIDs = found


def first_scan(scene: Any) -> Any | None:
    """The scene's first volume that was not made of another one; None without one."""
    volumes = nodes_of_class(scene, "vtkMRMLScalarVolumeNode")
    return next((node for node in volumes if not is_derived(node)), None)
