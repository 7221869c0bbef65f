"""The lungs' border on the input's own voxels, as crisp as the scan."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from LungRefineLib.working_grid import WorkingGrid

AIR_SIDE_HU = -600.0  # from here on down a voxel near the border is lung ...
WALL_SIDE_HU = -200.0  # ... and from here on up it is chest wall, unless an opacity was recovered there
PULL = 0.45  # how far the voxel's own HU may move the coarse level; 0.5 would let it decide alone


def crisp_border(
    hu: npt.NDArray[np.int16],
    grid: WorkingGrid,
    box: tuple[slice, slice, slice],
    level: npt.NDArray[np.float32],
    recovered: npt.NDArray[np.float32],
) -> npt.NDArray[np.bool_]:
    """Decide every voxel of the input near the border.

    Args:
        hu: ``int16 [z, y, x]``, the whole input.
        grid: The working grid.
        box: Part of the working grid that ``level`` covers.
        level: Level function of the lungs on that part, in [0, 1].
        recovered: 1 where soft tissue was recovered as lung, else 0, same shape: there the wall's HU says nothing.

    Returns:
        bool, whole input shape.
    """
    out = np.zeros(grid.full_shape, bool)
    full = grid.full_box(box)
    local = grid.local_box(box)
    up = grid.bring_up(level, local).astype(np.int16)
    trust = 255 - grid.bring_up(recovered, local).astype(np.int16)
    near = np.flatnonzero((up > 255 * (0.5 - PULL)) & (up < 255 * (0.5 + PULL)))
    values = hu[full].ravel()[near].astype(np.float32)
    middle = (AIR_SIDE_HU + WALL_SIDE_HU) / 2
    pull = np.clip((middle - values) / (WALL_SIDE_HU - AIR_SIDE_HU) * 2, -1, 1)
    pull = np.where(pull < 0, pull * trust.ravel()[near] / 255, pull)
    inside = up >= 128
    inside.ravel()[near] = up.ravel()[near] / 255 + PULL * pull > 0.5
    out[full] = inside
    return out
