"""Volume node <-> CT volume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import vtk
from scipy.linalg import expm

from ChestCTLib.errors import InputError, NotAChestCTError
from ChestCTLib.phantom import Phantom
from ChestCTLib.volume import CTVolume
from ChestCTMRML import volumes


def _turn(seed: int) -> np.ndarray:
    """A turn of up to some 25 degrees about a random axis, and a shift."""
    axis = np.random.default_rng(seed).normal(size=3)
    x, y, z = 0.44 * axis / np.linalg.norm(axis)
    turn = np.eye(4)
    turn[:3, :3] = expm(np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]))
    turn[:3, 3] = [11.0, -22.0, 33.0]
    return turn


def _volume(phantom: Phantom, seed: int) -> CTVolume:
    """The phantom, lying obliquely."""
    return CTVolume(phantom.volume.hu, _turn(seed) @ phantom.volume.ijk_to_lps)


@pytest.mark.parametrize("seed", range(6))
def test_a_volume_on_any_grid_comes_back_from_its_node_unchanged(scene: Any, phantom: Phantom, seed: int) -> None:
    volume = _volume(phantom, seed)
    back = volumes.volume_from_node(volumes.add_volume(scene, volume, "CT"))
    np.testing.assert_array_equal(back.hu, volume.hu)
    np.testing.assert_allclose(back.ijk_to_lps, volume.ijk_to_lps, atol=1e-9)


def test_a_voxel_of_the_node_lies_where_the_volume_says(scene: Any, phantom: Phantom) -> None:
    volume = _volume(phantom, 3)
    node = volumes.add_volume(scene, volume, "CT")
    lps = volume.ijk_to_lps @ [10, 20, 30, 1]
    matrix = vtk.vtkMatrix4x4()
    node.GetRASToIJKMatrix(matrix)
    np.testing.assert_allclose(matrix.MultiplyPoint([-lps[0], -lps[1], lps[2], 1])[:3], [10, 20, 30], atol=1e-9)


def test_linear_parent_transforms_are_applied(
    scene: Any, phantom: Phantom, transform: Callable[[np.ndarray], Any]
) -> None:
    volume = _volume(phantom, 1)
    node = volumes.add_volume(scene, volume, "CT")
    turn = np.eye(4)
    turn[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    turn[:3, 3] = [5, 6, 7]
    node.SetAndObserveTransformNodeID(transform(turn).GetID())
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    expected = flip @ turn @ flip @ volume.ijk_to_lps
    np.testing.assert_allclose(volumes.volume_from_node(node).ijk_to_lps, expected, atol=1e-9)


def test_a_transform_that_bends_space_is_refused_with_advice(scene: Any, phantom: Phantom) -> None:
    node = volumes.add_volume(scene, _volume(phantom, 0), "tilted")
    grid = scene.AddNewNodeByClass("vtkMRMLGridTransformNode", "gantry tilt")
    node.SetAndObserveTransformNodeID(grid.GetID())
    with pytest.raises(InputError, match=r"tilted.*gantry tilt.*[Hh]arden"):
        volumes.volume_from_node(node)


def test_a_sheared_volume_is_refused(scene: Any, phantom: Phantom, transform: Callable[[np.ndarray], Any]) -> None:
    node = volumes.add_volume(scene, _volume(phantom, 0), "CT")
    shear = np.eye(4)
    shear[0, 2] = 0.4
    node.SetAndObserveTransformNodeID(transform(shear).GetID())
    with pytest.raises(NotAChestCTError, match="sheared"):
        volumes.volume_from_node(node)


def test_what_is_no_ct_is_refused_by_name(scene: Any) -> None:
    with pytest.raises(InputError, match="No volume"):
        volumes.voxels(None)
    with pytest.raises(InputError, match=r"empty.*no voxels"):
        volumes.voxels(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"))
    with pytest.raises(NotAChestCTError, match=r"mask.*label map"):
        volumes.voxels(scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "mask"))


def test_the_ct_volume_does_not_follow_later_edits_of_the_node(scene: Any, phantom: Phantom) -> None:
    node = volumes.add_volume(scene, _volume(phantom, 0), "CT")
    volume = volumes.volume_from_node(node)
    before = int(volume.hu[0, 0, 0])
    volumes.voxels(node)[0, 0, 0] = before + 100
    assert int(volume.hu[0, 0, 0]) == before


def test_a_map_of_real_numbers_lies_on_the_cts_grid(scene: Any, phantom: Phantom) -> None:
    volume = _volume(phantom, 2)
    values = np.linspace(0, 1, volume.hu.size, dtype=np.float32).reshape(volume.shape)
    node = volumes.add_map(scene, values, volume, "map")
    np.testing.assert_array_equal(volumes.voxels(node), values)
