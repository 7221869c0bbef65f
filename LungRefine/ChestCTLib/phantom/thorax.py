"""The chest on a coarse box: body wall, bones, mediastinum, diaphragm, belly, table; and the two lungs' shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

from ChestCTLib.phantom.anatomy import Anatomy
from ChestCTLib.phantom.fields import Box, Floats, ellipsoid_field, points, random_field, smooth_max, tube_field
from ChestCTLib.phantom.skeleton import paint_bones, rib_phase, spine_body
from ChestCTLib.phantom.surroundings import SKIN_MM, paint_arms, paint_blanket, paint_breasts, paint_table
from ChestCTLib.phantom.tissues import AIR_HU, BLOOD_HU, FAT_HU, LIVER_HU, MUSCLE_HU, SKIN_HU

JUNCTION_X = 2.0  # where the two lungs come nearest to each other

# Template profiles over height z, mm: inner chest wall and skin as superellipses: half width A, half depth B, centre y
INNER_Z = (-90, -20, 40, 100, 150, 190, 220, 243, 258, 268)
INNER_A = (124, 132, 131, 125, 115, 99, 84, 67, 50, 14)
INNER_B = (78, 86, 88, 86, 79, 65, 51, 40, 30, 8)
INNER_Y = (4, 2, 0, 0, 4, 13, 21, 27, 31, 33)
SKIN_Z = (-90, -20, 40, 100, 150, 190, 225, 250, 275)
SKIN_A = (158, 162, 164, 166, 171, 181, 186, 176, 150)
SKIN_B = (110, 113, 113, 112, 108, 99, 86, 76, 68)
SKIN_Y = (4, 4, 4, 5, 9, 15, 22, 26, 28)
INNER_POWER, SKIN_POWER = 2.25, 2.6


@dataclass(frozen=True)
class Thorax:
    """The chest without lung tissue.

    Attributes:
        box: Where the fields are given; body mm.
        tissue: HU of everything outside the lungs (inside them: what would lie there, soft tissue).
        right: Depth inside the right lung, mm, positive inside.
        left: Depth inside the left lung.
        hila: Body position of the right and left hilum, ``[2, (z, y, x)]``, mm.
    """

    box: Box
    tissue: Floats
    right: Floats
    left: Floats
    hila: npt.NDArray[np.float64]


def _profile(z: Floats, heights: tuple[float, ...], values: tuple[float, ...]) -> Floats:
    return PchipInterpolator(heights, values)(np.clip(z, heights[0], heights[-1])).astype(np.float32)


def _depth_in_wall(
    z: Floats, y: Floats, x: Floats, half_width: Floats, half_depth: Floats, centre: Floats, power: float
) -> Floats:
    """Radial depth inside a superelliptic cylinder that changes with height, mm, positive inside."""
    dy = y - centre
    rho = ((np.abs(x) / half_width) ** power + (np.abs(dy) / half_depth) ** power) ** (1.0 / power)
    rho = np.maximum(rho, 1e-3)
    return ((1.0 - rho) / rho * np.sqrt(x * x + dy * dy)).astype(np.float32)


def _dome(
    y: Floats, x: Floats, height: float, centre: tuple[float, float], depth: float, step: float
) -> tuple[Floats, Floats]:
    """Height of one diaphragm dome over (y, x), and the factor that turns height above it into distance."""
    dy, dx = y - centre[0], x - centre[1]
    reach_y = np.where(dy > 0, 82.0, 92.0)
    rho = np.sqrt((dy / reach_y) ** 2 + (dx / 66.0) ** 2)
    drop = depth * np.where(dy > 0, 1.0, 1.0 - 0.35 * np.clip(-dy / 90.0, 0, 1)) * np.minimum(rho, 1.5) ** 2.4
    surface = (height - drop).astype(np.float32)
    slope_y, slope_x = np.gradient(surface[0], step)
    return surface, (1.0 / np.sqrt(1.0 + slope_y**2 + slope_x**2)).astype(np.float32)[None]


def build_thorax(anatomy: Anatomy, rng: np.random.Generator, body_box: Box) -> Thorax:
    """Build the chest on a box in body mm; works in template mm inside, where the anatomy's scale is taken out."""
    scale = anatomy.scale
    box = Box.of(np.divide(body_box.start, scale), np.divide(body_box.step, scale), body_box.shape)
    z, y, x = box.open_axes()
    rough = random_field(rng, box, 38.0)
    fine = random_field(rng, box, 16.0)

    inner = _depth_in_wall(
        z,
        y,
        x,
        _profile(z, INNER_Z, INNER_A),
        _profile(z, INNER_Z, INNER_B),
        _profile(z, INNER_Z, INNER_Y),
        INNER_POWER,
    )
    grow = np.float32(0.9 * (anatomy.fat - 10))
    skin = _depth_in_wall(
        z,
        y,
        x,
        _profile(z, SKIN_Z, SKIN_A) + grow,
        _profile(z, SKIN_Z, SKIN_B) + grow * 0.8,
        _profile(z, SKIN_Z, SKIN_Y),
        SKIN_POWER,
    )
    skin += 2.0 * rough
    inner += 1.2 * rough + 0.4 * fine

    # the lung bulges a little between the ribs
    inner += 0.9 * np.cos(2 * np.pi * rib_phase(z, y)).astype(np.float32)

    mediastinum, organs = _mediastinum(anatomy, box, rough, fine)
    domes = _domes(anatomy, box, rough)

    sides = []
    for sign, (surface, factor) in zip((-1.0, 1.0), domes, strict=True):
        lung = np.minimum(inner - 1.5, -mediastinum)
        lung = np.minimum(lung, (z - surface + 1.5 * rough) * factor)
        sides.append(np.minimum(lung, np.float32(sign) * (x - JUNCTION_X) - 0.7))
    right, left = sides

    tissue = np.full(box.shape, AIR_HU, dtype=np.float32)
    paint_table(anatomy, box, skin, tissue)
    paint_blanket(box, skin, tissue, rough, fine)
    paint_arms(anatomy, box, tissue)
    paint_breasts(anatomy, box, skin, tissue, fine)
    body = skin > 0
    tissue[body] = FAT_HU
    tissue[body & (skin < SKIN_MM)] = SKIN_HU
    muscle = (skin > anatomy.fat + 2.0 * rough + 2.0 * fine) & body
    tissue[muscle] = MUSCLE_HU
    tissue[muscle & (fine > 1.5)] = -40.0
    cavity = inner > -1.0
    tissue[cavity] = FAT_HU + 10
    _belly(anatomy, box, inner, domes, tissue, rough, fine)
    for field, density in organs:
        inside = field > 0
        tissue[inside] = density
    tissue[(inner > -2.5) & (inner <= 0.5) & (z > -40)] = 30.0
    paint_bones(box, inner, skin, tissue, fine)

    tissue = ndimage.gaussian_filter(tissue, 0.6)  # partial volume: takes the steps off the painted borders
    hila = points((150.0, 14.0, -46.0), (154.0, 20.0, 48.0)) * np.asarray(scale)
    return Thorax(body_box, tissue, right, left, hila)


