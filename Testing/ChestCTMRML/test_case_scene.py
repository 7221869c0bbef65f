"""A whole case in a scene: folder, displays, pictures, and the ``.mrb`` that brings it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from vtk.util import numpy_support

from ChestCTLib.errors import InputError
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTLib.phantom import Phantom
from ChestCTMRML import case_folder, displays, layouts, scene_file, segmentations, surfaces, volumes
from ChestCTMRML.geometry import LPS_FROM_RAS
from ChestCTMRML.headless import HeadlessSlicer

PICTURE = (360, 300)


@pytest.fixture(scope="module")
def headless() -> Iterator[HeadlessSlicer]:
    made = HeadlessSlicer()
    made.add_standard_views()
    yield made
    made.close()


@pytest.fixture(scope="module")
def reopened(headless: HeadlessSlicer, phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A phantom's case written as ``.mrb`` and read back."""
    path = tmp_path_factory.mktemp("scene") / "case.mrb"
    case = scene_file.SceneCase(phantom.volume, phantom.lungs, phantom.lesions, phantom.airway, name="P")
    scene_file.write_case_scene(path, case)
    scene_file.read_scene(headless.scene, path)
    return headless.scene


def _node(scene: Any, name: str) -> Any:
    node = scene.GetFirstNodeByName(name)
    assert node is not None, name
    return node


def test_voxels_segments_and_terms_survive_saving(reopened: Any, phantom: Phantom) -> None:
    volume = _node(reopened, "P")
    back = volumes.volume_from_node(volume)
    np.testing.assert_array_equal(back.hu, phantom.volume.hu)
    np.testing.assert_allclose(back.ijk_to_lps, phantom.volume.ijk_to_lps, atol=1e-5)
    lungs, lesions = _node(reopened, "P lungs"), _node(reopened, "P lesions")
    read = segmentations.labels_from_segmentation
    np.testing.assert_array_equal(read(lungs, volume, LUNG_LABELS), phantom.lungs)
    np.testing.assert_array_equal(read(lesions, volume, LESION_LABELS), phantom.lesions)


def test_saved_segments_are_not_taken_for_edited_ones(reopened: Any) -> None:
    assert segmentations.edited_segments(_node(reopened, "P lungs"), LUNG_LABELS) == []
    assert segmentations.edited_segments(_node(reopened, "P lesions"), LESION_LABELS) == []


def test_displays_survive_saving(reopened: Any) -> None:
    volume, lungs, lesions = (_node(reopened, name) for name in ("P", "P lungs", "P lesions"))
    window = volume.GetScalarVolumeDisplayNode()
    assert (window.GetWindow(), window.GetLevel()) == (displays.LUNG_WINDOW_HU, displays.LUNG_LEVEL_HU)
    assert not window.GetAutoWindowLevel()
    assert not lungs.GetDisplayNode().GetVisibility2DFill() and lungs.GetDisplayNode().GetVisibility2DOutline()
    assert lungs.GetDisplayNode().GetOpacity3D() == pytest.approx(displays.LUNG_OPACITY_3D)
    assert lesions.GetDisplayNode().GetVisibility2DFill()
    assert reopened.GetFirstNodeByClass("vtkMRMLLayoutNode").GetViewArrangement() == layouts.REVIEW_LAYOUT
    assert lungs.GetSegmentation().ContainsRepresentation(segmentations.SURFACE)


def test_a_cases_nodes_lie_in_one_folder(reopened: Any) -> None:
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(reopened)
    folder = case_folder.case_folder(reopened, _node(reopened, "P"))
    for name in ("P", "P lungs", "P lesions"):
        assert tree.GetItemParent(tree.GetItemByDataNode(_node(reopened, name))) == folder
    assert case_folder.put_in_case_folder(reopened, _node(reopened, "P"), [_node(reopened, "P lungs")]) == folder


