"""Aeration limits belong to the class above them, and peaks are found where they are."""

from __future__ import annotations

import numpy as np
import pytest

from LesionSegLib.measures.attenuation import HuCounts
from LesionSegLib.measures.density import histogram_peaks, measure_density
from LesionSegLib.measures.settings import MeasureSettings

EDGES = np.arange(-1000, 201, 25)


def draw(*parts: tuple[float, float, int]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(mean, spread, n) for mean, spread, n in parts]).astype(np.int16)


def test_a_voxel_on_a_limit_belongs_to_the_denser_class() -> None:
    hu = np.array([[[-1000, -950, -951, -500, -501, -100, -101, 40]]], dtype=np.int16)
    density = measure_density(HuCounts.of(hu), HuCounts.of(hu[:0]), 1.0, MeasureSettings())
    assert (density.over_inflated_ml, density.well_aerated_ml) == (2, 2)
    assert (density.poorly_aerated_ml, density.non_aerated_ml) == (2, 2)
    assert density.mean_lung_hu == pytest.approx(hu.mean())


@pytest.mark.parametrize(
    ("parts", "peaks"),
    [
        ([(-680, 90, 40000)], [-680]),
        ([(-740, 70, 30000), (30, 30, 12000)], [-740, 30]),
        ([(-990, 5, 5000), (190, 4, 5000)], [-990, 190]),
    ],
    ids=["one", "two", "at both ends"],
)
def test_peaks_lie_where_the_densities_gather(parts: list[tuple[float, float, int]], peaks: list[float]) -> None:
    found = histogram_peaks(HuCounts.of(draw(*parts)).histogram(EDGES), EDGES, 0.1)
    assert found == pytest.approx(peaks, abs=25)


def test_densities_beyond_the_histogram_stay_in_its_outer_bins() -> None:
    shares = HuCounts.of(np.array([-2000, 3000], dtype=np.int16)).histogram(EDGES)
    assert shares[0] == shares[-1] == 50


def test_counts_give_the_mean_and_spread_of_the_voxels_themselves() -> None:
    hu = draw((-600, 120, 5000), (20, 40, 300))
    counts = HuCounts.of(hu)
    assert (counts.size, counts.mean_hu, counts.sd_hu) == (hu.size, pytest.approx(hu.mean()), pytest.approx(hu.std()))
    assert counts.without(HuCounts.of(hu[:5000])).mean_hu == pytest.approx(hu[5000:].mean())
    none = HuCounts.of(hu[:0])
    assert none.mean_hu is None and none.sd_hu is None and not none.histogram(EDGES).size
