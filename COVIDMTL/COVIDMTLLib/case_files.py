"""A finished case as a folder of files, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ChestCTLib.case_report import CaseReport
from ChestCTLib.errors import OutputError
from ChestCTLib.io.atomic import atomic_folder
from ChestCTLib.io.images import write_image
from ChestCTLib.io.labels import write_labels
from ChestCTLib.labels import AIRWAY, LESION_LABELS, LUNG_LABELS
from ChestCTLib.reporting.files import write_views
from ChestCTLib.reporting.summary import SummaryGroup
from ChestCTLib.volume import CTVolume

MANIFEST_NAME = "manifest.json"  # marks a folder as a case of ours, which may be replaced
FILES_KEY = "files"  # in the manifest: all files of the case, so that a later run knows which are ours
SUMMARY = (
    SummaryGroup("Lungs", ("lungs.volume.total", "lungs.volume.right", "lungs.volume.left")),
    SummaryGroup(
        "Lesions",
        (
            "lesions.finding",
            "lesions.volume.total",
            "lesions.share.total",
            "lesions.volume.total.ground_glass",
            "lesions.volume.total.consolidation",
        ),
    ),
    SummaryGroup("Distribution", ("lesions.distribution", "lesions.peripheral_ratio")),
    SummaryGroup("Severity", ("lesions.severity_score",)),
    SummaryGroup(
        "What models say, and what each learned from",
        (
            "features.ct.positive",
            "features.nat.positive",
            "features.severity.severe",
            "prognosis.score",
            "network.ct.positive",
            "network.severity.severe",
            "intensity_map.probability.covid",
        ),
        models=True,
    ),
)
SUMMARY_KEYS = tuple(key for group in SUMMARY for key in group.keys)


@dataclass(frozen=True)
class Case:
    """Everything a run made of one scan, on the scan's own grid.

    Attributes:
        volume: The scan.
        lungs: ``uint8`` ``[z, y, x]``, 1 right, 2 left; trachea and main bronchi left out.
        airway: bool, trachea and main bronchi.
        lesions: ``uint8``, 1 ground glass, 2 consolidation.
        report: Every number and picture.
        maps: Further volumes by name, such as class activation maps, float32 in [0, 1].
        texts: Further text files by name, such as ``features.csv``.
    """

    volume: CTVolume
    lungs: npt.NDArray[np.uint8]
    airway: npt.NDArray[np.bool_]
    lesions: npt.NDArray[np.uint8]
    report: CaseReport
    maps: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def check_case_folder(folder: Path) -> None:
    """Refuse a folder that holds something other than an earlier case, before any work is done.

    Raises:
        OutputError: The folder is a file, or holds files but no case.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder.name} is a file.", "Name a folder for the case.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST_NAME).is_file():
        raise OutputError(
            f"The folder {folder.name} holds other files but no case ({MANIFEST_NAME} is missing).",
            "Name a new or an empty folder; an earlier case would be replaced.",
        )


def write_case(case: Case, folder: Path, also: Callable[[Path], None] | None = None) -> None:
    """Write a case as a folder.

    Args:
        case: The finished case.
        folder: Where; an earlier case there is replaced whole, files that are not the case's own stay.
        also: Called with the unfinished folder before it appears, to add further files such as the scene.

    Raises:
        OutputError: The folder holds something else, or cannot be written. Nothing appears then.
    """
    check_case_folder(folder)
    with atomic_folder(folder, replaces=_files_of_case(folder)) as unfinished:
        report = case.report
        write_views(report, unfinished, SUMMARY)
        lungs = case.lungs.copy()
        lungs[case.airway & (lungs == 0)] = AIRWAY.value
        write_labels(lungs, case.volume, unfinished / "lungs.seg.nrrd", (*LUNG_LABELS, AIRWAY))
        write_labels(case.lesions, case.volume, unfinished / "lesions.seg.nrrd", LESION_LABELS)
        for name, array in case.maps.items():
            write_image(array, case.volume, unfinished / f"{name}.nrrd")
        for name, text in case.texts.items():
            _write(unfinished / name, text)
        if also is not None:
            also(unfinished)
        files = sorted(path.relative_to(unfinished).as_posix() for path in unfinished.rglob("*") if path.is_file())
        manifest = report.provenance | {FILES_KEY: sorted([*files, MANIFEST_NAME])}
        _write(unfinished / MANIFEST_NAME, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def _files_of_case(folder: Path) -> tuple[str, ...]:
    """Files of the case that lies in a folder, as its manifest names them; none where there is no case."""
    try:
        names = json.loads((folder / MANIFEST_NAME).read_text("utf-8")).get(FILES_KEY)
    except (OSError, ValueError, AttributeError):
        return ()
    return tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
