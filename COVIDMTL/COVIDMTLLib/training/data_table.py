"""The table of a training: ``path, ct, nat, severity[, lungs, id, group, split, features...]``, one row a scan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ChestCTLib.errors import InputError
from ChestCTLib.io import read_lungs, read_volume
from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.network_input import InputSettings, network_input
from COVIDMTLLib.tasks import MISSING_LABEL, TASKS
from COVIDMTLLib.training.cases import PreparedCase, padded_size

RESERVED = ("path", "lungs", "id", "group", "split", *(task.name for task in TASKS))
CACHE_VERSION = 2  # raise when the preparation changes: older files are then not used any more

SegmentLungs = Callable[[CTVolume], npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class TableRow:
    """One scan of the table, before it is prepared."""

    case: PreparedCase
    path: Path
    lungs: Path | None


def read_table(path: Path) -> list[TableRow]:
    """Read the table of a training.

    Args:
        path: CSV. ``path`` (and ``lungs``, if there) are relative to the table's folder. Labels are class numbers; an
            empty cell is a missing label. Other columns than the named ones are lung features, in the table's order.

    Returns:
        The rows; a case's ``intensities`` is still the scan's own path.

    Raises:
        InputError: The file is no such table; the row and column are named.
    """
    try:
        table = pd.read_csv(path, dtype={"path": str, "lungs": str, "id": str, "group": str, "split": str})
    except (OSError, ValueError) as error:
        raise InputError(f"The table {path.name} cannot be read: {error}.", "Give a CSV with a header.") from error
    if "path" not in table or not any(task.name in table for task in TASKS):
        raise InputError(
            f"The table {path.name} has the columns {', '.join(table.columns)}.", "It needs path and a task."
        )
    names = [str(column) for column in table.columns if column not in RESERVED]
    try:
        features = table[names].astype(np.float64).to_numpy()
    except ValueError as error:
        raise InputError(f"A lung feature in {path.name} is no number: {error}.", "Leave such columns out.") from error
    rows = []
    for number, row in enumerate(table.to_dict("records")):
        where = f"Row {number + 2} of {path.name}"
        if pd.isna(row["path"]):
            raise InputError(f"{where} has no path.", "Give each row a scan.")
        lungs = row.get("lungs")
        scan = path.parent / str(row["path"])
        case = PreparedCase(
            _text(row.get("id")) or str(row["path"]),
            scan,
            {task.name: _label(row.get(task.name), f"{where}, {task.name}") for task in TASKS},
            tuple(features[number].tolist()),
            _text(row.get("split")),
            _text(row.get("group")),
        )
        rows.append(TableRow(case, scan, path.parent / str(lungs) if _text(lungs) else None))
    ids = [row.case.id for row in rows]
    if len(set(ids)) != len(ids):
        raise InputError(f"The id {max(ids, key=ids.count)} is used twice in {path.name}.", "Give each row its own id.")
    return rows


def prepare_cases(
    rows: list[TableRow],
    settings: InputSettings,
    cache: Path,
    segment_lungs: SegmentLungs | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> list[PreparedCase]:
    """Read, mask, resample and crop every scan once; later runs find the results in the cache.

    Args:
        rows: The table.
        settings: What the network sees.
        cache: Folder for the prepared arrays.
        segment_lungs: Finds the lungs of scans without a mask; None refuses such rows.
        progress: Told the share of scans done.
        cancelled: Asked between scans.

    Returns:
        The cases in the table's order.

    Raises:
        InputError: A scan cannot be read or has no lungs; its case is named.
    """
    cache.mkdir(parents=True, exist_ok=True)
    prepared = []
    for number, row in enumerate(rows):
        raise_if_cancelled(cancelled)
        progress(number / len(rows), f"preparing {row.case.id}")
        file = cache / f"{_key(row, settings)}.npy"
        if not file.is_file():
            step = part(progress, number / len(rows), (number + 1) / len(rows))
            volume = read_volume(row.path, progress=step, cancelled=cancelled)
            if row.lungs is not None:
                lungs = read_lungs(row.lungs, like=volume)
            elif segment_lungs is not None:
                lungs = segment_lungs(volume)
            else:
                raise InputError(f"Case {row.case.id} has no lung mask.", "Add a lungs column, or allow segmentation.")
            save_prepared(file, volume, lungs, settings)
        case = row.case
        prepared.append(PreparedCase(case.id, file, case.labels, case.features, case.split, case.group))
    progress(1.0, "prepared")
    return prepared


def save_prepared(file: Path, volume: CTVolume, lungs: npt.NDArray[np.uint8], settings: InputSettings) -> None:
    """Write a scan's prepared array, with room for the crop to move."""
    wide = InputSettings(settings.spacing_mm, padded_size(settings), settings.mean, settings.sd)
    crop = network_input(volume, lungs, wide).intensities
    with atomic_path(file) as temporary:
        np.save(temporary, np.rint(crop).astype(np.int16))


def _key(row: TableRow, settings: InputSettings) -> str:
    """Changes with the scan, its mask and the settings that shape the array."""
    files = []
    for path in (row.path, row.lungs):
        if path is not None and not path.exists():
            raise InputError(f"{path.name} of case {row.case.id} does not exist.", "Check the table's paths.")
        stat = path.stat() if path is not None else None
        files.append([str(path), stat.st_size, stat.st_mtime_ns] if stat else None)
    parts = [CACHE_VERSION, files, settings.spacing_mm, padded_size(settings)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _text(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)


def _label(value: object, where: str) -> int:
    if _text(value) == "":
        return MISSING_LABEL
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if not number.is_integer():
        raise InputError(f"{where} has the label '{value}'.", "Use a class number, or leave the cell empty.")
    return int(number)
