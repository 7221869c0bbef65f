"""DeepSC-COVID's findings 1 to 4 come out of the measures as the phantoms were made."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from ChestCTLib.phantom import PhantomSettings, make_phantom
from LesionSegLib.measures import LesionMeasures, measure_lesions
from LesionSegLib.measures.density import histogram_peaks

SEEDS = range(20, 30)  # others than the phantoms' own test uses
SPACING = (5.0, 4.0, 4.0)
pytestmark = pytest.mark.slow


def measure(diagnosis: str) -> list[LesionMeasures]:
    found = []
    for seed in SEEDS:
        phantom = make_phantom(PhantomSettings(seed=seed, diagnosis=diagnosis, spacing_mm=SPACING))  # type: ignore[arg-type]
        found.append(measure_lesions(phantom.volume, phantom.lungs, phantom.lesions))
    return found


@pytest.fixture(scope="module")
def covid() -> list[LesionMeasures]:
    return measure("covid")


@pytest.fixture(scope="module")
def cap() -> list[LesionMeasures]:
    return measure("cap")


def mean(values: Iterable[float | None]) -> float:
    return float(np.mean([value for value in values if value is not None]))


def test_count_and_ratio_are_those_of_the_paper(covid: list[LesionMeasures], cap: list[LesionMeasures]) -> None:
    assert mean(m.lesion_count for m in covid) == pytest.approx(4.4, abs=0.8)
    assert mean(m.lesion_count for m in cap) == pytest.approx(1.7, abs=0.5)
    assert mean(m.total.lesion_percent for m in covid) == pytest.approx(14.3, abs=3.0)
    assert mean(m.total.lesion_percent for m in cap) == pytest.approx(4.4, abs=1.5)


def test_covid_lesions_differ_more_in_size_and_are_more_scattered(
    covid: list[LesionMeasures], cap: list[LesionMeasures]
) -> None:
    spans = [
        np.ptp(np.percentile([lesion.height_mm for m in cohort for lesion in m.lesions], [5, 95]))
        for cohort in (covid, cap)
    ]
    assert spans[0] > spans[1]
    assert mean(m.spread_mm for m in covid) > 1.5 * mean(m.spread_mm for m in cap)


def test_pooled_densities_have_one_peak_in_covid_and_two_in_cap(
    covid: list[LesionMeasures], cap: list[LesionMeasures]
) -> None:
    peaks = []
    for cohort in (covid, cap):
        shares = np.mean([m.density.histogram_percent for m in cohort], axis=0)
        peaks.append(histogram_peaks(shares, np.array(cohort[0].density.histogram_edges_hu), 0.1))
    (only,), (low, high) = peaks
    assert -960 < only < -600
    assert -970 < low < -580 and -70 < high < 140


def test_the_peripheral_ratio_is_62_percent_in_covid_and_24_in_cap(
    covid: list[LesionMeasures], cap: list[LesionMeasures]
) -> None:
    assert mean(m.peripheral_percent for m in covid) == pytest.approx(62.4, abs=6)
    assert mean(m.peripheral_percent for m in cap) == pytest.approx(24.5, abs=6)
