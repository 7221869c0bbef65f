"""Training pairs: a scan with the lesion mask a reader corrected, and what the correction changed.

One folder an entry: ``image.nii.gz`` (HU), ``lungs.nii.gz``, ``lesions.nii.gz`` (corrected), ``original.nii.gz`` (as it
was before) and ``correction.json``. The files hold voxels and geometry alone; the case is named by a hash of its
voxels, and the reader only by initials that somebody chose to give.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from ChestCTLib.io import read_labels, read_volume, write_image, write_labels
from ChestCTLib.io.atomic import atomic_folder
from ChestCTLib.labels import CONSOLIDATION, GROUND_GLASS, LESION_LABELS, LUNG_LABELS
from ChestCTLib.manifest import library_versions, volume_sha256
from ChestCTLib.models import ModelCard
from ChestCTLib.overlap import overlap_measures
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from ChestCTLib.volume import CTVolume

FORMAT = 1
IMAGE, LUNGS, LESIONS, ORIGINAL, RECORD = (
    "image.nii.gz", "lungs.nii.gz", "lesions.nii.gz", "original.nii.gz", "correction.json",
)  # fmt: skip
HASH_DIGITS = 12  # of the case's name; collisions among a reader's cases are out of question
INITIALS = re.compile(r"[A-Za-z]{1,4}")
NAMES = {0: "none", GROUND_GLASS.value: GROUND_GLASS.name, CONSOLIDATION.value: CONSOLIDATION.name}
LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Change:
    """Voxels that went from one class to another.

    Attributes:
        before: "none", "ground glass" or "consolidation".
        after: Likewise, another one.
        voxels: How many.
        ml: Their volume, mL.
    """

    before: str
    after: str
    voxels: int
    ml: float


@dataclass(frozen=True)
class Correction:
    """What is known of a correction.

    Attributes:
        case: Name of the case, from its voxels: corrections of one scan share it.
        method: What made the original mask.
        model: Id and sha256 of the network's weights; empty for another method.
        reader: Initials, or empty.
        changes: What went where; empty when the mask was accepted as it was.
        dice: Of the corrected mask with the original, all classes together; None when both are empty.
        added_ml: Lesion that the reader added, mL.
        removed_ml: Lesion that the reader took away, mL.
        reclassified_ml: Lesion that changed its class, mL.
        saved: When, UTC.
        versions: Of the libraries.
        folder: Where the entry lies; not written.
    """

    case: str
    method: str
    model: dict[str, str]
    reader: str
    changes: tuple[Change, ...]
    dice: float | None
    added_ml: float
    removed_ml: float
    reclassified_ml: float
    saved: str = ""
    versions: dict[str, str | None] = field(default_factory=dict)
    folder: Path | None = field(default=None, compare=False)


@dataclass(frozen=True)
class CorrectedCase:
    """A training pair, read back; all arrays on the scan's grid."""

    correction: Correction
    volume: CTVolume
    lungs: LabelArray
    lesions: LabelArray
    original: LabelArray


