"""The refined method: aerated lungs, their dents, one energy, a crisp border."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from LungRefineLib import airway as airways
from LungRefineLib.body import enclosed_air
from LungRefineLib.border import border_model, crisp_border
from LungRefineLib.bowel_gas import bowel_gas
from LungRefineLib.candidates import BONE_HU, candidates, with_haze
from LungRefineLib.classical import classical_mask
from LungRefineLib.energy import minimise
from LungRefineLib.morphology import Mask, Triple, dilate, distance_to
from LungRefineLib.settings import LungSettings
from LungRefineLib.sides import aerated_lungs, nearest_side
from LungRefineLib.working_grid import WorkingGrid, make_working_grid

log = logging.getLogger(__name__)

LUMEN_HU = -500.0  # air of the airway at full resolution
CRUMB_ML = 5.0  # separate pieces below it are gas in bowel or oesophagus
MARGIN_MM = 12.0  # around the aerated lungs: room for what joins them

BORDER_BLUR = 0.6  # blocks: turns the steps of the working grid into a slope that its interpolation can follow
HOLD = 0.6  # force that no neighbourhood can overcome
OPACITY_FORCE = 0.1  # dense candidates hold against a flat surface but give way where they stick out
BONE_FORCE = -0.35


@dataclass(frozen=True)
class Refined:
    """Result of the refined method on the input's grid (canonical axes).

    Attributes:
        lungs: uint8 ``[z, y, x]``, 1 right, 2 left.
        airway: bool, trachea and main bronchi.
        classical: uint8, the classical method's lungs, found on the working grid and brought to the input's voxels in
            the same way, so that the two differ by opacities alone and not by how a border is drawn.
        warnings: What the user should look at.
    """

    lungs: npt.NDArray[np.uint8]
    airway: Mask
    classical: npt.NDArray[np.uint8]
    warnings: tuple[str, ...]


def refine(
    hu: npt.NDArray[np.int16],
    spacing_mm: Triple,
    settings: LungSettings = LungSettings(),  # noqa: B008  (frozen)
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> Refined:
    """Segment the lungs of a scan on canonical axes.

    Args:
        hu: ``int16 [z, y, x]``, HU; z towards the head, y towards posterior, x towards the patient's left.
        spacing_mm: (z, y, x), mm.
        settings: Reaches and working grid.
        progress: Called with share and step.
        cancelled: Asked between steps.

    Returns:
        Lungs and airway; both empty, with a warning, where the scan shows no lung.
    """
    progress(0.0, "working grid")
    grid = make_working_grid(hu, spacing_mm, settings.working_spacing_mm)
    raise_if_cancelled(cancelled)
    progress(0.15, "body")
    air, body = enclosed_air(grid.hu, grid.spacing_mm)
    progress(0.25, "airway")
    airway = airways.find_airway(grid.hu, air, grid.spacing_mm)
    raise_if_cancelled(cancelled)
    progress(0.4, "aerated lungs")
    air &= ~airways.airway_wall(airway, grid.spacing_mm)
    gas = bowel_gas(air, grid.hu, grid.spacing_mm) if settings.exact_hu else np.zeros_like(air)
    air &= ~gas
    lungs = aerated_lungs(air, grid.hu, grid.spacing_mm)
    warnings = _warnings(lungs, airway, grid)
    if not lungs.any():
        empty = np.zeros(hu.shape, np.uint8)
        return Refined(empty, empty.astype(bool), empty.copy(), warnings)

    box = grid.box_around(lungs > 0, MARGIN_MM)
    raise_if_cancelled(cancelled)
    progress(0.5, "opacities")
    inside, opaque, sides = _energy_level(grid, box, lungs[box], body[box], gas[box], airway, settings, cancelled)
    raise_if_cancelled(cancelled)
    progress(0.75, "border")
    model = border_model(grid.hu[box], inside, opaque, grid.spacing_mm, settings.border_share)
    mask = crisp_border(hu, grid, box, _sloped(inside), model)
    sides_up = _full_sides(grid, box, sides)
    labels = _labelled(mask, grid, box, sides_up)
    air_up = _full_airway(hu, grid, airway)
    labels[air_up] = 0
    raise_if_cancelled(cancelled)
    progress(0.9, "comparison")
    plain = classical_mask(grid.hu.astype(np.int16))[box]
    classical = crisp_border(hu, grid, box, _sloped(plain), model) & ~air_up
    progress(1.0, "done")
    return Refined(labels, air_up, _labelled(classical, grid, box, sides_up), warnings)


def _energy_level(
    grid: WorkingGrid,
    box: tuple[slice, slice, slice],
    lungs: npt.NDArray[np.uint8],
    body: Mask,
    gas: Mask,
    airway: airways.Airway,
    settings: LungSettings,
    cancelled: CancelCheck,
) -> tuple[Mask, Mask, npt.NDArray[np.uint8]]:
    hu = grid.hu[box]
    smooth = ndimage.gaussian_filter(hu, [min(1.0, 1.5 / step) for step in grid.spacing_mm])
    large_airway = dilate(airway.main[box], airways.WALL_MM, grid.spacing_mm) if airway.found else airway.main[box]
    no_lung = large_airway | gas
    lungs = with_haze(lungs, smooth, settings.ground_glass_hu, body & ~no_lung, grid.spacing_mm, settings.exact_hu)
    dents = candidates(lungs, smooth, large_airway, grid.spacing_mm, settings.costal_reach_mm, settings.inner_reach_mm)
    aerated = lungs > 0
    start = (aerated | (dents > 0)) & ~no_lung

    force = np.full(hu.shape, -HOLD, np.float32)
    force[start] = OPACITY_FORCE
    force[start & (smooth > BONE_HU)] = BONE_FORCE
    force[start & (smooth < settings.ground_glass_hu)] = HOLD
    force[aerated] = HOLD
    force[no_lung] = -HOLD
    level = minimise(start, force, grid.spacing_mm, cancelled)
    inside = _joined(level > 0.5, grid.voxel_ml)
    # Where the voxels' own HU must not move the border: dense lung that was recovered, and the wall of the airway.
    opaque = (inside & (dents > 0) & (smooth > settings.ground_glass_hu)) | large_airway
    return inside, opaque, nearest_side(inside, lungs, grid.spacing_mm)


def _sloped(inside: Mask) -> npt.NDArray[np.float32]:
    """Blurred, the surface lies between the blocks; the voxels' own HU place it exactly."""
    return ndimage.gaussian_filter(inside.astype(np.float32), BORDER_BLUR, mode="nearest")