def test_a_slice_picture_shows_the_lesion_where_the_phantom_has_it(
    reopened: Any, headless: HeadlessSlicer, phantom: Phantom
) -> None:
    to_ras = LPS_FROM_RAS @ phantom.volume.ijk_to_lps
    center = displays.center_of_labels(phantom.lesions, to_ras)
    picture = headless.slice_picture(_node(reopened, "P"), "Axial", center, PICTURE).astype(int)
    orange = (picture[..., 0] - picture[..., 2]) > 60  # only ground glass and consolidation are coloured so
    kji = np.linalg.inv(to_ras) @ np.append(center, 1.0)
    truth = phantom.lesions[round(kji[2])] > 0
    assert orange.any() and truth.any()
    # in an axial picture the patient's right is on the left side, as the array's low x
    share = (orange[:, : PICTURE[0] // 2].sum() + 1) / (orange.sum() + 2)
    expected = (truth[:, : truth.shape[1] // 2].sum() + 1) / (truth.sum() + 2)
    assert share == pytest.approx(expected, abs=0.12)


def test_a_3d_picture_shows_lungs_right_of_patient_on_the_left_side(reopened: Any, headless: HeadlessSlicer) -> None:
    picture = headless.picture_3d(_node(reopened, "P"), PICTURE).astype(int)
    half = PICTURE[0] // 2
    blue = picture[..., 2] - picture[..., 1]  # the right lung is blue, the left one green
    assert blue[:, :half].max() > 25
    assert np.median(blue[:, :half][blue[:, :half] > 25]) > 25
    assert (blue[:, :half] > 25).sum() > 4 * (blue[:, half:] > 25).sum()


def test_a_folder_of_files_that_is_no_scene_is_refused(scene: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mrb"
    bad.write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"bad\.mrb"):
        scene_file.read_scene(scene, bad)


def test_layouts_are_registered_once(scene: Any) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLLayoutNode")
    layouts.register_layouts(node)
    layouts.register_layouts(node)
    assert all(node.IsLayoutDescription(number) for number in layouts.LAYOUTS)
    assert min(layouts.LAYOUTS) > 100


def test_the_views_follow_a_second_run_and_an_edit_by_hand(headless: HeadlessSlicer, phantom: Phantom) -> None:
    scene = headless.scene
    scene.Clear(False)
    volume = volumes.add_volume(scene, phantom.volume, "CT")
    displays.show_lung_window(volume)
    node = segmentations.add_segmentation(scene, volume, "lungs")
    to_ras = LPS_FROM_RAS @ phantom.volume.ijk_to_lps

    def run(labels: Any) -> None:
        shapes = {
            label.value: surfaces.surface(labels == label.value, phantom.volume.spacing_mm, to_ras)
            for label in LUNG_LABELS
        }
        segmentations.set_labels(node, labels, volume, LUNG_LABELS, shapes)

    def green_pixels() -> tuple[int, int]:
        """Left lung in the coronal slice and in 3D."""
        pictures = (headless.slice_picture(volume, "Coronal", None, PICTURE), headless.picture_3d(volume, PICTURE))
        slice_, space = (int(((p[..., 1].astype(int) - p[..., 0]) > 15).sum()) for p in pictures)
        right = [int(((p[..., 2].astype(int) - p[..., 1]) > 15).sum()) for p in pictures]
        return slice_ - right[0], space - right[1]

    run(phantom.lungs)
    displays.show_segments(node)
    whole = green_pixels()
    run(np.where(phantom.lungs == 1, 1, 0).astype(np.uint8))
    assert max(green_pixels()) < 0.1 * min(whole)
    run(phantom.lungs)
    assert green_pixels() == whole

    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation("left-lung", image)
    values = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
    values[: len(values) // 2] = 0
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(image, node, "left-lung", logic.MODE_REPLACE)
    slice_, space = green_pixels()
    assert slice_ < 0.9 * whole[0] and space < 0.9 * whole[1]
    assert segmentations.edited_segments(node, LUNG_LABELS) == ["left lung"]
