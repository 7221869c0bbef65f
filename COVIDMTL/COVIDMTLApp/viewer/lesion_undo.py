"""Undo of strokes: a stroke that changed no voxel is not offered, one that did keeps the voxels it changed alone.

trame-slicer's own command keeps two copies of the whole segmentation with every stroke: gigabytes after twenty of them
on a thin-slice scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from trame_slicer.segmentation.segmentation_undo_command import SegmentationLabelMapUndoCommand
from undo_stack import UndoCommand, UndoStack
from vtk.util import numpy_support

from ChestCTMRML.label_prints import bounding_box
from ChestCTMRML.segmentations import LABELMAP, SURFACE

UNDO_STEPS = 20
Voxels = npt.NDArray[Any]
Box = tuple[slice, ...]
WHOLE: Box = (slice(None), slice(None), slice(None))


class LesionUndo(UndoStack):
    """The strokes on one segmentation."""

    def __init__(self) -> None:
        super().__init__(undo_limit=UNDO_STEPS)
        self._segmentation: Any = None
        self._known: dict[str, _LabelMap] = {}

    def watch(self, segmentation: Any) -> None:
        """Begin with a ``vtkSegmentation`` as it is now."""
        self.clear()
        self._segmentation, self._known = segmentation, _label_maps(segmentation)

    def push(self, command: UndoCommand) -> None:
        """Take a command that was done; that of a stroke is kept as what the stroke changed."""
        if isinstance(command, SegmentationLabelMapUndoCommand) and self._segmentation is not None:
            now = _label_maps(self._segmentation)
            if now.keys() == self._known.keys():
                changes = [change for name in now for change in _changes(name, self._known[name], now[name])]
                if not changes:
                    return
                command = _Stroke(self, changes)
            self._known = now
        super().push(command)

    def put(self, changes: list[_Change], after: bool) -> None:
        """Give label maps the voxels that they had before or after a stroke."""
        has_surfaces = self._segmentation.ContainsRepresentation(SURFACE)  # which go with the voxels
        for change in changes:
            image = self._segmentation.GetSegment(change.segment_id).GetRepresentation(LABELMAP)
            _put(image, change.after if after else change.before)
        if has_surfaces:
            self._segmentation.CreateRepresentation(SURFACE, True)
        self._known = _label_maps(self._segmentation)


@dataclass(frozen=True)
class _LabelMap:
    """A copy of a label map: its extent, and its voxels ``[k, j, i]``."""

    extent: tuple[int, ...]
    voxels: Voxels


@dataclass(frozen=True)
class _Part:
    """Voxels in a box of a label map of some extent."""

    extent: tuple[int, ...]
    box: Box
    voxels: Voxels


@dataclass(frozen=True)
class _Change:
    segment_id: str
    before: _Part
    after: _Part


class _Stroke(UndoCommand):
    def __init__(self, stack: LesionUndo, changes: list[_Change]) -> None:
        super().__init__()
        self._stack, self._changes = stack, changes

    def undo(self) -> None:
        self._stack.put(self._changes, after=False)

    def redo(self) -> None:
        self._stack.put(self._changes, after=True)


def _label_maps(segmentation: Any) -> dict[str, _LabelMap]:
    """Label maps by the first of the segments that share them."""
    seen: dict[str, _LabelMap] = {}
    addresses = set()
    for segment_id in segmentation.GetSegmentIDs():
        image = segmentation.GetSegment(segment_id).GetRepresentation(LABELMAP)
        address = image.GetAddressAsString("") if image is not None else None
        if address is not None and address not in addresses:
            addresses.add(address)
            seen[segment_id] = _LabelMap(image.GetExtent(), _voxels(image).copy())
    return seen


def _voxels(image: Any) -> Voxels:
    """A view into the image's own memory."""
    scalars = image.GetPointData().GetScalars()
    i, j, k = image.GetDimensions()
    if scalars is None or min(i, j, k) < 1:
        return np.empty((0, 0, 0), np.uint8)
    return numpy_support.vtk_to_numpy(scalars).reshape(k, j, i)


def _changes(segment_id: str, before: _LabelMap, after: _LabelMap) -> list[_Change]:
    """At most one: the box of changed voxels, or all of them where the label map grew or shrank."""
    changed = bounding_box(before.voxels != after.voxels) if before.extent == after.extent else WHOLE
    if changed is None:
        return []
    parts = [_Part(one.extent, changed, one.voxels[changed].copy()) for one in (before, after)]
    return [_Change(segment_id, *parts)]


def _put(image: Any, part: _Part) -> None:
    if image.GetExtent() == part.extent:
        _voxels(image)[part.box] = part.voxels
    else:
        image.SetExtent(part.extent)
        image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(part.voxels.ravel(), deep=True))
    image.GetPointData().GetScalars().Modified()
    image.Modified()
