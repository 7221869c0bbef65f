"""Label arrays <-> segmentation nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import slicer
import vtk
from vtk.util import numpy_support

from ChestCTLib.errors import InputError
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from ChestCTMRML import segmentations, terminology, volumes
from ChestCTMRML.segmentations import EditedSegmentsError

from .conftest import COARSE_MM, GRIDS

VOXEL_DIAGONAL_MM = float(np.linalg.norm(COARSE_MM))


def _case(scene: Any, phantom: Phantom) -> tuple[Any, Any]:
    volume = volumes.add_volume(scene, phantom.volume, "CT")
    return volume, segmentations.add_segmentation(scene, volume, "lungs")


def _center_ras(segmentation: Any, segment_id: str) -> np.ndarray:
    """World centre of a segment as Slicer itself sees it: parent transform applied, voxels counted."""
    image = slicer.vtkOrientedImageData()
    segmentation.GetBinaryLabelmapRepresentation(segment_id, image)
    i, j, k = image.GetDimensions()
    mask = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i)
    extent = image.GetExtent()
    first = np.array([extent[0], extent[2], extent[4]])
    ijk = np.argwhere(mask)[:, ::-1].mean(axis=0) + first
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    local = matrix.MultiplyPoint([*ijk, 1.0])
    to_world = vtk.vtkMatrix4x4()
    if segmentation.GetParentTransformNode() is not None:
        segmentation.GetParentTransformNode().GetMatrixTransformToWorld(to_world)
    return np.array(to_world.MultiplyPoint(local)[:3])


def _center_of(phantom: Phantom, value: int) -> np.ndarray:
    """World RAS centre of one of the phantom's lungs, from the phantom alone."""
    kji = np.argwhere(phantom.lungs == value).mean(axis=0)
    x, y, z = (phantom.volume.ijk_to_lps @ [*kji[::-1], 1.0])[:3]
    return np.array([-x, -y, z])


def test_labels_come_back_voxel_for_voxel(scene: Any, phantom: Phantom) -> None:
    volume, node = _case(scene, phantom)
    segmentations.set_labels(node, phantom.lungs, volume, LUNG_LABELS)
    np.testing.assert_array_equal(segmentations.labels_from_segmentation(node, volume, LUNG_LABELS), phantom.lungs)


@pytest.mark.parametrize("grid", GRIDS)
def test_on_any_grid_the_segments_lie_on_the_phantoms_landmarks(scene: Any, grid: str) -> None:
    phantom = make_phantom(PhantomSettings(spacing_mm=(8.0, 6.0, 6.0), ijk_to_lps_directions=GRIDS[grid]))
    volume, node = _case(scene, phantom)
    ids = segmentations.set_labels(node, phantom.lungs, volume, LUNG_LABELS)
    right, left = (_center_ras(node, ids[label.value]) for label in LUNG_LABELS)
    np.testing.assert_allclose(right, _center_of(phantom, 1), atol=1e-6)
    np.testing.assert_allclose(left, _center_of(phantom, 2), atol=1e-6)
    assert right[0] > left[0] + 100  # the patient's right is at positive R, however the voxels run
    np.testing.assert_array_equal(segmentations.labels_from_segmentation(node, volume, LUNG_LABELS), phantom.lungs)


def test_under_a_parent_transform_segments_move_with_the_volume(
    scene: Any, phantom: Phantom, transform: Callable[[np.ndarray], Any]
) -> None:
    volume = volumes.add_volume(scene, phantom.volume, "CT")
    moved = np.eye(4)
    moved[:3, 3] = [10.0, -20.0, 30.0]
    volume.SetAndObserveTransformNodeID(transform(moved).GetID())
    node = segmentations.add_segmentation(scene, volume, "lungs")
    ids = segmentations.set_labels(node, phantom.lungs, volume, LUNG_LABELS)
    np.testing.assert_allclose(_center_ras(node, ids[1]), _center_of(phantom, 1) + moved[:3, 3], atol=1e-6)
    np.testing.assert_array_equal(segmentations.labels_from_segmentation(node, volume, LUNG_LABELS), phantom.lungs)


def test_a_segmentation_on_another_grid_is_brought_to_the_volumes(scene: Any, phantom: Phantom) -> None:
    fine = make_phantom(PhantomSettings(spacing_mm=(5.0, 3.5, 3.5)))
    fine_volume = volumes.add_volume(scene, fine.volume, "fine")
    node = segmentations.add_segmentation(scene, fine_volume, "fine lungs")
    segmentations.set_labels(node, fine.lungs, fine_volume, LUNG_LABELS)
    volume = volumes.add_volume(scene, phantom.volume, "coarse")
    labels = segmentations.labels_from_segmentation(node, volume, LUNG_LABELS)
    overlap = 2 * ((labels == 1) & (phantom.lungs == 1)).sum() / ((labels == 1).sum() + (phantom.lungs == 1).sum())
    assert overlap > 0.97
    shift = np.argwhere(labels == 1).mean(axis=0) - np.argwhere(phantom.lungs == 1).mean(axis=0)
    assert np.abs(shift).max() < 0.25  # voxels: nothing is off by one


