"""Label arrays <-> segmentation nodes: same grid, same terms, and never over somebody's hand-made edits."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util import numpy_support

from ChestCTLib.errors import InputError
from ChestCTLib.labels import Label
from ChestCTMRML import terminology
from ChestCTMRML.geometry import Matrix, array_from_matrix, ijk_to_local_ras, local_to_world, matrix_from_array
from ChestCTMRML.label_prints import bounding_box, fingerprint, same

LABELMAP = "Binary labelmap"
SURFACE = "Closed surface"
FINGERPRINT_TAG = "COVIDMTL.Fingerprint"
"""Segment tag with what the project wrote, by which a later edit by hand is noticed."""
GRID_TOLERANCE = 1e-3  # voxels; far below half a voxel, far above what text in a scene file rounds away

LabelArray = npt.NDArray[np.uint8]


class EditedSegmentsError(InputError):
    """Segments were changed by hand since the project wrote them.

    Args:
        names: Names of the changed segments.
    """

    def __init__(self, names: Sequence[str]) -> None:
        listed = ", ".join(f"“{name}”" for name in names)
        super().__init__(f"Edited by hand since the last run: {listed}.", "Allow the overwriting, or keep both.")
        self.names = tuple(names)


def add_segmentation(scene: Any, volume_node: Any, name: str) -> Any:
    """Add an empty segmentation node on a volume node's grid, under the same parent transform.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: Gives the reference geometry.
        name: Name of the node.

    Returns:
        The new ``vtkMRMLSegmentationNode`` with default display.
    """
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    _adopt_grid(node, volume_node)
    return node


def set_labels(
    segmentation_node: Any,
    array: LabelArray,
    volume_node: Any,
    labels: Sequence[Label],
    surfaces: Mapping[int, Any] | None = None,
    overwrite_edited: bool = False,
) -> dict[int, str]:
    """Write a label array into a segmentation node; segments of an earlier run are updated in place.

    Args:
        segmentation_node: The ``vtkMRMLSegmentationNode``; segments of other labels are left alone.
        array: uint8 ``[k, j, i]`` on the volume node's own voxel grid.
        volume_node: The volume the labels belong to.
        labels: The labels to write; one without voxels becomes an empty segment.
        surfaces: Ready surfaces by label value, in the volume node's local RAS (:mod:`ChestCTMRML.surfaces`); without
            them an older surface is dropped and Slicer makes a new one when it is asked to show one.
        overwrite_edited: Whether segments that were edited by hand since the last run may be replaced.

    Returns:
        Segment id by label value.

    Raises:
        InputError: The array lies on another grid.
        EditedSegmentsError: Segments were edited by hand and ``overwrite_edited`` is false; nothing was changed.
    """
    for _ in set_labels_in_steps(segmentation_node, array, volume_node, labels, surfaces, overwrite_edited):
        pass
    return match_segments(segmentation_node, labels)


def set_labels_in_steps(
    segmentation_node: Any,
    array: LabelArray,
    volume_node: Any,
    labels: Sequence[Label],
    surfaces: Mapping[int, Any] | None = None,
    overwrite_edited: bool = False,
) -> Iterator[None]:
    """:func:`set_labels` cut into steps of some 0.1 s, for a GUI that must stay alive."""
    dimensions = tuple(reversed(volume_node.GetImageData().GetDimensions()))
    if array.shape != dimensions:
        raise InputError(
            f"The labels have {array.shape} voxels (z, y, x), the volume “{volume_node.GetName()}” has {dimensions}.",
            "Segment this volume again.",
        )
    if not overwrite_edited and (edited := edited_segments(segmentation_node, labels)):
        raise EditedSegmentsError(edited)
    _adopt_grid(segmentation_node, volume_node)

    yield
    image = label_map(array, ijk_to_local_ras(volume_node))
    yield
    for label in labels:
        _set_segment(segmentation_node, label, image, (surfaces or {}).get(label.value))
        yield
    # replaced representations tell nobody: without this the views keep the old slices and lose the surfaces
    segmentation_node.Modified()
    if segmentation_node.GetDisplayNode() is not None:
        segmentation_node.GetDisplayNode().Modified()


def labels_from_segmentation(
    segmentation_node: Any,
    volume_node: Any,
    labels: Sequence[Label],
    chosen: Mapping[int, str] | None = None,
) -> LabelArray:
    """Read segments as a label array on a volume node's grid.

    Args:
        segmentation_node: Any segmentation, also one made elsewhere, on any grid and under any linear transform.
        volume_node: Gives the grid.
        labels: The labels to look for, by terminology, then by name; later labels win where segments overlap.
        chosen: Segment id by label value, for segments that neither term nor name identify.

    Returns:
        uint8 ``[k, j, i]``; all zero for segments without voxels.

    Raises:
        InputError: A label is found in no segment, or a transform bends space.
    """
    steps = labels_in_steps(segmentation_node, volume_node, labels, chosen)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: LabelArray = end.value
            return found


def labels_in_steps(
    segmentation_node: Any,
    volume_node: Any,
    labels: Sequence[Label],
    chosen: Mapping[int, str] | None = None,
) -> Generator[None, None, LabelArray]:
    """:func:`labels_from_segmentation` cut into one step a label, for a GUI that must stay alive."""
    if segmentation_node is None:
        raise InputError("No segmentation is chosen.", "Choose one, or load it from a file.")
    ids = {**match_segments(segmentation_node, labels), **(chosen or {})}
    missing = [label.name for label in labels if label.value not in ids]
    if missing:
        present = ", ".join(f"“{name}”" for name in segment_names(segmentation_node)) or "none"
        raise InputError(
            f"“{segmentation_node.GetName()}” has no segment for {', '.join(missing)} (it has: {present}).",
            "Name the segments so, give them these terms, or choose them by hand.",
        )
    reference = _reference_image(volume_node)
    to_volume = vtk.vtkTransform()
    to_volume.SetMatrix(
        matrix_from_array(np.linalg.inv(local_to_world(volume_node)) @ local_to_world(segmentation_node))
    )
    k, j, i = tuple(reversed(volume_node.GetImageData().GetDimensions()))
    out = np.zeros((k, j, i), dtype=np.uint8)
    for label in labels:
        inside = _on_grid(segmentation_node, ids[label.value], reference, to_volume).astype(bool)
        yield
        np.copyto(out, label.value, where=inside)
        yield
    return out


def match_segments(segmentation_node: Any, labels: Sequence[Label]) -> dict[int, str]:
    """Find the segments that hold the labels: by terminology, then by name without regard to case.

    Returns:
        Segment id by label value; labels without a segment are left out.
    """
    segmentation = segmentation_node.GetSegmentation()
    ids = list(segmentation.GetSegmentIDs())
    by_codes = {_codes(segmentation.GetSegment(id_)): id_ for id_ in reversed(ids)}
    by_name = {segmentation.GetSegment(id_).GetName().strip().lower(): id_ for id_ in reversed(ids)}
    found: dict[int, str] = {}
    for label in labels:
        id_ = by_codes.get(terminology.label_codes(label)) or by_name.get(label.name.lower())
        if id_ is not None:
            found[label.value] = id_
    return found


def segment_names(segmentation_node: Any) -> list[str]:
    """Names of all segments, in order."""
    segmentation = segmentation_node.GetSegmentation()
    return [segmentation.GetNthSegment(index).GetName() for index in range(segmentation.GetNumberOfSegments())]


def edited_segments(segmentation_node: Any, labels: Sequence[Label]) -> list[str]:
    """Names of those segments for ``labels`` that hold other voxels than the project wrote, or that it did not write.

    Empty segments count as untouched: there is nothing to lose.
    """
    if segmentation_node is None:
        return []
    edited = []
    for id_ in match_segments(segmentation_node, labels).values():
        segment = segmentation_node.GetSegmentation().GetSegment(id_)
        present = _print(segment)
        written = written_print(segment)
        if present is not None and (not written or not same(json.loads(written), present)):
            edited.append(segment.GetName())
    return edited


def _adopt_grid(segmentation_node: Any, volume_node: Any) -> None:
    segmentation_node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    segmentation_node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    if segmentation_node.GetSegmentation().GetNumberOfSegments() == 0:
        segmentation_node.SetSourceRepresentationToBinaryLabelmap()


def _set_segment(segmentation_node: Any, label: Label, image: Any, surface: Any) -> None:
    segmentation = segmentation_node.GetSegmentation()
    id_ = match_segments(segmentation_node, [label]).get(label.value)
    is_new = id_ is None
    segment = slicer.vtkSegment() if is_new else segmentation.GetSegment(id_)
    segment.RemoveAllRepresentations()
    segment.AddRepresentation(LABELMAP, image)
    segment.SetLabelValue(label.value)
    if surface is not None:
        segment.AddRepresentation(SURFACE, surface)
    if is_new:
        segment.SetName(label.name)
        segment.SetColor(*label.color)
        segment.SetTag(terminology.TAG, terminology.entry(label))
        id_ = segmentation.GenerateUniqueSegmentID(label.name.replace(" ", "-"))
        segmentation.AddSegment(segment, id_)
    written = _print(segment)
    segment.SetTag(FINGERPRINT_TAG, json.dumps(written) if written is not None else "")


def label_map(array: LabelArray, to_local_ras: npt.NDArray[np.float64]) -> Any:
    """One oriented image for all labels ``[k, j, i]``, cropped to where there are any."""
    box = bounding_box(array) or tuple(slice(0, 1) for _ in range(3))
    crop = np.ascontiguousarray(array[box])
    image = slicer.vtkOrientedImageData()
    (k, j, i) = ((part.start, part.stop - 1) for part in box)
    image.SetExtent(*i, *j, *k)
    image.SetImageToWorldMatrix(matrix_from_array(to_local_ras))
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(crop.ravel(), deep=True))
    return image


def label_map_to_ras(image: Any) -> Matrix:
    """Indices of an oriented image's voxels, counted from its first one, to the segmentation's own RAS, mm."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    to_ras = array_from_matrix(matrix)
    extent = image.GetExtent()
    to_ras[:3, 3] += to_ras[:3, :3] @ [extent[0], extent[2], extent[4]]
    return to_ras