def save_correction(
    folder: Path,
    volume: CTVolume,
    lungs: LabelArray,
    lesions: LabelArray,
    original: LabelArray,
    method: str,
    card: ModelCard | None = None,
    reader: str = "",
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> Correction:
    """Write one training pair, whole or not at all.

    A later correction of the same case by the same reader replaces the earlier one.

    Args:
        folder: Folder of all corrections; made where it is missing.
        volume: The scan.
        lungs: uint8 on its grid, 1 right, 2 left.
        lesions: The corrected mask, 1 ground glass, 2 consolidation.
        original: The mask before the correction; all zero where the reader began with nothing.
        method: What made the original.
        card: Card of the network that made it.
        reader: One to four letters, only if the reader wants it.
        progress: Told the share done.
        cancelled: Asked between files.

    Raises:
        InputError: Masks of another grid, or initials that are none.
        OutputError: The folder cannot be written.
        CancelledError: The user cancelled.
    """
    if reader and not INITIALS.fullmatch(reader):
        raise InputError(f"“{reader}” are no initials.", "Give one to four letters, or nothing.")
    for name, mask in (("lung", lungs), ("corrected", lesions), ("original", original)):
        if mask.shape != volume.shape:
            raise InputError(f"The {name} mask has {mask.shape} voxels, the scan {volume.shape}.", "Use its own masks.")
    case = f"case-{volume_sha256(volume)[:HASH_DIGITS]}"
    correction = Correction(
        case=case,
        method=method,
        model={"id": card.id, "sha256": card.sha256} if card is not None else {},
        reader=reader.upper(),
        **_compare(original, lesions, volume.voxel_ml),
        saved=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions=library_versions(),
    )
    entry = folder / (f"{case}-{correction.reader}" if correction.reader else case)
    with atomic_folder(entry) as temporary:
        for share, write in (
            (0.1, lambda: write_image(volume.hu, volume, temporary / IMAGE)),
            (0.7, lambda: write_labels(lungs, volume, temporary / LUNGS, LUNG_LABELS)),
            (0.8, lambda: write_labels(lesions, volume, temporary / LESIONS, LESION_LABELS)),
            (0.9, lambda: write_labels(original, volume, temporary / ORIGINAL, LESION_LABELS)),
        ):
            raise_if_cancelled(cancelled)
            progress(share, "writing the training pair")
            write()
        (temporary / RECORD).write_text(_record_text(correction), encoding="utf-8")
    progress(1.0, "saved")
    return _at(correction, entry)


def list_corrections(folder: Path) -> list[Correction]:
    """All corrections below a folder, by case and reader.

    Raises:
        InputError: There is none, or a record cannot be read.
    """
    found = [_read_record(path) for path in sorted(folder.glob(f"*/{RECORD}"))] if folder.is_dir() else []
    if not found:
        raise InputError(f"{folder.name} holds no corrections.", "Save corrections in the module Lesion Seg first.")
    return found


def read_correction(correction: Correction) -> CorrectedCase:
    """Read the arrays of a correction.

    Raises:
        InputError: A file is missing or damaged.
    """
    if correction.folder is None:
        raise InputError(f"“{correction.case}” lies in no folder.", "List the corrections of a folder first.")
    volume = read_volume(correction.folder / IMAGE)
    lungs = read_labels(correction.folder / LUNGS, volume, LUNG_LABELS)
    lesions, original = (read_labels(correction.folder / name, volume, LESION_LABELS) for name in (LESIONS, ORIGINAL))
    return CorrectedCase(correction, volume, lungs, lesions, original)


def _compare(original: LabelArray, corrected: LabelArray, voxel_ml: float) -> dict[str, Any]:
    joint = original.astype(np.uint8) * np.uint8(len(NAMES)) + corrected.astype(np.uint8)
    counts = np.array([np.bincount(part.ravel(), minlength=len(NAMES) ** 2) for part in joint]).sum(axis=0)
    table = counts.reshape(len(NAMES), len(NAMES))
    changes = tuple(
        Change(NAMES[before], NAMES[after], int(table[before, after]), float(table[before, after] * voxel_ml))
        for before in NAMES
        for after in NAMES
        if before != after and table[before, after]
    )
    return {
        "changes": changes,
        "dice": overlap_measures(corrected, original, None)["dice"],
        "added_ml": sum(change.ml for change in changes if change.before == NAMES[0]),
        "removed_ml": sum(change.ml for change in changes if change.after == NAMES[0]),
        "reclassified_ml": sum(change.ml for change in changes if NAMES[0] not in (change.before, change.after)),
    }


def _record_text(correction: Correction) -> str:
    values = asdict(correction)
    values.pop("folder")
    return json.dumps({"format": FORMAT, **values}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _read_record(path: Path) -> Correction:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise ValueError("another format")
        changes = tuple(Change(**change) for change in values.pop("changes"))
        return Correction(**values, changes=changes, folder=path.parent)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"The correction “{path.parent.name}” cannot be read ({error}).", "Remove it from the folder."
        ) from error


def _at(correction: Correction, folder: Path) -> Correction:
    return Correction(**{**correction.__dict__, "folder": folder})
