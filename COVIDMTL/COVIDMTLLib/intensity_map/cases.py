"""Cases of the map classifier: maps with their class and patient, from phantoms or from a table of scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ChestCTLib.errors import InputError
from ChestCTLib.io import read_lungs, read_volume
from ChestCTLib.learning.seeding import derived_seed
from ChestCTLib.phantom import Phantom, PhantomSettings
from ChestCTLib.phantom.settings import Diagnosis
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.intensity_map.classes import CLASS_KEYS, CLASS_OF_DIAGNOSIS, class_number
from COVIDMTLLib.intensity_map.map import Floats, IntensityMap, MapSettings, brightness, project
from COVIDMTLLib.phantom_sets import prepare_phantoms
from COVIDMTLLib.training.cases import PreparedCase, split_cases

SLICE_MM = (3.0, 5.0)  # range the phantoms' slice distance is drawn from, mm
IN_PLANE_MM = (2.4, 3.2)  # range of their pixels, mm: histograms need no finer ones
SPLIT_SHARES = (("train", 2 / 3), ("validation", 1 / 9), ("test", 2 / 9))
DIAGNOSES: tuple[Diagnosis, ...] = ("covid", "cap", "none")  # of one phantom after the other
COLUMNS = ("scan", "label")  # a table must have; patient, lungs, split may be there


@dataclass(frozen=True)
class MapCase:
    """One scan as the classifier sees it.

    Attributes:
        id: Unique name.
        patient: Scans of one patient share it, and are never divided between splits.
        label: Class number, see :data:`CLASSES`.
        split: "train", "validation" or "test".
        image: ``[size, size]`` float32 in [0, 1], see :func:`map_image`.
    """

    id: str
    patient: str
    label: int
    split: str
    image: Floats


@dataclass(frozen=True)
class PhantomCasesSettings:
    """Which phantoms to make.

    Attributes:
        count: Number of phantoms, shared equally by classes and by thirds: 6/9 train, 1/9 validation, 2/9 test.
        first_seed: Seed of the first phantom; no seed is used twice, so the splits share no anatomy.
        masked: Maps of the lungs alone instead of whole planes.
    """

    count: int = 540
    first_seed: int = 0
    masked: bool = False

    def __post_init__(self) -> None:
        if self.count < 9 * len(CLASS_KEYS) or self.first_seed < 0:
            raise InputError(f"{self.count} phantoms from seed {self.first_seed} were asked for.", "Use 27 or more.")


def map_image(found: IntensityMap) -> Floats:
    """What a classifier sees of a map: resampled to a square, on the scale of :func:`brightness`."""
    return brightness(np.clip(found.image(), 0.0, None))


def phantom_cases(
    choice: PhantomCasesSettings,
    settings: MapSettings,
    folder: Path,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> list[MapCase]:
    """Make phantoms of the three classes and their maps; later calls find the maps in the cache.

    Args:
        choice: Which phantoms.
        settings: Of the maps.
        folder: Cache of the maps, masked and unmasked together.
        progress: Told the share of phantoms done.
        cancelled: Asked between phantoms.
    """

    def prepare(phantom: Phantom, path: Path) -> dict[str, float]:
        maps = {
            "plain": map_image(project(phantom.volume, settings)).astype(np.float16),
            "masked": map_image(project(phantom.volume, settings, phantom.lungs)).astype(np.float16),
        }
        np.savez_compressed(path, allow_pickle=False, **maps)
        return {}

    kind = "masked" if choice.masked else "plain"
    wanted = [
        phantom_settings(choice.first_seed + number, DIAGNOSES[number % len(DIAGNOSES)])
        for number in range(choice.count)
    ]
    cases = []
    for number, phantom in enumerate(prepare_phantoms(wanted, prepare, settings, folder, ".npz", progress, cancelled)):
        name = f"phantom-{phantom.settings.seed:05d}"
        with np.load(phantom.file) as stored:
            image = stored[kind].astype(np.float32)
        label = CLASS_OF_DIAGNOSIS[phantom.settings.diagnosis]
        cases.append(MapCase(name, name, label, _split_of(number // len(DIAGNOSES)), image))
    return cases


def phantom_settings(seed: int, diagnosis: Diagnosis) -> PhantomSettings:
    """A phantom on a grid drawn from its seed, so that grids tell nothing about the class."""
    rng = np.random.default_rng(derived_seed(seed, 1))
    slice_mm, pixel_mm = float(rng.uniform(*SLICE_MM)), float(rng.uniform(*IN_PLANE_MM))
    return PhantomSettings(seed=seed, diagnosis=diagnosis, spacing_mm=(slice_mm, pixel_mm, pixel_mm))


def table_cases(
    path: Path,
    settings: MapSettings,
    masked: bool = False,
    seed: int = 0,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> list[MapCase]:
    """Read scans from a table and make their maps.

    Args:
        path: CSV with ``scan`` (relative to the table's folder), ``label`` (covid, cap, none), and if wanted
            ``patient``, ``lungs`` (mask; needed for masked maps) and ``split``.
        settings: Of the maps.
        masked: Maps of the lungs alone.
        seed: Of the split, where the table names none; patients stay whole.
        progress: Told the share of scans done.
        cancelled: Asked between scans.

    Raises:
        InputError: The table or a scan cannot be used; row and value are named.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"The table {path.name} cannot be read: {error}.", "Give a CSV with a header.") from error
    missing = [name for name in COLUMNS if name not in table]
    if missing or not len(table):
        raise InputError(
            f"The table {path.name} has {len(table)} rows and lacks {missing or 'nothing'}.",
            f"It needs rows with the columns {' and '.join(COLUMNS)}.",
        )
    cases = []
    for number, row in enumerate(table.to_dict("records")):
        raise_if_cancelled(cancelled)
        progress(number / len(table), f"scan {number + 1} of {len(table)}")
        if masked and not row.get("lungs"):
            raise InputError(f"Row {number + 2} of {path.name} has no lung mask.", "Add the column lungs.")
        label = class_number(row["label"])
        volume = read_volume(path.parent / row["scan"], cancelled=cancelled)
        lungs = read_lungs(path.parent / row["lungs"], like=volume) if masked else None
        image = map_image(project(volume, settings, lungs, cancelled=cancelled))
        name = f"{number + 1:04d}"
        cases.append(MapCase(name, row.get("patient") or name, label, row.get("split") or "", image))
    progress(1.0, "maps are made")
    return _with_split(cases, seed)


def _with_split(cases: Sequence[MapCase], seed: int) -> list[MapCase]:
    """Keep the table's split, or draw one by patient."""
    by_id = {case.id: case for case in cases}
    prepared = [PreparedCase(case.id, Path(case.id), split=case.split, group=case.patient) for case in cases]
    divided = split_cases(prepared, seed)
    return [replace(by_id[one.id], split=name) for name, members in divided.items() for one in members]


def _split_of(number: int) -> str:
    """Split of the nth phantom of a class: the pattern repeats every nine."""
    place = (number % 9 + 0.5) / 9
    for name, share in SPLIT_SHARES:
        if place < share:
            return name
        place -= share
    raise AssertionError("the shares sum to 1")
