"""The one preprocessing: frames lead there and back, and HU slices come out like equalised pictures."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.errors import InputError
from ChestCTLib.phantom import Phantom
from LesionSegLib.preprocessing import (
    INPUT_SHAPE,
    Frame,
    equalise,
    frame_round,
    hu_to_grey,
    prepare_pictures,
    prepare_volume_slices,
    stretch,
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


@pytest.mark.parametrize("frame", [Frame(10, 20, 72, 96), Frame(-15, -20, 144, 192), Frame(60, 90, 72, 96)])
def test_what_is_taken_out_goes_back_to_its_place(frame: Frame) -> None:
    rows, columns = np.mgrid[0:100, 0:140]
    picture = (0.5 + 0.5 * np.sin(rows / 9) * np.cos(columns / 11)).astype(np.float32)[None]
    back = frame.put_back(frame.take(picture), (100, 140))
    inside = np.zeros((100, 140), bool)
    inside[max(0, frame.top) : frame.top + frame.height, max(0, frame.left) : frame.left + frame.width] = True
    assert np.abs(back - picture)[0][inside].mean() < 0.02
    assert not back[0][~inside].any()


def test_stretching_uses_the_percentiles_and_leaves_flat_pictures_black() -> None:
    ramp = np.linspace(0.2, 0.8, 10000, dtype=np.float32).reshape(1, 100, 100)
    stretched = stretch(ramp)
    assert stretched.min() == 0 and stretched.max() == 1
    assert np.isclose((stretched == 0).mean(), 0.02, atol=0.002)
    assert not stretch(np.full((1, 4, 4), 0.5, np.float32)).any()


def test_the_window_is_cut_and_scaled() -> None:
    np.testing.assert_allclose(hu_to_grey(np.array([-3024, -1000, -300, 400, 3000])), [0, 0, 0.5, 1, 1])


def test_equalising_raises_local_contrast_and_leaves_constants_alone() -> None:
    faint = 0.5 + 0.02 * np.random.default_rng(0).standard_normal((1, 128, 128)).astype(np.float32)
    assert equalise(faint).std() > 2 * faint.std()
    constant = np.full((1, 64, 64), 0.3, np.float32)
    np.testing.assert_array_equal(equalise(constant), constant)


def test_a_volume_and_its_own_windowed_pictures_become_the_same_input(covid_phantom: Phantom) -> None:
    volume = covid_phantom.volume
    middle = slice(volume.shape[0] // 2, volume.shape[0] // 2 + 1)
    hu, lungs = volume.hu[middle], covid_phantom.lungs[middle]
    from_hu, inside, _, shape = prepare_volume_slices(hu, lungs, lungs[0], volume.spacing_mm[1:])
    grey = np.rint(255 * hu_to_grey(hu)).astype(np.uint8)
    from_pictures, _, _ = prepare_pictures(grey, lungs, equalised=False)
    assert from_hu.shape == (1, *INPUT_SHAPE) and from_hu.min() >= 0 and from_hu.max() <= 1
    assert shape[0] == round(hu.shape[1] * volume.spacing_mm[1] / 1.4)
    chosen = inside[0] > 0.99
    assert np.corrcoef(from_hu[0][chosen], from_pictures[0][chosen])[0, 1] > 0.8


def test_pictures_without_lungs_are_framed_whole() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (1, 90, 120), dtype=np.uint8)
    prepared, inside, frame = prepare_pictures(picture, None, equalised=False)
    assert prepared.shape == (1, *INPUT_SHAPE)
    assert (inside == 1).all()
    assert frame.height >= 90 and frame.width >= 120
