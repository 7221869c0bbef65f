"""The grid a phantom is written on: any spacing, flips, permuted or oblique axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.phantom.fields import Box, Floats, resample_separable
from ChestCTLib.phantom.settings import PhantomSettings

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class TargetGrid:
    """The output grid, held along its canonical axes; only ``turn`` knows the flips and permutations.

    Attributes:
        box: Its points before rotation, body mm.
        pivot: Body position (z, y, x) the rotation is about: the centre of the whole grid, mm.
        rotation: 3x3 in (x, y, z); the identity unless the axes are oblique.
        axes: For each of the i, j, k axis the canonical axis (0 x, 1 y, 2 z) it runs along.
        signs: For each of the i, j, k axis +1, or -1 where it is flipped.
    """

    box: Box
    pivot: npt.NDArray[np.float64]
    rotation: npt.NDArray[np.float64]
    axes: tuple[int, int, int]
    signs: tuple[int, int, int]

    @classmethod
    def of(cls, settings: PhantomSettings, low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> TargetGrid:
        """The grid of the settings over a field of view from corner ``low`` to ``high`` (z, y, x), mm."""
        directions = settings.directions
        axes = max(permutations(range(3)), key=lambda p: sum(abs(directions[p[i], i]) for i in range(3)))
        signs = [1 if directions[axes[i], i] > 0 else -1 for i in range(3)]
        rotation, spacing = np.eye(3), np.ones(3)
        for i in range(3):
            rotation[:, axes[i]] = signs[i] * directions[:, i]
            spacing[axes[i]] = settings.spacing_mm[2 - i]
        step = spacing[::-1]
        shape = np.maximum(np.rint((high - low) / step), 1).astype(int)
        start = (low + high) / 2 - step * (shape - 1) / 2
        box = Box.of(start, step, shape)
        pivot = (low + high) / 2
        return cls(box, pivot, rotation, (axes[0], axes[1], axes[2]), (signs[0], signs[1], signs[2]))

    @property
    def oblique(self) -> bool:
        """Whether the axes are turned away from the body's."""
        return not np.allclose(self.rotation, np.eye(3), atol=1e-7)

    def slab(self, first: int, last: int) -> TargetGrid:
        """The slices ``first..last - 1`` of this grid."""
        start = (self.box.start[0] + first * self.box.step[0], *self.box.start[1:])
        return replace(self, box=Box(start, self.box.step, (last - first, *self.box.shape[1:])))

    def sample(self, field: Floats, box: Box) -> Floats:
        """Interpolate a field linearly from its box onto this grid; edges are held beyond the box."""
        if not self.oblique:
            return resample_separable(field, box, self.box)
        matrix, offset = self._index_map(box)
        return ndimage.affine_transform(
            field, matrix, offset, self.box.shape, output=np.float32, order=1, mode="nearest"
        )

    def sample_nearest(self, field: npt.NDArray[Scalar], box: Box) -> npt.NDArray[Scalar]:
        """Take the nearest point of a label field for every voxel."""
        matrix, offset = self._index_map(box)
        if not self.oblique:
            matrix = np.diag(matrix)
        return ndimage.affine_transform(field, matrix, offset, self.box.shape, order=0, mode="nearest")

    def to_grid(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Body positions ``[n, (z, y, x)]`` in the millimetres of this grid's own box (rotation taken out)."""
        return (points - self.pivot) @ self._rotation_zyx() + self.pivot

    def turn(self, array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """Bring a canonical array into the order and direction the settings ask for."""
        order = tuple(2 - self.axes[i] for i in (2, 1, 0))
        flips = tuple(slice(None, None, self.signs[i]) for i in (2, 1, 0))
        return np.ascontiguousarray(np.transpose(array, order)[flips])

    def affine(self, origin_lps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """ijk to LPS of the turned array; ``origin_lps`` is where body position 0 lies, (x, y, z) mm."""
        step, size = np.asarray(self.box.step)[::-1], np.asarray(self.box.shape)[::-1]
        affine = np.eye(4)
        first = self.pivot[::-1] - self.rotation @ (step * (size - 1) / 2)
        for i in range(3):
            column = self.rotation[:, self.axes[i]] * step[self.axes[i]]
            if self.signs[i] < 0:
                first = first + column * (size[self.axes[i]] - 1)
            affine[:3, i] = self.signs[i] * column
        affine[:3, 3] = first + origin_lps
        return affine

    def _rotation_zyx(self) -> npt.NDArray[np.float64]:
        return self.rotation[::-1, ::-1]

    def _index_map(self, box: Box) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Matrix and offset from this grid's index to the index of ``box``."""
        turn = self._rotation_zyx()
        matrix = (turn * np.asarray(self.box.step)) / np.asarray(box.step)[:, None]
        first = self.pivot + turn @ (np.asarray(self.box.start) - self.pivot)
        return matrix, (first - np.asarray(box.start)) / np.asarray(box.step)
