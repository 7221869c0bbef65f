"""What the measures of one scan are: typed, with units in the names, ready for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from LesionSegLib.measures.settings import MeasureSettings

NO_LESION = "no lesion found"
NO_LUNG = "no lung found"
ONE_LESION = "a spread needs two lesions"


@dataclass(frozen=True)
class RegionMeasure:
    """Lesions of one region: both lungs, one lung, or one of six zones.

    Attributes:
        key: ``total``, ``right``, ``left``, or a zone's key such as ``right_upper``.
        name: For people.
        lung_ml: Lung volume, mL.
        lesion_ml: Lesion volume inside the lung, mL.
        ground_glass_ml: Its ground glass.
        consolidation_ml: Its consolidation.
        lesion_percent: Lesion/lung volume ratio (LVR), %; None where the region holds no lung.
        ground_glass_percent: Ground glass/lung volume ratio, %.
        consolidation_percent: Consolidation/lung volume ratio, %.
        score: 0 to 4, for zones only; None elsewhere and where the zone holds no lung.
    """

    key: str
    name: str
    lung_ml: float
    lesion_ml: float
    ground_glass_ml: float
    consolidation_ml: float
    lesion_percent: float | None
    ground_glass_percent: float | None
    consolidation_percent: float | None
    score: int | None = None


@dataclass(frozen=True)
class LesionRow:
    """One lesion: a 26-connected piece.

    Attributes:
        number: From 1 on, the largest first.
        volume_ml: Volume, mL.
        width_mm: Bounding box from right to left.
        length_mm: Bounding box from front to back.
        height_mm: Bounding box from foot to head.
        centre_lps_mm: Centre of the bounding box (as in the paper), LPS.
        mean_hu: Mean density.
        sd_hu: Standard deviation of the density.
        ground_glass_percent: Share of ground glass, %.
        consolidation_percent: Share of consolidation, %.
        peripheral_percent: Share within the peripheral thickness, %.
        peripheral: Whether at least half of it lies in the periphery; else it is central.
        zone: Key of the zone that holds most of it.
    """

    number: int
    volume_ml: float
    width_mm: float
    length_mm: float
    height_mm: float
    centre_lps_mm: tuple[float, float, float]
    mean_hu: float
    sd_hu: float
    ground_glass_percent: float
    consolidation_percent: float
    peripheral_percent: float
    peripheral: bool
    zone: str


@dataclass(frozen=True)
class Density:
    """Density of lungs and lesions.

    Attributes:
        mean_lung_hu: Mean lung density, lesions included; None without lungs.
        over_inflated_ml: Lung below the first limit of the settings, mL.
        well_aerated_ml: Between the first and the second.
        poorly_aerated_ml: Between the second and the third.
        non_aerated_ml: From the third on.
        mean_lesion_hu: Mean density of the lesions; None without lesions.
        sd_lesion_hu: Its standard deviation.
        histogram_edges_hu: Edges of the lesion histogram; what lies beyond counts into the outer bins.
        histogram_percent: Share of lesion voxels in each bin, %; empty without lesions.
        peaks_hu: Densities of the histogram's peaks, rising; empty without lesions.
    """

    mean_lung_hu: float | None
    over_inflated_ml: float
    well_aerated_ml: float
    poorly_aerated_ml: float
    non_aerated_ml: float
    mean_lesion_hu: float | None
    sd_lesion_hu: float | None
    histogram_edges_hu: tuple[float, ...]
    histogram_percent: tuple[float, ...]
    peaks_hu: tuple[float, ...]


@dataclass(frozen=True)
class LesionMeasures:
    """Every measure of one scan's lesions.

    Attributes:
        finding: "no lesion found", or how many lesions there are.
        total: Both lungs.
        right: Right lung.
        left: Left lung.
        zones: The six zones, in the order of :data:`ChestCTLib.zones.ZONES`.
        severity_score: Sum of the zones' scores, 0 to 24; None without lungs. A zone that holds no lung adds nothing.
        peripheral_percent: Peripheral lesion ratio (PLR) at the set thickness, %; None without lesions.
        curve_mm: Thicknesses of the curve, mm.
        curve_percent: PLR at each of them, %; empty without lesions.
        lesions: One row a lesion, the largest first.
        spread_mm: Spread of the lesions' centres: root mean square distance from their mean; None below two lesions.
        density: Density of lungs and lesions.
        outside_ml: Marked volume that lies outside the lungs and is counted nowhere, mL.
        why: Reason for every None, by the attribute's name.
        settings: What was measured with.
    """

    finding: str
    total: RegionMeasure
    right: RegionMeasure
    left: RegionMeasure
    zones: tuple[RegionMeasure, ...]
    severity_score: int | None
    peripheral_percent: float | None
    curve_mm: tuple[float, ...]
    curve_percent: tuple[float, ...]
    lesions: tuple[LesionRow, ...]
    spread_mm: float | None
    density: Density
    outside_ml: float
    why: dict[str, str]
    settings: MeasureSettings

    @property
    def lesion_count(self) -> int:
        """Number of lesions of at least the smallest volume."""
        return len(self.lesions)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers, strings and None, for JSON; nothing is rounded."""
        values = asdict(self)
        values["lesion_count"] = self.lesion_count
        return values