def _joined(inside: Mask, voxel_ml: float) -> Mask:
    """Drop crumbs that no lung holds."""
    labels, count = ndimage.label(inside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * voxel_ml
    kept = sizes > CRUMB_ML
    kept[0] = False
    return kept[labels]


def _full_sides(
    grid: WorkingGrid, box: tuple[slice, slice, slice], sides: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """The nearer side for every voxel of the box, inside the lungs and beside them."""
    right = distance_to(sides == 1, grid.spacing_mm)
    left = distance_to(sides == 2, grid.spacing_mm)
    return np.where(grid.bring_up(left < right, grid.local_box(box)) >= 128, 2, 1).astype(np.uint8)


def _labelled(
    mask: Mask, grid: WorkingGrid, box: tuple[slice, slice, slice], sides: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    labels = np.zeros(mask.shape, np.uint8)
    full = grid.full_box(box)
    labels[full] = sides * mask[full]
    return labels


def _full_airway(hu: npt.NDArray[np.int16], grid: WorkingGrid, airway: airways.Airway) -> Mask:
    out = np.zeros(hu.shape, bool)
    if not airway.found:
        return out
    box = grid.box_around(airway.main, 6.0)
    full = grid.full_box(box)
    level = ndimage.gaussian_filter(airway.main[box].astype(np.float32), BORDER_BLUR)
    out[full] = (grid.bring_up(level, grid.local_box(box)) > 90) & (hu[full] < LUMEN_HU)
    return out


def _warnings(lungs: npt.NDArray[np.uint8], airway: airways.Airway, grid: WorkingGrid) -> tuple[str, ...]:
    found = []
    if not lungs.any():
        found.append("No lung was found in the scan.")
    else:
        for side, name in ((1, "right"), (2, "left")):
            if not (lungs == side).any():
                found.append(f"No aerated {name} lung was found.")
    if not airway.found:
        found.append("No trachea was found; air of the large airways may be in the lung mask.")
    return tuple(found)
