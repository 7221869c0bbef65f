"""Each lung is divided into thirds of its own height, upper towards the head."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.errors import InputError
from ChestCTLib.zones import LEFT_LOWER, LEFT_UPPER, RIGHT_LOWER, RIGHT_MIDDLE, RIGHT_UPPER, ZONES, six_zones


def test_each_lung_is_divided_by_its_own_height_with_the_upper_third_towards_the_head() -> None:
    lungs = np.zeros((12, 4, 8), dtype=np.uint8)
    lungs[0:9, 1:3, 0:3] = 1
    lungs[6:12, 1:3, 5:8] = 2
    zones = six_zones(lungs)
    assert [zones[z, 1, 1] for z in (0, 3, 8)] == [RIGHT_LOWER.value, RIGHT_MIDDLE.value, RIGHT_UPPER.value]
    assert zones[6, 1, 6] == LEFT_LOWER.value
    assert zones[11, 1, 6] == LEFT_UPPER.value
    counts = np.bincount(zones.ravel(), minlength=7)[1:]
    assert list(counts) == [18, 18, 18, 12, 12, 12]


def test_every_lung_voxel_has_a_zone_and_no_other_voxel_has_one() -> None:
    lungs = (np.random.default_rng(0).random((10, 6, 6)) < 0.5).astype(np.uint8)
    lungs[:, :, 3:] *= 2
    assert np.array_equal(six_zones(lungs) > 0, lungs > 0)
    assert len({zone.value for zone in ZONES}) == 6


def test_a_missing_lung_has_no_zones() -> None:
    lungs = np.zeros((5, 3, 3), dtype=np.uint8)
    lungs[1:4] = 2
    assert set(np.unique(six_zones(lungs))) == {0, 4, 5, 6}


def test_a_flat_mask_is_refused() -> None:
    with pytest.raises(InputError, match="2 dimensions"):
        six_zones(np.zeros((4, 4), dtype=np.uint8))
