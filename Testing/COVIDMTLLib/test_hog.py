"""HOG features: what they see, and that the reduction is fitted on training rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from ChestCTLib.errors import InputError
from ChestCTLib.io import read_volume
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.hog import CELL, ORIENTATIONS, SLICE_SHAPE, HogReduction, hog_features
from COVIDMTLLib.radiomics.lung_image import lung_image
from LungRefineLib.segmentation import segment_lungs
from LungRefineLib.settings import LungSettings


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(PhantomSettings(spacing_mm=(5.0, 2.5, 2.5)))


def _striped(phantom: Phantom, across: int) -> tuple[CTVolume, np.ndarray]:
    """Lungs with stripes whose gradient runs along array axis ``across`` (1 is y, 2 is x)."""
    hu = phantom.volume.hu
    stripes = np.arange(hu.shape[across]) // 3 % 2 * 500 - 950
    pattern = np.broadcast_to(stripes.reshape([-1 if axis == across else 1 for axis in range(3)]), hu.shape)
    return CTVolume(np.where(phantom.lungs > 0, pattern, hu), phantom.volume.ijk_to_lps), phantom.lungs


def _energy_by_orientation(features: np.ndarray) -> np.ndarray:
    return features.reshape(-1, ORIENTATIONS).sum(axis=0)


def test_there_are_32_orientations_for_each_cell_of_16_pixels(phantom: Phantom) -> None:
    cells = SLICE_SHAPE[0] // CELL[0] * (SLICE_SHAPE[1] // CELL[1])
    assert hog_features(phantom.volume, phantom.lungs).shape == (cells * ORIENTATIONS,)


def test_stripes_along_and_across_fall_into_different_orientations(phantom: Phantom) -> None:
    along, across = (_energy_by_orientation(hog_features(*_striped(phantom, axis))) for axis in (1, 2))
    gap = abs(int(along.argmax()) - int(across.argmax()))
    assert min(gap, ORIENTATIONS - gap) == pytest.approx(ORIENTATIONS // 2, abs=1)


def test_the_reduction_does_not_change_when_test_rows_do() -> None:
    generator = np.random.default_rng(0)
    training = generator.normal(size=(12, 40))
    reduction = HogReduction.fit(training, 5)
    test = generator.normal(size=(3, 40))
    np.testing.assert_allclose(reduction.transform(test)[0], reduction.transform(test[:1])[0])
    assert reduction.components.shape == (5, 40)
    np.testing.assert_allclose(reduction.transform(training).mean(axis=0), 0.0, atol=1e-12)


def test_one_row_cannot_be_reduced() -> None:
    with pytest.raises(InputError, match="1 training rows"):
        HogReduction.fit(np.zeros((1, 4)))


@pytest.mark.data
def test_on_a_real_scan_every_cell_with_lung_speaks_and_the_others_are_silent(data_dir: Path) -> None:
    volume = read_volume(data_dir / "ct" / "lungdx_A0002")
    lungs = segment_lungs(volume, LungSettings(method="classical")).lungs
    cells = hog_features(volume, lungs).reshape(SLICE_SHAPE[0] // CELL[0], -1, ORIENTATIONS)
    assert np.isfinite(cells).all()
    sums = cells.sum(axis=2)
    assert sums.max() <= 1.0 + 1e-9  # each cell is normalised for itself; one with hardly any gradient stays below
    assert np.median(sums[sums > 0]) == pytest.approx(1.0, abs=1e-3)

    image = lung_image(volume, lungs)
    area = np.count_nonzero(image, axis=(1, 2))
    touched = _cells_with_lung(image[int(area.argmax())] > 0)
    speaking = cells.any(axis=2)
    assert not speaking[~ndimage.binary_dilation(touched, np.ones((3, 3)))].any()
    assert speaking[touched].mean() > 0.99


def _cells_with_lung(inside: np.ndarray) -> np.ndarray:
    """Which cells of the frame hold lung of a slice that fits into it."""
    frame = np.zeros(SLICE_SHAPE, dtype=bool)
    top, left = ((whole - side) // 2 for whole, side in zip(SLICE_SHAPE, inside.shape, strict=True))
    frame[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    blocks = frame.reshape(SLICE_SHAPE[0] // CELL[0], CELL[0], -1, CELL[1])
    return blocks.any(axis=(1, 3))
