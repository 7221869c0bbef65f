"""Equalised pictures, brought back to greys that are linear in HU."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.errors import InputError
from ChestCTLib.io.equalisation import Equalisation, equalise, looks_equalised, undo_equalisation
from ChestCTLib.io.slice_calibration import CalibrationSettings, calibrate
from ChestCTLib.volume import CTVolume


def slice_hu(chest: CTVolume) -> np.ndarray:
    """The middle slice, wide enough for tiles of real pictures' size."""
    middle = chest.hu[len(chest.hu) // 2].repeat(2, axis=0).repeat(2, axis=1)
    height, width = (size // 8 * 8 for size in middle.shape)
    return middle[:height, :width]


def grey_of(hu: np.ndarray, low: float, high: float) -> np.ndarray:
    return (np.clip((hu - low) / (high - low), 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize(("low", "high"), [(-1100.0, 1500.0), (-1000.0, 300.0), (-1350.0, 150.0)])
def test_equalised_greys_come_back(low: float, high: float, chest: CTVolume) -> None:
    grey = grey_of(slice_hu(chest), low, high)
    equalised = equalise(grey)
    found = undo_equalisation(equalised)
    assert np.abs(found - grey).mean() < 0.25 * np.abs(equalised.astype(float) - grey).mean()
    assert np.corrcoef(found.ravel(), grey.ravel())[0, 1] > 0.99


def test_lung_is_told_from_tissue_in_an_equalised_picture_as_on_the_scan(chest: CTVolume) -> None:
    hu = slice_hu(chest)
    equalised = equalise(grey_of(hu, -1350, 150))
    wrong = np.mean((calibrate(equalised, CalibrationSettings(local=True)) < -420) != (hu < -420))
    linear = calibrate(undo_equalisation(equalised), CalibrationSettings(local=False))
    assert np.mean((linear < -420) != (hu < -420)) < min(0.01, 0.5 * wrong)


def test_equalised_pictures_are_recognised(chest: CTVolume) -> None:
    grey = grey_of(slice_hu(chest), -1100, 400)
    assert looks_equalised(equalise(grey)) and not looks_equalised(grey)


def test_sides_that_tiles_do_not_divide_are_padded_and_cut_again(chest: CTVolume) -> None:
    grey = equalise(grey_of(slice_hu(chest), -1100, 400))
    assert undo_equalisation(grey[:-3, :-5]).shape == (grey.shape[0] - 3, grey.shape[1] - 5)


def test_impossible_tilings_and_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="0 tiles"):
        Equalisation(tiles=0)
    with pytest.raises(InputError, match="clip limit is -1"):
        Equalisation(clip_limit=-1)
    with pytest.raises(InputError, match="shape"):
        undo_equalisation(np.zeros((8, 8), np.uint8))
