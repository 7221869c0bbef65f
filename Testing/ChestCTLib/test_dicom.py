"""DICOM series: geometry restored, series chosen, multi-frame files, decoders, cancel."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage, ExplicitVRBigEndian, ImplicitVRLittleEndian
from scipy import ndimage

from ChestCTLib.errors import CancelledError, InputError
from ChestCTLib.io import read_volume
from ChestCTLib.io.dicom import read_dicom
from ChestCTLib.io.dicom_stack import regular_grid, resample_slices, straighten
from ChestCTLib.volume import Acquisition

Exporter = Any  # conftest's


def test_the_grid_is_the_files_own(export: Exporter) -> None:
    volume = read_volume(export.series())
    np.testing.assert_allclose(volume.ijk_to_lps, export.chest.ijk_to_lps, atol=1e-3)
    np.testing.assert_array_equal(volume.hu, export.chest.hu)
    assert volume.warnings == ()
    assert volume.acquisition == Acquisition("B40f", pytest.approx(volume.spacing_mm[0]))


def test_slices_of_mixed_thickness_have_none(export: Exporter) -> None:
    def thinner_at_the_top(dataset: Any, index: int) -> None:
        dataset.SliceThickness = 1.25 if index > 10 else 2.5
        del dataset.ConvolutionKernel

    assert read_volume(export.series(thinner_at_the_top)).acquisition == Acquisition("", None)


def test_feet_first_slices_keep_right_and_left(export: Exporter) -> None:
    """Descending positions turn the k axis, never the anatomy: the affine keeps every voxel's place."""

    def prone_export(dataset: Any, index: int) -> None:
        """Rows and columns both run backwards, as in a prone or feet-first export."""
        x, y, z = (float(c) for c in dataset.ImagePositionPatient)
        rows, columns = dataset.Rows, dataset.Columns
        row_step, column_step = dataset.PixelSpacing
        dataset.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
        dataset.ImagePositionPatient = [x + column_step * (columns - 1), y + row_step * (rows - 1), z]
        dataset.PixelData = np.ascontiguousarray(dataset.pixel_array[::-1, ::-1]).tobytes()

    straight = read_volume(export.series(into="straight"))
    turned = read_volume(export.series(prone_export, into="turned"))
    at = np.array([30, 70, 20])  # i, j, k
    place = straight.ijk_to_lps @ [*at, 1]
    i, j, k = np.rint(np.linalg.solve(turned.ijk_to_lps, place))[:3].astype(int)
    assert turned.hu[k, j, i] == straight.hu[at[2], at[1], at[0]]
    np.testing.assert_allclose(turned.directions[:, :2], -straight.directions[:, :2], atol=1e-6)


def test_a_tilted_gantry_is_straightened_to_the_true_anatomy(export: Exporter) -> None:
    """The phantom is scanned along leaning planes; afterwards every place in space shows the phantom again."""
    lean = np.radians(20)
    chest = export.chest
    k, j, i = np.mgrid[: chest.shape[0], : chest.shape[1], : chest.shape[2]].astype(np.float32)
    leaning = [k - j * 3.0 * np.sin(lean) / 5.0, j * np.cos(lean), i]
    scanned = ndimage.map_coordinates(chest.hu.astype(np.float32), leaning, order=1, cval=-1024)

    def tilted(dataset: Any, index: int) -> None:
        dataset.ImageOrientationPatient = [1, 0, 0, 0, float(np.cos(lean)), float(-np.sin(lean))]

    volume = read_volume(export.of(scanned.astype(np.int16)).series(tilted))
    assert "20.0 degrees" in " ".join(volume.warnings)
    assert volume.spacing_mm[0] == pytest.approx(5.0 * np.cos(lean), abs=0.01)

    points = np.random.default_rng(0).uniform(0, 1, (20000, 3)) * (np.array(chest.shape[::-1]) - 1)
    world = chest.ijk_to_lps @ np.vstack([points.T, np.ones(len(points))])
    there = (np.linalg.inv(volume.ijk_to_lps) @ world)[2::-1]
    expected = ndimage.map_coordinates(chest.hu.astype(np.float32), points.T[::-1], order=1)
    found = ndimage.map_coordinates(volume.hu.astype(np.float32), there, order=1, cval=np.nan)
    covered = found > -1020  # not the corners that the tilted planes never reached
    assert covered.mean() > 0.7
    assert np.corrcoef(expected[covered], found[covered])[0, 1] > 0.99


def test_slices_are_interpolated_where_they_lie() -> None:
    positions = np.array([0.0, 2.0, 3.0, 7.0])
    hu = np.zeros((4, 2, 2), np.int16) + (positions * 100).astype(np.int16)[:, None, None]
    targets = np.arange(0.0, 7.1, 0.5)
    np.testing.assert_allclose(resample_slices(hu, positions, targets)[:, 0, 0], targets * 100, atol=0.5)


