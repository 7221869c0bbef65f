"""Settings of the lesion engine: frozen, typed, shared by the command line, the parameter node and the tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from ChestCTLib.device import DeviceChoice
from ChestCTLib.errors import InputError

HU_BANDS = "hu-bands"
LESION_THRESHOLD = 0.4  # best of 0.3 to 0.6 on held-out cases of covid19_ct_seg; the networks hesitate at margins
SHIPPED_NETWORK = "lesions-multidecoder"


@dataclass(frozen=True)
class HUBandSettings:
    """Limits of the weight-free method.

    Attributes:
        ground_glass_from_hu: Lower limit of ground glass. Aerated lung lies below; -700 HU is the limit radiologists'
            density studies use between normally and poorly aerated lung when vessels are excluded.
        consolidation_from_hu: Lower limit of consolidation; above it hardly any air is left.
        min_rise_over_lung_hu: Lesions must also be this much denser than the scan's own normal lung (its histogram's
            peak), so that a scan in expiration does not turn grey as a whole.
        vessel_radius_mm: Bright structures that a ball of this radius cannot enter are vessels, airway walls and
            fissures. Segmental vessels are up to 8 mm wide.
        grow_mm: How far a lesion found that way grows back into the dense voxels at its margin.
        hilum_mm: Solid cores within this distance of the mediastinum may be hilar vessels.
        hilar_core_max_ml: Larger solid cores are consolidation even there; the vessels of one hilum stay below.
        dark_surround: Share of a hilar core's surround that must be aerated lung for it to be a vessel.
        min_island_ml: Smaller islands are removed.
        working_spacing_mm: Spacing of the grid the shapes are judged on; averaging down to it also removes noise.
    """

    ground_glass_from_hu: float = -700.0
    consolidation_from_hu: float = -300.0
    min_rise_over_lung_hu: float = 150.0
    vessel_radius_mm: float = 4.0
    grow_mm: float = 2.0
    hilum_mm: float = 40.0
    hilar_core_max_ml: float = 30.0
    dark_surround: float = 0.5
    min_island_ml: float = 0.3
    working_spacing_mm: float = 2.0

    def __post_init__(self) -> None:
        if not -1000.0 <= self.ground_glass_from_hu < self.consolidation_from_hu <= 300.0:
            raise InputError(
                f"Ground glass from {self.ground_glass_from_hu} HU and consolidation from "
                f"{self.consolidation_from_hu} HU are not rising limits in -1000..300 HU.",
                "Give two rising limits, such as -700 and -300.",
            )
        for name in ("vessel_radius_mm", "working_spacing_mm"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} is {getattr(self, name)}.", "Give a length above 0 mm.")
        if self.working_spacing_mm > self.vessel_radius_mm:
            raise InputError(
                f"A grid of {self.working_spacing_mm} mm cannot hold a ball of {self.vessel_radius_mm} mm.",
                "Give a working spacing no larger than the vessel radius.",
            )
        if self.min_island_ml < 0 or self.grow_mm < 0 or self.hilum_mm < 0 or not 0 <= self.dark_surround <= 1:
            raise InputError(
                "An island volume, distance or share of the HU bands is out of range.", "Use the defaults."
            )


@dataclass(frozen=True)
class InferenceSettings:
    """How a slice-wise network is applied to a volume.

    Attributes:
        mirrored: Also look at mirrored slices and average; twice the time.
        threshold: Probability from which a voxel is a lesion.
        z_sigma_mm: Standard deviation of the smoothing of probabilities along z; lesions do not end between slices.
        min_rise_over_lung_hu: The surroundings of a lesion voxel must on average be this much denser than the scan's
            own normal lung; 0 switches it off.
        remove_vessels: Take away what density and shape alone tell to be vessels, airway walls or fissures; needs
            ``min_rise_over_lung_hu`` above 0.
        min_island_ml: Smaller islands (26-connected) are removed.
    """

    mirrored: bool = True
    threshold: float = LESION_THRESHOLD
    z_sigma_mm: float = 1.5
    min_rise_over_lung_hu: float = 100.0
    remove_vessels: bool = True
    min_island_ml: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"The lesion threshold is {self.threshold}.", "Give a probability between 0 and 1.")
        if self.z_sigma_mm < 0 or self.min_island_ml < 0:
            raise InputError("Smoothing and the smallest island cannot be negative.", "Use the defaults.")


@dataclass(frozen=True)
class LesionSettings:
    """How lesions are segmented.

    Attributes:
        method: ``hu-bands`` (no weights) or the id of a shipped or own network (see :mod:`ChestCTLib.models`).
        device: ``auto``, ``cpu`` or ``cuda``.
        inference: How a network is applied.
        hu_bands: Limits of the HU band method; also those that part a network's lesions into ground glass and
            consolidation.
    """

    method: str = SHIPPED_NETWORK
    device: DeviceChoice = "auto"
    inference: InferenceSettings = field(default_factory=InferenceSettings)
    hu_bands: HUBandSettings = field(default_factory=HUBandSettings)
