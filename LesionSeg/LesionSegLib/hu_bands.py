"""Lesions by Hounsfield bands and shape alone: no weights, always available.

Dense lung is ground glass or consolidation by its HU. What is dense but thin is not a lesion: a ball that must fit
inside (grey opening, with everything outside the lungs ignored) drops vessels, airway walls and fissures. What is thick
and solid near the mediastinum, but sharply surrounded by aerated lung, is a hilar vessel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.errors import InputError
from ChestCTLib.grid import resample_to_shape
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from LesionSegLib.settings import HUBandSettings

RIGHT, LEFT = 1, 2
GROUND_GLASS, CONSOLIDATION = 1, 2

NORMAL_LUNG_HU = (-980, -600)  # where the histogram peak of aerated lung is looked for, inspiration to expiration
HISTOGRAM_BIN_HU = 10
PARTIAL_VOLUME_MM = 3.0  # a solid core's blurred rim on the working grid: 1.5 voxels of 2 mm
SURROUND_MM = 8.0  # outer radius of the shell in which the surround of a solid core is judged
SURROUNDINGS_MM = 3.0  # beyond the width of small vessels, below the size of a lesion that matters
PADDING_VOXELS = 4  # margin round the lungs, so that no filter meets the border
_OUTSIDE = np.float32(3000.0)  # brighter than anything: ignored by an erosion

Mask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class _Coarse:
    """The lungs on the working grid: mean HU, mask, sides and true spacing (z, y, x) in mm."""

    hu: npt.NDArray[np.float32]
    inside: Mask
    sides: npt.NDArray[np.uint8]
    spacing_mm: Spacing


def segment_hu_bands(
    hu: npt.NDArray[np.int16],
    lungs: npt.NDArray[np.uint8],
    spacing_mm: Spacing,
    settings: HUBandSettings | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> npt.NDArray[np.uint8]:
    """Segment lesions by HU bands and shape.

    Args:
        hu: ``int16`` ``[z, y, x]`` in Hounsfield units, on canonical axes (:func:`ChestCTLib.grid.canonical`): x runs
            from the patient's right to left.
        lungs: ``uint8`` of the same shape: 1 right, 2 left. With one side alone no hilar vessel can be told from a
            solid lesion, so solid cores are kept.
        spacing_mm: Voxel spacing (z, y, x), mm.
        settings: Limits; the defaults when None.
        progress: Told the share done.
        cancelled: Asked between the steps.

    Returns:
        ``uint8`` of the same shape: 0 none, 1 ground glass, 2 consolidation. All 0 where the lungs are empty.

    Raises:
        InputError: The lungs are on another grid.
        CancelledError: The user cancelled.
    """
    settings = settings or HUBandSettings()
    if lungs.shape != hu.shape:
        raise InputError(f"The lung mask is {lungs.shape}, the scan {hu.shape} voxels.", "Use the scan's own lungs.")
    lesions = np.zeros(hu.shape, np.uint8)
    box = _padded_box(lungs)
    if box is None:
        return lesions
    progress(0.0, "averaging the lungs")
    coarse = _coarse_lungs(hu[box], lungs[box], spacing_mm, settings.working_spacing_mm)
    raise_if_cancelled(cancelled)

    progress(0.4, "removing vessels and fissures")
    opened = _open_inside(coarse, settings.vessel_radius_mm)
    lower = lower_limit_hu(coarse.hu[coarse.inside], settings)
    dense = coarse.inside & (coarse.hu > lower)
    found = coarse.inside & (opened > lower)
    found = _without_vessels(found, coarse, opened, dense, settings)
    raise_if_cancelled(cancelled)

    progress(0.7, "growing lesions to their margins")
    found = _without_islands(found, settings.min_island_ml, coarse.spacing_mm)
    if settings.grow_mm > 0:
        found = found | (dense & (_distance_to(found, coarse.spacing_mm) <= settings.grow_mm + 1e-6))
    solid = found & (opened > settings.consolidation_from_hu)
    raise_if_cancelled(cancelled)

    progress(0.85, "bringing lesions back to the scan's grid")
    lesions[box] = _to_fine(found, solid, lungs[box] > 0)
    progress(1.0, "lesions by HU bands")
    return lesions


def normal_lung_hu(lung_hu: npt.NDArray[np.floating]) -> float | None:
    """Density of a scan's normal lung: the peak of its histogram in aerated lung, HU; None without aerated lung."""
    edges = np.arange(NORMAL_LUNG_HU[0], NORMAL_LUNG_HU[1] + HISTOGRAM_BIN_HU, HISTOGRAM_BIN_HU)
    counts, _ = np.histogram(lung_hu, bins=edges)
    if counts.sum() == 0:
        return None
    return float(edges[int(np.argmax(counts))]) + HISTOGRAM_BIN_HU / 2


