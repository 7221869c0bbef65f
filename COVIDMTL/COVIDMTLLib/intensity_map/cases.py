"""Cases of the map classifier: maps with their class and patient, from phantoms or from a table of scans."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ChestCTLib.errors import InputError
from ChestCTLib.io import read_labels, read_volume
from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.learning.seeding import derived_seed
from ChestCTLib.manifest import plain
from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTLib.phantom.settings import Diagnosis
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.intensity_map.classes import CLASS_KEYS, CLASS_OF_DIAGNOSIS, class_number
from COVIDMTLLib.intensity_map.map import Floats, IntensityMap, MapSettings, brightness, project
from COVIDMTLLib.training.cases import PreparedCase, split_cases

SLICE_MM = (3.0, 5.0)  # range the phantoms' slice distance is drawn from, mm
IN_PLANE_MM = (2.4, 3.2)  # range of their pixels, mm: histograms need no finer ones
SPLIT_SHARES = (("train", 2 / 3), ("validation", 1 / 9), ("test", 2 / 9))
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
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    diagnoses: tuple[Diagnosis, ...] = ("covid", "cap", "none")
    for number in range(choice.count):
        raise_if_cancelled(cancelled)
        progress(number / choice.count, f"phantom {number + 1} of {choice.count}")
        diagnosis = diagnoses[number % len(diagnoses)]
        phantom = phantom_settings(choice.first_seed + number, diagnosis)
        plain_map, masked_map = _phantom_maps(phantom, settings, folder)
        name = f"phantom-{phantom.seed:05d}"
        split = _split_of(number // len(diagnoses))
        image = masked_map if choice.masked else plain_map
        cases.append(MapCase(name, name, CLASS_OF_DIAGNOSIS[diagnosis], split, image))
    progress(1.0, "phantoms are made")
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
        lungs = read_labels(path.parent / row["lungs"], like=volume) if masked else None
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


def _phantom_maps(phantom: PhantomSettings, settings: MapSettings, folder: Path) -> tuple[Floats, Floats]:
    key = hashlib.sha256(repr((_generator_version(), plain(phantom), plain(settings))).encode()).hexdigest()[:24]
    file = folder / f"{key}.npz"
    if not file.is_file():
        made = make_phantom(phantom)
        maps = {
            "plain": map_image(project(made.volume, settings)).astype(np.float16),
            "masked": map_image(project(made.volume, settings, made.lungs)).astype(np.float16),
        }
        with atomic_path(file) as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **maps)
    with np.load(file) as stored:
        return _single(stored["plain"]), _single(stored["masked"])


@cache
def _generator_version() -> str:
    """Changes with the phantoms' source: maps of an older generator are not taken from the cache."""
    digest = hashlib.sha256()
    for source in sorted(resources.files("ChestCTLib.phantom").iterdir(), key=lambda entry: entry.name):
        if source.name.endswith(".py"):
            digest.update(source.read_bytes())
    return digest.hexdigest()


def _single(array: npt.NDArray[np.float16]) -> Floats:
    return array.astype(np.float32)
