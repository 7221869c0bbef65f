"""Every measure of a phantom agrees with its truth on any orientation, and says so where nothing can be measured."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ChestCTLib.errors import CancelledError, InputError
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom, phantom_truth
from LesionSegLib.measures import LesionMeasures, MeasureSettings, measure_lesions

ALL_SIZES = MeasureSettings(smallest_lesion_ml=0.0)
SPACING = (4.0, 3.0, 2.5)


def measured(phantom: Phantom, settings: MeasureSettings = ALL_SIZES) -> LesionMeasures:
    return measure_lesions(phantom.volume, phantom.lungs, phantom.lesions, settings)


@pytest.fixture(scope="module")
def measures(covid_phantom: Phantom) -> LesionMeasures:
    return measured(covid_phantom)


def test_volumes_and_ratios_are_those_of_the_phantom(covid_phantom: Phantom, measures: LesionMeasures) -> None:
    truth = phantom_truth(covid_phantom)
    assert measures.total.lesion_percent == pytest.approx(truth["lesion_volume_ratio_percent"])
    assert measures.total.ground_glass_ml == pytest.approx(truth["lesion_ml"]["ground glass"])
    assert measures.total.consolidation_ml == pytest.approx(truth["lesion_ml"]["consolidation"])
    assert measures.right.lung_ml == pytest.approx(truth["lung_ml"]["right lung"])
    assert measures.left.lung_ml == pytest.approx(truth["lung_ml"]["left lung"])
    assert measures.outside_ml == 0


def test_the_parts_add_up_to_the_whole(measures: LesionMeasures) -> None:
    for name in ("lung_ml", "lesion_ml", "ground_glass_ml", "consolidation_ml"):
        whole = getattr(measures.total, name)
        assert sum(getattr(zone, name) for zone in measures.zones) == pytest.approx(whole)
        assert getattr(measures.right, name) + getattr(measures.left, name) == pytest.approx(whole)
    density = measures.density
    aerated = density.over_inflated_ml + density.well_aerated_ml + density.poorly_aerated_ml + density.non_aerated_ml
    assert aerated == pytest.approx(measures.total.lung_ml)
    assert sum(density.histogram_percent) == pytest.approx(100)
    assert sum(lesion.volume_ml for lesion in measures.lesions) == pytest.approx(measures.total.lesion_ml)
    assert measures.severity_score == sum(zone.score or 0 for zone in measures.zones)


def test_every_lesion_of_the_phantom_is_found_with_its_volume_density_and_class(
    covid_phantom: Phantom, measures: LesionMeasures
) -> None:
    truth = sorted(phantom_truth(covid_phantom)["lesions"], key=lambda lesion: -lesion["volume_ml"])
    assert measures.lesion_count == len(truth)
    for lesion, known in zip(measures.lesions, truth, strict=True):
        assert lesion.volume_ml == pytest.approx(known["volume_ml"])
        assert lesion.mean_hu == pytest.approx(known["mean_hu"])
        assert lesion.ground_glass_percent == pytest.approx(100 * known["ground_glass_share"])


def test_box_and_centre_of_a_lesion_are_in_patient_space(covid_phantom: Phantom) -> None:
    lesions = np.zeros_like(covid_phantom.lungs)
    z, y, x = (int(np.median(axis)) for axis in np.nonzero(covid_phantom.lungs == 2))
    lesions[z : z + 3, y : y + 5, x : x + 4] = 2
    lesions[covid_phantom.lungs == 0] = 0
    (lesion,) = measure_lesions(covid_phantom.volume, covid_phantom.lungs, lesions, ALL_SIZES).lesions
    dz, dy, dx = covid_phantom.volume.spacing_mm
    assert (lesion.height_mm, lesion.length_mm, lesion.width_mm) == pytest.approx((3 * dz, 5 * dy, 4 * dx))
    centre = covid_phantom.volume.ijk_to_lps @ [x + 1.5, y + 2, z + 1, 1]
    assert lesion.centre_lps_mm == pytest.approx(tuple(centre[:3]))
    assert lesion.zone.startswith("left")
    assert lesion.consolidation_percent == 100


@pytest.mark.parametrize(
    "directions",
    [((-1, 0, 0), (0, -1, 0), (0, 0, -1)), ((0, 0, -1), (1, 0, 0), (0, -1, 0))],
    ids=["flipped", "exchanged axes"],
)
def test_turning_the_scan_changes_no_measure(directions: tuple[tuple[float, float, float], ...]) -> None:
    cube = (3.5, 3.5, 3.5)
    straight = measured(make_phantom(PhantomSettings(seed=6, spacing_mm=cube)))
    turned = measured(make_phantom(PhantomSettings(seed=6, spacing_mm=cube, ijk_to_lps_directions=directions)))  # type: ignore[arg-type]
    for first, second in zip(straight.lesions, turned.lesions, strict=True):
        assert first.centre_lps_mm == pytest.approx(second.centre_lps_mm)
        assert (first.width_mm, first.zone, first.peripheral_percent) == (
            pytest.approx(second.width_mm),
            second.zone,
            pytest.approx(second.peripheral_percent),
        )
    assert straight.curve_percent == pytest.approx(turned.curve_percent)
    assert straight.total.lesion_percent == pytest.approx(turned.total.lesion_percent)
    assert straight.density.peaks_hu == turned.density.peaks_hu
    assert [zone.lesion_percent for zone in straight.zones] == pytest.approx([z.lesion_percent for z in turned.zones])


def test_a_scan_without_lesions_says_so_and_divides_by_nothing(healthy_phantom: Phantom) -> None:
    measures = measured(healthy_phantom)
    assert measures.finding == "no lesion found"
    assert measures.total.lesion_percent == 0
    assert measures.severity_score == 0
    assert measures.lesion_count == 0
    assert measures.curve_percent == () and measures.density.peaks_hu == ()
    for name in ("peripheral_percent", "spread_mm"):
        assert getattr(measures, name) is None
        assert measures.why[name] == "no lesion found"
    assert measures.density.mean_lesion_hu is None


def test_a_scan_without_lungs_has_no_ratio_and_says_why(covid_phantom: Phantom) -> None:
    measures = measure_lesions(covid_phantom.volume, np.zeros_like(covid_phantom.lungs), covid_phantom.lesions)
    assert measures.total.lesion_percent is None
    assert measures.severity_score is None
    assert measures.why["lesion_percent"] == "no lung found"
    assert measures.outside_ml == pytest.approx((covid_phantom.lesions > 0).sum() * covid_phantom.volume.voxel_ml)


def test_one_lung_alone_is_measured_without_the_other(covid_phantom: Phantom) -> None:
    right_only = np.where(covid_phantom.lungs == 1, covid_phantom.lungs, 0).astype(np.uint8)
    measures = measure_lesions(covid_phantom.volume, right_only, covid_phantom.lesions)
    assert measures.left.lesion_percent is None
    assert measures.right.lesion_percent == pytest.approx(measured(covid_phantom).right.lesion_percent)
    assert [zone.score is None for zone in measures.zones] == [False] * 3 + [True] * 3


def test_what_is_marked_outside_the_lungs_is_told_and_not_counted(covid_phantom: Phantom) -> None:
    spilled = covid_phantom.lesions.copy()
    spilled[:2] = 1
    measures = measure_lesions(covid_phantom.volume, covid_phantom.lungs, spilled, ALL_SIZES)
    spill = ((spilled > 0) & (covid_phantom.lungs == 0)).sum() * covid_phantom.volume.voxel_ml
    assert measures.outside_ml == pytest.approx(spill)
    assert measures.total.lesion_ml == pytest.approx(
        ((spilled > 0) & (covid_phantom.lungs > 0)).sum() * covid_phantom.volume.voxel_ml
    )


def test_specks_are_no_lesions_of_their_own_but_stay_in_the_volume(covid_phantom: Phantom) -> None:
    measures = measured(covid_phantom, MeasureSettings(smallest_lesion_ml=1e6))
    assert measures.lesion_count == 0
    assert measures.total.lesion_ml == pytest.approx(measured(covid_phantom).total.lesion_ml)
    assert "specks" in measures.finding


def test_the_measures_survive_json(measures: LesionMeasures, healthy_phantom: Phantom) -> None:
    for found in (measures, measured(healthy_phantom)):
        again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert again["lesion_count"] == found.lesion_count
        assert again["total"]["lesion_percent"] == found.total.lesion_percent


def test_masks_of_another_grid_or_with_unknown_labels_are_refused(covid_phantom: Phantom) -> None:
    volume, lungs, lesions = covid_phantom.volume, covid_phantom.lungs, covid_phantom.lesions
    with pytest.raises(InputError, match="size"):
        measure_lesions(volume, lungs[1:], lesions)
    with pytest.raises(InputError, match="labels"):
        measure_lesions(volume, lungs, np.where(lesions > 0, 7, 0).astype(np.uint8))


def test_it_stops_when_the_user_cancels(covid_phantom: Phantom) -> None:
    with pytest.raises(CancelledError):
        measure_lesions(covid_phantom.volume, covid_phantom.lungs, covid_phantom.lesions, cancelled=lambda: True)


def test_settings_out_of_order_are_refused() -> None:
    for wrong in (
        {"peripheral_mm": 0},
        {"well_aerated_below_hu": 0},
        {"smallest_lesion_ml": -1},
        {"histogram_bin_hu": 900},
        {"peak_prominence": 1.5},
    ):
        with pytest.raises(InputError):
            MeasureSettings(**wrong)  # type: ignore[arg-type]