def lower_limit_hu(lung_hu: npt.NDArray[np.floating], settings: HUBandSettings) -> float:
    """Density from which lung counts as ground glass in this scan.

    Args:
        lung_hu: HU of the lung voxels, any shape.
        settings: Gives the fixed limit and the least rise over normal lung.

    Returns:
        The larger of the fixed limit and the histogram's peak in aerated lung plus the rise, HU.
    """
    normal = normal_lung_hu(lung_hu)
    if normal is None:
        return settings.ground_glass_from_hu
    return max(settings.ground_glass_from_hu, normal + settings.min_rise_over_lung_hu)


def denser_than_normal(
    hu: npt.NDArray[np.int16],
    lungs: npt.NDArray[np.uint8],
    spacing_mm: Spacing,
    rise_hu: float,
    working_mm: float = 2.0,
) -> Mask:
    """Lung whose surroundings are denser than the scan's normal lung.

    Args:
        hu: ``[z, y, x]``, HU.
        lungs: Same shape; anything but 0 is lung.
        spacing_mm: (z, y, x).
        rise_hu: How much denser, on average over :data:`SURROUNDINGS_MM` (standard deviation of the weights).
        working_mm: Spacing of the grid it is judged on.

    Returns:
        Bool of the same shape, inside the lungs; all of the lungs where they hold no aerated lung to compare with.
    """
    dense = lungs > 0
    box = _padded_box(lungs)
    if box is None:
        return dense
    coarse = _coarse_lungs(hu[box], lungs[box], spacing_mm, working_mm)
    normal = normal_lung_hu(coarse.hu[coarse.inside])
    if normal is None:
        return dense
    sigma = [SURROUNDINGS_MM / step for step in coarse.spacing_mm]
    weight = ndimage.gaussian_filter(coarse.inside.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(coarse.inside, coarse.hu, np.float32(0)), sigma)
    mean = np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), -1000.0).astype(np.float32)
    dense[box] &= resample_to_shape(mean, lungs[box].shape, order=1) > normal + rise_hu
    return dense


def solid_part(
    hu: npt.NDArray[np.int16], lesions: Mask, spacing_mm: Spacing, settings: HUBandSettings | None = None
) -> Mask:
    """The consolidated part of given lesions: denser than the limit after removing thin bright structures.

    Vessels that run through ground glass are as dense as consolidation, but thinner.

    Args:
        hu: ``[z, y, x]``, HU.
        lesions: Same shape; what was found, by whatever method.
        spacing_mm: (z, y, x).
        settings: Consolidation limit, vessel radius, working grid and smallest island.

    Returns:
        Bool of the same shape, inside the lesions.
    """
    settings = settings or HUBandSettings()
    solid = np.zeros(hu.shape, bool)
    box = _padded_box(lesions.astype(np.uint8))
    if box is None:
        return solid
    coarse = _coarse_lungs(hu[box], lesions[box].astype(np.uint8), spacing_mm, settings.working_spacing_mm)
    opened = _open_inside(coarse, settings.vessel_radius_mm)
    dense = coarse.inside & (opened > settings.consolidation_from_hu)
    dense = _without_islands(dense, settings.min_island_ml, coarse.spacing_mm)
    solid[box] = (resample_to_shape(dense.astype(np.float32), lesions[box].shape, order=1) >= 0.5) & lesions[box]
    return solid


