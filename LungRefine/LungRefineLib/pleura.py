"""The costal pleura as a smooth surface through the aerated lungs' outer edge, bridging what consolidation has covered.

Seen from the middle of the chest the pleura along the ribs is a smooth radius over angle and height. Where dense lung
lies against the wall, aeration ends early and leaves a dent. The surface is the one of least bending energy through the
radii, fitted again and again with less weight on what lies deep inside it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from LungRefineLib.morphology import Mask, Triple
from LungRefineLib.rays import ANGLES, Rays, polar

STIFFNESS_MM = 9.0  # details of the surface shorter than this are smoothed away: an intercostal bulge is wider
LEAST_AERATED_MM = 10.0  # a ray with less lung on it does not know where the pleura is
DENT_MM = 2.0  # radii that deep inside the surface are dents, not noise
DENT_WEIGHT = 0.003
FITS = 6
CELL_MM = 5.0  # height of the cells the surface is fitted on
RAYS_PER_CELL = 2  # their width: about 5 mm at the ribs
STEEPEST_UP = 0.7  # slope of the surface along the body axis, 35 degrees: the dome of the apex is steeper
STEEPEST_AROUND = 1.2  # within the slice, 50 degrees: the gutter beside the spine; where lungs end it is steeper
DEEPEST_DENT_MM = 35.0  # a deeper one is a missing lobe, no peripheral consolidation
CLEAR_DENT_MM = 3.0  # a dent is believed where it is that deep: rib impressions are shallower ...
SHALLOW_MM = 1.5  # ... and followed to its rim up to here


def covered_by_pleura(rays: Rays, shape: tuple[int, ...], spacing_mm: Triple) -> Mask:
    """What lies between the aerated lungs and the costal pleura.

    Args:
        rays: Of the aerated lungs.
        shape: ``(z, y, x)`` of the grid.
        spacing_mm: (z, y, x), mm.

    Returns:
        bool, voxels beyond the last aerated one on their ray and inside the fitted pleura, where the gap is a dent.
    """
    out = np.zeros(shape, bool)
    known = rays.aerated_mm >= LEAST_AERATED_MM
    if known.sum() < 10:
        return out
    surface = fit_pleura(rays.last_mm, known, spacing_mm[0])
    gap = surface - rays.last_mm
    gap = np.where(known & (gap < DEEPEST_DENT_MM), gap, 0)  # as the ray sees it: a dome's tip is no deep dent
    dents = _dents(gap * _upright(surface, spacing_mm[0]))
    reach = np.where(dents, surface, 0)
    for n, z in enumerate(rays.slices):
        if not dents[n].any():
            continue
        angle, radius = polar((shape[1], shape[2]), rays.centres_mm[n], spacing_mm)
        a = np.rint(angle).astype(np.intp) % ANGLES
        out[z] = (radius > rays.last_mm[n][a]) & (radius <= reach[n][a])
    return out


def fit_pleura(radius_mm: npt.NDArray[np.float32], known: Mask, step_mm: float) -> npt.NDArray[np.float64]:
    """Fit the surface.

    Args:
        radius_mm: ``[slice, angle]``, outer radius of the aerated lung, mm.
        known: bool, same shape, where the radius says something.
        step_mm: Distance of the slices, mm.

    Returns:
        The surface's radius, same shape, mm; extrapolated where nothing is known.
    """
    rows, columns = radius_mm.shape
    per_row = max(1, round(CELL_MM / step_mm))
    cells, used = _cells(np.where(known, radius_mm, np.nan), per_row)
    height, width = cells.shape
    arc_mm = float(np.mean(radius_mm[known])) * 2 * np.pi / width
    bend = sparse.kron(_second_difference(height, step_mm * per_row, False), sparse.identity(width)) + sparse.kron(
        sparse.identity(height), _second_difference(width, arc_mm, True)
    )
    # A cell stands for its area, so that the stiffness does not depend on the grid.
    stiffness = (STIFFNESS_MM**4) * (bend.T @ bend)
    data, there = cells.ravel(), used.ravel()
    weight = there.astype(np.float64)
    surface = data
    for _ in range(FITS):
        system = sparse.diags(weight + 1e-9) + stiffness
        surface = spsolve(system.tocsc(), weight * data)
        weight = np.where(there, np.where(data < surface - DENT_MM, DENT_WEIGHT, 1.0), 0.0)
    return _spread(surface.reshape(height, width), rows, columns, per_row)


def _cells(radius_mm: npt.NDArray[np.floating], per_row: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Upper quartile of the known radii in cells of some slices and rays."""
    rows, columns = radius_mm.shape
    short = -rows % per_row
    padded = np.pad(radius_mm.astype(np.float64), ((0, short), (0, 0)), constant_values=np.nan)
    blocks = padded.reshape(-1, per_row, columns // RAYS_PER_CELL, RAYS_PER_CELL).swapaxes(1, 2)
    cells = blocks.reshape(blocks.shape[0], blocks.shape[1], per_row * RAYS_PER_CELL)
    used = np.asarray(np.isfinite(cells).any(axis=2))
    cells[~used] = 0
    return np.asarray(np.nanpercentile(cells, 75, axis=2)), used


def _spread(cells: npt.NDArray[np.float64], rows: int, columns: int, per_row: int) -> npt.NDArray[np.float64]:
    """Interpolate the cells back to slices and rays."""
    row = (np.arange(rows) + 0.5) / per_row - 0.5
    column = (np.arange(columns) + 0.5) / RAYS_PER_CELL - 0.5
    wrapped = np.pad(cells, ((0, 0), (2, 2)), mode="wrap")
    return ndimage.map_coordinates(wrapped, np.meshgrid(row, column + 2, indexing="ij"), order=1, mode="nearest")


def _upright(surface_mm: npt.NDArray[np.float64], step_mm: float) -> npt.NDArray[np.float64]:
    """What turns a gap along the ray into one across the surface; 0 where the rays graze it or run into a dome."""
    along = np.gradient(surface_mm, step_mm, axis=0) if len(surface_mm) > 1 else np.zeros_like(surface_mm)
    around = (np.roll(surface_mm, -1, axis=1) - np.roll(surface_mm, 1, axis=1)) / 2
    around = around / np.maximum(surface_mm, 20.0) * (ANGLES / (2 * np.pi))
    believed = (np.abs(along) < STEEPEST_UP) & (np.abs(around) < STEEPEST_AROUND)
    return np.asarray(believed / np.sqrt(1 + along**2 + around**2))


def _dents(gap_mm: npt.NDArray[np.float64]) -> Mask:
    """Dents with their rims: connected gaps that somewhere exceed the noise and nowhere are too deep."""
    shallow = (gap_mm > SHALLOW_MM) & (gap_mm < DEEPEST_DENT_MM)
    labels, count = ndimage.label(np.concatenate([shallow, shallow], axis=1))  # twice around: angles are periodic
    deep = np.zeros(count + 1, bool)
    deep[np.unique(labels[np.concatenate([gap_mm, gap_mm], axis=1) > CLEAR_DENT_MM])] = True
    deep[0] = False
    kept = deep[labels]
    return kept[:, :ANGLES] | kept[:, ANGLES:]


def _second_difference(count: int, step_mm: float, periodic: bool) -> sparse.spmatrix:
    ones = np.ones(count) / step_mm**2
    matrix = sparse.diags([ones[:-1], -2 * ones, ones[:-1]], [-1, 0, 1], format="lil")
    if periodic:
        matrix[0, count - 1] = matrix[count - 1, 0] = 1 / step_mm**2
    else:
        matrix[0, :] = 0  # the first and last slice bend freely
        matrix[count - 1, :] = 0
    return matrix.tocsr()
