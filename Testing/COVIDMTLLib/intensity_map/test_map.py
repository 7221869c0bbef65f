"""The intensity map equals histograms counted slice by slice, and its parts sum to the whole."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ChestCTLib.errors import CancelledError, InputError
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.intensity_map.map import MapSettings, brightness, decompose, project

HEIGHT_MM, IN_PLANE_MM = 250.0, 12.0


def volume_of(hu: npt.NDArray[np.int16], flip_head: bool = False) -> CTVolume:
    step = HEIGHT_MM / len(hu)
    return CTVolume(hu, np.diag([IN_PLANE_MM, IN_PLANE_MM, -step if flip_head else step, 1.0]))


def random_scan(seed: int = 0, slices: int = 25) -> npt.NDArray[np.int16]:
    """Noise round lung and soft tissue values, different in each slice, with padding at one side."""
    rng = np.random.default_rng(seed)
    hu = rng.normal(40, 80, (slices, 24, 22)).astype(np.int16)
    lungs = np.zeros(hu.shape, dtype=bool)
    lungs[slices // 8 : 7 * slices // 8, 6:18, 4:18] = True
    hu[lungs] = rng.normal(-800, 150, int(lungs.sum())).astype(np.int16)
    hu[:, :2], hu[:, -2:], hu[:, :, :2], hu[:, :, -2:] = -3024, -1000, -1000, -1000
    return hu


def masks(shape: tuple[int, ...]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    lungs = np.zeros(shape, dtype=np.uint8)
    lungs[3:20, 4:16, 2:8] = 1
    lungs[5:22, 4:16, 10:16] = 2
    lesions = np.zeros(shape, dtype=np.uint8)
    lesions[6:9, 5:9, 3:6] = 1
    lesions[8:12, 9:12, 11:14] = 2
    return lungs, lesions


SCAN = volume_of(random_scan())


@given(low=st.integers(-2000, 0), width=st.integers(8, 3000), bins=st.integers(8, 300))
@settings(max_examples=60, deadline=None)
def test_each_row_equals_the_histogram_of_its_plane_for_any_range_and_bins(low: int, width: int, bins: int) -> None:
    choice = MapSettings(low_hu=low, high_hu=low + width, bins=min(bins, width))
    found = project(SCAN, choice).counts
    wanted = [np.histogram(p, bins=choice.bins, range=(choice.low_hu, choice.high_hu))[0] for p in SCAN.hu[::-1]]
    np.testing.assert_array_equal(found, wanted)


def test_the_first_row_is_the_slice_nearest_the_head_however_the_scan_is_stored() -> None:
    hu = random_scan()
    stored_head_first = project(volume_of(hu, flip_head=True)).counts
    np.testing.assert_array_equal(stored_head_first, project(volume_of(hu[::-1])).counts)
    np.testing.assert_array_equal(stored_head_first[0], np.histogram(hu[0], bins=256, range=(-1024, 512))[0])


def test_the_masked_map_counts_lung_voxels_only_and_spans_the_lungs() -> None:
    hu = random_scan()
    lungs, _ = masks(hu.shape)
    found = project(volume_of(hu), lungs=lungs)
    for row, plane, mask in zip(found.counts, hu[::-1], lungs[::-1], strict=True):
        np.testing.assert_array_equal(row, np.histogram(plane[mask > 0], bins=256, range=(-1024, 512))[0])
    assert found.planes == slice(3, 22)  # 25 slices, lungs in 3 to 21, counted from the head
    np.testing.assert_allclose(found.shares[found.planes].sum(axis=1), 1.0)
    assert not found.shares[0].any()


@pytest.mark.parametrize("slices", [20, 77, 300])
def test_the_picture_has_the_wanted_size_for_any_number_of_slices_and_keeps_the_shares(slices: int) -> None:
    found = project(volume_of(random_scan(slices=slices)))
    image = found.image()
    assert image.shape == (256, 256)
    np.testing.assert_allclose(image.sum(axis=1), 1.0, atol=1e-9)


@pytest.mark.parametrize("masked", [True, False])
def test_the_parts_sum_to_the_whole_before_and_after_resampling(masked: bool) -> None:
    hu = random_scan()
    lungs, lesions = masks(hu.shape)
    found = decompose(volume_of(hu), lungs, lesions, masked=masked)
    np.testing.assert_array_equal(sum(part.counts for part in found.parts), found.whole.counts)
    weights = found.weights()
    assert (weights >= 0).all()
    counted = found.whole.plane_voxels > 0
    np.testing.assert_allclose(weights.sum(axis=0)[counted], 1.0, atol=1e-12)
    composite = sum(w[:, None] * p.histograms for w, p in zip(weights, found.parts, strict=True))  # equation 1
    assert np.abs(composite - found.whole.shares).max() < 1e-6
    assert np.abs(sum(found.images().values()) - found.whole.image()).max() < 1e-6


def test_each_part_is_the_histogram_of_its_own_voxels() -> None:
    hu = random_scan()
    lungs, lesions = masks(hu.shape)
    parts = {part.key: part for part in decompose(volume_of(hu), lungs, lesions, masked=False).parts}
    expected = {
        "normal_lung": (lungs > 0) & (lesions == 0),
        "ground_glass": lesions == 1,
        "consolidation": lesions == 2,
        "outside": (lungs == 0) & (lesions == 0),
    }
    assert set(parts) == set(expected)
    for key, mask in expected.items():
        wanted = np.histogram(hu[mask], bins=256, range=(-1024, 512))[0]
        np.testing.assert_array_equal(parts[key].counts.sum(axis=0), wanted)


def test_an_empty_lesion_mask_gives_empty_parts() -> None:
    hu = random_scan()
    lungs, lesions = masks(hu.shape)
    found = decompose(volume_of(hu), lungs, np.zeros_like(lesions))
    parts = {part.key: part for part in found.parts}
    assert not parts["ground_glass"].counts.any()
    np.testing.assert_array_equal(parts["normal_lung"].counts, found.whole.counts)


def test_brightness_is_zero_for_nothing_one_for_a_whole_plane_and_grows_between() -> None:
    values = brightness(np.array([0.0, 1e-5, 1e-3, 0.1, 1.0]))
    assert values[0] == 0.0
    assert values[-1] == pytest.approx(1.0)
    assert (np.diff(values) > 0).all()


def test_wrong_settings_and_masks_are_refused_with_their_value() -> None:
    volume = volume_of(random_scan())
    with pytest.raises(InputError, match="300 to -300"):
        MapSettings(low_hu=300, high_hu=-300)
    with pytest.raises(InputError, match="5000 bins"):
        MapSettings(bins=5000)
    with pytest.raises(InputError, match=r"\(2, 2, 2\)"):
        project(volume, lungs=np.ones((2, 2, 2), dtype=np.uint8))
    with pytest.raises(InputError, match="empty"):
        project(volume, lungs=np.zeros(volume.shape, dtype=np.uint8))
    with pytest.raises(CancelledError):
        project(volume, cancelled=lambda: True)


@pytest.mark.data
def test_the_map_of_the_real_255_slice_scan_equals_direct_histograms(data_dir: Path) -> None:
    from ChestCTLib.io import read_volume

    volume = read_volume(data_dir / "ct" / "ricord_000082")
    started = time.perf_counter()
    found = project(volume)
    print(f"projected in {time.perf_counter() - started:.2f} s")  # noqa: T201 - shown with -s; not asserted
    rows = {tuple(row) for row in found.counts}
    for plane in volume.hu[::50]:
        assert tuple(np.histogram(plane, bins=256, range=(-1024, 512))[0]) in rows
