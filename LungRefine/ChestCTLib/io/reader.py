"""Read a chest CT from whatever a user points at: a DICOM folder or file, a zip archive, NIfTI, NRRD or MetaImage.

Messages never name a file that was found: file names may hold a patient's name.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from ChestCTLib.content import cut_off_lungs
from ChestCTLib.errors import InputError
from ChestCTLib.io.archive import unpacked
from ChestCTLib.io.dicom import read_dicom, read_dicom_file
from ChestCTLib.io.dicom_headers import is_dicom
from ChestCTLib.io.hounsfield import clean_hounsfield
from ChestCTLib.io.images import IMAGE_SUFFIXES, read_image, suffix_of
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from ChestCTLib.volume import CTVolume

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")
READABLE = "DICOM folder, zip archive, NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd)"

logger = logging.getLogger(__name__)


def read_volume(
    path: str | Path,
    series_uid: str | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> CTVolume:
    """Read a chest CT.

    Args:
        path: A DICOM folder of any nesting or one of its files, a zip archive, or a NIfTI, NRRD or MetaImage file.
        series_uid: DICOM series instance UID to read; None takes the largest axial CT series.
        progress: Called with the share done and the step.
        cancelled: Cancel check.

    Returns:
        The scan on its own grid, HU, LPS; what is unusual about it is in ``warnings``.

    Raises:
        InputError: The path cannot be read.
        NotAChestCTError: It was read, but is not a chest CT volume.
        CancelledError: The user cancelled.
    """
    source = Path(path).expanduser()
    raise_if_cancelled(cancelled)
    progress(0.0, "Reading the scan")
    try:
        volume = _read(source, series_uid, progress, cancelled)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"The scan cannot be read: {reason}.", "Check that you may read it, and the disk.") from None
    volume = replace(volume, warnings=(*volume.warnings, *cut_off_lungs(volume.hu, volume.ijk_to_lps)))
    for warning in volume.warnings:
        logger.warning("%s", warning)
    progress(1.0, "Scan read")
    return volume


def _read(source: Path, series_uid: str | None, progress: Progress, cancelled: CancelCheck) -> CTVolume:
    if not source.exists():
        raise InputError(f"{source.name} does not exist.", f"Give a {READABLE}.")
    if source.is_dir():
        return _read_folder(source, series_uid, progress, cancelled)
    if suffix_of(source) == ".zip":
        _refuse_empty(source)
        with unpacked(source, cancelled) as folder:
            return _read_folder(folder, series_uid, part(progress, 0.2, 1.0), cancelled)
    return _read_file(source, series_uid, progress, cancelled)


def _read_folder(folder: Path, series_uid: str | None, progress: Progress, cancelled: CancelCheck) -> CTVolume:
    images = sorted(p for p in folder.iterdir() if p.is_file() and suffix_of(p) in IMAGE_SUFFIXES)
    if len(images) == 1 and series_uid is None and not any(is_dicom(p) for p in folder.rglob("*") if p.is_file()):
        return _read_file(images[0], None, progress, cancelled)
    if len(images) > 1 and not any(is_dicom(p) for p in folder.rglob("*") if p.is_file()):
        raise InputError(f"The folder holds {len(images)} image files and no DICOM.", "Give one of its files.")
    return read_dicom(folder, series_uid, progress, cancelled)


def _read_file(path: Path, series_uid: str | None, progress: Progress, cancelled: CancelCheck) -> CTVolume:
    _refuse_empty(path)
    suffix = suffix_of(path)
    if suffix in IMAGE_SUFFIXES:
        if series_uid is not None:
            raise InputError(f"A series was asked for, but a {suffix} file is not DICOM.", "Leave the series out.")
        image = read_image(path)
        raise_if_cancelled(cancelled)
        progress(0.7, "Checking the scan")
        hu, warnings = clean_hounsfield(image.values)
        return CTVolume(hu, image.ijk_to_lps, (*image.warnings, *warnings))
    if suffix == ".seg.nrrd":
        raise InputError("The file is a segmentation, not a scan.", f"Give a {READABLE}.")
    if suffix in PICTURE_SUFFIXES:
        raise InputError(f"A {suffix} file is a picture, not a CT volume.", f"Give a {READABLE}.")
    if is_dicom(path):
        return read_dicom_file(path, series_uid, progress, cancelled)
    raise InputError("The file is none of the formats that can be read.", f"Give a {READABLE}.")


def _refuse_empty(path: Path) -> None:
    if path.stat().st_size == 0:
        raise InputError("The file is empty (0 bytes).", "Copy or export the file again.")
