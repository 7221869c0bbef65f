"""Twenty phantoms a class show DeepSC-COVID's findings 1 to 4; its figures are the truth here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTLib.phantom.lesions import PERIPHERY_MM

SEEDS = range(20)
SPACING = (5.0, 4.0, 4.0)
HU_EDGES = np.arange(-1000, 226, 25)
PEAK = 0.10  # a peak stands out by this share of the highest one


@dataclass
class Cohort:
    counts: list[int]
    ratios: list[float]
    peripheral: list[float]
    heights_mm: list[float]
    hu_share: npt.NDArray[np.float64]
    merged: list[int]

    def share_between(self, low: int, high: int) -> float:
        return float(self.hu_share[(HU_EDGES[:-1] >= low) & (HU_EDGES[1:] <= high)].sum())

    def peaks(self) -> list[int]:
        from scipy.signal import find_peaks

        smooth = ndimage.gaussian_filter1d(np.pad(self.hu_share, 3), 1.0)
        found, _ = find_peaks(smooth, prominence=PEAK * smooth.max())
        return [int(HU_EDGES[0] + 25 * (at - 3) + 12) for at in found]


def measure(diagnosis: str) -> Cohort:
    """Measured here with repeated textbook operations, apart from the code that places the lesions."""
    cohort = Cohort([], [], [], [], np.zeros(len(HU_EDGES) - 1), [])
    rows = int(PERIPHERY_MM // SPACING[1])
    disc = np.hypot(*np.mgrid[-rows : rows + 1, -rows : rows + 1]) * SPACING[1] <= PERIPHERY_MM
    for seed in SEEDS:
        phantom = make_phantom(PhantomSettings(seed=seed, diagnosis=diagnosis, spacing_mm=SPACING))  # type: ignore[arg-type]
        lungs, lesions = phantom.lungs > 0, phantom.lesions > 0
        inner = ndimage.binary_erosion(lungs, disc[None])
        cohort.counts.append(int(phantom.lesion_ids.max()))
        if ndimage.label(lesions, np.ones((3, 3, 3)))[1] != phantom.lesion_ids.max():
            cohort.merged.append(seed)
        cohort.ratios.append(100 * lesions.sum() / lungs.sum())
        cohort.peripheral.append(100 * (lesions & ~inner).sum() / lesions.sum())
        cohort.heights_mm += [
            (box[0].stop - box[0].start) * SPACING[0] for box in ndimage.find_objects(phantom.lesion_ids)
        ]
        cohort.hu_share += np.histogram(phantom.volume.hu[lesions], HU_EDGES)[0] / lesions.sum() / len(SEEDS)
    return cohort


@pytest.fixture(scope="module")
def covid() -> Cohort:
    return measure("covid")


@pytest.fixture(scope="module")
def cap() -> Cohort:
    return measure("cap")


@pytest.mark.slow
def test_lesions_never_touch_each_other_even_on_a_coarse_grid(covid: Cohort, cap: Cohort) -> None:
    assert covid.merged == cap.merged == []


@pytest.mark.slow
def test_covid_has_more_lesions_than_cap(covid: Cohort, cap: Cohort) -> None:
    assert np.mean(covid.counts) == pytest.approx(4.4, abs=0.3)
    assert np.mean(cap.counts) == pytest.approx(1.7, abs=0.2)


@pytest.mark.slow
def test_covid_fills_more_of_the_lung_and_its_lesions_differ_more_in_size(covid: Cohort, cap: Cohort) -> None:
    assert np.mean(covid.ratios) == pytest.approx(14.3, abs=2.0)
    assert np.mean(cap.ratios) == pytest.approx(4.4, abs=1.0)
    assert np.mean(np.array(covid.ratios) > 12) >= 0.45
    assert np.mean(np.array(cap.ratios) > 12) <= 0.10
    assert np.ptp(np.percentile(covid.heights_mm, [5, 95])) > np.ptp(np.percentile(cap.heights_mm, [5, 95]))


@pytest.mark.slow
def test_covid_has_one_peak_of_density_and_cap_two(covid: Cohort, cap: Cohort) -> None:
    (only,) = covid.peaks()
    assert -960 < only < -600
    low, high = cap.peaks()
    assert -970 < low < -580
    assert -70 < high < 140
    assert covid.share_between(-975, -600) > 0.6
    assert cap.share_between(-975, -575) + cap.share_between(-75, 150) > 0.7


@pytest.mark.slow
def test_covid_lies_at_the_pleura_and_cap_in_the_centre(covid: Cohort, cap: Cohort) -> None:
    assert np.mean(covid.peripheral) == pytest.approx(62, abs=6)
    assert np.mean(cap.peripheral) == pytest.approx(24, abs=6)


def test_a_chest_without_pneumonia_has_no_lesion() -> None:
    phantom = make_phantom(PhantomSettings(seed=1, diagnosis="none", spacing_mm=SPACING))
    assert not phantom.lesions.any()
    assert not phantom.lesion_ids.any()