def without_vessels(
    hu: npt.NDArray[np.int16],
    lesions: Mask,
    lungs: npt.NDArray[np.uint8],
    spacing_mm: Spacing,
    rise_hu: float,
    settings: HUBandSettings | None = None,
) -> Mask:
    """Given lesions without the parts that are vessels, airway walls or fissures by density and shape alone.

    A part stays where the lung is still denser than normal after removing thin bright structures, and is no hilar
    vessel; with it stays what lies within a vessel's radius of it, so that lesions keep their margins.

    Args:
        hu: ``[z, y, x]``, HU.
        lesions: Same shape; what was found, by whatever method.
        lungs: Same shape: 1 right, 2 left.
        spacing_mm: (z, y, x).
        rise_hu: How much denser than the scan's own normal lung a lesion must be.
        settings: Vessel radius, hilum, working grid and smallest island.

    Returns:
        Bool of the same shape, inside the lesions.
    """
    settings = settings or HUBandSettings()
    box = _padded_box(lungs)
    if box is None or not lesions.any():
        return lesions & (lungs > 0)
    coarse = _coarse_lungs(hu[box], lungs[box], spacing_mm, settings.working_spacing_mm)
    normal = normal_lung_hu(coarse.hu[coarse.inside])
    if normal is None:  # no aerated lung to compare with
        return lesions & (lungs > 0)
    opened = _open_inside(coarse, settings.vessel_radius_mm)
    given = coarse.inside & (resample_to_shape(lesions[box].astype(np.float32), coarse.hu.shape, order=1) >= 0.5)
    dense = coarse.inside & (coarse.hu > normal + rise_hu)
    kept = _without_vessels(given & (opened > normal + rise_hu), coarse, opened, dense, settings)
    kept = _without_islands(kept, settings.min_island_ml, coarse.spacing_mm)
    near = _distance_to(kept, coarse.spacing_mm) <= settings.vessel_radius_mm
    result = np.zeros(hu.shape, bool)
    result[box] = lesions[box] & (resample_to_shape(near.astype(np.float32), lesions[box].shape, order=1) >= 0.5)
    return result


def _padded_box(lungs: npt.NDArray[np.uint8]) -> tuple[slice, slice, slice] | None:
    """Bounding box of the lungs with a margin, or None where there are none."""
    found = ndimage.find_objects((lungs > 0).astype(np.uint8))
    if not found:
        return None
    z, y, x = (
        slice(max(0, part.start - PADDING_VOXELS), min(size, part.stop + PADDING_VOXELS))
        for part, size in zip(found[0], lungs.shape, strict=True)
    )
    return z, y, x


def _coarse_lungs(
    hu: npt.NDArray[np.int16], lungs: npt.NDArray[np.uint8], spacing_mm: Spacing, working_mm: float
) -> _Coarse:
    """Mean HU of the lung voxels alone on the working grid, so that the chest wall does not bleed into the rim."""
    inside = lungs > 0
    shape = tuple(max(1, round(n * s / working_mm)) for n, s in zip(hu.shape, spacing_mm, strict=True))
    spacing = tuple(n * s / m for n, s, m in zip(hu.shape, spacing_mm, shape, strict=True))
    # half a coarse voxel as sigma where the grid gets coarser: what a box average would do, without its ringing
    sigma = [0.5 * max(0.0, new / old - 0.5) for old, new in zip(spacing_mm, spacing, strict=True)]
    weight = ndimage.gaussian_filter(inside.astype(np.float32), sigma, truncate=3.0)
    mean = ndimage.gaussian_filter(np.where(inside, hu, 0).astype(np.float32), sigma, truncate=3.0)
    mean = np.where(weight > 1e-3, mean / np.maximum(weight, 1e-3), -1000.0).astype(np.float32)
    coarse_inside = resample_to_shape(inside.astype(np.float32), shape, order=1) > 0.5
    return _Coarse(
        hu=resample_to_shape(mean, shape, order=1),
        inside=coarse_inside,
        sides=resample_to_shape(lungs, shape, order=0) * coarse_inside,
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
    )


def _ball(radius_mm: float, spacing_mm: Spacing) -> Mask:
    """A ball of at least its six nearest neighbours on a grid."""
    half = [max(1, int(radius_mm / step + 1e-6)) for step in spacing_mm]
    grid = np.meshgrid(*[np.arange(-n, n + 1) * step for n, step in zip(half, spacing_mm, strict=True)], indexing="ij")
    return sum(axis**2 for axis in grid) <= max(radius_mm, max(spacing_mm)) ** 2 * (1 + 1e-3)


def _open_inside(coarse: _Coarse, radius_mm: float) -> npt.NDArray[np.float32]:
    """Grey opening by a ball centred inside the lungs; the ball's parts outside the lungs are ignored."""
    ball = _ball(radius_mm, coarse.spacing_mm)
    eroded = ndimage.grey_erosion(
        np.where(coarse.inside, coarse.hu, _OUTSIDE), footprint=ball, mode="constant", cval=_OUTSIDE
    )
    opened = ndimage.grey_dilation(
        np.where(coarse.inside, eroded, -_OUTSIDE), footprint=ball, mode="constant", cval=-_OUTSIDE
    )
    return np.minimum(opened, coarse.hu)


