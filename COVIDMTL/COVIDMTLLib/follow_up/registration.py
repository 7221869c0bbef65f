"""Rigid registration of two time points by the shape of their lungs.

Lesions come and go; the lungs' outline stays. Signed distance maps of the lungs are matched, so that nothing but the
masks is needed. Breathing changes a lung's shape, which no rigid motion can undo: the overlap reached is reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from COVIDMTLLib.follow_up.time_point import TimePoint

REGISTRATION_MM = 4.0  # sampling of the distance maps, which are smooth
NEAR_MM = 25.0  # beyond this distance from the lungs' surface the maps are cut off: far voxels say nothing new
MARGIN_MM = 40.0  # round the fixed lungs
SAMPLED_SHARE, SAMPLING_SEED = 0.15, 1  # of the fixed voxels: smooth maps need few; one seed, one answer
ITERATIONS = 200
FIRST_STEP, LAST_STEP = 2.0, 1e-3  # of the optimiser, mm of the farthest voxel's motion


@dataclass(frozen=True)
class RigidMotion:
    """How the moving scan lies against the fixed one.

    Attributes:
        transform: Maps points of the fixed scan to points of the moving one, LPS mm.
        shift_mm: Distance the centre of the fixed lungs moves.
        turn_deg: Angle of the rotation.
        lung_dice: Overlap of the lungs after registration, 0 to 1.
    """

    transform: sitk.Transform
    shift_mm: float
    turn_deg: float
    lung_dice: float


def register_lungs(fixed: TimePoint, moving: TimePoint) -> RigidMotion:
    """Find the rigid motion that lays one patient's lungs onto each other.

    Args:
        fixed: The scan whose space is kept.
        moving: The other scan.
    """
    grid = common_grid(fixed, REGISTRATION_MM)
    fixed_map = _distance_map(fixed, grid)
    moving_map = _distance_map(moving, common_grid(moving, REGISTRATION_MM))
    centres = [_centre(point) for point in (fixed, moving)]
    start = sitk.Euler3DTransform()
    start.SetCenter(centres[0].tolist())
    start.SetTranslation((centres[1] - centres[0]).tolist())

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricSamplingStrategy(sitk.ImageRegistrationMethod.RANDOM)
    method.SetMetricSamplingPercentage(SAMPLED_SHARE, seed=SAMPLING_SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(FIRST_STEP, LAST_STEP, ITERATIONS, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    method.SetNumberOfThreads(1)  # sums in one order: the same masks give the same motion
    found = method.Execute(fixed_map, moving_map)
    rigid = sitk.Euler3DTransform(sitk.CompositeTransform(found).GetBackTransform())

    matrix = np.array(rigid.GetMatrix()).reshape(3, 3)
    angle = np.degrees(np.arccos(np.clip((np.trace(matrix) - 1) / 2, -1.0, 1.0)))
    shift = np.array(rigid.TransformPoint(centres[0].tolist())) - centres[0]
    return RigidMotion(rigid, float(np.linalg.norm(shift)), float(angle), _dice(fixed, moving, grid, rigid))


def common_grid(point: TimePoint, spacing_mm: float) -> sitk.Image:
    """An empty isotropic grid along LPS round a scan's lungs."""
    lung_voxels = np.argwhere(point.lungs > 0)
    low, high = lung_voxels.min(axis=0), lung_voxels.max(axis=0)
    corners = np.array([[(low, high)[(n >> axis) & 1][axis] for axis in range(3)][::-1] for n in range(8)])
    places = corners @ point.ijk_to_lps[:3, :3].T + point.ijk_to_lps[:3, 3]
    start, stop = places.min(axis=0) - MARGIN_MM, places.max(axis=0) + MARGIN_MM
    size = np.ceil((stop - start) / spacing_mm).astype(int) + 1
    grid = sitk.Image(size.tolist(), sitk.sitkUInt8)
    grid.SetSpacing((spacing_mm,) * 3)
    grid.SetOrigin(start.tolist())
    return grid


def resample_labels(
    point: TimePoint, labels: npt.NDArray[np.integer], grid: sitk.Image, transform: sitk.Transform | None = None
) -> npt.NDArray[np.integer]:
    """Bring labels of a scan onto a grid, nearest neighbour.

    Args:
        point: The scan the labels lie on.
        labels: ``[z, y, x]``, integers of up to 16 bit.
        grid: The grid.
        transform: From the grid's space to the scan's; None for the same space.
    """
    image = point.image(labels.astype(np.uint16))
    return sitk.GetArrayFromImage(sitk.Resample(image, grid, transform or sitk.Transform(), sitk.sitkNearestNeighbor))


def _distance_map(point: TimePoint, grid: sitk.Image) -> sitk.Image:
    lungs = sitk.Resample(point.image((point.lungs > 0).astype(np.float32)), grid, sitk.Transform(), sitk.sitkLinear)
    signed = sitk.SignedMaurerDistanceMap(
        lungs > 0.5, insideIsPositive=True, squaredDistance=False, useImageSpacing=True
    )
    return sitk.Clamp(sitk.Cast(signed, sitk.sitkFloat32), lowerBound=-NEAR_MM, upperBound=NEAR_MM)


def _centre(point: TimePoint) -> npt.NDArray[np.float64]:
    middle = np.argwhere(point.lungs > 0).mean(axis=0)[::-1]
    return point.ijk_to_lps[:3, :3] @ middle + point.ijk_to_lps[:3, 3]


def _dice(fixed: TimePoint, moving: TimePoint, grid: sitk.Image, transform: sitk.Transform) -> float:
    first = resample_labels(fixed, fixed.lungs, grid) > 0
    second = resample_labels(moving, moving.lungs, grid, transform) > 0
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))
