"""Two time points of one patient: volumes by zone, lesions matched, and the change voxel by voxel.

Volumes are measured on each scan's own voxels; registration only serves to match lesions and to draw the picture. Which
scan keeps its space is decided by the scans, not by their order, so that exchanging them mirrors the answer exactly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from ChestCTLib.labels import CONSOLIDATION, GROUND_GLASS, LEFT_LUNG, RIGHT_LUNG
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from ChestCTLib.zones import ZONES, six_zones
from COVIDMTLLib.follow_up.lesions import FollowedLesion, follow, link, main_zone, number_lesions, volumes_ml
from COVIDMTLLib.follow_up.registration import RigidMotion, common_grid, register_lungs, resample_labels
from COVIDMTLLib.follow_up.time_point import TimePoint

COMMON_MM = 2.0  # sampling of the space in which lesions are matched and drawn
SLICE_RATIO = 1.25  # slice distances differing by more make volumes and small lesions hard to compare
LUNG_CHANGE = 0.15  # share: more is another depth of breath, a cut-off lung or a failed mask
THICKNESS_RATIO = 1.1  # nominal thicknesses differing by more are different protocols
UNKNOWN_KERNEL = "The reconstruction kernel of at least one scan is not known, so kernels could not be compared."
UNKNOWN_THICKNESS = (
    "The nominal slice thickness of at least one scan is not known; only the distances of the slices were compared."
)
MIN_LUNG_DICE = 0.85  # after registration: below, the lungs' shapes differ too much to match lesions by place


@dataclass(frozen=True)
class FollowUpSettings:
    """How lesions are matched.

    Attributes:
        min_lesion_ml: Smaller lesions are not followed one by one, mL; they still count in the volumes.
        reach_mm: How far apart the same lesion may lie after registration: breathing moves lung tissue, mm.
        min_share: Share of the smaller lesion that must then overlap, 0 to 1.
    """

    min_lesion_ml: float = 0.1
    reach_mm: float = 5.0
    min_share: float = 0.2

    def __post_init__(self) -> None:
        if self.min_lesion_ml < 0 or self.reach_mm < 0 or not 0 < self.min_share <= 1:
            raise InputError(f"The follow-up settings {self} are out of range.", "Use positive numbers, share up to 1.")


@dataclass(frozen=True)
class RegionChange:
    """Lung and lesion volume of one region at both time points, mL each.

    Attributes:
        key: "total", "right", "left", "ground_glass", "consolidation" or a zone's key.
        name: For people.
        lung_ml: Before and after; None for a kind of lesion, which is no part of the lung.
        lesion_ml: Before and after.
    """

    key: str
    name: str
    lung_ml: tuple[float, float] | None
    lesion_ml: tuple[float, float]

    @property
    def change_ml(self) -> float:
        """Lesion volume after minus before, mL."""
        return self.lesion_ml[1] - self.lesion_ml[0]

    @property
    def change_percent(self) -> float | None:
        """Change of the lesion volume relative to before, %; None where there was none before."""
        return 100.0 * self.change_ml / self.lesion_ml[0] if self.lesion_ml[0] > 0 else None

    @property
    def share_percent(self) -> tuple[float | None, float | None]:
        """Lesion over lung volume before and after, %; None where there is no lung."""
        if self.lung_ml is None:
            return None, None
        before, after = (
            100.0 * lesion / lung if lung > 0 else None
            for lesion, lung in zip(self.lesion_ml, self.lung_ml, strict=True)
        )
        return before, after


@dataclass(frozen=True)
class FollowUp:
    """What changed from the first to the second time point.

    Attributes:
        regions: Total, sides, kinds of lesion and zones.
        lesions: Followed lesions, the largest first.
        motion: Registration of the two scans.
        warnings: What makes the comparison doubtful.
        notes: What could not be checked.
        lungs: Lungs of the scan that kept its space, bool ``[z, y, x]`` on the common grid.
        before: Lesions of the first time point on the common grid, bool.
        after: Lesions of the second.
        keeper: Which scan kept its space: 0 the first, 1 the second.
        spacing_mm: Of the common grid, mm.
    """

    regions: tuple[RegionChange, ...]
    lesions: tuple[FollowedLesion, ...]
    motion: RigidMotion
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    lungs: npt.NDArray[np.bool_]
    before: npt.NDArray[np.bool_]
    after: npt.NDArray[np.bool_]
    keeper: int
    spacing_mm: float = COMMON_MM

    def region(self, key: str) -> RegionChange:
        """The region with this key."""
        return next(region for region in self.regions if region.key == key)

    def count(self, status: str) -> int:
        """Number of followed lesions with this status."""
        return sum(lesion.status == status for lesion in self.lesions)


def compare(
    before: TimePoint,
    after: TimePoint,
    settings: FollowUpSettings = FollowUpSettings(),
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> FollowUp:
    """Compare two time points of one patient.

    Args:
        before: The first.
        after: The second.
        settings: How lesions are matched.
        progress: Told the share done.
        cancelled: Asked between steps.

    Raises:
        CancelledError: The user cancelled.
    """
    points = (before, after)
    progress(0.0, "Volumes by zone")
    zones = tuple(six_zones(point.lungs) for point in points)
    regions = _regions(points, zones)
    raise_if_cancelled(cancelled)

    progress(0.1, "Registration of the lungs")
    keeper = 0 if _rank(before) >= _rank(after) else 1
    fixed, moving = points[keeper], points[1 - keeper]
    motion = register_lungs(fixed, moving)
    raise_if_cancelled(cancelled)

    progress(0.6, "Matching the lesions")
    grid = common_grid(fixed, COMMON_MM)
    ids = [number_lesions(point, settings.min_lesion_ml) for point in points]
    transforms = [None if n == keeper else motion.transform for n in range(2)]
    common = [resample_labels(p, i, grid, t) for p, i, t in zip(points, ids, transforms, strict=True)]
    links = link(common[0], common[1], settings.reach_mm, COMMON_MM, settings.min_share)
    raise_if_cancelled(cancelled)
    lesions = follow(
        volumes_ml(ids[0], before.voxel_ml),
        volumes_ml(ids[1], after.voxel_ml),
        links,
        (main_zone(ids[0], zones[0]), main_zone(ids[1], zones[1])),
    )
    drawn = [resample_labels(p, p.lesions, grid, t) > 0 for p, t in zip(points, transforms, strict=True)]
    progress(1.0, "Compared")
    return FollowUp(
        regions=tuple(regions),
        lesions=tuple(lesions),
        motion=motion,
        warnings=tuple(_warnings(before, after, motion)),
        notes=tuple(_not_compared(before, after)),
        lungs=resample_labels(fixed, fixed.lungs, grid) > 0,
        before=drawn[0],
        after=drawn[1],
        keeper=keeper,
    )


def _rank(point: TimePoint) -> tuple[float, str]:
    """Larger lungs keep their space; equal ones are told apart by their voxels, whatever their order."""
    return point.lung_ml, hashlib.sha256(point.lungs.tobytes() + point.lesions.tobytes()).hexdigest()


def _regions(points: tuple[TimePoint, ...], zones: tuple[npt.NDArray[np.uint8], ...]) -> list[RegionChange]:
    def millilitres(masks: list[npt.NDArray[np.bool_]]) -> tuple[float, float]:
        first, second = (int(m.sum()) * p.voxel_ml for m, p in zip(masks, points, strict=True))
        return first, second

    lesions = [point.lesions > 0 for point in points]
    lungs = [point.lungs > 0 for point in points]
    regions = [RegionChange("total", "both lungs", millilitres(lungs), millilitres(lesions))]
    for label, key in ((RIGHT_LUNG, "right"), (LEFT_LUNG, "left")):
        side = [point.lungs == label.value for point in points]
        inside = [s & one for s, one in zip(side, lesions, strict=True)]
        regions.append(RegionChange(key, label.name, millilitres(side), millilitres(inside)))
    for label, key in ((GROUND_GLASS, "ground_glass"), (CONSOLIDATION, "consolidation")):
        kind = [point.lesions == label.value for point in points]
        regions.append(RegionChange(key, label.name, None, millilitres(kind)))
    for zone in ZONES:
        part = [one == zone.value for one in zones]
        inside = [z & one for z, one in zip(part, lesions, strict=True)]
        regions.append(RegionChange(zone.key, zone.name, millilitres(part), millilitres(inside)))
    return regions


def _not_compared(before: TimePoint, after: TimePoint) -> list[str]:
    notes = [] if before.kernel and after.kernel else [UNKNOWN_KERNEL]
    return notes if before.slice_thickness_mm and after.slice_thickness_mm else [*notes, UNKNOWN_THICKNESS]


def _warnings(before: TimePoint, after: TimePoint, motion: RigidMotion) -> list[str]:
    found = []
    slices = before.spacing_mm[0], after.spacing_mm[0]
    if max(slices) > SLICE_RATIO * min(slices):
        found.append(
            f"The slice distances differ ({slices[0]:.2f} and {slices[1]:.2f} mm): thick slices blur small lesions, "
            "so a part of the change may come from the scans."
        )
    thick = before.slice_thickness_mm, after.slice_thickness_mm
    if thick[0] and thick[1] and max(thick[0], thick[1]) > THICKNESS_RATIO * min(thick[0], thick[1]):
        found.append(
            f"The slice thicknesses differ ({thick[0]:.2f} and {thick[1]:.2f} mm): thicker slices hide small lesions."
        )
    kernels = before.kernel, after.kernel
    if all(kernels) and kernels[0] != kernels[1]:
        found.append(f"The reconstruction kernels differ ({kernels[0]} and {kernels[1]}): intensities are not alike.")
    methods = before.lesion_method, after.lesion_method
    if all(methods) and methods[0] != methods[1]:
        found.append(f"The lesions were found by different methods ({methods[0]} and {methods[1]}).")
    if before.input_sha256 and before.input_sha256 == after.input_sha256:
        found.append("Both cases were made from the same scan.")
    lungs = before.lung_ml, after.lung_ml
    if abs(lungs[1] - lungs[0]) > LUNG_CHANGE * max(lungs):
        found.append(
            f"The lung volumes differ by more than {LUNG_CHANGE:.0%} ({lungs[0]:.0f} and {lungs[1]:.0f} mL): another "
            "depth of breath, a cut-off lung or a faulty mask; lesion shares are then not alike."
        )
    if motion.lung_dice < MIN_LUNG_DICE:
        found.append(
            f"After registration the lungs overlap by a Dice of {motion.lung_dice:.2f} only: "
            "lesions may be matched wrongly."
        )
    return found
