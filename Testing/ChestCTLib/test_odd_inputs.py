"""The table of bad and odd inputs: what each is, and what becomes of it."""

from __future__ import annotations

import gzip
import logging
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from ChestCTLib.errors import ChestCTError, InputError, NotAChestCTError
from ChestCTLib.grid import canonical
from ChestCTLib.io import read_volume

Exporter = Any  # conftest's; typed there
SERIES, OTHER_SERIES = "1.2.3.4", "1.2.3.5"


@dataclass(frozen=True)
class Odd:
    """One row of the table.

    Attributes:
        name: What the input is.
        make: Writes it and returns the path to read.
        error: The error it must raise; None where it must be read.
        says: What the error or a warning must say; "" where there must be no warning.
        same: Whether the voxels read, along canonical axes, must equal the chest's.
        series: The series to ask for.
    """

    name: str
    make: Callable[[Exporter], Path]
    error: type[ChestCTError] | None = None
    says: str = ""
    same: bool = False
    series: str | None = None


def setting(**tags: Any) -> Callable[[Any, int], None]:
    """An edit that sets tags of every slice; None deletes."""

    def edit(dataset: Any, index: int) -> None:
        for name, value in tags.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)

    return edit


# ---- no scan at all


def empty_file(export: Exporter) -> Path:
    path = export.folder / "Mustermann.nii.gz"
    path.touch()
    return path


def text_only(export: Exporter) -> Path:
    (export.folder / "Mustermann.txt").write_text("see the other disc")
    return export.folder


def text_called_dicom(export: Exporter) -> Path:
    (export.folder / "Mustermann.dcm").write_text("this is not DICOM " * 20)
    return export.folder


def rubbish(name: str) -> Callable[[Exporter], Path]:
    def make(export: Exporter) -> Path:
        path = export.folder / name
        path.write_bytes(np.random.default_rng(0).bytes(5000))
        return path

    return make


def truncated(name: str, share: float) -> Callable[[Exporter], Path]:
    def make(export: Exporter) -> Path:
        path = export.image(name)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        return path

    return make


def encrypted_zip(export: Exporter) -> Path:
    path = export.folder / "Mustermann.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.dcm", b"x" * 100)
    content = bytearray(path.read_bytes())
    content[6] |= 1  # flag "encrypted" of the local header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and of the directory
    path.write_bytes(content)
    return path


def escaping_zip(export: Exporter) -> Path:
    path = export.folder / "Mustermann.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../outside.dcm", b"x")
    return path


def not_a_zip(export: Exporter) -> Path:
    path = export.folder / "Mustermann.zip"
    path.write_bytes(b"PK\x03\x04 and no more")
    return path


def picture(export: Exporter) -> Path:
    path = export.folder / "Mustermann.png"
    sitk.WriteImage(sitk.GetImageFromArray(export.chest.hu[30].clip(0, 255).astype(np.uint8)), str(path))
    return path


# ---- not a chest CT


def head(export: Exporter) -> Path:
    z, y, x = np.mgrid[:60, :90, :80].astype(float)
    radius = np.sqrt(((z - 30) / 26) ** 2 + ((y - 45) / 36) ** 2 + ((x - 40) / 30) ** 2)
    hu = np.full(radius.shape, -1000, np.int16)
    hu[radius < 1] = 900
    hu[radius < 0.9] = 35
    sinus = np.sqrt(((z - 12) / 5) ** 2 + ((y - 20) / 5) ** 2 + ((x - 40) / 8) ** 2) < 1
    hu[sinus] = -990
    return export.image("Mustermann.nii.gz", hu, spacing=(2.5, 2.5, 3.0))


def lower_slices(share: float) -> Callable[[Exporter], Path]:
    def make(export: Exporter) -> Path:
        return export.series(keep=range(int(len(export.chest.hu) * share)))

    return make


def upper_slices(share: float) -> Callable[[Exporter], Path]:
    def make(export: Exporter) -> Path:
        count = len(export.chest.hu)
        return export.series(keep=range(count - int(count * share), count))

    return make


def without_lungs(export: Exporter, count: int) -> np.ndarray:
    """One slice below the diaphragm everywhere, the lungs' lowest corners filled."""
    section = np.array(export.chest.hu[2])
    section[74:86, 44:80] = np.maximum(section[74:86, 44:80], 40)
    hu = np.repeat(section[None], count, axis=0)
    hu[:, 0, 0] = np.arange(count) - 1000  # no two slices alike
    return hu


