"""Segments as the raw voxels they are kept in, for another process to assemble: nothing is resampled or compared here.

Reading segments as one label array of the whole scan stops the GUI for a second on a thin-slice scan; handing over
their cropped label maps takes milliseconds. Segments on another grid than the volume's are read the long way.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from vtk.util import numpy_support

from ChestCTLib.labels import Label
from ChestCTMRML import segmentations
from ChestCTMRML.geometry import Matrix, ijk_to_local_ras, local_to_world


@dataclass(frozen=True)
class Patch:
    """Voxels of one or several segments.

    Attributes:
        voxels: ``[k, j, i]``, any integer type; a view into the segments' own memory.
        first: Place of its first voxel on the volume's grid (k, j, i); may lie outside.
        to_ras: Its indices to the segmentation's own RAS, mm.
        values: Voxel value -> label value.
        written: Label value -> fingerprint of what the project wrote, as JSON; empty for a segment made by hand.
        edited: Whether a segment was edited by hand; None where the fingerprints tell.
    """

    voxels: npt.NDArray[Any]
    first: tuple[int, int, int]
    to_ras: Matrix
    values: Mapping[int, int]
    written: Mapping[int, str]
    edited: bool | None = None


def segment_patches(
    segmentation_node: Any, volume_node: Any, labels: Sequence[Label]
) -> Generator[None, None, list[Patch]]:
    """Take the label maps of segments, in steps short enough for the GUI.

    Args:
        segmentation_node: Any segmentation.
        volume_node: Gives the grid.
        labels: The labels to look for, by terminology, then by name.

    Returns:
        The patches; later ones win where they overlap. Empty segments have none.

    Raises:
        InputError: A label is found in no segment, or a transform bends space.
    """
    ids = segmentations.match_segments(segmentation_node, labels)
    if len(ids) < len(labels):  # complains about what is missing
        yield from segmentations.labels_in_steps(segmentation_node, volume_node, labels)
    local_to_local = np.linalg.inv(local_to_world(volume_node)) @ local_to_world(segmentation_node)
    to_volume = np.linalg.inv(ijk_to_local_ras(volume_node)) @ local_to_local
    patches: list[Patch] = []
    for label in labels:
        segment = segmentation_node.GetSegmentation().GetSegment(ids[label.value])
        patch = _patch(segment, label.value, to_volume)
        if patch is None:
            array = yield from segmentations.labels_in_steps(segmentation_node, volume_node, labels)
            edited = bool(segmentations.edited_segments(segmentation_node, labels))
            known = {other.value: other.value for other in labels}
            return [Patch(array, (0, 0, 0), ijk_to_local_ras(volume_node), known, {}, edited)]
        if patch.voxels.size:
            patches.append(patch)
        yield
    return _joined(patches)


def _patch(segment: Any, value: int, to_volume: Matrix) -> Patch | None:
    """A segment's own label map; None where its voxels are not the volume's."""
    image = segment.GetRepresentation(segmentations.LABELMAP)
    scalars = image.GetPointData().GetScalars() if image is not None and image.GetPointData() else None
    if image is None:
        return None
    written = {value: segmentations.written_print(segment)}
    if scalars is None or min(image.GetDimensions()) < 1:
        return Patch(np.empty((0, 0, 0), np.uint8), (0, 0, 0), np.eye(4), {}, {})
    to_ras = segmentations.label_map_to_ras(image)
    shift = to_volume @ to_ras
    rounded = np.rint(shift)
    if not np.allclose(shift, rounded, rtol=0, atol=segmentations.GRID_TOLERANCE):
        return None
    if not np.array_equal(rounded[:3, :3], np.eye(3)):
        return None
    i, j, k = image.GetDimensions()
    voxels = numpy_support.vtk_to_numpy(scalars).reshape(k, j, i)
    first = (int(rounded[2, 3]), int(rounded[1, 3]), int(rounded[0, 3]))
    return Patch(voxels, first, to_ras, {segment.GetLabelValue(): value}, written)


def _joined(patches: list[Patch]) -> list[Patch]:
    """Segments that share a label map share a patch."""
    joined: list[Patch] = []
    for patch in patches:
        last = joined[-1] if joined else None
        if last is not None and np.shares_memory(last.voxels, patch.voxels):
            values = {**last.values, **patch.values}
            written = {**last.written, **patch.written}
            joined[-1] = Patch(last.voxels, last.first, last.to_ras, values, written)
        else:
            joined.append(patch)
    return joined