def _mediastinum(anatomy: Anatomy, box: Box, rough: Floats, fine: Floats) -> tuple[Floats, list[tuple[Floats, float]]]:
    """What lies between the lungs: its outline (positive inside) and the organs in it, with their density."""
    z, y, x = box.open_axes()
    hz, hy, hx = anatomy.heart
    k = anatomy.heart_size
    heart = ellipsoid_field(box, (hz, hy, hx), (46 * k, 46 * k, 56 * k))
    heart = smooth_max(heart, ellipsoid_field(box, (hz + 14, hy + 10, -18), (42 * k, 38 * k, 34 * k)), 14.0)
    heart = smooth_max(heart, ellipsoid_field(box, (hz - 14, hy - 10, hx + 22), (34 * k, 36 * k, 40 * k)), 14.0)

    aorta = tube_field(
        box,
        points(
            (-90, 44, 14),
            (40, 46, 19),
            (150, 46, 22),
            (178, 40, 20),
            (197, 24, 15),
            (203, 4, 6),
            (195, -12, -6),
            (175, -22, -14),
            (120, -22, -8),
        ),
        np.array([11, 12, 13, 13.5, 14, 14.5, 15, 16, 16.0]),
    )
    veins = tube_field(
        box, points((262, -2, -34), (225, -8, -26), (190, -8, -27), (120, -8, -24)), np.array([9, 9, 10.5, 11.0])
    )
    veins = tube_field(
        box,
        points((248, 6, 36), (228, -14, 18), (222, -16, -4), (212, -10, -24)),
        np.array([8, 7.5, 7.5, 8.0]),
        into=veins,
    )
    veins = tube_field(box, points((-90, 18, -14), (60, 6, -20), (95, 0, -22)), np.array([12, 13, 14.0]), into=veins)
    necks = tube_field(box, points((200, 2, 8), (235, 10, 24), (275, 14, 30)), np.array([6, 5.5, 5]))
    necks = tube_field(box, points((204, -4, -4), (235, 0, -16), (275, 10, -26)), np.array([7, 6.5, 5]), into=necks)
    pulmonary = tube_field(box, points((112, -34, 12), (140, -24, 16), (154, -6, 14)), np.array([14, 14, 14.0]))
    pulmonary = tube_field(
        box, points((152, -4, 8), (148, 6, -22), (146, 14, -50)), np.array([12, 11.5, 9.0]), into=pulmonary
    )
    pulmonary = tube_field(
        box, points((154, -4, 14), (160, 12, 34), (154, 24, 52)), np.array([13, 12, 9.0]), into=pulmonary
    )
    esophagus = tube_field(box, points((275, 34, 4), (170, 38, 4), (60, 34, 8), (20, 20, 16)), np.array([7, 7.5, 8, 8]))
    thyroid = tube_field(box, points((262, 12, -16), (240, 10, -12)), np.array([10, 4.0]))
    thyroid = tube_field(box, points((262, 12, 16), (240, 10, 12)), np.array([10, 4.0]), into=thyroid)

    # the fat plate between the lungs: thin in front and behind the heart, wide at the thoracic inlet
    front = _profile(z, (-90, 60, 110, 165, 205, 235, 275), (34, 22, anatomy.junction, anatomy.junction, 18, 30, 44))
    back = _profile(z, (-90, 60, 110, 165, 205, 235, 275), (24, 14, 13, 16, 18, 26, 42))
    blend = 1.0 / (1.0 + np.exp(-(y - 5.0) / 10.0))
    plate = (front * (1 - blend) + back * blend) - np.abs(x - JUNCTION_X)
    airway_coat = tube_field(box, points((275, 20, 0), (166, 27, 2)), np.array([14, 14.5]))
    airway_coat = tube_field(box, points((166, 27, 2), (150, 21, -30)), np.array([13, 11.0]), into=airway_coat)
    airway_coat = tube_field(box, points((166, 27, 2), (150, 26, 36)), np.array([13, 10.0]), into=airway_coat)
    spine = spine_body(box)

    outline = smooth_max(plate.astype(np.float32), heart + 4.0, 16.0)
    for tube, coat in (
        (aorta, 3.0),
        (veins, 3.0),
        (pulmonary, 3.0),
        (airway_coat, 1.0),
        (esophagus, 3.0),
        (necks, 4.0),
    ):
        outline = smooth_max(outline, tube + np.float32(coat), 9.0)
    outline = smooth_max(outline, spine + 5.0, 10.0)
    outline += 0.9 * rough + 0.5 * fine
    organs = [
        (heart, BLOOD_HU),
        (pulmonary, BLOOD_HU),
        (veins, BLOOD_HU),
        (necks, BLOOD_HU),
        (aorta, BLOOD_HU + 2),
        (esophagus, 35.0),
        (thyroid, 95.0),
    ]
    return outline, organs