def abdomen(export: Exporter) -> Path:
    return export.image("Mustermann.nii.gz", without_lungs(export, 30))


def filled(value: float, dtype: Any) -> Callable[[Exporter], Path]:
    return lambda export: export.image("Mustermann.nii.gz", np.full(export.chest.shape, value, dtype))


def hole_of_nan(export: Exporter) -> Path:
    hu = export.chest.hu.astype(np.float32)
    hu[30:33, 50:55, 50:55] = np.nan
    return export.image("Mustermann.nii.gz", hu)


def nan_corners(export: Exporter) -> Path:
    hu = export.chest.hu.astype(np.float32)
    hu[:, :6, :6] = np.nan
    return export.image("Mustermann.nii.gz", hu)


def windowed(export: Exporter) -> Path:
    grey = (np.clip(export.chest.hu, -1000, 200) + 1000) / 1200 * 255
    return export.image("Mustermann.nii.gz", grey.astype(np.uint8))


def mr_like(export: Exporter) -> Path:
    rng = np.random.default_rng(0)
    body = export.chest.hu > -300
    return export.image("Mustermann.nii.gz", np.where(body, rng.integers(300, 600, body.shape), 20).astype(np.int16))


def time_series(export: Exporter) -> Path:
    volumes = [sitk.GetImageFromArray(export.chest.hu)] * 3
    path = export.folder / "Mustermann.nii.gz"
    sitk.WriteImage(sitk.JoinSeries(volumes), str(path))
    return path


def colour_volume(export: Exporter) -> Path:
    colours = np.repeat(export.chest.hu.clip(0, 255).astype(np.uint8)[..., None], 3, axis=3)
    path = export.folder / "Mustermann.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(colours, isVector=True), str(path))
    return path


def colour_dicom(dataset: Any, index: int) -> None:
    grey = (np.clip(dataset.pixel_array, 0, 2000) / 8).astype(np.uint8)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = np.repeat(grey[..., None], 3, axis=2).tobytes()


# ---- geometry that is missing or wrong


def nifti_header(edit: Callable[[bytearray], None]) -> Callable[[Exporter], Path]:
    def make(export: Exporter) -> Path:
        content = bytearray(export.image("plain.nii").read_bytes())
        edit(content)
        path = export.folder / "Mustermann.nii.gz"
        path.write_bytes(gzip.compress(content, 1))
        return path

    return make


def zero_spacing(header: bytearray) -> None:
    header[88:92] = struct.pack("<f", 0.0)


def no_orientation(header: bytearray) -> None:
    header[252:256] = struct.pack("<2h", 0, 0)


def sheared(header: bytearray) -> None:
    header[252:256] = struct.pack("<2h", 0, 1)
    row = struct.unpack("<4f", header[280:296])
    header[280:296] = struct.pack("<4f", row[0], row[1], 2.0, row[3])


def nrrd_without_spacing(export: Exporter) -> Path:
    path = export.folder / "Mustermann.nrrd"
    header = "NRRD0004\ntype: int16\ndimension: 3\nsizes: 118 118 68\nendian: little\nencoding: raw\n\n"
    path.write_bytes(header.encode() + bytes(2 * 118 * 118 * 68))
    return path


def nrrd_right_anterior_superior(export: Exporter) -> Path:
    z, y, x = export.chest.shape
    sz, sy, sx = export.chest.spacing_mm
    flipped = np.ascontiguousarray(export.chest.hu[:, ::-1, ::-1])
    path = export.folder / "Mustermann.nrrd"
    header = (
        f"NRRD0004\ntype: int16\ndimension: 3\nspace: right-anterior-superior\nsizes: {x} {y} {z}\n"
        f"space directions: ({sx},0,0) (0,{sy},0) (0,0,{sz})\nspace origin: (0,0,0)\nendian: little\nencoding: raw\n\n"
    )
    path.write_bytes(header.encode() + flipped.tobytes())
    return path


def metaimage_without_data(export: Exporter) -> Path:
    path = export.image("Mustermann.mhd")
    for data in export.folder.glob("*raw"):
        data.unlink()
    return path


