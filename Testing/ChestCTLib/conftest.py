"""A small chest, and an exporter that writes it in the ways scans come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTLib.volume import CTVolume

PATIENT = "Mustermann^Erika"  # must never come out of the reader
SERIES = "1.2.3.4"

Edit = Callable[[FileDataset, int], None]


def leave_as_is(dataset: FileDataset, index: int) -> None:
    """The slice as a sound export holds it."""


def set_pixels(dataset: Dataset, stored: np.ndarray, dtype: Any, bits: int | None = None) -> None:
    """Store numbers ``[y, x]`` or ``[frame, y, x]`` as pixels of a dtype."""
    limits = np.iinfo(dtype)
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.BitsAllocated = 8 * np.dtype(dtype).itemsize
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(limits.min < 0)
    dataset.PixelData = np.clip(stored, limits.min, limits.max).astype(dtype).tobytes()
    dataset["PixelData"].VR = "OW"


def ct_image(sop_class: str, series: str) -> FileDataset:
    """A CT image object without geometry and pixels."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID = series
    dataset.StudyInstanceUID = "1.2.3"
    dataset.PatientName = PATIENT
    dataset.PatientID = f"ID-{PATIENT}"
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SeriesNumber = 3
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    return dataset


@dataclass(frozen=True)
class Exporter:
    """Writes a chest into a folder of its own; file names hold the patient's name, as they do in practice.

    Attributes:
        chest: What is exported.
        folder: Where to.
    """

    chest: CTVolume
    folder: Path

    def of(self, hu: np.ndarray) -> Exporter:
        """The same with other voxels on the chest's grid, which need not be a chest."""
        other = replace(self.chest)
        object.__setattr__(other, "hu", hu)
        return replace(self, chest=other)

    def slice(self, index: int, series: str = SERIES) -> FileDataset:
        """One slice as scanners export it: unsigned, intercept -1024."""
        affine = self.chest.ijk_to_lps
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        dataset = ct_image(CTImageStorage, series)
        dataset.InstanceNumber = index + 1
        dataset.ImageOrientationPatient = [round(float(x), 6) for x in (affine[:3, :2] / spacing[:2]).T.ravel()]
        dataset.ImagePositionPatient = [round(float(x), 4) for x in (affine @ [0, 0, index, 1])[:3]]
        dataset.SliceLocation = round(float(index * spacing[2]), 4)
        dataset.PixelSpacing = [float(spacing[1]), float(spacing[0])]
        dataset.SliceThickness = float(spacing[2])
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.ConvolutionKernel = "B40f"
        set_pixels(dataset, self.chest.hu[index].astype(np.int32) + 1024, np.uint16, bits=12)
        return dataset

    def series(
        self,
        edit: Edit = leave_as_is,
        keep: Sequence[int] | None = None,
        series: str = SERIES,
        into: str = "study",
        suffix: str = ".dcm",
    ) -> Path:
        """Write the chest as a DICOM series, one file per slice, each edited first."""
        target = self.folder / into
        target.mkdir(parents=True, exist_ok=True)
        for index in range(len(self.chest.hu)) if keep is None else keep:
            dataset = self.slice(index, series)
            edit(dataset, index)
            name = f"Mustermann_{series.replace('.', '')}_{index:03d}{suffix}"
            dataset.save_as(target / name, enforce_file_format=True)
        return target

    def image(
        self, name: str, values: np.ndarray | None = None, spacing: Sequence[float] | None = None, **tags: str
    ) -> Path:
        """Write voxels (the chest's, unless others are given) as an image file on the chest's grid."""
        image = sitk.GetImageFromArray(self.chest.hu if values is None else values)
        if image.GetDimension() == 3:
            image.SetSpacing(tuple(spacing or self.chest.spacing_mm[::-1]))
            image.SetOrigin(self.chest.origin_lps)
            image.SetDirection(self.chest.directions.ravel().tolist())
        for key, value in tags.items():
            image.SetMetaData(key, value)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(path), True)
        return path


@pytest.fixture(scope="session")
def chest() -> CTVolume:
    """A phantom of about 68 slices, 5 x 3 x 3 mm, no value below -1024 HU."""
    volume = make_phantom(PhantomSettings(seed=7, spacing_mm=(5.0, 3.0, 3.0))).volume
    return CTVolume(np.maximum(volume.hu, -1024), volume.ijk_to_lps)


@pytest.fixture
def export(chest: CTVolume, tmp_path: Path) -> Exporter:
    """Exports of the small chest into a temporary folder."""
    return Exporter(chest, tmp_path)
