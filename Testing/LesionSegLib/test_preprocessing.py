"""The one preprocessing: frames lead there and back, and scans and pictures of them come out alike."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.errors import InputError
from ChestCTLib.io.equalisation import equalise, undo_equalisation
from ChestCTLib.io.slice_calibration import CalibrationSettings, calibrate
from ChestCTLib.phantom import Phantom
from LesionSegLib.preprocessing import (
    INPUT_SHAPE,
    PICTURE_WINDOW_HU,
    Frame,
    frame_round,
    hu_to_grey,
    picture_to_hu,
    prepare_slices,
)


def test_the_frame_holds_the_mask_in_the_input_s_proportions() -> None:
    mask = np.zeros((200, 256), bool)
    mask[60:150, 40:210] = True
    frame = frame_round(mask)
    assert frame.top <= 60 and frame.top + frame.height >= 150
    assert frame.left <= 40 and frame.left + frame.width >= 210
    assert frame.width / frame.height == pytest.approx(INPUT_SHAPE[1] / INPUT_SHAPE[0], abs=0.02)
    with pytest.raises(InputError, match="empty"):
        frame_round(np.zeros((5, 5)))


def test_a_frame_of_long_pixels_keeps_the_proportions_of_the_body() -> None:
    mask = np.zeros((200, 128), bool)
    mask[60:150, 20:105] = True
    frame = frame_round(mask, (1.0, 2.0))
    assert 2.0 * frame.width / frame.height == pytest.approx(INPUT_SHAPE[1] / INPUT_SHAPE[0], abs=0.02)


@pytest.mark.parametrize("frame", [Frame(10, 20, 72, 96), Frame(-15, -20, 192, 256), Frame(60, 90, 72, 96)])
def test_what_is_taken_out_goes_back_to_its_place(frame: Frame) -> None:
    rows, columns = np.mgrid[0:100, 0:140]
    picture = (0.5 + 0.5 * np.sin(rows / 9) * np.cos(columns / 11)).astype(np.float32)[None]
    back = frame.put_back(frame.take(picture), (100, 140))
    inside = np.zeros((100, 140), bool)
    inside[max(0, frame.top) : frame.top + frame.height, max(0, frame.left) : frame.left + frame.width] = True
    assert np.abs(back - picture)[0][inside].mean() < 0.02
    assert not back[0][~inside].any()


def test_the_window_is_cut_and_scaled() -> None:
    np.testing.assert_allclose(hu_to_grey(np.array([-3024, -1000, -400, 200, 3000])), [0, 0, 0.5, 1, 1])


def test_a_picture_goes_back_to_its_window() -> None:
    low, high = PICTURE_WINDOW_HU
    np.testing.assert_array_equal(picture_to_hu(np.array([0, 255], np.uint8)), [low, high])


def test_a_volume_and_its_own_windowed_pictures_become_the_same_input(covid_phantom: Phantom) -> None:
    volume = covid_phantom.volume
    middle = slice(volume.shape[0] // 2, volume.shape[0] // 2 + 1)
    hu, lungs = volume.hu[middle], covid_phantom.lungs[middle]
    from_hu, inside, _ = prepare_slices(hu, lungs, lungs[0], volume.spacing_mm[1:])
    low, high = PICTURE_WINDOW_HU
    grey = np.rint(255 * np.clip((hu - low) / (high - low), 0, 1)).astype(np.uint8)
    from_pictures, _, _ = prepare_slices(picture_to_hu(grey), lungs)
    assert from_hu.shape == inside.shape == (1, *INPUT_SHAPE)
    np.testing.assert_allclose(from_hu, from_pictures, atol=0.01)


def test_equalised_pictures_become_nearly_the_input_that_their_scan_gives(covid_phantom: Phantom) -> None:
    volume = covid_phantom.volume
    middle = volume.shape[0] // 2
    hu, lungs = volume.hu[middle], covid_phantom.lungs[middle : middle + 1]
    side = 8 * (min(hu.shape) // 8)  # equalisation cuts the picture into 8 x 8 tiles
    hu, lungs = hu[:side, :side], lungs[:, :side, :side]
    equalised = equalise(np.rint(255 * np.clip((hu + 1250) / 1500, 0, 1)).astype(np.uint8))
    undone = calibrate(undo_equalisation(equalised), CalibrationSettings(local=False))
    expected, inside, _ = prepare_slices(hu[None], lungs)
    found, _, _ = prepare_slices(undone[None], lungs)
    chosen = inside > 0.99
    assert np.corrcoef(found[chosen], expected[chosen])[0, 1] > 0.95
    assert abs(found[chosen].mean() - expected[chosen].mean()) < 0.06  # 70 HU


def test_pictures_without_lungs_are_framed_whole() -> None:
    hu = np.random.default_rng(1).integers(-1000, 100, (1, 90, 120)).astype(np.int16)
    prepared, inside, frame = prepare_slices(hu, None)
    assert prepared.shape == (1, *INPUT_SHAPE)
    assert (inside == 1).all()
    assert frame.height >= 90 and frame.width >= 120
