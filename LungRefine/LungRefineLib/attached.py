"""Dense lesions that lung surrounds but for a neck, by which they hang on the heart, the mediastinum or a vessel.

Wearing everything that is not lung down by a ball parts such a lesion from the body as soon as the ball is wider than
the neck. Domes, vessels and the heart itself have no neck: they taper or stay joined to the body.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from LungRefineLib.morphology import Mask, Triple, depth_in, distance_to, widened

NECKS_MM = (3.0, 5.0, 7.0, 9.0)  # half the width of the necks cut; thicker ones leave lesion and body alike
LARGEST_ML = 60.0  # a lobe's worth of consolidation; what is larger is an organ
SMALLEST_ML = 0.1
SURROUNDED = 0.6  # share of its shell that is lung
SHELL_MM = 2.5


def attached_lesions(lungs: Mask, spacing_mm: Triple) -> Mask:
    """Find pieces that hang on the body by a neck.

    Args:
        lungs: bool ``[z, y, x]``, both lungs with what was recovered so far; what reaches the box's edge is body.
        spacing_mm: (z, y, x), mm.

    Returns:
        bool, the pieces, none of them lung before.
    """
    found = np.zeros(lungs.shape, bool)
    depth = depth_in(~lungs, spacing_mm)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    for radius in NECKS_MM:
        cores, count = ndimage.label(depth > radius)
        sizes = np.bincount(cores.ravel(), minlength=count + 1) * voxel_ml
        small = sizes < LARGEST_ML
        small[0] = False
        for face in (cores[0], cores[-1], cores[:, 0], cores[:, -1], cores[:, :, 0], cores[:, :, -1]):
            small[np.unique(face)] = False
        for number, box in enumerate(ndimage.find_objects(cores), start=1):
            if small[number] and box is not None:
                wide = widened(box, radius + SHELL_MM, spacing_mm, lungs.shape)
                found[wide] |= _piece(cores[wide] == number, lungs[wide], radius, spacing_mm)
    return found & ~lungs


def _piece(core: Mask, lungs: Mask, radius_mm: float, spacing_mm: Triple) -> Mask:
    """The core with what was worn off, if lung surrounds it."""
    distance = distance_to(core, spacing_mm)
    piece = (distance <= radius_mm) & ~lungs
    shell = (distance > radius_mm) & (distance <= radius_mm + SHELL_MM)
    volume = piece.sum() * float(np.prod(spacing_mm)) / 1000.0
    surrounded = shell.any() and lungs[shell].mean() >= SURROUNDED
    return piece if surrounded and SMALLEST_ML <= volume <= LARGEST_ML else np.zeros_like(piece)
