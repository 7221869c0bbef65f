"""The lungs' border on the input's own voxels, as crisp as the scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from LungRefineLib.working_grid import WorkingGrid

NORMAL_LUNG_HU = -850.0  # where no lung lies near
NORMAL_WALL_HU = 40.0  # muscle and blood, where no wall lies near
WALL_RANGE_HU = (
    -120.0,
    -40.0,
)  # a layer of fat lies under the pleura; muscle and ribs behind it must not shift the border
FULL_CONTRAST_HU = 600.0  # lung against wall from which a voxel's own HU decides alone
HALF_SPAN_HU = 50.0  # about the noise of a chest CT: a voxel that far from the middle counts fully
PULL = 0.9  # how far the voxel's own HU moves the coarse level at full contrast
SURE = 0.04  # levels this close to 0 or 1 are not asked again
LUNG_NEAR_MM = 4.0  # neighbourhood from which the lung's own HU is taken
WALL_NEAR_MM = 1.2  # the wall's: the fat under the pleura is thin
MIDDLE_HU = (-600.0, 100.0)  # range of the border's HU


@dataclass(frozen=True)
class BorderModel:
    """How lung and wall look on both sides of the border.

    Attributes:
        middle_hu: ``float32 [z, y, x]``, HU of a voxel that holds just enough lung to count; for half a voxel about
            -400 where aerated lung meets muscle, -475 where it meets fat, -250 beside ground glass.
        contrast: In [0, 1]; 0 where lung and wall look alike, as in consolidation.
    """

    middle_hu: npt.NDArray[np.float32]
    contrast: npt.NDArray[np.float32]


def border_model(
    hu: npt.NDArray[np.float32],
    inside: npt.NDArray[np.bool_],
    opaque: npt.NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    share: float = 0.5,
) -> BorderModel:
    """Learn from the neighbourhood what lung and wall look like.

    Args:
        hu: ``float32 [z, y, x]`` on the working grid.
        inside: bool, the lungs there.
        opaque: bool, where HU says nothing about the border: recovered dense lung, the airway's own wall.
        spacing_mm: (z, y, x), mm.
        share: Share of lung from which a voxel counts as lung.
    """
    core = ndimage.binary_erosion(inside, border_value=1)
    beyond = ~ndimage.binary_dilation(inside)
    lung = _nearby_mean(hu, core, LUNG_NEAR_MM, spacing_mm, NORMAL_LUNG_HU)
    firm = beyond & (hu > WALL_RANGE_HU[0] - 80)
    wall = _nearby_mean(np.clip(hu, *WALL_RANGE_HU), firm, WALL_NEAR_MM, spacing_mm, NORMAL_WALL_HU)
    contrast = np.clip((wall - lung) / FULL_CONTRAST_HU, 0, 1)
    # Where dense lung was recovered the energy has placed the border: a voxel as dense as the wall says nothing.
    contrast[ndimage.binary_dilation(opaque)] = 0
    middle = share * lung + (1 - share) * wall
    return BorderModel(middle.astype(np.float32), contrast.astype(np.float32))


def _nearby_mean(
    hu: npt.NDArray[np.float32],
    where: npt.NDArray[np.bool_],
    blur_mm: float,
    spacing_mm: tuple[float, float, float],
    default: float,
) -> npt.NDArray[np.float32]:
    sigma = [max(blur_mm / step, 0.8) for step in spacing_mm]
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigma, mode="nearest", truncate=3.0)
    total = ndimage.gaussian_filter(np.where(where, hu, np.float32(0)), sigma, mode="nearest", truncate=3.0)
    return np.where(weight > 1e-3, total / np.maximum(weight, np.float32(1e-3)), np.float32(default))


def crisp_border(
    hu: npt.NDArray[np.int16],
    grid: WorkingGrid,
    box: tuple[slice, slice, slice],
    level: npt.NDArray[np.float32],
    model: BorderModel,
) -> npt.NDArray[np.bool_]:
    """Decide every voxel of the input near the border.

    Args:
        hu: ``int16 [z, y, x]``, the whole input.
        grid: The working grid.
        box: Part of the working grid that ``level`` covers.
        level: Level function of the lungs on that part, in [0, 1].
        model: What the border looks like there, same shape.

    Returns:
        bool, whole input shape.
    """
    out = np.zeros(grid.full_shape, bool)
    full, local = grid.full_box(box), grid.local_box(box)
    low, high = MIDDLE_HU
    up = grid.bring_up(level, local)
    inside = up >= 128
    near = np.flatnonzero((up > 255 * SURE) & (up < 255 * (1 - SURE)))
    share = grid.bring_up((model.middle_hu - low) / (high - low), local).ravel()[near]
    middle = share * np.float32((high - low) / 255) + np.float32(low)
    trust = grid.bring_up(model.contrast, local).ravel()[near] * np.float32(PULL / 255)
    pull = np.clip((middle - hu[full].ravel()[near]) / HALF_SPAN_HU, -1, 1)
    inside.ravel()[near] = up.ravel()[near] * np.float32(1 / 255) + trust * pull > 0.5
    out[full] = inside
    return out
