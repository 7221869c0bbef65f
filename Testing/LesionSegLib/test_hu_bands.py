"""Lesions by HU bands: what they find, what they leave alone, and their limits."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.errors import CancelledError, InputError
from ChestCTLib.phantom import Phantom
from LesionSegLib.hu_bands import lower_limit_hu, segment_hu_bands, solid_part
from LesionSegLib.settings import HUBandSettings

SPACING = (2.0, 2.0, 2.0)
NORMAL_HU, GLASS_HU, SOLID_HU = -850, -500, 20


def two_lungs() -> tuple[np.ndarray, np.ndarray]:
    """Two aerated boxes of 80 x 100 x 60 mm in soft tissue, 40 mm apart."""
    hu = np.full((60, 70, 100), 40, np.int16)
    lungs = np.zeros(hu.shape, np.uint8)
    lungs[10:50, 10:60, 10:40] = 1
    lungs[10:50, 10:60, 60:90] = 2
    hu[lungs > 0] = NORMAL_HU
    return hu, lungs


def dice(mask: np.ndarray, reference: np.ndarray) -> float:
    return float(2 * (mask & reference).sum() / (mask.sum() + reference.sum()))


def test_healthy_lungs_have_no_lesion() -> None:
    assert not segment_hu_bands(*two_lungs(), SPACING).any()


def test_a_ground_glass_block_is_found_with_its_class() -> None:
    hu, lungs = two_lungs()
    hu[20:35, 45:60, 10:25] = GLASS_HU
    truth = hu == GLASS_HU
    found = segment_hu_bands(hu, lungs, SPACING)
    assert dice(found == 1, truth) > 0.9
    assert not (found == 2).any()


def test_a_peripheral_consolidation_is_found_with_its_class() -> None:
    hu, lungs = two_lungs()
    lesion = np.zeros(hu.shape, bool)
    lesion[20:40, 20:50, 10:20] = True
    hu[lesion] = SOLID_HU
    found = segment_hu_bands(hu, lungs, SPACING, HUBandSettings(hilum_mm=30.0))
    assert dice(found == 2, lesion) > 0.75
    assert dice(found > 0, lesion) > 0.85


def test_vessels_and_fissures_are_no_lesions() -> None:
    hu, lungs = two_lungs()
    hu[:, 30:33, 20:23] = np.where(lungs[:, 30:33, 20:23] > 0, SOLID_HU, hu[:, 30:33, 20:23])  # vessel of 6 mm
    hu[30, :, :] = np.where(lungs[30] > 0, -600, hu[30])  # fissure of 2 mm across both lungs
    assert not segment_hu_bands(hu, lungs, SPACING).any()


def test_a_thick_hilar_vessel_is_no_lesion_but_a_mass_of_its_size_in_haze_is() -> None:
    hu, lungs = two_lungs()
    vessel = (slice(25, 35), slice(30, 36), slice(30, 40))
    hu[vessel] = SOLID_HU
    assert not segment_hu_bands(hu, lungs, SPACING).any()
    haze = hu[20:40, 25:41, 25:40]
    haze[haze == NORMAL_HU] = GLASS_HU
    found = segment_hu_bands(hu, lungs, SPACING)
    assert (found[vessel] > 0).mean() > 0.9


def test_small_islands_are_removed() -> None:
    hu, lungs = two_lungs()
    hu[20:27, 40:47, 20:27] = GLASS_HU  # 2.7 mL
    assert segment_hu_bands(hu, lungs, SPACING).any()
    assert not segment_hu_bands(hu, lungs, SPACING, HUBandSettings(min_island_ml=4.0)).any()


def test_what_is_found_in_a_phantom_is_lesion_and_a_lower_limit_finds_its_faint_haze(covid_phantom: Phantom) -> None:
    volume, truth = covid_phantom.volume, covid_phantom.lesions > 0
    found = segment_hu_bands(volume.hu, covid_phantom.lungs, volume.spacing_mm) > 0
    assert (found & truth).sum() / found.sum() > 0.85
    assert not found[covid_phantom.lungs == 0].any()
    faint = HUBandSettings(ground_glass_from_hu=-770.0, min_rise_over_lung_hu=60.0)
    more = segment_hu_bands(volume.hu, covid_phantom.lungs, volume.spacing_mm, faint) > 0
    assert dice(more, truth) > max(0.6, dice(found, truth))


def test_a_healthy_phantom_stays_clear(healthy_phantom: Phantom) -> None:
    volume = healthy_phantom.volume
    found = segment_hu_bands(volume.hu, healthy_phantom.lungs, volume.spacing_mm)
    assert (found > 0).sum() / (healthy_phantom.lungs > 0).sum() < 0.01


def test_a_scan_in_expiration_raises_the_lower_limit() -> None:
    settings = HUBandSettings()
    assert lower_limit_hu(np.full(1000, -870.0), settings) == settings.ground_glass_from_hu
    assert lower_limit_hu(np.full(1000, -705.0), settings) == pytest.approx(-705 + settings.min_rise_over_lung_hu)
    assert lower_limit_hu(np.array([]), settings) == settings.ground_glass_from_hu


def test_the_solid_part_of_a_lesion_leaves_out_its_vessels() -> None:
    hu, _ = two_lungs()
    lesions = np.zeros(hu.shape, bool)
    lesions[15:45, 15:55, 12:38] = True
    hu[lesions] = GLASS_HU
    hu[15:45, 20:22, 20:22] = SOLID_HU  # a vessel of 4 mm
    hu[25:40, 35:50, 15:30] = SOLID_HU  # a consolidation of 30 mm
    solid = solid_part(hu, lesions, SPACING)
    assert solid[28:37, 38:47, 18:27].all()
    assert not solid[:, 18:24, 18:24].any()


def test_empty_lungs_give_no_lesions_and_another_grid_is_refused() -> None:
    hu, lungs = two_lungs()
    assert not segment_hu_bands(hu, np.zeros_like(lungs), SPACING).any()
    with pytest.raises(InputError, match="lung mask"):
        segment_hu_bands(hu, lungs[1:], SPACING)


def test_cancelling_stops_the_work() -> None:
    with pytest.raises(CancelledError):
        segment_hu_bands(*two_lungs(), SPACING, cancelled=lambda: True)


@pytest.mark.parametrize(
    "values",
    [
        {"ground_glass_from_hu": -200.0},
        {"vessel_radius_mm": 0.0},
        {"working_spacing_mm": 5.0},
        {"dark_surround": 1.5},
        {"min_island_ml": -1.0},
    ],
)
def test_impossible_limits_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(InputError):
        HUBandSettings(**values)
