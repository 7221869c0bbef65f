"""Read a chest CT from DICOM files: choose the series, decode its slices, lay them out on a regular grid."""

from __future__ import annotations

import logging
import os
import warnings as python_warnings
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import SimpleITK as sitk
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ChestCTLib.errors import InputError, NotAChestCTError
from ChestCTLib.io.dicom_headers import Scan, SliceHeader, scan_files, scan_folder
from ChestCTLib.io.dicom_stack import (
    SAME_POSITION_MM,
    SHIFT_TOLERANCE,
    Stack,
    regular_grid,
    resample_slices,
    stacks_of,
    straighten,
)
from ChestCTLib.io.hounsfield import clean_hounsfield, padding_to_air
from ChestCTLib.io.images import quiet_itk
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from ChestCTLib.volume import MIN_SLICES, Acquisition, CTVolume

MAX_DECODERS = 4  # threads; decoding is bound by memory beyond that
MAX_CANDIDATES = 4  # series tried, the largest first, until one shows a chest
LISTED_SERIES = 8  # at most so many other series are named in a warning
EXPORT_AGAIN = "Copy or export the series again."

logger = logging.getLogger(__name__)


def read_dicom(
    folder: Path,
    series_uid: str | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> CTVolume:
    """Read the largest axial CT series below a folder that shows a chest, or the series asked for.

    Args:
        folder: Any nesting, other files among the images.
        series_uid: Series instance UID; None takes the series with the most axial slices.
        progress: Called with the share done and the step.
        cancelled: Cancel check.

    Returns:
        The scan; the series left out are named in its warnings.

    Raises:
        InputError: No such series, or it is damaged or incomplete.
        NotAChestCTError: The images are not a chest CT.
    """
    found = scan_folder(folder, part(progress, 0.0, 0.2), cancelled)
    return _read(found, series_uid, part(progress, 0.2, 1.0), cancelled)


def read_dicom_file(
    path: Path,
    series_uid: str | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> CTVolume:
    """Read the series one DICOM file belongs to, from the folder it lies in; of a DICOMDIR, all below its folder."""
    if path.name.upper() == "DICOMDIR":
        return read_dicom(path.parent, series_uid, progress, cancelled)
    own = scan_files([path])
    if not own.slices:
        return _read(own, series_uid, progress, cancelled)
    if own.slices[0].frame is None and series_uid is None:
        siblings = sorted(entry for entry in path.parent.iterdir() if entry.is_file())
        own = scan_files(siblings, part(progress, 0.0, 0.2), cancelled)
        series_uid = scan_files([path]).slices[0].series_uid
    return _read(own, series_uid, part(progress, 0.2, 1.0), cancelled)


def _read(found: Scan, series_uid: str | None, progress: Progress, cancelled: CancelCheck) -> CTVolume:
    if not found.slices:
        raise _nothing_found(found)
    slices, dropped = _without_copies(found.slices)
    warnings = [f"{dropped} images are there twice; the copies were left out."] if dropped else []
    if found.unreadable:
        warnings.append(f"{found.unreadable} files are damaged, empty or not the DICOM their name promises.")
    by_series: dict[str, list[SliceHeader]] = defaultdict(list)
    for header in slices:
        by_series[header.series_uid].append(header)
    if series_uid is not None and series_uid not in by_series:
        raise InputError(
            f"There is no CT series {series_uid}.", f"Choose one of: {', '.join(sorted(by_series)[:LISTED_SERIES])}."
        )
    wanted = by_series if series_uid is None else {series_uid: by_series[series_uid]}
    stacks = [stack for uid in wanted for stack in stacks_of(wanted[uid])]
    stacks.sort(key=_preference, reverse=True)
    best = stacks[0]
    if best.places < MIN_SLICES:
        raise NotAChestCTError(
            f"The largest CT series has {best.places} slice{'s' if best.places > 1 else ''}; "
            f"a chest CT volume has at least {MIN_SLICES}.",
            "Choose the folder of the complete axial series.",
        )
    candidates = [stack for stack in stacks[:MAX_CANDIDATES] if stack.places >= MIN_SLICES]
    refusal: NotAChestCTError | None = None
    for stack in candidates:
        own = [*warnings]
        if refusal is not None:
            own.append(f"A larger series was passed over. {refusal.problem}")
        if not stack.axial:
            own.append("The slices are not axial: a reformatted series was read.")
        others = [other for other in stacks if other is not stack and other.places > 1]
        if series_uid is None and others:
            own.append(_list_others(stack, others))
        try:
            return _build(stack, own, progress, cancelled)
        except NotAChestCTError as error:
            refusal = refusal or error
    assert refusal is not None  # there was at least one candidate
    raise refusal


def _preference(stack: Stack) -> tuple[bool, int, bool, int, int]:
    first = stack.slices[0]
    return (
        stack.axial,
        stack.places,
        "ORIGINAL" in first.image_type,
        first.rows * first.columns,
        -(first.series_number or 0),
    )


def _without_copies(slices: Sequence[SliceHeader]) -> tuple[list[SliceHeader], int]:
    """Leave out second copies of one image: the same instance at the same place."""
    seen: set[tuple[object, ...]] = set()
    kept = []
    for header in slices:
        place = None if header.position is None else tuple(np.round(header.position, 3))
        key = (header.sop_instance or str(header.file), header.frame, place, header.instance)
        if key not in seen:
            seen.add(key)
            kept.append(header)
    return kept, len(slices) - len(kept)


def _nothing_found(found: Scan) -> InputError:
    if found.others:
        kinds = ", ".join(f"{count} of {kind}" for kind, count in found.others.most_common())
        return NotAChestCTError(f"There is no CT image among the DICOM files ({kinds}).", "Choose a chest CT.")
    if found.unreadable:
        return InputError(f"{found.unreadable} DICOM files are damaged, empty or no DICOM.", EXPORT_AGAIN)
    return InputError(f"There is no DICOM image among {found.files} files.", "Choose the folder that holds the images.")


def _list_others(best: Stack, others: Sequence[Stack]) -> str:
    def describe(stack: Stack) -> str:
        first = stack.slices[0]
        kernel = f", kernel {first.kernel}" if first.kernel else ""
        plane = "axial" if stack.axial else "not axial"
        return f"{first.series_uid} ({stack.places} slices, {plane}{kernel})"

    listed = "; ".join(describe(stack) for stack in others[:LISTED_SERIES])
    more = f"; and {len(others) - LISTED_SERIES} more" if len(others) > LISTED_SERIES else ""
    return f"Of several CT series the largest axial chest was read: {describe(best)}. Left out: {listed}{more}."


def _build(stack: Stack, warnings: list[str], progress: Progress, cancelled: CancelCheck) -> CTVolume:
    first = stack.slices[0]
    if first.spacing is None:
        raise NotAChestCTError("The images state no pixel spacing.", "Export the series with its geometry.")
    warnings += stack.warnings
    hu = _decode(stack.slices, part(progress, 0.0, 0.8), cancelled)
    hu, positions, offsets = _without_doubles(hu, stack, warnings)
    progress(0.85, "Checking the scan")

    grid = regular_grid(positions)
    warnings += grid.warnings
    hu, moved = _straightened(hu, positions, offsets, first, warnings)
    if not grid.regular:
        hu = resample_slices(hu, positions, grid.targets)
    raise_if_cancelled(cancelled)

    hu, changed = clean_hounsfield(hu)
    warnings += changed
    if first.intercept is None and not changed:
        warnings.append("The images state no rescale intercept: the stored values are taken for Hounsfield units.")
    affine = np.eye(4)
    affine[:3, 0] = stack.row * first.spacing[1]
    affine[:3, 1] = stack.column * first.spacing[0]
    affine[:3, 2] = stack.normal * grid.step
    affine[:3, 3] = stack.origin + moved[0] * stack.row + moved[1] * stack.column
    thicknesses = {round(header.thickness, 4) for header in stack.slices if header.thickness}
    thickness = thicknesses.pop() if len(thicknesses) == 1 else None
    return CTVolume(hu, affine, tuple(warnings), Acquisition(first.kernel, thickness))


def _straightened(
    hu: npt.NDArray[np.int16],
    positions: npt.NDArray[np.float64],
    offsets: npt.NDArray[np.float64],
    first: SliceHeader,
    warnings: list[str],
) -> tuple[npt.NDArray[np.int16], tuple[float, float]]:
    assert first.spacing is not None
    drift = np.ptp(offsets, axis=0)
    if (drift <= SHIFT_TOLERANCE * np.array([first.spacing[1], first.spacing[0]])).all():
        if abs(first.tilt) > 0.5:
            warnings.append(f"The gantry tilt is stated as {first.tilt:g} degrees, but the slices are not sheared.")
        return hu, (0.0, 0.0)
    angle = np.degrees(np.arctan2(np.hypot(*(offsets[-1] - offsets[0])), positions[-1] - positions[0]))
    warnings.append(f"The slices are sheared by {angle:.1f} degrees (gantry tilt); the scan was straightened.")
    return straighten(hu, offsets, first.spacing)


def _without_doubles(
    hu: npt.NDArray[np.int16], stack: Stack, warnings: list[str]
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Drop slices that repeat their neighbour's position and content."""
    double = np.concatenate([[False], np.diff(stack.positions) <= SAME_POSITION_MM])
    if not double.any():
        return hu, stack.positions, stack.offsets
    if any(not np.array_equal(hu[i], hu[i - 1]) for i in np.flatnonzero(double)):
        raise NotAChestCTError(
            f"The series holds {len(stack.slices)} different images at {stack.places} positions (several phases or "
            "time points).",
            "Export one phase as a series of its own.",
        )
    warnings.append(f"{int(double.sum())} doubled slices were left out.")
    return np.ascontiguousarray(hu[~double]), stack.positions[~double], stack.offsets[~double]


def _decode(slices: Sequence[SliceHeader], progress: Progress, cancelled: CancelCheck) -> npt.NDArray[np.int16]:
    """Decode slices to Hounsfield units, several at a time."""
    first = slices[0]
    out = np.empty((len(slices), first.rows, first.columns), dtype=np.int16)
    if first.frame is not None:
        _decode_frames(slices, out)
        return out

    def decode(index: int) -> None:
        raise_if_cancelled(cancelled)
        out[index] = _slice_hu(slices[index])

    with quiet_itk(), python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        with ThreadPoolExecutor(min(MAX_DECODERS, os.cpu_count() or 1)) as pool:
            for done, _ in enumerate(pool.map(decode, range(len(slices)))):
                if done % 16 == 0:
                    progress(done / len(slices), "Decoding the slices")
    return out


def _decode_frames(slices: Sequence[SliceHeader], out: npt.NDArray[np.int16]) -> None:
    by_file: dict[Path, npt.NDArray[Any]] = {}
    for index, header in enumerate(slices):
        if header.file not in by_file:
            stored = _stored_values(header)
            by_file[header.file] = stored if stored.ndim == 3 else stored[np.newaxis]
        out[index] = _rescale(by_file[header.file][header.frame or 0], header)


def _slice_hu(header: SliceHeader) -> npt.NDArray[np.int16]:
    if header.compressed:
        try:  # GDCM decodes lossless JPEG three times as fast as the Python decoders, and rescales by itself
            return _fit(sitk.GetArrayFromImage(sitk.ReadImage(str(header.file))).squeeze(), header)
        except RuntimeError:
            logger.debug("%s: the fast decoder failed, trying another", header.name)
    return _rescale(_stored_values(header), header)


def _stored_values(header: SliceHeader) -> npt.NDArray[Any]:
    try:
        dataset = pydicom.dcmread(header.file, force=True)
        if "TransferSyntaxUID" not in dataset.file_meta:  # old exports have no file meta information
            implicit = dataset.original_encoding[0]
            dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        return dataset.pixel_array
    except Exception as error:  # decoders raise whatever they like for damaged pixels
        raise InputError(
            f"The pixels of {header.name} cannot be decoded ({type(error).__name__}): the file is truncated, "
            "damaged or compressed in an unknown way.",
            EXPORT_AGAIN,
        ) from None


def _rescale(stored: npt.NDArray[Any], header: SliceHeader) -> npt.NDArray[np.int16]:
    if header.slope == 1.0:
        return _fit(stored.astype(np.int32) + round(header.intercept or 0.0), header)
    return _fit(stored * header.slope + (header.intercept or 0.0), header)


def _fit(hu: npt.NDArray[Any], header: SliceHeader) -> npt.NDArray[np.int16]:
    if hu.shape != (header.rows, header.columns):
        raise InputError(f"The pixels of {header.name} have the shape {hu.shape}.", EXPORT_AGAIN)
    limits = np.iinfo(np.int16)
    fitted = np.clip(np.rint(hu) if hu.dtype.kind == "f" else hu, limits.min, limits.max).astype(np.int16)
    if header.padding is not None:
        ends = np.array(header.padding) * header.slope + (header.intercept or 0.0)
        low, high = np.clip(np.sort(ends), limits.min, limits.max)
        padding_to_air(fitted, float(low), float(high))
    return fitted