def test_segments_carry_their_terms_and_colours(scene: Any, phantom: Phantom) -> None:
    volume, node = _case(scene, phantom)
    ids = segmentations.set_labels(node, phantom.lesions, volume, LESION_LABELS)
    for label in LESION_LABELS:
        segment = node.GetSegmentation().GetSegment(ids[label.value])
        text = vtk.reference("")
        assert segment.GetTag(terminology.TAG, text) and str(text) == terminology.entry(label)
        np.testing.assert_allclose(segment.GetColor(), label.color, atol=1e-6)
        assert segment.GetName() == label.name


def test_segments_made_elsewhere_are_found_by_term_then_by_name(scene: Any, phantom: Phantom) -> None:
    volume, node = _case(scene, phantom)
    ids = segmentations.set_labels(node, phantom.lungs, volume, LUNG_LABELS)
    segmentation = node.GetSegmentation()
    segmentation.GetSegment(ids[1]).SetName("RL")  # the term still tells
    segmentation.GetSegment(ids[2]).SetTag(terminology.TAG, "")
    segmentation.GetSegment(ids[2]).SetName("Left Lung")  # the name still tells
    assert segmentations.match_segments(node, LUNG_LABELS) == ids
    segmentation.GetSegment(ids[2]).SetName("something")
    with pytest.raises(InputError, match=r"left lung.*“RL”, “something”"):
        segmentations.labels_from_segmentation(node, volume, LUNG_LABELS)
    chosen = segmentations.labels_from_segmentation(node, volume, LUNG_LABELS, {2: ids[2]})
    np.testing.assert_array_equal(chosen, phantom.lungs)


def test_a_second_run_updates_the_same_segments_and_leaves_others_alone(scene: Any, phantom: Phantom) -> None:
    volume, node = _case(scene, phantom)
    first = segmentations.set_labels(node, phantom.lungs, volume, LUNG_LABELS)
    node.GetSegmentation().AddEmptySegment("mine", "my own")
    smaller = np.where(np.arange(len(phantom.lungs))[:, None, None] > 20, phantom.lungs, 0).astype(np.uint8)
    assert segmentations.set_labels(node, smaller, volume, LUNG_LABELS) == first
    assert segmentations.segment_names(node) == ["right lung", "left lung", "my own"]
    np.testing.assert_array_equal(segmentations.labels_from_segmentation(node, volume, LUNG_LABELS), smaller)


def test_an_edit_by_hand_is_noticed_and_never_overwritten_without_leave(scene: Any, phantom: Phantom) -> None:
    volume, node = _case(scene, phantom)
    ids = segmentations.set_labels(node, phantom.lungs, volume, LUNG_LABELS)
    assert segmentations.edited_segments(node, LUNG_LABELS) == []
    image = node.GetSegmentation().GetSegment(ids[2]).GetRepresentation(segmentations.LABELMAP)
    scalars = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
    scalars[np.flatnonzero(scalars == 2)[:1]] = 0  # one voxel erased
    assert segmentations.edited_segments(node, LUNG_LABELS) == ["left lung"]
    with pytest.raises(EditedSegmentsError, match="left lung"):
        segmentations.set_labels(node, phantom.lungs, volume, LUNG_LABELS)
    assert segmentations.edited_segments(node, LUNG_LABELS) == ["left lung"]
    segmentations.set_labels(node, phantom.lungs, volume, LUNG_LABELS, overwrite_edited=True)
    assert segmentations.edited_segments(node, LUNG_LABELS) == []


def test_a_segmentation_that_somebody_else_made_counts_as_edited(scene: Any, phantom: Phantom) -> None:
    volume, node = _case(scene, phantom)
    ids = segmentations.set_labels(node, phantom.lungs, volume, LUNG_LABELS)
    node.GetSegmentation().GetSegment(ids[1]).SetTag(segmentations.FINGERPRINT_TAG, "")
    assert segmentations.edited_segments(node, LUNG_LABELS) == ["right lung"]


def test_a_label_without_voxels_becomes_an_empty_segment(scene: Any, phantom: Phantom) -> None:
    volume, node = _case(scene, phantom)
    segmentations.set_labels(node, np.zeros_like(phantom.lungs), volume, LUNG_LABELS)
    assert segmentations.segment_names(node) == ["right lung", "left lung"]
    assert not segmentations.labels_from_segmentation(node, volume, LUNG_LABELS).any()


def test_labels_of_another_grid_are_refused(scene: Any, phantom: Phantom) -> None:
    volume, node = _case(scene, phantom)
    with pytest.raises(InputError, match="voxels"):
        segmentations.set_labels(node, phantom.lungs[1:], volume, LUNG_LABELS)
    assert segmentations.segment_names(node) == []
