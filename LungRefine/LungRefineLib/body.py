"""The body and the air inside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from LungRefineLib.morphology import IN_PLANE, Mask, Triple, filled_slices, largest, opened

TISSUE_HU = -300.0  # skin, fat and denser: everything that closes the body against the room
QUIET_MM = 2.0  # blur against the noise of low-dose scans, which would riddle the body with holes
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
    blur = [0.0, QUIET_MM / spacing_mm[1], QUIET_MM / spacing_mm[2]]
    tissue = ndimage.gaussian_filter(hu, blur, mode="nearest", truncate=3.0) > TISSUE_HU
    # In-plane only: slices far apart would hide thin shells from a ball.
    flat: Triple = (1e3, spacing_mm[1], spacing_mm[2])
    body = filled_slices(largest(opened(tissue, THIN_SHELL_MM, flat)))
    air = (hu < AIR_HU) & ~_room(hu < AIR_HU)
    # Whole pieces bridge the slices where the chest wall is too thin to be seen; pieces of one slice keep their place
    # where slices far apart join the lungs to air under the patient.
    air = _mostly_in(body, air, ndimage.generate_binary_structure(3, 1)) | _mostly_in(body, air, IN_PLANE)
    return air, body | filled_slices(air)


def _mostly_in(body: Mask, air: Mask, neighbours: Mask) -> Mask:
    labels, count = ndimage.label(air, structure=neighbours)
    sizes = np.maximum(np.bincount(labels.ravel(), minlength=count + 1), 1)
    kept = np.bincount(labels[body], minlength=count + 1) / sizes > IN_BODY
    kept[0] = False
    return kept[labels]


def _room(air: Mask) -> Mask:
    """Air that reaches the edge of its own slice.

    Slice by slice, because an open mouth in view joins the lungs to the room.
    """
    labels, count = ndimage.label(air, structure=IN_PLANE)
    outside = np.zeros(count + 1, bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        outside[np.unique(edge)] = True
    outside[0] = False
    return outside[labels]