def turned(*order: int) -> Callable[[Exporter], Path]:
    """The chest with permuted and flipped axes, at the same place in space."""

    def make(export: Exporter) -> Path:
        image = sitk.ReadImage(str(export.image("straight.nrrd")))
        image = sitk.Flip(sitk.PermuteAxes(image, order), [True, False, True])
        path = export.folder / "Mustermann.nii.gz"
        sitk.WriteImage(image, str(path))
        return path

    return make


def tilted(dataset: Any, index: int) -> None:
    """A gantry tilted by 15 degrees: planes lean, the table moves along z."""
    lean = np.radians(15)
    dataset.ImageOrientationPatient = [1, 0, 0, 0, float(np.cos(lean)), float(-np.sin(lean))]
    dataset.GantryDetectorTilt = 15.0


def shifted_slice(dataset: Any, index: int) -> None:
    x, y, z = dataset.ImagePositionPatient
    dataset.ImagePositionPatient = [x, y, float(z) + 2.5 * (index % 3 == 0)]


def reversed_numbers(dataset: Any, index: int) -> None:
    dataset.InstanceNumber = 500 - index


# ---- series


def only(dataset_tags: dict[str, Any], count: int = 20) -> Callable[[Exporter], Path]:
    return lambda export: export.series(setting(**dataset_tags), keep=range(count))


def truncated_slice(export: Exporter) -> Path:
    folder = export.series()
    path = sorted(folder.iterdir())[20]
    path.write_bytes(path.read_bytes()[:-9000])
    return folder


def broken_header(export: Exporter) -> Path:
    folder = export.series()
    (folder / "Mustermann_extra.dcm").write_bytes(b"")
    return folder


def without(*gone: int) -> Callable[[Exporter], Path]:
    return lambda export: export.series(keep=[i for i in range(len(export.chest.hu)) if i not in gone])


def copied(export: Exporter) -> Path:
    folder = export.series()
    shutil.copytree(folder, export.folder / "study" / "again" / "Mustermann")
    return folder


def copied_under_new_numbers(export: Exporter) -> Path:
    export.series()
    return export.series(
        lambda dataset, index: setattr(dataset, "SOPInstanceUID", generate_uid()), keep=range(10, 20), suffix="_b.dcm"
    )


def two_phases(**tags: Any) -> Callable[[Exporter], Path]:
    def make(export: Exporter) -> Path:
        export.series(setting(AcquisitionNumber=1))
        later = export.of(np.clip(export.chest.hu + 15, -1024, 3000))
        return later.series(setting(AcquisitionNumber=1) if not tags else setting(**tags), suffix="_late.dcm")

    return make


def two_kernels(export: Exporter) -> Path:
    export.series(setting(ConvolutionKernel="B70f"), keep=range(0, 68, 2), suffix="_sharp.dcm")
    return export.series()


def with_scouts_and_reports(export: Exporter) -> Path:
    folder = export.series()
    scout = setting(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    export.series(scout, keep=[1, 2], into="study/scout")
    export.series(setting(SOPClassUID=SecondaryCaptureImageStorage), keep=[5], into="study/captures")
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 64)
    (folder / "README.TXT").write_text("viewer")
    return folder


def two_series(export: Exporter) -> Path:
    export.series(keep=range(0, 68, 2), series=OTHER_SERIES, into="study/Mustermann/thick")
    export.series(into="study/Mustermann/thin")
    return export.folder / "study"


def larger_abdomen_beside(export: Exporter) -> Path:
    export.of(without_lungs(export, 80)).series(series=OTHER_SERIES)
    return export.series()


def coronal(export: Exporter) -> Path:
    """The same chest cut into coronal slices."""
    hu = np.ascontiguousarray(export.chest.hu[::-1].transpose(1, 0, 2))
    sz, sy, sx = export.chest.spacing_mm

    def edit(dataset: Any, index: int) -> None:
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        dataset.ImagePositionPatient = [0.0, index * sy, 0.0]
        dataset.PixelSpacing = [sz, sx]

    return export.of(hu).series(edit)


# ---- encodings


