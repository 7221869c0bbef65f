"""What may be set about the measures; every limit with its unit and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from ChestCTLib.errors import InputError


@dataclass(frozen=True)
class MeasureSettings:
    """Limits of the measures.

    Attributes:
        peripheral_mm: Peripheral thickness sigma of DeepSC-COVID's equation 1, mm. The paper leaves it open (its curve
            runs from 0 to 35). At 10 mm an evenly scattered lesion has about 45 %, between the paper's 62.4 % for
            COVID-19 and 24.5 % for CAP.
        curve_mm: Largest thickness of the curve, mm; the curve has one point a millimetre from 0 on.
        smallest_lesion_ml: Pieces below this volume are no lesion of their own in count and table; the volumes and
            shares count them all the same. 0.1 mL is a ball of 6 mm.
        over_inflated_below_hu: Lung below this is over-inflated or emphysematous (-950 HU, the emphysema limit).
        well_aerated_below_hu: Lung from there up to this is well aerated (-500 HU, after Gattinoni).
        poorly_aerated_below_hu: Lung from there up to this is poorly aerated (-100 HU), above it not aerated.
        histogram_low_hu: Lower end of the lesions' histogram; what lies below counts into the first bin.
        histogram_high_hu: Its upper end; what lies above counts into the last bin.
        histogram_bin_hu: Its bin width.
        peak_prominence: A peak stands out from its surroundings by at least this share of the highest one.

    Raises:
        InputError: Limits out of order or range.
    """

    peripheral_mm: float = 10.0
    curve_mm: int = 35
    smallest_lesion_ml: float = 0.1
    over_inflated_below_hu: float = -950.0
    well_aerated_below_hu: float = -500.0
    poorly_aerated_below_hu: float = -100.0
    histogram_low_hu: int = -1000
    histogram_high_hu: int = 200
    histogram_bin_hu: int = 25
    peak_prominence: float = 0.1

    def __post_init__(self) -> None:
        if self.peripheral_mm <= 0 or self.curve_mm < 1:
            raise InputError(
                f"The peripheral thickness is {self.peripheral_mm} mm, the curve ends at {self.curve_mm} mm.",
                "Use values above 0.",
            )
        if self.smallest_lesion_ml < 0:
            raise InputError(f"The smallest lesion is {self.smallest_lesion_ml} mL.", "Use 0 or more.")
        if not self.over_inflated_below_hu < self.well_aerated_below_hu < self.poorly_aerated_below_hu:
            raise InputError(
                f"The aeration limits {self.over_inflated_below_hu}, {self.well_aerated_below_hu}, "
                f"{self.poorly_aerated_below_hu} HU do not rise.",
                "Give them in rising order.",
            )
        span = self.histogram_high_hu - self.histogram_low_hu
        if self.histogram_bin_hu < 1 or span < 4 * self.histogram_bin_hu:
            raise InputError(
                f"The histogram from {self.histogram_low_hu} to {self.histogram_high_hu} HU in bins of "
                f"{self.histogram_bin_hu} has fewer than four bins.",
                "Widen the range or narrow the bins.",
            )
        if not 0 < self.peak_prominence < 1:
            raise InputError(f"The peak prominence is {self.peak_prominence}.", "Use a share between 0 and 1.")