def written_print(segment: Any) -> str:
    """Fingerprint of what the project wrote into a segment, as JSON; empty for a segment made elsewhere."""
    return _tag(segment, FINGERPRINT_TAG)


def _print(segment: Any) -> dict[str, Any] | None:
    """Fingerprint of the voxels that a segment has now; None without voxels."""
    image = segment.GetRepresentation(LABELMAP)
    scalars = image.GetPointData().GetScalars() if image is not None and image.GetPointData() else None
    if scalars is None or scalars.GetNumberOfTuples() == 0:
        return None
    i, j, k = image.GetDimensions()
    mask = numpy_support.vtk_to_numpy(scalars).reshape(k, j, i) == segment.GetLabelValue()
    return fingerprint(mask, label_map_to_ras(image))


def _tag(segment: Any, name: str) -> str:
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def _codes(segment: Any) -> tuple[str, str, str] | None:
    return terminology.codes(_tag(segment, terminology.TAG))


def _reference_image(volume_node: Any) -> Any:
    """The volume's grid in its own local RAS, without voxels."""
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(volume_node.GetImageData().GetDimensions())
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.SetImageToWorldMatrix(matrix_from_array(ijk_to_local_ras(volume_node)))
    return image


def _on_grid(segmentation_node: Any, segment_id: str, reference: Any, to_volume: Any) -> npt.NDArray[Any]:
    i, j, k = reference.GetDimensions()
    pasted = _pasted(segmentation_node.GetSegmentation().GetSegment(segment_id), reference, to_volume, (k, j, i))
    if pasted is not None:
        return pasted
    source = slicer.vtkOrientedImageData()
    if not segmentation_node.GetBinaryLabelmapRepresentation(segment_id, source) or source.IsEmpty():
        return np.zeros((k, j, i), dtype=np.uint8)
    out = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        source, reference, out, False, False, to_volume
    )
    return numpy_support.vtk_to_numpy(out.GetPointData().GetScalars()).reshape(k, j, i)