def padded(value: int, **tags: Any) -> Callable[[Exporter], Path]:
    """Signed pixels with a padding value outside the round field of view, where the phantom has air."""

    def edit(dataset: Any, index: int) -> None:
        stored = dataset.pixel_array.astype(np.int32) - 1024
        stored[:4], stored[-4:] = value, value
        dataset.RescaleIntercept = 0
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 15, 1
        dataset.PixelData = stored.astype(np.int16).tobytes()
        for name, content in tags.items():
            dataset.add_new(name, "US" if content > 32767 else "SS", content)

    return lambda export: export.of(with_air_rows(export)).series(edit)


def with_air_rows(export: Exporter) -> np.ndarray:
    hu = np.array(export.chest.hu)
    hu[:, :4], hu[:, -4:] = -1024, -1024
    return hu


def unscaled(dataset: Any, index: int) -> None:
    del dataset.RescaleIntercept, dataset.RescaleSlope


def run_length_encoded(dataset: Any, index: int) -> None:
    dataset.compress(RLELossless, generate_instance_uid=False)


def compressed(kind: str) -> Callable[[Exporter], Path]:
    """Compressed by GDCM, as many archives keep their images."""

    def make(export: Exporter) -> Path:
        folder = export.series()
        for path in folder.iterdir():
            writer = sitk.ImageFileWriter()
            writer.SetFileName(str(path))
            writer.KeepOriginalImageUIDOn()
            writer.UseCompressionOn()
            writer.SetCompressor(kind)
            writer.Execute(sitk.ReadImage(str(path)))
            assert pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_compressed
        return folder

    return make


def upper_case_name(export: Exporter) -> Path:
    path = export.image("plain.nii.gz")
    return path.rename(export.folder / "MUSTERMANN.NII.GZ")


def without_preamble(export: Exporter) -> Path:
    folder = export.series(suffix="")
    for path in folder.iterdir():
        content = path.read_bytes()
        start = content.index(b"\x08\x00\x08\x00CS", 132)  # behind the file meta information
        # without that, little endian is told by the elements themselves
        path.write_bytes(content[start:])
    return folder


def linked(export: Exporter) -> Path:
    folder = export.series(into="real")
    links = export.folder / "links"
    links.mkdir()
    for path in folder.iterdir():
        (links / path.name).symlink_to(path)
    (links / "loop").symlink_to(links)
    (links / "dangling").symlink_to(links / "nowhere")
    return links


def zipped(export: Exporter) -> Path:
    folder = export.series(into="Mustermann, Erika/Thorax")
    return Path(shutil.make_archive(str(export.folder / "Mustermann"), "zip", folder.parent.parent))


def zipped_nifti(export: Exporter) -> Path:
    path = export.folder / "Mustermann.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(export.image("Mustermann.nii.gz"), "deep/in/Mustermann.nii.gz")
    return path