def _between_lungs(sides: npt.NDArray[np.uint8]) -> Mask:
    """Everything between the right and the left lung along x: the mediastinum with the hila's entrance."""
    after_right = np.maximum.accumulate(sides == RIGHT, axis=2)
    before_left = np.maximum.accumulate((sides == LEFT)[:, :, ::-1], axis=2)[:, :, ::-1]
    return after_right & before_left & (sides == 0)


def _without_vessels(
    found: Mask, coarse: _Coarse, opened: npt.NDArray[np.float32], dense: Mask, settings: HUBandSettings
) -> Mask:
    """Keep what is hazy, and what is solid but not a vessel.

    A vessel too wide for the opening is solid with a blurred rim. So the solid voxels and their rims are taken away;
    what stays is ground glass and grows back over the vessels that run through it. Solid cores come back by
    :func:`_solid_lesions`.
    """
    deep = ndimage.binary_erosion(coarse.inside)  # the pleura's own blurred edge is no vessel
    solid = deep & (coarse.hu > settings.consolidation_from_hu)
    to_solid = _distance_to(solid, coarse.spacing_mm)
    hazy = _without_islands(found & (to_solid > PARTIAL_VOLUME_MM), settings.min_island_ml / 3, coarse.spacing_mm)
    kept = found & (_distance_to(hazy, coarse.spacing_mm) <= PARTIAL_VOLUME_MM + settings.working_spacing_mm)
    cores = _solid_lesions(coarse, opened, dense, settings)
    return kept | (found & (_distance_to(cores, coarse.spacing_mm) <= PARTIAL_VOLUME_MM))


def _solid_lesions(coarse: _Coarse, opened: npt.NDArray[np.float32], dense: Mask, settings: HUBandSettings) -> Mask:
    """Solid cores that are no hilar vessels: far from the mediastinum, or too large, or with dense lung around them."""
    cores, count = ndimage.label(coarse.inside & (opened > settings.consolidation_from_hu), np.ones((3, 3, 3)))
    kept = np.zeros(count + 1, bool)
    if count == 0:
        return cores > 0
    numbers = np.arange(1, count + 1)
    to_middle = _distance_to(_between_lungs(coarse.sides), coarse.spacing_mm)
    nearest = ndimage.minimum(to_middle, cores, numbers)
    volumes = np.bincount(cores.ravel(), minlength=count + 1)[1:] * np.prod(coarse.spacing_mm) / 1000.0
    kept[1:] = (nearest > settings.hilum_mm) | (volumes > settings.hilar_core_max_ml)
    margin = [int(np.ceil(SURROUND_MM / step)) + 1 for step in coarse.spacing_mm]
    for number, box in enumerate(ndimage.find_objects(cores), start=1):
        if kept[number]:
            continue
        room = tuple(
            slice(max(0, part.start - m), min(size, part.stop + m))
            for part, m, size in zip(box, margin, cores.shape, strict=True)
        )
        away = _distance_to(cores[room] == number, coarse.spacing_mm)
        shell = coarse.inside[room] & (away > PARTIAL_VOLUME_MM) & (away <= SURROUND_MM) & (cores[room] == 0)
        aerated = float((shell & ~dense[room]).sum()) / max(int(shell.sum()), 1)
        kept[number] = aerated < settings.dark_surround
    return kept[cores]


def _distance_to(mask: Mask, spacing_mm: Spacing) -> npt.NDArray[np.float64]:
    """Distance of every voxel to a mask, mm; infinite where the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return ndimage.distance_transform_edt(~mask, sampling=spacing_mm)


def _without_islands(mask: Mask, min_ml: float, spacing_mm: Spacing) -> Mask:
    """Drop 26-connected islands smaller than a volume."""
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if count == 0:
        return mask
    volumes = np.bincount(labels.ravel()) * np.prod(spacing_mm) / 1000.0
    keep = volumes >= min_ml
    keep[0] = False
    return keep[labels]


def _to_fine(found: Mask, solid: Mask, inside: Mask) -> npt.NDArray[np.uint8]:
    """Bring lesions to the fine grid by linear interpolation of their masks, inside the lungs alone."""
    fine = (resample_to_shape(found.astype(np.float32), inside.shape, order=1) >= 0.5) & inside
    fine_solid = resample_to_shape(solid.astype(np.float32), inside.shape, order=1) >= 0.5
    return np.where(fine, np.where(fine_solid, CONSOLIDATION, GROUND_GLASS), 0).astype(np.uint8)
