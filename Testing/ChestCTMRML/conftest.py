"""Scenes and phantoms for the tests of the MRML adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import slicer
import vtk

from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom

COARSE_MM = (6.0, 4.0, 4.0)

# directions of the i, j and k axis in LPS, as columns
FLIPPED = np.diag([-1.0, -1.0, 1.0])
UPSIDE_DOWN = np.diag([1.0, 1.0, -1.0])
PERMUTED = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_TURN = np.deg2rad(17.0)
OBLIQUE = np.array(
    [[np.cos(_TURN), -np.sin(_TURN), 0.0], [np.sin(_TURN), np.cos(_TURN), 0.0], [0.0, 0.0, 1.0]]
) @ np.array([[1.0, 0.0, 0.0], [0.0, np.cos(0.2), -np.sin(0.2)], [0.0, np.sin(0.2), np.cos(0.2)]])
GRIDS = {"flipped": FLIPPED, "upside down": UPSIDE_DOWN, "permuted": PERMUTED, "oblique": OBLIQUE}


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """A coarse COVID-19 phantom."""
    return make_phantom(PhantomSettings(spacing_mm=COARSE_MM))


@pytest.fixture
def scene() -> Iterator[Any]:
    """An empty scene, without views."""
    made = slicer.vtkMRMLScene()
    tree = slicer.vtkMRMLSubjectHierarchyNode()
    made.AddNode(tree)
    yield made
    made.Clear(True)


@pytest.fixture
def transform(scene: Any) -> Callable[[npt.NDArray[np.float64]], Any]:
    """Makes linear transform nodes in the scene."""

    def make(matrix: npt.NDArray[np.float64]) -> Any:
        node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
        values = vtk.vtkMatrix4x4()
        values.DeepCopy(list(matrix.ravel()))
        node.SetMatrixTransformToParent(values)
        return node

    return make
