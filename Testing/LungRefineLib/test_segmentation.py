"""The three methods on phantoms whose lungs are known."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.errors import CancelledError, InputError
from ChestCTLib.overlap import overlap_measures
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from ChestCTLib.volume import CTVolume
from LungRefineLib import LungResult, LungSettings, segment_lungs
from LungRefineLib.refined import refine
from LungRefineLib.segmentation import published_masks

SLAB = 16  # slices: the published methods resample to 1 mm and take their time


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    value = overlap_measures(mask, truth, None)["dice"]
    assert value is not None
    return value


def test_refined_lungs_match_a_healthy_chest(healthy_phantom: Phantom, healthy_lungs: LungResult) -> None:
    assert dice(healthy_lungs.lungs, healthy_phantom.lungs) > 0.985
    for side in (1, 2):
        assert dice(healthy_lungs.lungs == side, healthy_phantom.lungs == side) > 0.98


def test_both_lungs_are_kept_when_no_airway_joins_them(covid_phantom: Phantom, covid_lungs: LungResult) -> None:
    for side in (1, 2):
        assert dice(covid_lungs.lungs == side, covid_phantom.lungs == side) > 0.97


def test_refinement_recovers_lesions_that_thresholding_leaves_out(
    covid_phantom: Phantom, covid_lungs: LungResult
) -> None:
    lesions = covid_phantom.lesions > 0
    classical = np.mean(covid_lungs.classical[lesions] > 0)
    refined = np.mean(covid_lungs.lungs[lesions] > 0)
    assert refined > 0.85 and refined > classical + 0.08
    assert dice(covid_lungs.lungs, covid_phantom.lungs) > dice(covid_lungs.classical, covid_phantom.lungs)


def test_the_airway_is_found_and_kept_out_of_the_lungs(healthy_phantom: Phantom, healthy_lungs: LungResult) -> None:
    assert dice(healthy_lungs.airway, healthy_phantom.airway) > 0.75
    assert not (healthy_lungs.airway & (healthy_lungs.lungs > 0)).any()
    assert np.mean(healthy_lungs.lungs[healthy_phantom.airway] > 0) < 0.1


def test_what_was_recovered_is_counted_in_millilitres(covid_phantom: Phantom, covid_lungs: LungResult) -> None:
    recovered = (covid_lungs.lungs > 0) & (covid_lungs.classical == 0)
    assert np.array_equal(covid_lungs.recovered, recovered)
    assert covid_lungs.recovered_ml == pytest.approx(recovered.sum() * covid_phantom.volume.voxel_ml)
    counts = covid_lungs.recovered_hu["hu_counts"]
    assert isinstance(counts, list) and sum(counts) == recovered.sum() > 0


def test_results_lie_on_a_turned_grid_as_on_the_straight_one() -> None:
    def lungs(directions: tuple[tuple[float, float, float], ...] | None) -> tuple[LungResult, Phantom]:
        made = make_phantom(PhantomSettings(2, "none", (5.0, 3.0, 3.0), ijk_to_lps_directions=directions))  # type: ignore[arg-type]
        return segment_lungs(made.volume), made

    # Its slices are sagittal: five millimetres from one to the next, thicker than what parts the lungs in front.
    turned, phantom = lungs(((0.0, 0.0, -1.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    assert turned.lungs.shape == phantom.volume.shape
    for side in (1, 2):
        assert dice(turned.lungs == side, phantom.lungs == side) > 0.93


def test_a_scan_without_lungs_gives_empty_masks_and_a_warning() -> None:
    rng = np.random.default_rng(0)
    block = rng.normal(40, 10, (40, 60, 60)).astype(np.int16)
    block[:, :8] = -1000  # the room above the body
    result = refine(block, (5.0, 4.0, 4.0))
    assert not result.lungs.any() and not result.classical.any()
    assert any("No lung" in warning for warning in result.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["classical", "snake"])
def test_the_published_methods_find_both_lungs(covid_phantom: Phantom, method: str) -> None:
    middle = int(np.median(np.flatnonzero(covid_phantom.lungs.any(axis=(1, 2)))))
    part = slice(middle - SLAB // 2, middle + SLAB // 2)
    volume = covid_phantom.volume
    found, _ = published_masks(volume.hu[part], volume.spacing_mm, method)  # type: ignore[arg-type]
    for side in (1, 2):
        assert dice(found == side, covid_phantom.lungs[part] == side) > 0.9


def test_cancelling_stops_the_work(healthy_phantom: Phantom) -> None:
    with pytest.raises(CancelledError):
        segment_lungs(healthy_phantom.volume, cancelled=lambda: True)


def test_progress_never_runs_back_and_ends_at_one(healthy_phantom: Phantom) -> None:
    shares: list[float] = []
    small = CTVolume(healthy_phantom.volume.hu[:, ::2, ::2], healthy_phantom.volume.ijk_to_lps @ np.diag([2, 2, 1, 1]))
    segment_lungs(small, progress=lambda share, step: shares.append(share))
    assert shares == sorted(shares) and shares[-1] == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "magic"),
        ("working_spacing_mm", 9),
        ("costal_reach_mm", -1),
        ("ground_glass_hu", 0),
        ("border_share", 1),
    ],
)
def test_settings_out_of_range_name_the_value(name: str, value: object) -> None:
    with pytest.raises(InputError, match=str(value)[:4]):
        LungSettings(**{name: value})  # type: ignore[arg-type]
