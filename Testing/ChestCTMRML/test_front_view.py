"""The camera of the 3D view: everything that is shown fits, and fills the view, whatever its shape."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from ChestCTLib.labels import LUNG_LABELS
from ChestCTLib.phantom import Phantom
from ChestCTMRML import displays, segmentations, surfaces
from ChestCTMRML.front_view import CAMERA_ANGLE_DEG, look_from_front, shown_box
from ChestCTMRML.geometry import ijk_to_local_ras
from ChestCTMRML.headless import register_legends
from ChestCTMRML.intensity_plane import PlaneData, plane_data, set_intensity_plane
from ChestCTMRML.surfaces import MOST_STEPS, surface
from ChestCTMRML.volumes import add_volume, voxels


@pytest.fixture
def node(scene: Any, phantom: Phantom) -> Any:
    """A CT with its lungs shown in 3D and a camera."""
    register_legends(scene)
    volume = add_volume(scene, phantom.volume, "P")
    lungs = segmentations.add_segmentation(scene, volume, "lungs")
    to_ras = ijk_to_local_ras(volume)
    shapes = {
        label.value: surfaces.surface(phantom.lungs == label.value, phantom.volume.spacing_mm, to_ras)
        for label in LUNG_LABELS
    }
    segmentations.set_labels(lungs, phantom.lungs, volume, LUNG_LABELS, shapes)
    displays.show_segments(lungs)
    scene.AddNewNodeByClass("vtkMRMLCameraNode")
    return volume


def _shares_of_view(scene: Any, node: Any, aspect: float) -> tuple[float, float]:
    """How far the corners of what is shown reach to the sides and up: 1 is the edge of the view."""
    look_from_front(scene, node, aspect)
    camera = scene.GetFirstNodeByClass("vtkMRMLCameraNode")
    eye = np.array(camera.GetPosition())
    low, high = shown_box(scene, node)
    corners = np.array(list(itertools.product(*zip(low, high, strict=True)))) - eye
    depth = -corners[:, 1]
    reach = np.tan(np.radians(CAMERA_ANGLE_DEG / 2))
    return float(np.max(np.abs(corners[:, 0]) / depth)) / (reach * aspect), float(
        np.max(np.abs(corners[:, 2]) / depth)
    ) / reach


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_lungs_and_intensity_map_fit_and_fill_a_view_of_any_shape(scene: Any, node: Any, aspect: float) -> None:
    alone = max(_shares_of_view(scene, node, aspect))
    assert 0.85 < alone < 1.0
    plane = set_intensity_plane(scene, node, PlaneData(np.full((len(voxels(node)), 4), 0.25), -1000, 500))
    plane.GetDisplayNode().SetVisibility(True)
    assert 0.85 < max(_shares_of_view(scene, node, aspect)) < 1.0


def test_a_ct_without_surfaces_is_looked_at_as_a_whole(scene: Any, phantom: Phantom) -> None:
    volume = add_volume(scene, phantom.volume, "P")
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    low, high = shown_box(scene, volume)
    assert low == pytest.approx(bounds[0::2]) and high == pytest.approx(bounds[1::2])


def test_an_empty_volume_leaves_the_views_as_they_are(scene: Any) -> None:
    camera = scene.AddNewNodeByClass("vtkMRMLCameraNode")
    before = camera.GetPosition()
    displays.set_views(scene, scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))
    assert camera.GetPosition() == before


def test_the_intensity_map_is_read_back_from_its_plane(scene: Any, node: Any) -> None:
    assert plane_data(node) is None
    shares = np.random.default_rng(0).dirichlet(np.ones(5), len(voxels(node))).astype(np.float32)
    set_intensity_plane(scene, node, PlaneData(shares, -1024, 512))
    found = plane_data(node)
    assert found is not None and np.array_equal(found.shares, shares)
    assert (found.low_hu, found.high_hu) == (-1024, 512)


def test_a_large_surface_is_coarse_and_keeps_its_volume() -> None:
    import vtk

    radius, step = 75, 2.0
    z, y, x = np.ogrid[-80:81, -80:81, -80:81]
    ball = surface(z**2 + y**2 + x**2 <= radius**2, (step, step, step), np.diag([step, step, step, 1.0]))
    measure = vtk.vtkMassProperties()
    measure.SetInputData(ball)
    assert measure.GetVolume() == pytest.approx(4 / 3 * np.pi * (radius * step) ** 3, rel=0.02)
    legs = MOST_STEPS / 2  # along the radius; a contour of cubes has some 3 triangles a square of its legs
    assert ball.GetNumberOfPolys() < 3.3 * 4 * np.pi * legs**2
