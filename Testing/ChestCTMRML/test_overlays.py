"""What lies over and beside the CT: right place, right numbers, one switch each, and saved with the scene."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vtk
from scipy import ndimage
from vtk.util import numpy_support

from ChestCTLib.errors import InputError
from ChestCTLib.labels import LESION_LABELS
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from ChestCTLib.volume import CTVolume
from ChestCTMRML import activation_overlay, intensity_plane, lesion_plots, overlays, scene_file
from ChestCTMRML.geometry import ijk_to_local_ras, ijk_to_world_ras
from ChestCTMRML.headless import HeadlessSlicer, register_legends
from ChestCTMRML.lesion_classes import set_lesion_classes, show_lesion_classes
from ChestCTMRML.lesion_surfaces import Grid, LesionShapes
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.overlays import Overlay
from ChestCTMRML.peripheral_shell import ShellData, set_shell
from ChestCTMRML.segmentations import SURFACE, add_segmentation, set_labels
from ChestCTMRML.surface_files import CLASS, DEPTH, MEAN_HU
from ChestCTMRML.volumes import add_volume
from LesionSegLib.measures import LungFrame
from LesionSegLib.measures.tissues import HISTOGRAM_EDGES_HU, tissue_shares

PICTURE = (200, 160)


@pytest.fixture(scope="module")
def small() -> Phantom:
    return make_phantom(PhantomSettings(spacing_mm=(8.0, 5.0, 5.0)))


@pytest.fixture
def node(scene: Any, small: Phantom) -> Any:
    register_legends(scene)
    return add_volume(scene, small.volume, "P")


def _activation(small: Phantom) -> Any:
    values = ndimage.gaussian_filter((small.lesions > 0).astype(np.float32), 2)
    return values / values.max()


def _points(polydata: Any) -> Any:
    return numpy_support.vtk_to_numpy(polydata.GetPoints().GetData())


def _area(polydata: Any) -> float:
    if not polydata.GetNumberOfCells():
        return 0.0
    measure = vtk.vtkMassProperties()
    measure.SetInputData(polydata)
    return float(measure.GetSurfaceArea())


def _inside(node: Any, points: Any, mask: Any) -> Any:
    """For each point in local RAS whether its nearest voxel or a neighbour of it is set."""
    kji = np.rint((np.linalg.inv(ijk_to_local_ras(node)) @ np.c_[points, np.ones(len(points))].T)[2::-1]).astype(int)
    grown = ndimage.binary_dilation(mask, iterations=2)
    clipped = [np.clip(axis, 0, size - 1) for axis, size in zip(kji, mask.shape, strict=True)]
    return grown[tuple(clipped)]


def _shapes(node: Any, small: Phantom) -> LesionShapes:
    return LesionShapes(small.volume.hu, small.lungs, Grid(small.volume.spacing_mm, ijk_to_local_ras(node)))


def test_a_lesion_that_stays_as_it_is_keeps_its_surface(node: Any, small: Phantom) -> None:
    shapes = _shapes(node, small)
    pieces, count = ndimage.label(small.lesions > 0, np.ones((3, 3, 3)))
    assert count > 1
    shapes.surfaces(small.lesions)
    without_first = np.where(pieces == 1, 0, small.lesions).astype(np.uint8)
    again = shapes.surfaces(without_first).whole
    fresh = _shapes(node, small).surfaces(without_first).whole
    assert np.array_equal(_points(again), _points(fresh))
    for name in (MEAN_HU, DEPTH):
        values = [numpy_support.vtk_to_numpy(part.GetPointData().GetArray(name)) for part in (again, fresh)]
        assert np.array_equal(*values)


def test_each_class_of_a_lesion_has_its_surface(scene: Any, node: Any, small: Phantom) -> None:
    surfaces = _shapes(node, small).surfaces(small.lesions).classes
    points, values = _points(surfaces), numpy_support.vtk_to_numpy(surfaces.GetPointData().GetArray(CLASS))
    assert set(values) == set(np.unique(small.lesions[small.lesions > 0]))
    for value in set(values):
        assert _inside(node, points[values == value], small.lesions == value).all()
    model = set_lesion_classes(scene, node, surfaces)
    lesions = add_segmentation(scene, node, "lesions")
    set_labels(lesions, small.lesions, node, LESION_LABELS, {label.value: vtk.vtkPolyData() for label in LESION_LABELS})
    show_lesion_classes(node, lesions, True, 0.5)
    assert model.GetDisplayNode().GetVisibility() and not lesions.GetSegmentation().ContainsRepresentation(SURFACE)


def test_lesion_surfaces_carry_the_mean_density_of_their_lesion(node: Any, small: Phantom) -> None:
    shapes = _shapes(node, small).surfaces(small.lesions).whole
    values = numpy_support.vtk_to_numpy(shapes.GetPointData().GetArray(MEAN_HU))
    pieces, count = ndimage.label(small.lesions > 0, np.ones((3, 3, 3)))
    means = ndimage.mean(small.volume.hu, pieces, range(1, count + 1))
    assert set(np.round(values, 1)) <= set(np.round(np.float32(means), 1))
    assert _inside(node, _points(shapes), small.lesions > 0).all()


def test_an_empty_lesion_mask_gives_empty_surfaces_and_a_shell_all_the_same(
    scene: Any, node: Any, small: Phantom
) -> None:
    shapes = _shapes(node, small)
    surfaces = shapes.surfaces(np.zeros_like(small.lesions)).whole
    assert surfaces.GetNumberOfPoints() == 0
    shell, marked = set_shell(scene, node, ShellData(shapes.depth_mm, shapes.to_ras, surfaces), 10.0)
    assert shell.GetPolyData().GetNumberOfPoints() > 0 and marked.GetPolyData().GetNumberOfPoints() == 0


def test_the_marked_lesion_part_grows_with_the_thickness_and_lies_in_the_periphery(
    scene: Any, node: Any, small: Phantom
) -> None:
    shapes = _shapes(node, small)
    data = ShellData(shapes.depth_mm, shapes.to_ras, shapes.surfaces(small.lesions).whole)
    sizes = []
    for thickness in (0.0, 10.0, 20.0, 60.0):
        _, marked = set_shell(scene, node, data, thickness)
        sizes.append(_area(marked.GetPolyData()))
        if sizes[-1]:
            depth = numpy_support.vtk_to_numpy(marked.GetPolyData().GetPointData().GetArray(DEPTH))
            assert depth.max() <= thickness + 1e-3
    assert sizes[0] == 0 and sizes == sorted(sizes)
    assert sizes[-1] == pytest.approx(_area(data.lesions), rel=1e-3)
    assert scene.GetNumberOfNodesByClass("vtkMRMLModelNode") == 2


@pytest.mark.parametrize("flip", [False, True])
def test_each_row_of_the_plane_stands_at_its_slices_height(
    scene: Any, node: Any, small: Phantom, transform: Any, flip: bool
) -> None:
    if flip:  # upside down and moved: the rows follow the patient, not the array
        matrix = small.volume.ijk_to_lps @ np.diag([1.0, 1.0, -1.0, 1.0])
        matrix[:3, 3] = (small.volume.ijk_to_lps @ [0, 0, small.volume.shape[0] - 1, 1])[:3]
        node = add_volume(scene, CTVolume(small.volume.hu[::-1], matrix), "flipped")
        moved = np.eye(4)
        moved[2, 3] = 30.0
        node.SetAndObserveTransformNodeID(transform(moved).GetID())
    z = small.volume.shape[0]
    shares = np.zeros((z, 8))
    shares[0, 3] = 1.0  # the uppermost slice
    plane = intensity_plane.set_intensity_plane(scene, node, intensity_plane.PlaneData(shares, -1024, 512))
    mesh = plane.GetPolyData()
    values = numpy_support.vtk_to_numpy(mesh.GetCellData().GetArray(intensity_plane.SHARE_ARRAY))
    brightest = mesh.GetCell(int(values.argmax())).GetBounds()
    shift = 30.0 if flip else 0.0
    top = max((ijk_to_world_ras(node) @ [0, 0, k, 1])[2] for k in (0, z - 1))
    assert values.max() == pytest.approx(2.0)  # 100 %
    assert (brightest[4] + brightest[5]) / 2 + shift == pytest.approx(top, abs=0.01)
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    assert mesh.GetBounds()[1] < bounds[0]  # beside the patient's left, beyond the scan
    mark = intensity_plane.mark_slice(scene, node, z - 1).GetPolyData().GetBounds()
    assert (mark[4] + mark[5]) / 2 + shift == pytest.approx(top, abs=0.01)


def test_a_map_on_another_grid_is_refused(scene: Any, node: Any) -> None:
    with pytest.raises(InputError, match="voxels"):
        activation_overlay.set_activation(scene, node, "ct", np.zeros((3, 3, 3)), "A")


def test_the_density_histogram_counts_every_voxel_of_each_tissue(scene: Any, node: Any, small: Phantom) -> None:
    frame = LungFrame(small.volume, small.lungs)
    shares = tissue_shares(frame, frame.lesion_voxels(small.lesions))
    assert [sum(part) for part in shares if part] == pytest.approx([100.0] * sum(bool(part) for part in shares))
    chart = lesion_plots.set_density_histogram(scene, node, HISTOGRAM_EDGES_HU.tolist(), *shares)
    assert "[HU]" in chart.GetXAxisTitle() and "[%]" in chart.GetYAxisTitle()
    assert chart.GetNumberOfPlotSeriesNodes() == 3


def test_the_mark_on_the_curve_moves_without_new_nodes(scene: Any, node: Any) -> None:
    lesion_plots.set_periphery_curve(scene, node, [0.0, 1.0, 2.0], [0.0, 40.0, 90.0])
    lesion_plots.mark_periphery(scene, node, 1.0, 40.0)
    count = scene.GetNumberOfNodes()
    lesion_plots.mark_periphery(scene, node, 2.0, 90.0)
    table = find_owned(node, f"{lesion_plots.PERIPHERY_ROLE}.Marker.Table").GetTable()
    assert scene.GetNumberOfNodes() == count
    assert [table.GetValue(1, column).ToDouble() for column in (0, 1)] == [2.0, 90.0]


@pytest.fixture(scope="module")
def headless() -> Iterator[HeadlessSlicer]:
    made = HeadlessSlicer()
    made.add_standard_views()
    yield made
    made.close()


@pytest.mark.slow
def test_overlays_are_switched_one_by_one_and_come_back_with_the_scene(
    headless: HeadlessSlicer, small: Phantom, tmp_path: Path
) -> None:
    scene = headless.scene
    cam = {"cam_ct": _activation(small), "cam_nat": _activation(small) * 0.5}
    node = scene_file.fill_case_scene(
        scene, scene_file.SceneCase(small.volume, small.lungs, small.lesions, maps=cam, name="P")
    )
    assert not any(overlays.is_shown(node, overlay) for overlay in Overlay)
    assert activation_overlay.shown_activation(scene, node) is None
    activation_overlay.show_activation(scene, node, "ct", slices=True, three_d=False)
    activation_overlay.set_activation_style(node, "ct", activation_overlay.ActivationStyle(0.2, 0.7))
    before = headless.picture_3d(node, PICTURE).astype(int)
    changes = []
    for overlay in Overlay:
        overlays.show_overlay(node, overlay, True)
        changes.append(np.abs(headless.picture_3d(node, PICTURE).astype(int) - before).max())
        overlays.show_overlay(node, overlay, False)
    assert min(changes) > 20
    overlays.show_overlay(node, Overlay.periphery, True)

    path = tmp_path / "case.mrb"
    scene_file.write_scene(scene, path)
    scene_file.read_scene(scene, path)
    again = scene.GetFirstNodeByName("P")
    assert [overlay for overlay in Overlay if overlays.is_shown(again, overlay)] == [Overlay.periphery]
    assert activation_overlay.shown_activation(scene, again) == "ct"
    display = find_owned(again, "Activation.ct").GetScalarVolumeDisplayNode()
    assert display.GetLowerThreshold() == pytest.approx(0.2) and display.GetColorNode().GetNumberOfColors() == 256
    plane = find_owned(again, intensity_plane.PLANE_ROLE)
    array = plane.GetPolyData().GetCellData().GetArray(intensity_plane.SHARE_ARRAY)
    assert array.GetNumberOfTuples() == small.volume.shape[0] * 256
    assert plane.GetDisplayNode().GetActiveScalarName() == intensity_plane.SHARE_ARRAY
    for role in (lesion_plots.HISTOGRAM_ROLE, lesion_plots.PERIPHERY_ROLE, lesion_plots.PROFILE_ROLE):
        assert find_owned(again, f"{role}.Chart").GetNumberOfPlotSeriesNodes() >= 2


@pytest.mark.slow
def test_an_activation_colours_the_slice_only_above_its_threshold(headless: HeadlessSlicer, small: Phantom) -> None:
    headless.scene.Clear(False)
    node = add_volume(headless.scene, small.volume, "Q")
    values = np.zeros(small.volume.shape, np.float32)
    middle = tuple(slice(size // 2 - 4, size // 2 + 4) for size in values.shape)
    values[middle] = 0.5
    activation_overlay.set_activation(headless.scene, node, "ct", values, "A")
    plain = headless.slice_picture(node, size=PICTURE).astype(int)
    colored = []
    for threshold in (0.4, 0.6):
        activation_overlay.set_activation_style(node, "ct", activation_overlay.ActivationStyle(threshold, 0.8))
        activation_overlay.show_activation(headless.scene, node, "ct", three_d=False)
        picture = headless.slice_picture(node, size=PICTURE).astype(int)
        center = np.s_[PICTURE[1] // 2 - 4 : PICTURE[1] // 2 + 4, PICTURE[0] // 2 - 4 : PICTURE[0] // 2 + 4]
        colored.append(int(np.abs(picture - plain)[center].max()))
    assert colored[0] > 40 and colored[1] == 0
