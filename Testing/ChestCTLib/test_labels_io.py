"""Masks go back onto the scan's own grid, and Slicer opens them with names, colours and terms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from ChestCTLib.errors import InputError
from ChestCTLib.io import read_labels, read_lungs, read_volume, write_image, write_labels
from ChestCTLib.io.images import image_on_grid
from ChestCTLib.labels import AIRWAY, LEFT_LUNG, LESION_LABELS, LUNG_LABELS, RIGHT_LUNG
from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTLib.volume import CTVolume

OBLIQUE = ((0.96, 0.28, 0.0), (-0.28, 0.96, 0.0), (0.0, 0.0, -1.0))


@pytest.fixture(scope="module")
def oblique() -> CTVolume:
    """A chest whose axes are turned by 16 degrees, one of them flipped."""
    settings = PhantomSettings(seed=3, spacing_mm=(5.0, 3.0, 3.0), ijk_to_lps_directions=OBLIQUE)
    return make_phantom(settings).volume


@pytest.fixture(scope="module")
def mask(oblique: CTVolume) -> np.ndarray:
    """Two boxes, not symmetric in any axis."""
    lungs = np.zeros(oblique.shape, np.uint8)
    lungs[5:30, 20:50, 10:40] = 1
    lungs[8:33, 25:60, 60:95] = 2
    return lungs


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha", ".seg.nrrd"])
def test_a_mask_written_and_read_is_the_same_on_an_oblique_grid(
    suffix: str, oblique: CTVolume, mask: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / f"lungs{suffix}"
    write_labels(mask, oblique, path, LUNG_LABELS)
    np.testing.assert_array_equal(read_labels(path, oblique), mask)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".nii.gz", ".seg.nrrd"])
def test_the_airway_in_a_lung_file_is_no_lung_and_lobes_are_refused(
    suffix: str, oblique: CTVolume, mask: np.ndarray, tmp_path: Path
) -> None:
    with_airway = mask.copy()
    with_airway[20:25, 5:10, 45:50] = AIRWAY.value
    path = tmp_path / f"lungs{suffix}"
    write_labels(with_airway, oblique, path, (*LUNG_LABELS, AIRWAY))
    np.testing.assert_array_equal(read_lungs(path, oblique), mask)
    lobes = replace(AIRWAY, value=5, name="lobe")
    write_labels(np.where(mask == 1, 5, mask), oblique, tmp_path / "lobes.nii.gz", (*LUNG_LABELS, lobes))
    with pytest.raises(InputError, match=r"lobes.nii.gz holds the values \[5\]"):
        read_lungs(tmp_path / "lobes.nii.gz", oblique)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_a_volume_written_and_read_is_the_same_on_an_oblique_grid(
    suffix: str, oblique: CTVolume, tmp_path: Path
) -> None:
    path = tmp_path / f"scan{suffix}"
    write_image(oblique.hu, oblique, path)
    again = read_volume(path)
    np.testing.assert_array_equal(again.hu, np.maximum(oblique.hu, -1024))
    np.testing.assert_allclose(again.ijk_to_lps, oblique.ijk_to_lps, atol=1e-3)


def test_a_mask_stored_with_other_axes_comes_back_voxel_for_voxel(
    oblique: CTVolume, mask: np.ndarray, tmp_path: Path
) -> None:
    image = image_on_grid(mask, oblique)
    turned = sitk.Flip(sitk.PermuteAxes(image, (2, 0, 1)), (True, False, True))
    sitk.WriteImage(turned, str(tmp_path / "turned.nii.gz"))
    np.testing.assert_array_equal(read_labels(tmp_path / "turned.nii.gz", oblique), mask)


def test_a_cropped_mask_comes_back_to_its_place(oblique: CTVolume, mask: np.ndarray, tmp_path: Path) -> None:
    cropped = image_on_grid(mask, oblique)[8:100, 15:70, 3:40]
    sitk.WriteImage(cropped, str(tmp_path / "cropped.nrrd"))
    np.testing.assert_array_equal(read_labels(tmp_path / "cropped.nrrd", oblique), mask)


def _shifted(image: sitk.Image) -> sitk.Image:
    image.SetOrigin([x + 1.2 for x in image.GetOrigin()])
    return image


def _stretched(image: sitk.Image) -> sitk.Image:
    image.SetSpacing([s * 1.01 for s in image.GetSpacing()])
    return image


def _larger(image: sitk.Image) -> sitk.Image:
    return sitk.ConstantPad(image, (0, 0, 2), (0, 0, 2))


@pytest.mark.parametrize("change", [_shifted, _stretched, _larger])
def test_a_mask_on_another_grid_is_refused(change: Any, oblique: CTVolume, mask: np.ndarray, tmp_path: Path) -> None:
    sitk.WriteImage(change(image_on_grid(mask, oblique)), str(tmp_path / "other.nii.gz"))
    with pytest.raises(InputError, match="another grid"):
        read_labels(tmp_path / "other.nii.gz", oblique)


@pytest.mark.parametrize(("value", "says"), [(0.5, "fractions"), (-3.0, "-3"), (999.0, "999")])
def test_what_is_no_mask_is_refused(value: float, says: str, oblique: CTVolume, tmp_path: Path) -> None:
    write_image(np.full(oblique.shape, value, np.float32), oblique, tmp_path / "mask.nii.gz")
    with pytest.raises(InputError, match=says):
        read_labels(tmp_path / "mask.nii.gz", oblique)


def test_a_value_without_label_is_not_written(oblique: CTVolume, mask: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\[2\]"):
        write_labels(mask, oblique, tmp_path / "lungs.nii.gz", [RIGHT_LUNG])
    assert not list(tmp_path.iterdir())


def test_another_shape_is_not_written(oblique: CTVolume, mask: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not fit"):
        write_labels(mask[1:], oblique, tmp_path / "lungs.nii.gz", LUNG_LABELS)


def test_segments_are_told_by_name_whatever_their_number(oblique: CTVolume, mask: np.ndarray, tmp_path: Path) -> None:
    image = image_on_grid(mask, oblique)
    for number, (name, value) in enumerate([("Left Lung", "1"), ("right lung", "2")]):
        image.SetMetaData(f"Segment{number}_Name", name)
        image.SetMetaData(f"Segment{number}_LabelValue", value)
        image.SetMetaData(f"Segment{number}_Layer", "0")
    sitk.WriteImage(image, str(tmp_path / "edited.seg.nrrd"))
    swapped = np.array([0, 2, 1], np.uint8)[mask]
    np.testing.assert_array_equal(read_labels(tmp_path / "edited.seg.nrrd", oblique, LUNG_LABELS), swapped)
    np.testing.assert_array_equal(read_labels(tmp_path / "edited.seg.nrrd", oblique), mask)


def test_overlapping_segments_are_read_from_their_layers(oblique: CTVolume, mask: np.ndarray, tmp_path: Path) -> None:
    layers = [image_on_grid((mask == value).astype(np.uint8), oblique) for value in (1, 2)]
    image = sitk.Compose(layers)
    for number, label in enumerate(LUNG_LABELS):
        image.SetMetaData(f"Segment{number}_Name", label.name)
        image.SetMetaData(f"Segment{number}_LabelValue", "1")
        image.SetMetaData(f"Segment{number}_Layer", str(number))
    sitk.WriteImage(image, str(tmp_path / "layers.seg.nrrd"))
    np.testing.assert_array_equal(read_labels(tmp_path / "layers.seg.nrrd", oblique, LUNG_LABELS), mask)
    with pytest.raises(InputError, match="2 layers"):
        read_labels(tmp_path / "layers.seg.nrrd", oblique)


def test_slicer_opens_a_segmentation_with_names_colours_terms_and_geometry(
    oblique: CTVolume, mask: np.ndarray, tmp_path: Path
) -> None:
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
    vtk = pytest.importorskip("vtk")
    numpy_support = pytest.importorskip("vtk.util.numpy_support")
    path = tmp_path / "lungs.seg.nrrd"
    write_labels(mask, oblique, path, LUNG_LABELS)
    scene = slicer.vtkMRMLScene()
    storage, node = slicer.vtkMRMLSegmentationStorageNode(), slicer.vtkMRMLSegmentationNode()
    scene.AddNode(storage)
    scene.AddNode(node)
    storage.SetFileName(str(path))
    assert storage.ReadData(node)

    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 2
    for number, label in enumerate((RIGHT_LUNG, LEFT_LUNG)):
        segment = segmentation.GetNthSegment(number)
        term = vtk.reference("")
        assert segment.GetTag("TerminologyEntry", term)
        assert segment.GetName() == label.name
        assert segment.GetColor() == pytest.approx(label.color)
        assert segment.GetLabelValue() == label.value
        assert f"SCT^39607008^Lung~SCT^{label.modifier.value}^{label.modifier.meaning}" in str(term)
        image = segment.GetRepresentation("Binary labelmap")
        voxels = np.array(numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())).reshape(mask.shape)
        np.testing.assert_array_equal(voxels == label.value, mask == label.value)
        to_ras = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(to_ras)
        matrix = np.array([[to_ras.GetElement(i, j) for j in range(4)] for i in range(4)])
        np.testing.assert_allclose(matrix, np.diag([-1, -1, 1, 1]) @ oblique.ijk_to_lps, atol=1e-4)
    geometry = segmentation.GetConversionParameter("Reference image geometry")
    z, y, x = mask.shape
    assert geometry.endswith(f";0;{x - 1};0;{y - 1};0;{z - 1};")


def test_slicers_own_cropped_file_comes_back(oblique: CTVolume, mask: np.ndarray, tmp_path: Path) -> None:
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
    write_labels(mask, oblique, tmp_path / "ours.seg.nrrd", LESION_LABELS)
    scene = slicer.vtkMRMLScene()
    reading, writing = slicer.vtkMRMLSegmentationStorageNode(), slicer.vtkMRMLSegmentationStorageNode()
    node = slicer.vtkMRMLSegmentationNode()
    for each in (reading, writing, node):
        scene.AddNode(each)
    reading.SetFileName(str(tmp_path / "ours.seg.nrrd"))
    reading.ReadData(node)
    writing.SetFileName(str(tmp_path / "slicers.seg.nrrd"))
    writing.SetCropToMinimumExtent(True)
    assert writing.WriteData(node)
    assert sitk.ReadImage(str(tmp_path / "slicers.seg.nrrd")).GetSize() < mask.shape[::-1]
    np.testing.assert_array_equal(read_labels(tmp_path / "slicers.seg.nrrd", oblique, LESION_LABELS), mask)
