"""A CT volume that exists is valid."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from ChestCTLib.content import cut_off_lungs, look_at
from ChestCTLib.errors import NotAChestCTError
from ChestCTLib.grid import canonical
from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTLib.volume import Acquisition, CTVolume


def test_arrays_are_read_only_int16(chest: CTVolume) -> None:
    volume = CTVolume(chest.hu.astype(np.float64) + 0.4, chest.ijk_to_lps)
    np.testing.assert_array_equal(volume.hu, chest.hu)
    assert volume.hu.dtype == np.int16
    with pytest.raises(ValueError, match="read-only"):
        volume.hu[0, 0, 0] = 0
    with pytest.raises(FrozenInstanceError):
        volume.warnings = ()  # type: ignore[misc]


def test_geometry_is_read_from_the_affine(chest: CTVolume) -> None:
    assert chest.spacing_mm == pytest.approx((5.0, 3.0, 3.0))
    assert chest.voxel_ml == pytest.approx(0.045)
    np.testing.assert_allclose(chest.directions, np.eye(3), atol=1e-9)


def _scaled(factor: float) -> np.ndarray:
    return np.diag([factor, factor, factor, 1.0])


SHEAR = np.array([[3.0, 0, 0, 0], [0, 3.0, 1.0, 0], [0, 0, 5.0, 0], [0, 0, 0, 1]])
NAN_AFFINE = np.full((4, 4), np.nan)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda hu, affine: (hu[0], affine), "2 dimensions"),
        (lambda hu, affine: (hu[None], affine), "4 dimensions"),
        (lambda hu, affine: (hu[:0], affine), "empty"),
        (lambda hu, affine: (hu.astype(complex), affine), "dtype"),
        (lambda hu, affine: (np.where(hu > 200, np.nan, hu), affine), "finite"),
        (lambda hu, affine: (hu, NAN_AFFINE), "4x4"),
        (lambda hu, affine: (hu, np.eye(3)), "4x4"),
        (lambda hu, affine: (hu, affine @ np.diag([1, 1, 0, 1])), "spacing"),
        (lambda hu, affine: (hu, SHEAR), "sheared"),
        (lambda hu, affine: (hu[:4], affine), "4 slices"),
        (lambda hu, affine: (hu, affine @ _scaled(0.1)), "long along"),
        (lambda hu, affine: (hu, affine @ _scaled(10)), "long along"),
        (lambda hu, affine: (np.full_like(hu, -1000), affine), "Every voxel"),
        (lambda hu, affine: (np.where(hu < -300, hu, -1000).astype(np.int16), affine), "no body"),
        (lambda hu, affine: (hu * 3 + 3000, affine), "Hounsfield"),
        (lambda hu, affine: (np.where(hu < -300, -1000, hu).astype(np.int16), affine), "no lungs"),
    ],
)
def test_what_is_no_chest_ct_is_refused_naming_why(change: Any, says: str, chest: CTVolume) -> None:
    hu, affine = change(np.array(chest.hu), np.array(chest.ijk_to_lps))
    with pytest.raises(NotAChestCTError, match=says):
        CTVolume(hu, affine)


@pytest.mark.parametrize("diagnosis", ["covid", "cap", "none"])
def test_the_lungs_are_seen_with_any_disease(diagnosis: Any) -> None:
    phantom = make_phantom(PhantomSettings(seed=11, diagnosis=diagnosis, spacing_mm=(6.0, 3.0, 3.0)))
    look = look_at(phantom.volume.hu, phantom.volume.ijk_to_lps)
    aerated = np.sum((phantom.lungs > 0) & (phantom.volume.hu < -400)) * phantom.volume.voxel_ml
    assert look.lung_ml == pytest.approx(aerated, rel=0.15)
    assert cut_off_lungs(phantom.volume.hu, phantom.volume.ijk_to_lps) == []


def test_the_look_does_not_depend_on_the_orientation() -> None:
    turned = make_phantom(
        PhantomSettings(seed=11, spacing_mm=(3.0, 3.0, 3.0), ijk_to_lps_directions=((0, 0, -1), (1, 0, 0), (0, 1, 0)))
    ).volume
    straight = canonical(turned).volume
    seen, expected = (look_at(volume.hu, volume.ijk_to_lps) for volume in (turned, straight))
    assert seen.lung_ml == pytest.approx(expected.lung_ml, rel=0.03)
    assert seen.height_mm == pytest.approx(expected.height_mm, abs=12)


def test_lungs_cut_by_the_scans_end_are_told(chest: CTVolume) -> None:
    half = len(chest.hu) // 2
    lower = cut_off_lungs(chest.hu[:half], chest.ijk_to_lps)
    upper = cut_off_lungs(chest.hu[half:], chest.ijk_to_lps)
    assert [("upper" in w, "lower" in w) for w in (*lower, *upper)] == [(True, False), (False, True)]


def test_turning_a_volume_neither_checks_it_again_nor_loses_how_it_was_made(
    chest: CTVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    affine = chest.ijk_to_lps @ np.diag([1.0, 1.0, -1.0, 1.0])
    affine[:3, 3] = (chest.ijk_to_lps @ [0.0, 0.0, len(chest.hu) - 1.0, 1.0])[:3]
    turned = CTVolume(chest.hu[::-1], affine, ("odd",), Acquisition("B70f", 1.25))

    def refuse(*_: object) -> None:
        raise AssertionError("the content was looked at again")

    monkeypatch.setattr("ChestCTLib.volume.require_chest", refuse)
    straight = canonical(turned).volume
    assert np.array_equal(straight.hu, chest.hu) and np.allclose(straight.ijk_to_lps, chest.ijk_to_lps)
    assert (straight.warnings, straight.acquisition) == (("odd",), Acquisition("B70f", 1.25))
    assert not straight.hu.flags.writeable and not straight.ijk_to_lps.flags.writeable
    assert canonical(straight).volume is straight  # in order already: nothing is copied
