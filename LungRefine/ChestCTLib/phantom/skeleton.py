"""The bones around the lungs: ribs, sternum, spine, shoulder blades, collar bones."""

from __future__ import annotations

import numpy as np

from ChestCTLib.phantom.fields import Box, Floats, ellipsoid_field, points, tube_field

RIB_PITCH_MM = 24.5
RIB_SLOPE = 0.62  # how far a rib falls for every mm it runs forward


def rib_phase(z: Floats, y: Floats) -> Floats:
    """Where a point lies between one rib space (0) and the next (1); the middle of a rib is 0.5."""
    return (((z - RIB_SLOPE * (y - 20.0)) / RIB_PITCH_MM) % 1.0).astype(np.float32)


def spine_body(box: Box) -> Floats:
    """Depth inside the column of vertebral bodies and discs, mm, positive inside."""
    _, y, x = box.open_axes()
    rho = np.sqrt((x / 19.0) ** 2 + ((y - 66.0) / 16.0) ** 2)
    return np.broadcast_to(((1.0 - rho) * 17.0).astype(np.float32), box.shape)


def paint_bones(box: Box, inner: Floats, skin: Floats, tissue: Floats, fine: Floats) -> None:
    """Paint ribs, sternum, spine, shoulder blades and collar bones."""
    z, y, x = box.open_axes()
    outside = -inner
    # ribs run down from the spine to the front; in the unrolled wall they are bands of constant z + slope * y
    across = (rib_phase(z, y) - 0.5) * RIB_PITCH_MM
    rib = 1.0 - np.sqrt(((outside - 7.5) / 4.6) ** 2 + (across / 7.2) ** 2)
    rib = np.where((z < 262) & (np.abs(x) > 16), rib, -1.0)
    cartilage = y < -58
    tissue[(rib > 0) & cartilage] = 110.0
    tissue[(rib > 0) & ~cartilage] = 620.0
    tissue[(rib > 0.42) & ~cartilage] = 190.0

    sternum = np.minimum(
        1.0 - np.sqrt((x / 21.0) ** 2 + ((outside - 9.0) / 6.5) ** 2), np.where((y < 0) & (z > 55) & (z < 215), 1, -1)
    )
    tissue[sternum > 0] = 420.0
    tissue[sternum > 0.3] = 130.0

    body = spine_body(box)
    disc_phase = (z / 26.0) % 1.0
    disc = (disc_phase < 0.2) + 0.0 * body > 0
    tissue[(body > 0) & ~disc] = 480.0
    tissue[(body > 2.5) & ~disc] = 170.0
    tissue[(body > 0) & disc] = 85.0
    ring = np.sqrt((x / 15.0) ** 2 + ((y - 92.0) / 12.0) ** 2)
    tissue[np.broadcast_to((ring < 1.0) & (ring > 0.68) & (y > 84), box.shape) & (skin > 0)] = 500.0
    tissue[np.broadcast_to(ring <= 0.68, box.shape)] = 25.0
    spinous = (np.abs(x) < 3.5) & (y > 102) & (((z + 0.5 * y) / 26.0) % 1.0 < 0.62) & (skin > 12)
    tissue[spinous] = 420.0
    transverse = (
        (np.sqrt(((y - 88.0) / 5.0) ** 2 + ((disc_phase - 0.6) * 26.0 / 6.0) ** 2) < 1)
        & (np.abs(x) > 13)
        & (np.abs(x) < 34)
    )
    tissue[transverse] = 450.0

    blade = 1.0 - np.sqrt(((outside - 21.0 - 2.0 * fine) / 2.8) ** 2)
    angle = np.arctan2(y - 10.0, np.abs(x))
    on_blade = (
        (z > 118) & (z < 236) & (angle > 0.38) & (angle < 0.38 + 0.95 * np.clip((z - 105) / 90, 0.2, 1)) & (skin > 8)
    )
    tissue[(blade > 0) & on_blade] = 430.0
    for sign in (-1.0, 1.0):
        collar = tube_field(
            box,
            points((222, -44, sign * 20), (238, -30, sign * 70), (250, 4, sign * 128)),
            np.array([7, 5.5, 6.0]),
            far=10.0,
        )
        tissue[(collar > 0) & (skin > 3)] = 560.0
        tissue[(collar > 2.4) & (skin > 3)] = 220.0
        head = ellipsoid_field(box, (246, 22, sign * 152), (24, 24, 22))
        tissue[(head > 0) & (skin > 3)] = 520.0
        tissue[(head > 2.5) & (skin > 3)] = 210.0
