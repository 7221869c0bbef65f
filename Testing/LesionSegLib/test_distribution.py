"""The words about the lesions' place follow the volumes, and say nothing where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTLib.volume import CTVolume
from ChestCTLib.zones import LEFT_LOWER, LEFT_UPPER, RIGHT_LOWER, RIGHT_MIDDLE, RIGHT_UPPER, Zone, six_zones
from LesionSegLib.distribution import distribution_words
from LesionSegLib.measures import measure_lesions

ALL_THIRDS = {RIGHT_UPPER: 100, RIGHT_MIDDLE: 90, RIGHT_LOWER: 90}


@pytest.fixture(scope="module")
def chest() -> tuple[CTVolume, np.ndarray, np.ndarray]:
    made = make_phantom(PhantomSettings(seed=5, diagnosis="none", spacing_mm=(8.0, 4.0, 4.0)))
    return made.volume, made.lungs, six_zones(made.lungs)


@pytest.mark.parametrize(
    ("voxels", "words"),
    [
        ({RIGHT_LOWER: 60, LEFT_LOWER: 40}, "both lungs (right 60 %), mainly lower zones (100 %)"),
        ({RIGHT_UPPER: 97, LEFT_UPPER: 3}, "right lung (97 %), mainly upper zones (100 %)"),
        ({LEFT_LOWER: 200}, "left lung (100 %), mainly lower zones (100 %)"),
        (ALL_THIRDS, "right lung (100 %), no third prevails (upper 36 %, middle 32 %, lower 32 %)"),
        ({}, None),
    ],
)
def test_side_and_height_are_told_with_their_shares(
    chest: tuple[CTVolume, np.ndarray, np.ndarray], voxels: dict[Zone, int], words: str | None
) -> None:
    volume, lungs, zones = chest
    lesions = np.zeros_like(lungs)
    for zone, count in voxels.items():
        lesions[tuple(np.argwhere(zones == zone.value)[:count].T)] = 1
    found = measure_lesions(volume, lungs, lesions)
    assert distribution_words(found) == words


def test_nothing_is_said_without_lungs(chest: tuple[CTVolume, np.ndarray, np.ndarray]) -> None:
    volume, lungs, _ = chest
    found = measure_lesions(volume, np.zeros_like(lungs), np.zeros_like(lungs))
    assert distribution_words(found) is None
