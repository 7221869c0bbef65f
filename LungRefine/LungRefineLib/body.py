"""The body and the air inside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from LungRefineLib.morphology import Mask, Triple, filled_slices, largest, opened

TISSUE_HU = -300.0  # skin, fat and denser: everything that closes the body against the room
THIN_SHELL_MM = 5.0  # table plates, blankets and clothes are thinner, the chest wall is thicker


AIR_HU = -500.0  # aerated lung, gas and the room's air
IN_BODY = 0.5  # share of an enclosed piece of air that must lie in the body; the foam of a table has none


def enclosed_air(hu: npt.NDArray[np.float32], spacing_mm: Triple) -> tuple[Mask, Mask]:
    """Air that the patient encloses: lungs, airway, gas in the bowel.

    Args:
        hu: ``[z, y, x]``, HU, noise averaged out.
        spacing_mm: (z, y, x), mm.

    Returns:
        The air, and the body with everything in it; both bool, same shape.
    """
    tissue = hu > TISSUE_HU
    # In-plane only: slices far apart would hide thin shells from a ball.
    flat: Triple = (1e3, spacing_mm[1], spacing_mm[2])
    body = filled_slices(largest(opened(tissue, THIN_SHELL_MM, flat)))
    air = (hu < AIR_HU) & ~_room(hu < AIR_HU)
    labels, count = ndimage.label(air)
    sizes = np.maximum(np.bincount(labels.ravel(), minlength=count + 1), 1)
    within = np.bincount(labels[body], minlength=count + 1) / sizes
    kept = within > IN_BODY
    kept[0] = False
    # Where the chest wall is thin the filled body has gaps; the air it holds elsewhere closes them.
    air = kept[labels]
    return air, body | filled_slices(air)


def _room(air: Mask) -> Mask:
    """Air that reaches the edge of its own slice.

    Slice by slice, because an open mouth in view joins the lungs to the room.
    """
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[1] = ndimage.generate_binary_structure(2, 1)
    labels, count = ndimage.label(air, structure=in_plane)
    outside = np.zeros(count + 1, bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        outside[np.unique(edge)] = True
    outside[0] = False
    return outside[labels]
