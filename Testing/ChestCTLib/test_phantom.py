"""Phantoms: deterministic, complete, on any grid, with a truth that fits the scan."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ChestCTLib.errors import CancelledError, InputError
from ChestCTLib.grid import canonical
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom

COARSE = (5.0, 3.5, 3.5)
CLASSICAL_AIR_HU = -420


@pytest.fixture(scope="module")
def covid() -> Phantom:
    return make_phantom(PhantomSettings(seed=3, spacing_mm=(3.0, 2.0, 2.0)))


def test_the_same_settings_give_the_same_phantom() -> None:
    first, again = (make_phantom(PhantomSettings(seed=7, spacing_mm=COARSE)) for _ in range(2))
    other = make_phantom(PhantomSettings(seed=8, spacing_mm=COARSE))
    for name in ("lungs", "lesions", "lesion_ids", "airway", "vessels"):
        assert np.array_equal(getattr(first, name), getattr(again, name)), name
    assert np.array_equal(first.volume.hu, again.volume.hu)
    assert first.volume.shape != other.volume.shape or not np.array_equal(first.lungs, other.lungs)


def test_right_lung_lies_on_the_patients_right_and_both_have_human_volumes(covid: Phantom) -> None:
    x = np.arange(covid.volume.shape[2])
    right, left = (np.average(x, weights=(covid.lungs == side).sum((0, 1))) for side in (1, 2))
    assert right < left  # x runs towards the patient's left
    for side in (1, 2):
        volume_ml = (covid.lungs == side).sum() * covid.volume.voxel_ml
        assert 900 < volume_ml < 3500
        assert ndimage.label(covid.lungs == side, np.ones((3, 3, 3)))[1] == 1


def test_lesions_and_vessels_lie_inside_the_lungs_and_the_airway_outside(covid: Phantom) -> None:
    assert (covid.lungs[covid.lesions > 0] > 0).all()
    assert (covid.lungs[covid.vessels] > 0).all()
    assert not (covid.lungs[covid.airway] > 0).any()
    assert np.array_equal(covid.lesions > 0, covid.lesion_ids > 0)


def test_every_lesion_is_one_piece_with_its_own_number(covid: Phantom) -> None:
    pieces = ndimage.label(covid.lesions > 0, np.ones((3, 3, 3)))[1]
    assert pieces == covid.lesion_ids.max() == len(np.unique(covid.lesion_ids)) - 1


@pytest.mark.parametrize(
    "directions",
    [
        ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
        ((0, 0, -1), (1, 0, 0), (0, -1, 0)),
    ],
    ids=["flipped", "permuted"],
)
def test_flips_and_permutations_show_the_same_chest(directions: tuple) -> None:
    straight = make_phantom(PhantomSettings(seed=5, spacing_mm=(4.0, 4.0, 4.0)))
    turned = make_phantom(PhantomSettings(seed=5, spacing_mm=(4.0, 4.0, 4.0), ijk_to_lps_directions=directions))
    assert np.allclose(turned.volume.directions, directions)
    view = canonical(turned.volume)
    assert np.allclose(view.volume.ijk_to_lps, straight.volume.ijk_to_lps)
    assert np.array_equal(view.volume.hu, straight.volume.hu)
    assert np.array_equal(view.apply(turned.lungs), straight.lungs)
    assert np.array_equal(view.apply(turned.lesion_ids), straight.lesion_ids)


def test_an_oblique_grid_shows_the_same_chest_in_space() -> None:
    angle = np.deg2rad(12)
    turn = ((1.0, 0.0, 0.0), (0.0, np.cos(angle), -np.sin(angle)), (0.0, np.sin(angle), np.cos(angle)))
    straight = make_phantom(PhantomSettings(seed=5, spacing_mm=(4.0, 4.0, 4.0)))
    oblique = make_phantom(PhantomSettings(seed=5, spacing_mm=(4.0, 4.0, 4.0), ijk_to_lps_directions=turn))
    k, j, i = np.nonzero(oblique.lungs)
    world = oblique.volume.ijk_to_lps @ np.stack([i, j, k, np.ones_like(i)])
    index = np.rint(np.linalg.inv(straight.volume.ijk_to_lps) @ world)[:3].astype(int)
    inside = ((index >= 0) & (index < np.array(straight.volume.shape[::-1])[:, None])).all(0)
    found = straight.lungs[index[2, inside], index[1, inside], index[0, inside]]
    assert (found == oblique.lungs[k, j, i][inside]).mean() > 0.93


@pytest.mark.parametrize(("closed", "expected"), [(False, 2), (True, 1)])
def test_air_joins_both_lungs_through_the_airway_unless_it_is_closed(closed: bool, expected: int) -> None:
    phantom = make_phantom(
        PhantomSettings(seed=2, diagnosis="none", spacing_mm=(2.0, 1.5, 1.5), closed_airway=closed, noise_hu=0)
    )
    pieces, _ = ndimage.label(phantom.volume.hu < CLASSICAL_AIR_HU)
    trachea = np.bincount(pieces[phantom.airway & (pieces > 0)]).argmax()
    reached = 0
    for side in (1, 2):
        lung = pieces[(phantom.lungs == side) & (pieces > 0)]
        reached += np.bincount(lung).argmax() == trachea
    assert reached == expected


def test_settings_out_of_range_are_refused_with_the_value() -> None:
    for wrong in (
        {"seed": -1},
        {"diagnosis": "flu"},
        {"spacing_mm": (0.1, 1, 1)},
        {"noise_hu": -3},
        {"ijk_to_lps_directions": ((1, 0, 0), (0, 2, 0), (0, 0, 1))},
    ):
        with pytest.raises(InputError):
            PhantomSettings(**wrong)


def test_it_stops_when_the_user_cancels() -> None:
    with pytest.raises(CancelledError):
        make_phantom(PhantomSettings(spacing_mm=COARSE), cancelled=lambda: True)