def _pasted(segment: Any, reference: Any, to_volume: Any, shape: tuple[int, int, int]) -> npt.NDArray[Any] | None:
    """A segment whose voxels are the reference's own, copied without resampling; None for another grid."""
    image = segment.GetRepresentation(LABELMAP)
    if image is None:
        return None
    to_world, from_world = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(to_world)
    reference.GetImageToWorldMatrix(from_world)
    shift = np.linalg.inv(array_from_matrix(from_world)) @ array_from_matrix(to_volume.GetMatrix())
    shift = shift @ array_from_matrix(to_world)
    rounded = np.rint(shift)
    if not np.allclose(shift, rounded, rtol=0, atol=GRID_TOLERANCE) or not np.array_equal(rounded[:3, :3], np.eye(3)):
        return None
    out = np.zeros(shape, dtype=np.uint8)
    i, j, k = image.GetDimensions()
    scalars = image.GetPointData().GetScalars()
    if scalars is None or min(i, j, k) < 1:
        return out
    mask = numpy_support.vtk_to_numpy(scalars).reshape(k, j, i) == segment.GetLabelValue()
    extent = image.GetExtent()
    target, source = [], []
    for axis in (2, 1, 0):
        first = extent[2 * axis] + int(rounded[axis, 3])
        low, high = max(first, 0), min(first + mask.shape[2 - axis], shape[2 - axis])
        if high <= low:
            return out
        target.append(slice(low, high))
        source.append(slice(low - first, high - first))
    out[tuple(target)] = mask[tuple(source)]
    return out