def _domes(anatomy: Anatomy, box: Box, rough: Floats) -> list[tuple[Floats, Floats]]:
    _, y, x = box.open_axes()
    y, x = np.broadcast_arrays(y, x)
    step = box.step[1]
    return [
        _dome(y, x, anatomy.right_dome, (-8.0, -68.0), anatomy.dome_depth, step),
        _dome(y, x, anatomy.left_dome, (-6.0, 72.0), anatomy.dome_depth, step),
    ]


def _belly(
    anatomy: Anatomy,
    box: Box,
    inner: Floats,
    domes: list[tuple[Floats, Floats]],
    tissue: Floats,
    rough: Floats,
    fine: Floats,
) -> None:
    """Paint liver, spleen, stomach and bowel under the diaphragm."""
    z, y, x = box.open_axes()
    inside = inner > 0
    (right, right_factor), (left, left_factor) = domes
    under_right = (right - 3.0 - z) * right_factor
    under_left = (left - 3.0 - z) * left_factor
    belly = inside & ((under_right > -3.0) & (x < 8) | (under_left > -3.0) & (x >= 8))
    tissue[belly] = FAT_HU
    diaphragm = inside & ((np.abs(under_right + 1.5) < 2.5) & (x < 4) | (np.abs(under_left + 1.5) < 2.5) & (x > 4))
    tissue[diaphragm] = MUSCLE_HU
    liver = np.minimum(np.minimum(under_right, inner - 3.0), 20.0 - x - 0.35 * y + 6.0 * rough)
    liver = smooth_max(
        liver, np.minimum(ellipsoid_field(box, (anatomy.left_dome - 42, -42, 34), (34, 34, 48)), under_left), 8.0
    )
    tissue[liver > 0] = LIVER_HU
    vessels = (liver > 6) & (np.abs(fine) < 0.05) & (rough > 0.3)
    tissue[vessels] = BLOOD_HU - 5
    spleen = np.minimum(
        ellipsoid_field(box, (anatomy.left_dome - 48, 52, 88), (46, 34, 36)), np.minimum(under_left, inner - 2.0)
    )
    tissue[spleen > 0] = 48.0
    stomach_at = (anatomy.left_dome - 34.0, -8.0, 66.0)
    stomach = np.minimum(ellipsoid_field(box, stomach_at, (40, 46, 42)), under_left - 1.5) + 1.5 * rough
    tissue[(stomach > 0) & inside] = 38.0
    level = stomach_at[1] + 8.0 - 22.0 * (1.3 - anatomy.stomach_gas)
    tissue[(stomach > 4.0) & (y < level) & inside] = AIR_HU + 5
    if anatomy.colon_gas > 0:
        g = anatomy.colon_gas
        colon = np.minimum(
            ellipsoid_field(box, (anatomy.left_dome - 36, -40, 98), (24 * g, 30 * g, 20 * g)), under_left - 1.0
        )
        colon = np.minimum(colon, inner - 2.0) + 1.0 * fine
        tissue[colon > 0] = 35.0
        tissue[colon > 3.0] = AIR_HU + 10
