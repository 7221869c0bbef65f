"""Surfaces are thinned for the eye, and nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from vtk.util import numpy_support

from ChestCTLib.labels import LUNG_LABELS
from ChestCTMRML.light_surfaces import lighten_surfaces
from ChestCTMRML.segmentations import SURFACE, add_segmentation, labels_from_segmentation, set_labels
from ChestCTMRML.surfaces import surface
from ChestCTMRML.volumes import image_from_array

SIZE = 48
RADIUS = 18


@pytest.fixture
def balls(scene: Any) -> tuple[Any, Any, Any, Any]:
    """Scene, volume, a segmentation with a ball for a lung, and its voxels."""
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    volume.SetAndObserveImageData(image_from_array(np.zeros((SIZE, SIZE, SIZE), dtype=np.int16)))
    z, y, x = np.indices((SIZE, SIZE, SIZE)) - SIZE // 2
    array = (x**2 + y**2 + z**2 < RADIUS**2).astype(np.uint8)
    node = add_segmentation(scene, volume, "lungs")
    set_labels(node, array, volume, LUNG_LABELS[:1], {1: surface(array, (2.0, 2.0, 2.0), np.eye(4))})
    return scene, volume, node, array


def _surface(node: Any) -> Any:
    return node.GetSegmentation().GetNthSegment(0).GetRepresentation(SURFACE)


def test_a_heavy_surface_keeps_place_size_and_outward_normals(
    balls: tuple[Any, Any, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, volume, node, array = balls
    monkeypatch.setattr("ChestCTMRML.light_surfaces.DIVISIONS", 12)
    fine, bounds = _surface(node).GetNumberOfPolys(), np.array(_surface(node).GetBounds())
    assert lighten_surfaces(node, most_triangles=100) == 1
    thin = _surface(node)
    assert 0 < thin.GetNumberOfPolys() < fine / 2
    assert np.abs(np.array(thin.GetBounds()) - bounds).max() < 2.0
    points = numpy_support.vtk_to_numpy(thin.GetPoints().GetData()).astype(float)
    normals = numpy_support.vtk_to_numpy(thin.GetPointData().GetNormals())
    outward = ((points - points.mean(axis=0)) * normals).sum(axis=1)
    assert (outward > 0).mean() > 0.99
    assert np.array_equal(labels_from_segmentation(node, volume, LUNG_LABELS[:1]), array)


def test_a_light_surface_is_left_alone(balls: tuple[Any, Any, Any, Any]) -> None:
    node = balls[2]
    before = _surface(node)
    assert lighten_surfaces(node) == 0
    assert _surface(node) is before
