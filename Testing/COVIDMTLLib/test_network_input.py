"""From the scan to the network's crop and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ChestCTLib.errors import InputError
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.network_input import InputSettings, centred, masked_intensities, network_input, normalised

COARSE = InputSettings((5.0, 5.0, 5.0), (40, 32, 40))


def scan(shape=(40, 64, 64), spacing=(5.0, 3.0, 3.0), directions=None):
    """A box lung of -800 HU in soft tissue."""
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if directions is None else directions) * np.array(spacing[::-1])
    hu = np.full(shape, 40, dtype=np.int16)
    lungs = np.zeros(shape, dtype=np.uint8)
    lungs[5:30, 20:44, 10:50] = 1
    hu[lungs > 0] = -800
    return CTVolume(hu, affine), lungs


def test_intensities_are_hu_plus_1024_clipped_and_zero_outside_the_lungs():
    hu = np.array([[[-2000, -1024, -1000, 0, 976, 3000, 40]]], dtype=np.int16)
    inside = np.array([[[True, True, True, True, True, True, False]]])
    assert masked_intensities(hu, inside).tolist() == [[[0, 0, 24, 1024, 2000, 2000, 0]]]


def test_the_crop_holds_the_lungs_around_its_centre_with_their_intensity():
    volume, lungs = scan()
    crop = network_input(volume, lungs, COARSE)
    assert crop.intensities.shape == COARSE.size
    assert crop.coverage == 1.0
    filled = np.argwhere(crop.intensities > 0)
    middle = (filled.min(axis=0) + filled.max(axis=0)) / 2
    assert np.abs(middle - (np.array(COARSE.size) - 1) / 2).max() <= 0.5
    assert crop.intensities.max() == pytest.approx(224)
    # 25 x 24 x 40 voxels of 5 x 3 x 3 mm on a grid of 5 mm
    assert (crop.intensities > 0).sum() == 25 * 14 * 24


def test_normalisation_uses_the_stated_constants():
    settings = InputSettings(mean=100.0, sd=50.0)
    assert normalised(torch.tensor([0.0, 100.0, 200.0]), settings).tolist() == [-2.0, 0.0, 2.0]


def test_the_crop_does_not_depend_on_the_orientation_of_the_voxels():
    volume, lungs = scan()
    hu = np.array(volume.hu)
    hu[10:15, 25:30, 12:20] = -300  # so that a wrong flip shows
    straight = CTVolume(hu, volume.ijk_to_lps)
    flipped_affine = volume.ijk_to_lps.copy()
    flipped_affine[:3, 3] = volume.ijk_to_lps[:3, :3] @ [63, 63, 0]
    flipped_affine[:3, :2] *= -1
    flipped = CTVolume(hu[:, ::-1, ::-1], flipped_affine)
    first = network_input(straight, lungs, COARSE)
    second = network_input(flipped, lungs[:, ::-1, ::-1].copy(), COARSE)
    assert np.allclose(first.intensities, second.intensities)
    values = np.random.default_rng(0).random(COARSE.size).astype(np.float32)
    assert np.allclose(first.restore(values), second.restore(values)[:, ::-1, ::-1])


def test_a_map_comes_back_to_where_it_belongs_on_the_scan():
    volume, lungs = scan()
    spot = np.zeros(volume.shape, dtype=np.uint8)
    spot[12:18, 26:36, 14:26] = 1
    crop = network_input(volume, lungs, COARSE)
    back = crop.restore(crop.apply(spot))
    assert back.shape == volume.shape
    centre = np.argwhere(back > 0.5).mean(axis=0)
    assert np.abs(centre - np.argwhere(spot > 0).mean(axis=0)).max() < 0.6
    assert back[spot > 0].mean() > 0.8
    assert back[spot == 0].mean() < 0.01
    assert not back[:5].any()


def test_a_coarse_map_is_spread_over_the_whole_crop():
    volume, lungs = scan()
    back = network_input(volume, lungs, COARSE).restore(np.ones((5, 4, 5), dtype=np.float32))
    assert (back[lungs > 0] == 1).all()
    assert not back[lungs == 0].any()


def test_lungs_larger_than_the_crop_are_cut_and_the_share_is_told():
    volume, lungs = scan()
    crop = network_input(volume, lungs, InputSettings((5.0, 5.0, 5.0), (10, 32, 40)))
    assert crop.coverage == pytest.approx(10 / 25)


def test_finer_grids_are_interpolated_and_coarser_ones_averaged():
    volume, lungs = scan()
    hu = np.array(volume.hu)
    hu[:, :, ::2][lungs[:, :, ::2] > 0] = -600  # stripes of 3 mm
    striped = CTVolume(hu, volume.ijk_to_lps)
    coarse = network_input(striped, lungs, InputSettings((5.0, 6.0, 6.0), (32, 32, 40)))
    assert coarse.intensities[coarse.intensities > 0] == pytest.approx(324)
    fine = network_input(striped, lungs, InputSettings((2.5, 3.0, 3.0), (60, 32, 48)))
    assert set(np.unique(fine.intensities)) == {0.0, 224.0, 424.0}


def test_an_empty_mask_and_another_grid_are_refused():
    volume, lungs = scan()
    with pytest.raises(InputError, match="empty"):
        network_input(volume, lungs * 0, COARSE)
    with pytest.raises(InputError, match="grid"):
        network_input(volume, lungs[1:], COARSE)


def test_centring_crops_and_pads_each_axis_by_itself():
    out = centred(np.arange(6).reshape(1, 2, 3), (3, 2, 2))
    assert out.tolist() == [[[0, 0], [0, 0]], [[0, 1], [3, 4]], [[0, 0], [0, 0]]]


def test_settings_come_back_from_plain_values():
    assert InputSettings.from_dict(COARSE.as_dict()) == COARSE
    with pytest.raises(InputError, match=r"0\.0"):
        InputSettings(spacing_mm=(0.0, 1.0, 1.0))
