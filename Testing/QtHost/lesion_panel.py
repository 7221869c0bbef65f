"""What the tests of Lesion Seg's panel share: reading its texts, waiting for its numbers, painting like a brush."""

from __future__ import annotations

from collections import Counter
from typing import Any

from vtk.util import numpy_support

from ChestCTLib.labels import LESION_LABELS
from ChestCTMRML import segmentations, tables

RUN_LIMIT_S = 90
APPLICATIONS_OWN = ("View", "Slice", "Layout", "Camera", "Selection", "Interaction", "Crosshair", "Module", "Hierarchy")


def nodes_of(scene: Any) -> Counter[str]:
    """How many nodes of each class a user could see or save; the application's own ones do not count."""
    names = [scene.GetNthNode(index).GetClassName() for index in range(scene.GetNumberOfNodes())]
    return Counter(name for name in names if not any(part in name for part in (*APPLICATIONS_OWN, "Editor")))


def text(widget: Any) -> str:
    """The text of a label or button."""
    return str(widget.property("text"))


def settled(host: Any, widget: Any) -> None:
    """Wait until the measures have followed the last change."""
    assert host.wait_for(lambda: not widget.measuring, RUN_LIMIT_S)
    host.settle()


def add_labels(host: Any, volume: Any, name: str, array: Any, labels: Any) -> Any:
    """A segmentation as the project writes it."""
    node = segmentations.add_segmentation(host.scene, volume, name)
    segmentations.set_labels(node, array, volume, labels)
    return node


def edit(widget: Any, value: int, mask: Any) -> None:
    """Give the voxels of ``mask`` the label ``value`` in the module's segmentation, as a brush does: in place."""
    lesions = widget._parameterNode.lesions
    volume = widget._parameterNode.inputVolume
    array = segmentations.labels_from_segmentation(lesions, volume, LESION_LABELS)
    array[mask] = value
    segmentation = lesions.GetSegmentation()
    for label in LESION_LABELS:
        segment = segmentation.GetSegment(segmentations.match_segments(lesions, [label])[label.value])
        image = segment.GetRepresentation(segmentations.LABELMAP)
        i0, i1, j0, j1, k0, k1 = image.GetExtent()
        part = array[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1]
        numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())[:] = part.ravel()
        image.GetPointData().GetScalars().Modified()
        image.Modified()


def shown(widget: Any, heading: str = "Measure", value: str = "Value") -> dict[str, str]:
    """The result table as the user sees it."""
    return {row[heading]: row[value] for row in tables.rows(widget.ui.resultTable.mrmlTableNode())}
