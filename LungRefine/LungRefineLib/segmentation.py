"""The engine's entry: lungs from a chest CT by the chosen method."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from ChestCTLib.grid import canonical
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from ChestCTLib.volume import CTVolume
from LungRefineLib.classical import classical_mask
from LungRefineLib.morphology import Mask, Triple
from LungRefineLib.recovered import Recovered, find_recovered
from LungRefineLib.refined import refine
from LungRefineLib.settings import LungSettings, Method
from LungRefineLib.sides import label_sides
from LungRefineLib.snake import snake_mask

log = logging.getLogger(__name__)

PUBLISHED_SPACING_MM = 1.0  # classical method and snake work on isotropic millimetres
SPLINE_ORDER = 3  # of the resampling, as in the released code
AIR_HU = -1024  # lower values are padding


@dataclass(frozen=True)
class LungResult:
    """Lungs of a scan, on the input's own grid.

    Attributes:
        method: The method that made them.
        lungs: uint8 ``[z, y, x]``, 1 right, 2 left.
        airway: bool, trachea and main bronchi; empty for ``classical`` and ``snake``, which do not know them.
        classical: uint8, the classical method's lungs, for comparison.
        comparison: What the method recovered beyond the classical lungs.
        volume_ml: Volume of each lung, mL, by label.
        warnings: What the user should look at.
    """

    method: Method | Literal["given"]
    lungs: npt.NDArray[np.uint8]
    airway: Mask
    classical: npt.NDArray[np.uint8]
    comparison: Recovered
    volume_ml: dict[int, float]
    warnings: tuple[str, ...] = ()

    @property
    def recovered(self) -> Mask:
        """bool ``[z, y, x]``: lung that the classical method leaves out."""
        return self.comparison.mask

    @property
    def recovered_ml(self) -> float:
        """Volume of the recovered lung, mL."""
        return self.comparison.volume_ml

    @property
    def recovered_hu(self) -> dict[str, object]:
        """HU distribution of the recovered lung: histogram and percentiles."""
        return self.comparison.as_dict()


def segment_lungs(
    volume: CTVolume,
    settings: LungSettings = LungSettings(),  # noqa: B008  (frozen)
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> LungResult:
    """Segment both lungs.

    Args:
        volume: The scan, any orientation.
        settings: Method and its settings.
        progress: Called with share and step.
        cancelled: Asked between steps.

    Returns:
        The lungs on the volume's grid. A scan without any lung gives empty masks and a warning.

    Raises:
        CancelledError: The user cancelled.
    """
    view = canonical(volume)
    scan = view.volume
    if settings.method == "refined":
        found = refine(scan.hu, scan.spacing_mm, settings, progress, cancelled)
        lungs, airway, classical, warnings = found.lungs, found.airway, found.classical, found.warnings
    else:
        lungs, classical = published_masks(scan.hu, scan.spacing_mm, settings.method, progress, cancelled)
        airway = np.zeros(lungs.shape, bool)
        warnings = () if lungs.any() else ("No lung was found in the scan.",)
    lungs, classical, airway = view.restore(lungs), view.restore(classical), view.restore(airway)
    counts = np.bincount(lungs.ravel(), minlength=3)
    volumes = {side: float(counts[side] * volume.voxel_ml) for side in (1, 2)}
    progress(1.0, "done")
    return LungResult(
        settings.method, lungs, airway, classical, find_recovered(volume, lungs, classical), volumes, warnings
    )


def given_lungs(volume: CTVolume, lungs: npt.NDArray[np.uint8]) -> LungResult:
    """Lungs that came with the scan, such as ones corrected by hand, as a result; no airway, nothing to compare with.

    Args:
        volume: The scan.
        lungs: uint8 ``[z, y, x]`` on its grid, 1 right, 2 left.
    """
    counts = np.bincount(lungs.ravel(), minlength=3)
    volumes = {side: float(counts[side] * volume.voxel_ml) for side in (1, 2)}
    warnings = () if lungs.any() else ("The lung mask that was given is empty.",)
    none = np.zeros(lungs.shape, bool)
    return LungResult("given", lungs, none, lungs, find_recovered(volume, lungs, lungs), volumes, warnings)


def published_masks(
    hu: npt.NDArray[np.int16],
    spacing_mm: Triple,
    method: Method,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Classical method and snake: on 1 mm data, as published, then back on the scan's grid.

    Args:
        hu: ``int16 [z, y, x]``, HU, canonical axes.
        spacing_mm: (z, y, x), mm.
        method: ``snake`` or ``classical``.
        progress: Called with share and step.
        cancelled: Asked between steps.

    Returns:
        The method's lungs and the classical lungs, uint8, 1 right, 2 left.
    """
    progress(0.0, "resampling to 1 mm")
    fine = _to_1mm(hu, spacing_mm)
    raise_if_cancelled(cancelled)
    initial = classical_mask(fine, part(progress, 0.1, 0.3), cancelled)
    final = initial
    if method == "snake":
        final = snake_mask(fine, initial, part(progress, 0.3, 0.9), cancelled)
    progress(0.9, "right and left")
    shape = (hu.shape[0], hu.shape[1], hu.shape[2])
    return _from_1mm(final, shape), _from_1mm(initial, shape)


def _to_1mm(hu: npt.NDArray[np.int16], spacing_mm: Triple) -> npt.NDArray[np.int16]:
    zoom = [max(1, round(n * step / PUBLISHED_SPACING_MM)) / n for n, step in zip(hu.shape, spacing_mm, strict=True)]
    source = np.maximum(hu, np.int16(AIR_HU))
    return np.asarray(ndimage.zoom(source, zoom, order=SPLINE_ORDER, mode="nearest", grid_mode=True))


def _from_1mm(mask: Mask, shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    sides = label_sides(mask, (PUBLISHED_SPACING_MM,) * 3)
    image = sitk.GetImageFromArray(sides)
    # The outer edges of both grids coincide.
    step = [old / new for old, new in zip(mask.shape, shape, strict=True)]
    grid = sitk.Image(list(shape[::-1]), sitk.sitkUInt8)
    grid.SetSpacing(step[::-1])
    grid.SetOrigin([0.5 * s - 0.5 for s in step[::-1]])
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(grid)
    resampler.SetInterpolator(sitk.sitkNearestNeighbor)
    resampler.UseNearestNeighborExtrapolatorOn()
    return sitk.GetArrayFromImage(resampler.Execute(image))
