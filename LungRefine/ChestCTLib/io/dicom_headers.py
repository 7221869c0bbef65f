"""DICOM headers: what of each image file is needed to choose a series and to lay its slices out.

Patient fields are never read: only the tags listed in ``TAGS`` leave the file.
"""

from __future__ import annotations

import os
import warnings as python_warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled

TAGS = [
    Tag(keyword)
    for keyword in (
        "AcquisitionNumber",
        "BitsAllocated",
        "BitsStored",
        "Columns",
        "ConvolutionKernel",
        "FilterType",
        "GantryDetectorTilt",
        "ImageOrientationPatient",
        "ImagePositionPatient",
        "ImageType",
        "InstanceNumber",
        "Modality",
        "NumberOfFrames",
        "PatientPosition",
        "PerFrameFunctionalGroupsSequence",
        "PhotometricInterpretation",
        "PixelPaddingRangeLimit",
        "PixelPaddingValue",
        "PixelRepresentation",
        "PixelSpacing",
        "RescaleIntercept",
        "RescaleSlope",
        "RescaleType",
        "Rows",
        "SamplesPerPixel",
        "SeriesInstanceUID",
        "SeriesNumber",
        "SharedFunctionalGroupsSequence",
        "SliceLocation",
        "SliceThickness",
        "SOPClassUID",
        "SOPInstanceUID",
        "SpacingBetweenSlices",
        "TemporalPositionIdentifier",
        "ContrastBolusAgent",
    )
]
DICOM_MARK = b"DICM"  # after a preamble of 128 bytes
LOCALIZER = "LOCALIZER"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame children
NO_IMAGE = frozenset({"SR", "SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "PR", "KO", "REG", "DOC", "RWV"})

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SliceHeader:
    """What the header says about one image: a file, or one frame of a multi-frame file.

    Attributes:
        file: Where it is.
        frame: Index within a multi-frame file, else None.
        position: Centre of the first voxel in LPS, mm, if stated.
        row: Unit direction along a row (i), if stated; ``column`` likewise along a column (j).
        spacing: Distance of rows and of columns, mm, if stated.
        padding: Lowest and highest stored value that means "nothing here".
    """

    file: Path
    frame: int | None
    modality: str
    sop_class: str
    sop_instance: str
    series_uid: str
    series_number: int | None
    instance: int | None
    image_type: tuple[str, ...]
    rows: int
    columns: int
    samples: int
    position: Vector | None
    row: Vector | None
    column: Vector | None
    spacing: tuple[float, float] | None
    location: float | None
    thickness: float | None
    step: float | None
    tilt: float
    kernel: str
    phase: tuple[str, ...]
    slope: float
    intercept: float | None
    padding: tuple[int, int] | None
    compressed: bool
    rescale_type: str = "HU"

    @property
    def name(self) -> str:
        """How a message may call the image: by its number, as a file name may hold a patient's name."""
        return f"image {self.instance}" if self.instance is not None else "an image without number"


@dataclass
class Scan:
    """The headers found in a folder, and what was passed over.

    Attributes:
        slices: Every CT image with pixels.
        others: Number of images of other kinds, by what they are.
        unreadable: Number of files that are DICOM but damaged, or empty.
        files: Number of files looked at.
    """

    slices: list[SliceHeader] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    files: int = 0


def is_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM does, with its preamble or, as old exports, without."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(132)
    except OSError:
        return False
    if head[128:132] == DICOM_MARK:
        return True
    # without preamble: the first element is one of group 0002 or 0008, little or big endian, with a small number
    return len(head) >= 16 and head[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x08") and head[3] == 0 and head[2] < 0x20


def scan_folder(folder: Path, progress: Progress = no_progress, cancelled: CancelCheck = never_cancelled) -> Scan:
    """Read the headers of every DICOM file below a folder."""
    return scan_files(list(files_below(folder)), progress, cancelled)


def scan_files(files: list[Path], progress: Progress = no_progress, cancelled: CancelCheck = never_cancelled) -> Scan:
    """Read the headers of the files that are DICOM."""
    found = Scan(files=len(files))
    for number, path in enumerate(files):
        raise_if_cancelled(cancelled)
        if number % 32 == 0:
            progress(number / len(files), "Reading the headers")
        if not is_dicom(path):
            if path.suffix.lower() == ".dcm":
                found.unreadable += 1
            continue
        dataset = _read_header(path)
        if dataset is None:
            found.unreadable += 1
            continue
        _add(found, path, dataset)
    return found


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in order; links are followed, but no file or folder is given twice."""
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            target = os.path.realpath(path)
            if name.upper() != "DICOMDIR" and target not in seen and os.path.isfile(target):
                seen.add(target)
                yield path


def _read_header(path: Path) -> Dataset | None:
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")  # pydicom's warnings cite the values of fields
        try:
            return pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(TAGS))
        except Exception:  # pydicom lets many kinds of error through for a damaged file
            return None


def _add(found: Scan, path: Path, dataset: Dataset) -> None:
    modality = str(dataset.get("Modality", "") or "").strip().upper()
    sop_class = str(dataset.get("SOPClassUID", "") or "")
    image_type = tuple(str(part).upper() for part in _many(dataset.get("ImageType")))
    if modality in NO_IMAGE or "Rows" not in dataset:
        found.others["without image"] += 1
    elif modality not in ("CT", ""):
        found.others[modality] += 1
    elif sop_class.startswith(SECONDARY_CAPTURE):
        found.others["secondary capture"] += 1
    elif LOCALIZER in image_type or "SCOUT" in image_type:
        found.others["localizer"] += 1
    elif _integer(dataset.get("SamplesPerPixel")) not in (None, 1):
        found.others["colour"] += 1
    else:
        try:
            with python_warnings.catch_warnings():
                python_warnings.simplefilter("ignore")
                found.slices.extend(_headers(path, dataset, modality, sop_class, image_type))
        except Exception:  # a value that is not what its tag promises
            found.unreadable += 1


def _headers(
    path: Path, dataset: Dataset, modality: str, sop_class: str, image_type: tuple[str, ...]
) -> Iterator[SliceHeader]:
    frames = _integer(dataset.get("NumberOfFrames")) or 1
    shared = _first(dataset.get("SharedFunctionalGroupsSequence"))
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    syntax = getattr(dataset.file_meta, "TransferSyntaxUID", None)
    for frame in range(frames):
        groups = [dataset]
        if shared is not None:
            groups.insert(0, shared)
        if per_frame is not None and frame < len(per_frame):
            groups.insert(0, per_frame[frame])

        def tag(name: str, groups: list[Dataset] = groups) -> Any:
            """A tag from the frame's groups, the shared ones or the file, whichever has it first."""
            for group in groups:
                if group.get(name) not in (None, ""):
                    return group.get(name)
                for element in group if group is not dataset else ():
                    if element.VR == "SQ" and element.value:
                        value = element.value[0].get(name)
                        if value not in (None, ""):
                            return value
            return None

        orientation = _numbers(tag("ImageOrientationPatient"), 6)
        axes = _axes(orientation)
        spacing = _numbers(tag("PixelSpacing"), 2)
        yield SliceHeader(
            file=path,
            frame=frame if frames > 1 or per_frame is not None else None,
            modality=modality,
            sop_class=sop_class,
            sop_instance=str(dataset.get("SOPInstanceUID", "") or ""),
            series_uid=str(dataset.get("SeriesInstanceUID", "") or ""),
            series_number=_integer(dataset.get("SeriesNumber")),
            instance=frame + 1 if frames > 1 else _integer(dataset.get("InstanceNumber")),
            image_type=image_type,
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            samples=1,
            position=_numbers(tag("ImagePositionPatient"), 3),
            row=None if axes is None else axes[0],
            column=None if axes is None else axes[1],
            spacing=None if spacing is None or min(spacing) <= 0 else (float(spacing[0]), float(spacing[1])),
            location=_real(tag("SliceLocation")),
            thickness=_real(tag("SliceThickness")),
            step=_real(tag("SpacingBetweenSlices")),
            tilt=_real(tag("GantryDetectorTilt")) or 0.0,
            kernel=" ".join(str(part) for part in _many(tag("ConvolutionKernel"))),
            phase=tuple(
                str(tag(name) or "")
                for name in ("AcquisitionNumber", "TemporalPositionIdentifier", "ContrastBolusAgent", "FilterType")
            ),
            slope=_real(tag("RescaleSlope")) or 1.0,
            intercept=_real(tag("RescaleIntercept")),
            padding=_padding(dataset),
            compressed=syntax is not None and bool(syntax.is_compressed) and syntax.is_encapsulated,
            rescale_type=str(tag("RescaleType") or "HU").strip().upper(),
        )


def _axes(orientation: Vector | None) -> tuple[Vector, Vector] | None:
    """Unit row and column directions, the column made exactly perpendicular; None for a senseless pair."""
    if orientation is None:
        return None
    row, column = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.5 or abs(row @ column) > 0.02:
        return None
    row = row / lengths[0]
    column = column - (column @ row) * row
    return row, column / np.linalg.norm(column)


def _padding(dataset: Dataset) -> tuple[int, int] | None:
    """Stored padding values in the pixels' own signedness, which the tag often gets wrong."""
    value = _integer(dataset.get("PixelPaddingValue"))
    if value is None:
        return None
    limit = _integer(dataset.get("PixelPaddingRangeLimit"))
    bits = _integer(dataset.get("BitsAllocated")) or 16
    signed = bool(_integer(dataset.get("PixelRepresentation")))

    def stored(number: int) -> int:
        number %= 1 << bits
        return number - (1 << bits) if signed and number >= 1 << (bits - 1) else number

    ends = sorted(stored(number) for number in (value, value if limit is None else limit))
    return ends[0], ends[1]


def _many(value: Any) -> list[Any]:
    if value in (None, ""):
        return []
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def _first(sequence: Any) -> Dataset | None:
    return sequence[0] if sequence else None


def _numbers(value: Any, count: int) -> Vector | None:
    try:
        numbers = np.array([float(part) for part in _many(value)], dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and bool(np.isfinite(numbers).all()) else None


def _real(value: Any) -> float | None:
    numbers = _numbers(_many(value)[:1], 1)
    return None if numbers is None else float(numbers[0])


def _integer(value: Any) -> int | None:
    number = _real(value)
    return None if number is None else int(number)
