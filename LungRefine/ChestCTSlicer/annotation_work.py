"""The annotator's commands on nodes: load a case of a work list, save a corrected mask as a training pair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from ChestCTJobs.hand_over import write_array, write_volume
from ChestCTJobs.job import Work
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTMRML.case_nodes import METHOD_ATTRIBUTE, original_of
from ChestCTMRML.displays import set_views, show_lung_window
from ChestCTMRML.geometry import ijk_to_lps
from ChestCTMRML.segmentations import labels_in_steps, match_segments


@dataclass(frozen=True)
class CaseWork(Work):
    """Work whose ``result`` holds the loaded volume node once it is done."""

    result: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class PairWork(Work):
    """Work that saves a training pair."""


def load_case_work(scene: Any, path: Path) -> CaseWork:
    """The work that reads a scan, whatever its format, and adds it to the scene.

    Args:
        scene: The ``vtkMRMLScene``.
        path: DICOM folder, zip or volume file.
    """
    folders: list[Path] = []
    result: list[Any] = []

    def before(folder: Path) -> Iterator[None]:
        folders.append(folder)
        yield

    def load(folder: Path) -> Iterator[None]:
        yield

    def show() -> Iterator[None]:
        # a storage node of its own, not the scene's: the file is gone in a moment and must not be offered as saved
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(folders[0] / "ct.nrrd"))
        node = slicer.vtkMRMLScalarVolumeNode()
        storage.ReadData(node)
        node.SetName(scene.GenerateUniqueName(_shown_name(path)))
        scene.AddNode(node)
        node.CreateDefaultDisplayNodes()
        yield
        show_lung_window(node)
        set_views(scene, node)
        result.append(node)
        yield

    command = ("convert", str(path.resolve()), "-o", "ct.nrrd")
    return CaseWork((command,), before, load, show, result=result)


def save_pair_work(volume: Any, lungs: Any, lesions: Any, folder: Path, reader: str) -> PairWork:
    """The work that saves a corrected mask.

    Args:
        volume: The CT.
        lungs: Its lungs.
        lesions: The corrected segmentation.
        folder: Folder of all corrections.
        reader: Initials, or empty.
    """
    original = original_of(volume)
    method = (original.GetAttribute(METHOD_ATTRIBUTE) if original is not None else "") or "unknown"

    def before(private: Path) -> Iterator[None]:
        to_lps = ijk_to_lps(volume)
        yield from write_volume(volume, private / "ct.nrrd")
        array = yield from labels_in_steps(lungs, volume, LUNG_LABELS)
        yield from write_array(array, to_lps, private / "lungs.nrrd")
        array = yield from labels_in_steps(lesions, volume, LESION_LABELS)
        yield from write_array(array, to_lps, private / "lesions.nrrd")
        if original is not None and len(match_segments(original, LESION_LABELS)) == len(LESION_LABELS):
            array = yield from labels_in_steps(original, volume, LESION_LABELS)
        else:
            array = np.zeros_like(array)
        yield from write_array(array, to_lps, private / "original.nrrd")

    def nothing(private: Path | None = None) -> Iterator[None]:
        yield

    command = ["save-correction", "ct.nrrd", "--lungs", "lungs.nrrd", "--lesions", "lesions.nrrd"]
    command += ["--original", "original.nrrd", "--method", method, "--folder", str(folder.resolve())]
    if reader:
        command += ["--reader", reader]
    return PairWork((tuple(command),), before, nothing, nothing)


def _shown_name(path: Path) -> str:
    return path.name.partition(".")[0] or path.name