TABLE = (
    Odd("a path that does not exist", lambda e: e.folder / "nowhere", InputError, "does not exist"),
    Odd("an empty file", empty_file, InputError, "empty"),
    Odd("an empty folder", lambda e: e.folder, InputError, "no DICOM image"),
    Odd("a folder without images", text_only, InputError, "no DICOM image"),
    Odd("a text file called .dcm", text_called_dicom, InputError, "no DICOM"),
    Odd("a truncated .nii.gz", truncated("Mustermann.nii.gz", 0.6), InputError, "truncated"),
    Odd("a truncated .nii", truncated("Mustermann.nii", 0.6), InputError, "truncated"),
    Odd("a truncated .nrrd", truncated("Mustermann.nrrd", 0.6), InputError, "truncated"),
    Odd("a truncated .mha", truncated("Mustermann.mha", 0.6), InputError, "truncated"),
    Odd("rubbish called .nii.gz", rubbish("Mustermann.nii.gz"), InputError),
    Odd("rubbish called .nrrd", rubbish("Mustermann.nrrd"), InputError, "not NRRD"),
    Odd("rubbish called .mha", rubbish("Mustermann.mha"), InputError, "not MetaImage"),
    Odd("rubbish without suffix", rubbish("Mustermann"), InputError, "formats"),
    Odd("a damaged zip", not_a_zip, InputError, "damaged"),
    Odd("an encrypted zip", encrypted_zip, InputError, "encrypted"),
    Odd("a zip that writes outside its folder", escaping_zip, InputError, "outside"),
    Odd("a PNG picture", picture, InputError, "picture"),
    Odd("a head scan", head, NotAChestCTError, "head"),
    Odd("an abdomen", abdomen, NotAChestCTError, "no lungs"),
    Odd("an abdomen with the lung bases", lower_slices(0.38), NotAChestCTError, "abdomen"),
    Odd("a neck with the lung tips", upper_slices(0.38), NotAChestCTError, "neck"),
    Odd("nothing but air", filled(-1000, np.int16), NotAChestCTError, "-1000"),
    Odd("nothing but NaN", filled(np.nan, np.float32), NotAChestCTError, "finite"),
    Odd("NaN inside the body", hole_of_nan, NotAChestCTError, "inside"),
    Odd("NaN in the corners", nan_corners, says="not finite"),
    Odd("a windowed 8-bit volume", windowed, NotAChestCTError, "Hounsfield"),
    Odd("MR values in a NIfTI", mr_like, NotAChestCTError, "Hounsfield"),
    Odd("a time series", time_series, NotAChestCTError, "4 dimensions"),
    Odd("a colour NRRD", colour_volume, NotAChestCTError, "3 values per voxel"),
    Odd("colour DICOM", lambda e: e.series(colour_dicom, keep=range(20)), NotAChestCTError, "colour"),
    Odd("MR DICOM", only({"Modality": "MR", "SOPClassUID": MRImageStorage}), NotAChestCTError, "MR"),
    Odd(
        "mammograms",
        only({"Modality": "MG", "SOPClassUID": DigitalMammographyXRayImageStorageForPresentation}),
        NotAChestCTError,
        "MG",
    ),
    Odd("localizers only", only({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, 2), NotAChestCTError, "localizer"),
    Odd("a single slice", only({}, 1), NotAChestCTError, "1 slice;"),
    Odd("five slices", only({}, 5), NotAChestCTError, "5 slices"),
    Odd("a series that is not there", lambda e: e.series(), InputError, "9.9.9", series="9.9.9"),
    Odd("DICOM without pixel spacing", only({"PixelSpacing": None}), NotAChestCTError, "pixel spacing"),
    Odd("zero spacing in NIfTI", nifti_header(zero_spacing), NotAChestCTError, "spacing"),
    Odd("spacing in metres", lambda e: e.image("M.nii.gz", spacing=(0.003, 0.003, 0.005)), NotAChestCTError, "long"),
    Odd("NRRD without spacing", nrrd_without_spacing, NotAChestCTError, "spacing"),
    Odd("MetaImage without its data", metaimage_without_data, InputError, "truncated|damaged"),
    Odd("sheared NIfTI", nifti_header(sheared), InputError, "right angles"),
    Odd("NIfTI without orientation", nifti_header(no_orientation), says="right and left"),
    Odd("a truncated slice", truncated_slice, InputError, "image 21"),
    Odd("an empty file among the slices", broken_header, says="damaged, empty"),
    Odd("a missing slice", without(30), says="1 of 68 slices are missing"),
    Odd("six slices missing in a row", without(*range(30, 36)), InputError, "gap of 35.0 mm"),
    Odd("uneven slice distances", lambda e: e.series(shifted_slice), says="varies from 2.50 to 7.50 mm"),
    Odd("every image twice", copied, says="68 images are there twice", same=True),
    Odd("doubled slices under new numbers", copied_under_new_numbers, says="10 doubled slices", same=True),
    Odd("two phases told apart by acquisition", two_phases(AcquisitionNumber=2), says="Left out", same=True),
    Odd("two phases that nothing tells apart", two_phases(), NotAChestCTError, "phases"),
    Odd("two kernels in one series", two_kernels, says="kernel B70f", same=True),
    Odd("scouts, captures and a DICOMDIR beside", with_scouts_and_reports, same=True),
    Odd("the DICOMDIR itself", lambda e: with_scouts_and_reports(e) / "DICOMDIR", same=True),
    Odd("two nested series, the larger one", two_series, says=OTHER_SERIES, same=True),
    Odd("two nested series, the one asked for", two_series, series=SERIES, same=True),
    Odd("a larger series of the abdomen beside", larger_abdomen_beside, says="passed over", same=True),
    Odd("a coronal reformat", coronal, says="not axial", same=True),
    Odd("a tilted gantry", lambda e: e.series(tilted), says="sheared by 15.0 degrees"),
    Odd(
        "a tilt that the positions do not show",
        lambda e: e.series(setting(GantryDetectorTilt=12.0)),
        says="12 deg",
        same=True,
    ),
    Odd("no orientation", lambda e: e.series(setting(ImageOrientationPatient=None)), says="no orientation", same=True),
    Odd(
        "slice locations only", lambda e: e.series(setting(ImagePositionPatient=None)), says="slice location", same=True
    ),
    Odd(
        "image numbers only",
        lambda e: e.series(setting(ImagePositionPatient=None, SliceLocation=None)),
        says="head and feet",
        same=True,
    ),
    Odd(
        "one position for all slices",
        lambda e: e.series(setting(ImagePositionPatient=[0.0, 0.0, 0.0])),
        says="slice location",
        same=True,
    ),
    Odd("image numbers backwards", lambda e: e.series(reversed_numbers), same=True),
    Odd("one file of a series", lambda e: sorted(e.series().iterdir())[9], same=True),
    Odd("no suffixes", lambda e: e.series(suffix=""), same=True),
    Odd("no preamble", without_preamble, same=True),
    Odd("spaces and umlauts in the path", lambda e: e.series(into="Übung 1/Mustermann Größe (2)"), same=True),
    Odd("symbolic links, one in a loop", linked, same=True),
    Odd("a zip of folders", zipped, same=True),
    Odd("a zip of a NIfTI", zipped_nifti, same=True),
    Odd("padding of -2000, tagged", padded(-2000, PixelPaddingValue=-2000), same=True),
    Odd("padding of -3024, not tagged", padded(-3024), same=True),
    Odd("a padding tag of the wrong sign", padded(-2000, PixelPaddingValue=63536), same=True),
    Odd("padding of 0 HU outside the body", padded(0, PixelPaddingValue=0), same=True),
    Odd("no rescale tags", lambda e: e.series(unscaled), says="offset was taken off", same=True),
    Odd(
        "NIfTI of HU + 1024",
        lambda e: e.image("M.nii.gz", (e.chest.hu + 1024).astype(np.uint16)),
        says="1024",
        same=True,
    ),
    Odd("NIfTI of int32", lambda e: e.image("M.nii.gz", e.chest.hu.astype(np.int32)), same=True),
    Odd("NIfTI of float64", lambda e: e.image("M.nii", e.chest.hu.astype(np.float64)), same=True),
    Odd("run-length encoded DICOM", lambda e: e.series(run_length_encoded), same=True),
    Odd("lossless JPEG DICOM", compressed("JPEG"), same=True),
    Odd("JPEG 2000 DICOM", compressed("JPEG2000"), same=True),
    Odd("a NIfTI in capitals", upper_case_name, same=True),
    Odd("NRRD in right-anterior-superior", nrrd_right_anterior_superior, same=True),
    Odd("sagittal NIfTI, flipped", turned(1, 2, 0), same=True),
    Odd("coronal NIfTI, flipped", turned(0, 2, 1), same=True),
)


@pytest.mark.parametrize("odd", TABLE, ids=lambda odd: odd.name)
def test_an_odd_input_is_read_right_or_refused_clearly(
    odd: Odd, export: Exporter, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings(record=True) as loose:
        warnings.simplefilter("always")
        path = odd.make(export)
        loose.clear()
        with caplog.at_level(logging.DEBUG):
            if odd.error is None:
                volume = read_volume(path, odd.series)
                said = " ".join(volume.warnings)
            else:
                with pytest.raises(odd.error, match=odd.says) as raised:
                    read_volume(path, odd.series)
                said = str(raised.value)
                assert type(raised.value) is odd.error
                assert raised.value.remedy, "an error must say what to do"
    everything = said + caplog.text + " ".join(str(warning.message) for warning in loose) + capfd.readouterr().err
    assert "Mustermann" not in everything, "a patient's name came out"
    if odd.error is None:
        assert odd.says in said and bool(said) == bool(odd.says)
    if odd.same:
        expected = with_air_rows(export) if "padding" in odd.name else export.chest.hu
        seen = canonical(volume).volume
        np.testing.assert_array_equal(seen.hu, expected)
        np.testing.assert_allclose(seen.spacing_mm, export.chest.spacing_mm, rtol=1e-4)


def test_the_table_is_as_long_as_promised() -> None:
    assert len({odd.name for odd in TABLE}) == len(TABLE) >= 25
