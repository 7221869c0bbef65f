"""The airway: trachea, main bronchi, and bronchi inside the lungs, whose walls thin out so that air connects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ChestCTLib.phantom.anatomy import Anatomy
from ChestCTLib.phantom.fields import Box, Floats, tube_field

TRACHEA_RADIUS_MM = 8.5
WALL_MM = 1.6
CHILDREN = 3  # segmental bronchi of each lobar one
CHILD_MM = 30.0
TWIG_WALL_MM = 0.9
TIP_DEPTH_MM = 7.0  # how deep in the lung every bronchus ends
PULL_STEPS = 12
Point = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Airway:
    """Depth fields on the coarse box, mm, positive inside.

    Attributes:
        lumen: Air in trachea, main bronchi and the bronchi that lead into the lungs.
        outer: The same with the wall; equal to ``lumen`` where a bronchus has lost its wall.
        main: Trachea and main bronchi with their wall: what no lung mask may contain.
    """

    lumen: Floats
    outer: Floats
    main: Floats


def build_airway(anatomy: Anatomy, rng: np.random.Generator, lung: Floats, box: Box, closed: bool) -> Airway:
    """Build the airway of one chest.

    Args:
        anatomy: Gives the scale.
        rng: Varies the bronchi.
        lung: Depth inside the lungs, mm, positive inside.
        box: Body box to evaluate on.
        closed: Plug the left main bronchus, and give its bronchi walls to their ends.
    """
    scale = np.asarray(anatomy.scale)
    size = float(scale.mean())

    def at(*points: npt.ArrayLike) -> Point:
        return np.asarray(points) * scale

    def _within(point: Point, back: Point) -> Point:
        """Draw a point towards ``back`` until it lies well inside a lung."""
        for _ in range(PULL_STEPS):
            index = np.clip(np.rint(box.index_of(point * scale)).astype(int), 0, np.asarray(box.shape) - 1)
            if lung[tuple(index)] > TIP_DEPTH_MM:
                break
            point = back + 0.8 * (point - back)
        return point

    r = TRACHEA_RADIUS_MM * size * rng.uniform(0.88, 1.12)
    carina = (166.0, 27.0, 2.0)
    right_end, left_end = (148.0, 20.0, -36.0), (149.0, 26.0, 46.0)
    main = tube_field(box, at((300, 16, 0), (262, 19, 0), (215, 22, 1), carina), np.array([r, r, r, r * 1.05]))
    main = tube_field(box, at(carina, (157, 23.5, -17), right_end), np.array([r * 0.9, r * 0.82, r * 0.74]), into=main)
    left_radii = np.array([r * 0.85, r * 0.72, r * 0.66])
    left_main = tube_field(box, at(carina, (156, 26.5, 24), left_end), left_radii)

    branches = {
        -1: (((178, 20, -62), 0.5), ((118, 8, -62), 0.46), ((112, 34, -58), 0.5)),
        1: (((172, 14, 74), 0.48), ((114, 38, 66), 0.5), ((126, -4, 76), 0.42)),
    }
    lumen, outer = main.copy(), main + np.float32(WALL_MM)
    plug = None
    if closed:
        plug = tube_field(box, at((155.5, 26.4, 28), (151.5, 26.2, 38)), np.array([r * 1.3, r * 1.3]))
    outer = np.maximum(outer, left_main + np.float32(WALL_MM))
    lumen = np.maximum(lumen, left_main)
    for side, ends in branches.items():
        origin = np.asarray(right_end if side < 0 else left_end)
        thin_out = 1.0 if closed and side > 0 else 0.0
        for end, width in ends:
            tip = _within(np.asarray(end) + rng.normal(0, 3.0, 3), origin)
            middle = 0.5 * (origin + tip) + rng.normal(0, 1.5, 3)
            path = at(origin, middle, tip)
            radii = r * width * np.array([1.15, 1.0, 0.7])
            tube_field(box, path, radii, into=lumen)
            tube_field(box, path, radii + WALL_MM * np.array([1.0, 0.9, thin_out]), into=outer)
            ahead = (tip - origin) / np.linalg.norm(tip - origin)
            for _ in range(CHILDREN):
                start = middle + 0.8 * (tip - middle)
                twig = at(start, _within(tip + CHILD_MM * (ahead + rng.normal(0, 0.45, 3)), tip))
                thin = r * width * np.array([0.55, 0.3])
                tube_field(box, twig, thin, into=lumen)
                tube_field(box, twig, thin + TWIG_WALL_MM, into=outer)
    if plug is not None:
        lumen = np.minimum(lumen, -plug)
    return Airway(lumen, outer, np.maximum(main, left_main) + np.float32(WALL_MM))
