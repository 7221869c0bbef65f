"""What lies around the chest: breasts, arms, blanket and table."""

from __future__ import annotations

import numpy as np

from ChestCTLib.phantom.anatomy import Anatomy
from ChestCTLib.phantom.fields import Box, Floats, ellipsoid_field, points, tube_field
from ChestCTLib.phantom.tissues import FAT_HU, MUSCLE_HU, SKIN_HU

SKIN_MM = 2.0


def paint_breasts(anatomy: Anatomy, box: Box, skin: Floats, tissue: Floats, fine: Floats) -> None:
    """Paint the breasts in front of the chest; lying on the back they flatten and move sideways."""
    if anatomy.breasts <= 0:
        return
    k = anatomy.breasts
    for sign in (-1.0, 1.0):
        breast = ellipsoid_field(box, (95.0, -92.0, sign * 82.0), (58 * k, 40 * k, 54 * k))
        tissue[breast > 0] = FAT_HU
        tissue[(breast > 0) & (breast < SKIN_MM)] = SKIN_HU
        tissue[(breast > 9) & (fine > 0.2)] = 25.0


def paint_blanket(box: Box, skin: Floats, tissue: Floats, rough: Floats, fine: Floats) -> None:
    """Paint the folds of a blanket over the patient."""
    _, y, _ = box.open_axes()
    sheet = np.abs(skin + 16.0 + 9.0 * rough + 5.0 * fine)
    tissue[(sheet < 1.0) & (y < 10)] = -860.0
    second = np.abs(skin + 30.0 - 14.0 * rough + 6.0 * fine)
    tissue[(second < 0.9) & (y < -10)] = -900.0


def paint_table(anatomy: Anatomy, box: Box, skin: Floats, tissue: Floats) -> None:
    """Paint the table the patient lies on: a thin dense shell around foam; and a thin mattress."""
    z, y, x = box.open_axes()
    lowest = y + 0.0 * skin
    back = float(np.where(skin > 0, lowest, -1e3).max())
    curve = 0.0 if anatomy.table_flat else 0.0016
    top = back + anatomy.table_gap - curve * x * x + 3.0
    depth = y - top
    half_width = 215.0
    inside = (depth > 0) & (depth < 26.0) & (np.abs(x) < half_width) & (z > -1e4)
    foam = (depth > 3.0) & (depth < 23.0) & (np.abs(x) < half_width - 4)
    tissue[np.broadcast_to(inside, tissue.shape)] = -180.0
    tissue[np.broadcast_to(inside & foam, tissue.shape)] = -930.0
    mat = (depth > -9.0) & (depth <= -1.0) & (np.abs(x) < half_width - 20)
    tissue[np.broadcast_to(mat, tissue.shape)] = -890.0


def paint_arms(anatomy: Anatomy, box: Box, tissue: Floats) -> None:
    """Paint the upper arms of a patient who cannot raise them; the image cuts them at its edge."""
    if not anatomy.arms_down:
        return
    beside = 168.0 + 0.9 * (anatomy.fat - 10.0)
    for sign in (-1.0, 1.0):
        path = points((232, 24, sign * beside), (150, 34, sign * (beside + 36)), (-90, 40, sign * (beside + 50)))
        arm = tube_field(box, path, np.array([36.0, 40.0, 38.0]), far=4.0)
        tissue[arm > 0] = SKIN_HU
        tissue[arm > SKIN_MM] = FAT_HU
        tissue[arm > SKIN_MM + 0.3 * anatomy.fat] = MUSCLE_HU
        tissue[arm > 27.0] = 620.0
        tissue[arm > 31.0] = 60.0