def test_rounded_positions_are_regular() -> None:
    grid = regular_grid(np.round(np.arange(200) * 0.625, 1))
    assert grid.regular
    assert grid.step == pytest.approx(0.625, abs=1e-3)


def test_several_gaps_count_every_missing_slice() -> None:
    kept = np.array([n for n in range(60) if n not in (7, 30, 31)]) * 2.0
    grid = regular_grid(kept)
    assert len(grid.targets) == 60
    assert grid.warnings[0].startswith("3 of 60")


def test_straightening_moves_slices_by_whole_and_part_pixels() -> None:
    hu = np.full((2, 5, 5), -1024, np.int16)
    hu[:, 2, 2] = 976
    out, moved = straighten(hu, np.array([[0.0, 0.0], [2.0, -1.5]]), (1.0, 1.0))
    assert moved == (0.0, -2.0)
    assert out[0, 4, 2] == 976
    assert out[1, 2, 4] == out[1, 3, 4] == -24


def enhanced(export: Exporter, path: Path) -> Path:
    """The chest as one multi-frame enhanced CT file."""
    dataset = export.slice(0)
    for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        del dataset[tag]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    shared, orientation, measures, scale = Dataset(), Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [3.0, 3.0], 5.0
    scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = 1, -1024, "HU"
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PixelValueTransformationSequence = Sequence([scale])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for index in range(len(export.chest.hu))[::-1]:
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = list(export.slice(index).ImagePositionPatient)
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = (export.chest.hu[::-1].astype(np.int32) + 1024).astype(np.uint16).tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_an_enhanced_multi_frame_file_is_read_alone_or_in_its_folder(export: Exporter) -> None:
    path = enhanced(export, export.folder / "enhanced.dcm")
    for source in (path, export.folder):
        volume = read_volume(source)
        np.testing.assert_array_equal(volume.hu, export.chest.hu)
        np.testing.assert_allclose(volume.ijk_to_lps, export.chest.ijk_to_lps, atol=1e-3)
        assert volume.warnings == ()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_byte_orders_give_the_same_voxels(syntax: str, export: Exporter) -> None:
    folder = export.series()
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        big = syntax == ExplicitVRBigEndian
        pixels = dataset.pixel_array
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = pixels.astype(">u2" if big else "<u2").tobytes()
        pydicom.dcmwrite(path, dataset, implicit_vr=not big, little_endian=not big)
    np.testing.assert_array_equal(read_volume(folder).hu, export.chest.hu)


def test_slope_other_than_one_is_applied(export: Exporter) -> None:
    def halved(dataset: Any, index: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = "0.5", "-1024"
        dataset.BitsStored, dataset.HighBit = 16, 15
        dataset.PixelData = (dataset.pixel_array.astype(np.uint16) * 2).tobytes()

    np.testing.assert_array_equal(read_volume(export.series(halved)).hu, export.chest.hu)


def test_cancel_stops_between_slices(export: Exporter) -> None:
    folder = export.series()
    calls = iter([False] * 100 + [True] * 1000)
    with pytest.raises(CancelledError):
        read_volume(folder, cancelled=lambda: next(calls))


def test_progress_runs_from_nothing_to_all(export: Exporter) -> None:
    seen: list[float] = []
    read_volume(export.series(), progress=lambda share, step: seen.append(share))
    assert seen[0] == 0.0 and seen[-1] == 1.0 and seen == sorted(seen)


def test_a_zip_leaves_no_temporary_files(export: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = shutil.make_archive(str(export.folder / "study"), "zip", export.series(into="raw"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    read_volume(archive)
    with pytest.raises(InputError):
        read_volume(archive, series_uid="9.9")
    assert os.listdir(scratch) == []


@pytest.mark.data
def test_the_real_covid_series_is_read_with_its_padding_as_air(data_dir: Path) -> None:
    volume = read_dicom(data_dir / "ct" / "ricord_000082")
    assert volume.shape == (255, 512, 512)
    assert volume.spacing_mm == pytest.approx((1.25, 0.703125, 0.703125))
    assert volume.hu.min() == -1024
    decoded = pydicom.dcmread(data_dir / "ct" / "ricord_000082" / "1-100.dcm")
    index = round((float(decoded.ImagePositionPatient[2]) - volume.origin_lps[2]) / 1.25)
    np.testing.assert_array_equal(volume.hu[index], np.maximum(decoded.pixel_array - 1024, -1024))


@pytest.mark.data
def test_the_real_thick_and_low_dose_scans_are_read_without_warning(data_dir: Path) -> None:
    assert read_volume(data_dir / "ct" / "lungdx_A0002").shape == (30, 512, 512)
    assert read_volume(data_dir / "ct" / "tcga_de_a4ma_chest.nii.gz").shape == (110, 340, 392)
