"""Smooth fields over the body, on coarse regular boxes: coordinates, random fields, tubes, smooth unions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Box:
    """A regular box of points in body millimetres (x to the left, y to the back, z to the head).

    Attributes:
        start: Body position of the first point, ``(z, y, x)``.
        step: Distance of neighbouring points ``(z, y, x)``, mm.
        shape: Number of points ``(z, y, x)``.
    """

    start: tuple[float, float, float]
    step: tuple[float, float, float]
    shape: tuple[int, int, int]

    @classmethod
    def covering(cls, low: tuple[float, ...], high: tuple[float, ...], step: float) -> Box:
        """The box from corner ``low`` to at least corner ``high`` (z, y, x) with one step along every axis."""
        nz, ny, nx = (int(np.ceil((b - a) / step)) + 1 for a, b in zip(low, high, strict=True))
        return cls((low[0], low[1], low[2]), (step, step, step), (nz, ny, nx))

    @classmethod
    def of(cls, start: npt.ArrayLike, step: npt.ArrayLike, shape: npt.ArrayLike) -> Box:
        """A box from arrays or sequences of three."""
        (z, y, x), (dz, dy, dx), (nz, ny, nx) = np.asarray(start), np.asarray(step), np.asarray(shape)
        return cls((float(z), float(y), float(x)), (float(dz), float(dy), float(dx)), (int(nz), int(ny), int(nx)))

    def axis(self, axis: int) -> Floats:
        """Positions along one axis, mm."""
        return (self.start[axis] + self.step[axis] * np.arange(self.shape[axis])).astype(np.float32)

    def open_axes(self) -> tuple[Floats, Floats, Floats]:
        """Positions ``z, y, x`` shaped to broadcast against each other."""
        return self.axis(0)[:, None, None], self.axis(1)[None, :, None], self.axis(2)[None, None, :]

    def index_of(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Fractional index of body positions ``[..., (z, y, x)]``."""
        return (np.asarray(points) - np.asarray(self.start)) / np.asarray(self.step)


def smooth_max(a: Floats, b: Floats, width: float) -> Floats:
    """Maximum of two fields whose crease is rounded over ``width`` mm (a smooth union of implicit bodies)."""
    overlap = np.maximum(width - np.abs(a - b), 0.0)
    return np.maximum(a, b) + overlap * overlap * np.float32(0.25 / width)


def random_field(rng: np.random.Generator, box: Box, length_mm: float) -> Floats:
    """A smooth random field of mean 0 and unit deviation, the same for every step of the box.

    Args:
        rng: Source of the numbers; one draw per lattice point, so the box's step does not matter.
        box: Where to evaluate it.
        length_mm: Distance over which neighbouring values go together, mm.
    """
    extent = [s * (n - 1) for s, n in zip(box.step, box.shape, strict=True)]
    spacing = length_mm / 2.0  # two lattice points a length, smoothed, so that linear interpolation leaves no creases
    lattice_shape = tuple(round(e / spacing) + 4 for e in extent)
    lattice = rng.standard_normal(lattice_shape, dtype=np.float32)
    lattice = ndimage.gaussian_filter(lattice, 1.1, mode="nearest")
    lattice = (lattice - lattice.mean()) / lattice.std()
    lattice_box = Box(box.start, (spacing, spacing, spacing), lattice.shape)
    return resample_separable(lattice, lattice_box, box)


def resample_separable(field: Floats, box: Box, target: Box) -> Floats:
    """Linear interpolation of a field from one box to another, one axis after the other; edges are held beyond it."""
    for axis in range(3):
        at = (target.axis(axis) - box.start[axis]) / box.step[axis]
        at = np.clip(at, 0, box.shape[axis] - 1)
        low = np.minimum(at.astype(np.intp), max(box.shape[axis] - 2, 0))
        high = np.minimum(low + 1, box.shape[axis] - 1)
        shape = [1, 1, 1]
        shape[axis] = -1
        weight = (at - low).astype(np.float32).reshape(shape)
        first = np.take(field, low, axis=axis)
        field = np.take(field, high, axis=axis)
        field -= first
        field *= weight
        field += first
    return field


def tube_field(
    box: Box,
    points: npt.NDArray[np.float64],
    radii: npt.NDArray[np.float64],
    far: float = 25.0,
    into: Floats | None = None,
) -> Floats:
    """Signed depth inside a tube through points: positive inside, mm.

    Args:
        box: Where to evaluate it.
        points: ``[n, 3]`` body positions (z, y, x), mm.
        radii: ``[n]`` radius at each point, mm; linear in between.
        far: Depths below ``-far`` are not computed, mm.
        into: Field to widen by this tube; a new one is made where it is None.
    """
    field = np.full(box.shape, -far, dtype=np.float32) if into is None else into
    start, step = np.asarray(box.start), np.asarray(box.step)
    for a, b, ra, rb in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
        reach = max(ra, rb) + far
        low = np.maximum(np.floor((np.minimum(a, b) - reach - start) / step), 0).astype(int)
        high = np.minimum(np.ceil((np.maximum(a, b) + reach - start) / step) + 1, box.shape).astype(int)
        if (low >= high).any():
            continue
        cut = tuple(slice(lo, hi) for lo, hi in zip(low, high, strict=True))
        part = Box.of(start + low * step, step, high - low)
        z, y, x = part.open_axes()
        along = (b - a).astype(np.float32)
        square = max(float(along @ along), 1e-6)
        t = ((z - a[0]) * along[0] + (y - a[1]) * along[1] + (x - a[2]) * along[2]) / np.float32(square)
        t = np.clip(t, 0.0, 1.0)
        distance = np.sqrt(
            (z - a[0] - t * along[0]) ** 2 + (y - a[1] - t * along[1]) ** 2 + (x - a[2] - t * along[2]) ** 2
        )
        np.maximum(field[cut], (ra + t * (rb - ra) - distance).astype(np.float32), out=field[cut])
    return field


def ellipsoid_field(box: Box, centre: tuple[float, ...], radii: tuple[float, ...], power: float = 2.0) -> Floats:
    """Approximate signed depth inside a (super)ellipsoid; centre and radii ``(z, y, x)`` in mm, positive inside."""
    z, y, x = box.open_axes()
    rho = (
        np.abs((z - centre[0]) / radii[0]) ** power
        + np.abs((y - centre[1]) / radii[1]) ** power
        + np.abs((x - centre[2]) / radii[2]) ** power
    ) ** (1.0 / power)
    return ((1.0 - rho) * min(radii)).astype(np.float32)


def linear_step(field: Floats, width: float) -> Floats:
    """Share of a voxel inside: 0 outside, 1 inside, linear over ``width`` mm around the border."""
    return np.clip(field * np.float32(1.0 / width) + np.float32(0.5), 0.0, 1.0)


def points(*places: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """Body positions ``(z, y, x)`` as one array ``[n, 3]``."""
    return np.asarray(places, dtype=np.float64)
