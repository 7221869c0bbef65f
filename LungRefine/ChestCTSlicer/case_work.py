"""``covidmtl run`` on a volume node: files in, the whole case, nodes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTJobs.case_request import CaseRequest
from ChestCTJobs.child import Prepared, PreparedMap
from ChestCTJobs.hand_over import read_labels, read_surfaces, write_array, write_volume
from ChestCTJobs.job import Work
from ChestCTJobs.lesion_results import fill_tables
from ChestCTLib.case_report import CaseReport, report_from_json
from ChestCTLib.errors import InputError
from ChestCTLib.labels import AIRWAY, LESION_LABELS, LUNG_LABELS
from ChestCTMRML import displays
from ChestCTMRML.activation_overlay import ACTIVATION_PREFIX, drop_activations, set_activation
from ChestCTMRML.case_folder import put_in_case_folder
from ChestCTMRML.case_nodes import METHOD_ATTRIBUTE
from ChestCTMRML.cohort_chart import set_cohort_chart
from ChestCTMRML.displays import LabelStyle
from ChestCTMRML.geometry import ijk_to_lps, ijk_to_world_ras
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.report_nodes import set_report
from ChestCTMRML.report_store import ReportFiles, keep_report, read_report_files
from ChestCTMRML.segmentations import (
    add_segmentation,
    edited_segments,
    labels_in_steps,
    set_labels_in_steps,
)
from ChestCTSlicer.lesion_work import LESION_OPACITY_3D

ORGANS = (*LUNG_LABELS, AIRWAY)
ORGAN_VALUES = tuple(label.value for label in ORGANS)
LESION_VALUES = tuple(label.value for label in LESION_LABELS)
TASKS = ("ct", "nat", "severity")
MAP_SPACING_MM = 3.0  # activation maps are far coarser than the scan; finer ones only take memory
LUNGS_ROLE, LESIONS_ROLE = "Case.Lungs", "Case.Lesions"
LESIONS_SECTION = "lesions"
CENTER = "COVIDMTL.CenterRAS"
"""Attribute of the lesions: where to cut the views through."""
LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class CaseNodes:
    """What a run made.

    Attributes:
        volume: The CT.
        lungs: Its lungs, given or made.
        lesions: Its lesions, given or made.
        report: Every number.
        center_ras: Where to cut the views through; None without lung.
    """

    volume: Any
    lungs: Any
    lesions: Any
    report: CaseReport
    center_ras: npt.NDArray[np.float64] | None


@dataclass(frozen=True)
class CaseWork(Work):
    """Work whose ``result`` holds the :class:`CaseNodes` once it is done."""

    result: list[CaseNodes] = field(default_factory=list)


@dataclass
class _Loaded:
    """What the child wrote, read back."""

    files: ReportFiles
    report: CaseReport
    center_ras: npt.NDArray[np.float64] | None = None
    lungs: LabelArray | None = None
    lung_surfaces: dict[int, Any] = field(default_factory=dict)
    lesions: LabelArray | None = None
    lesion_surfaces: dict[int, Any] = field(default_factory=dict)
    maps: dict[str, tuple[npt.NDArray[np.float32], tuple[int, int, int]]] = field(default_factory=dict)


def case_work(scene: Any, volume: Any, lungs: Any, lesions: Any, request: CaseRequest) -> CaseWork:
    """Return the work that makes a volume's whole case.

    Args:
        scene: The ``vtkMRMLScene``.
        volume: The CT.
        lungs: Segmentation with right and left lung to take as it is, or None to have them segmented.
        lesions: Segmentation with ground glass and consolidation to take as it is, or None.
        request: What to do.
    """
    loaded: list[_Loaded] = []
    result: list[CaseNodes] = []
    given_centers: list[Any] = []

    def before(folder: Path) -> Iterator[None]:
        yield from write_volume(volume, folder / "ct.nrrd")
        for node, labels, name in ((lungs, LUNG_LABELS, "lungs"), (lesions, LESION_LABELS, "lesions")):
            if node is not None:
                array = yield from labels_in_steps(node, volume, labels)
                yield from write_array(array, ijk_to_lps(volume), folder / f"given-{name}.nrrd")
                given_centers.insert(0, displays.center_of_labels(array, ijk_to_world_ras(volume)))
                yield

    def load(folder: Path) -> Iterator[None]:
        yield from _load(folder, volume, lungs is None, lesions is None, loaded)
        found = [loaded[0].center_ras, *given_centers]  # the lesions' first, else the lungs'
        loaded[0].center_ras = next((center for center in found if center is not None), None)

    def show() -> Iterator[None]:
        yield from _show(scene, volume, lungs, lesions, loaded.pop(), result)

    prepared = []
    if lungs is None:
        prepared.append(Prepared("case/lungs.seg.nrrd", ORGAN_VALUES, "lungs"))
    if lesions is None:
        prepared.append(Prepared("case/lesions.seg.nrrd", LESION_VALUES, "lesions"))
    names = [f"{ACTIVATION_PREFIX}{task}" for task in TASKS]
    maps = tuple(PreparedMap(f"case/{name}.nrrd", name, MAP_SPACING_MM) for name in names)
    command = ["run", "ct.nrrd", "-o", "case", "--no-scene", *request.arguments()]
    if lungs is not None:
        command += ["--lung-mask", "given-lungs.nrrd"]
    if lesions is not None:
        command += ["--lesion-mask", "given-lesions.nrrd", "--lesion-source", lesion_source(lesions)]
        if edited_segments(lesions, LESION_LABELS):
            command.append("--corrected")
    return CaseWork((tuple(command),), before, load, show, "ct.nrrd", tuple(prepared), maps, result)


def lesion_source(lesions: Any) -> str:
    """What made a lesion segmentation, for the report."""
    return lesions.GetAttribute(METHOD_ATTRIBUTE) or f"the segmentation “{lesions.GetName()}”"


def _load(folder: Path, volume: Any, with_lungs: bool, with_lesions: bool, loaded: list[_Loaded]) -> Iterator[None]:
    case = folder / "case"
    files = read_report_files(case)
    yield
    found = _Loaded(files, report_from_json(files.json))
    yield
    if with_lesions:
        found.lesions = read_labels(folder, "lesions")
        found.center_ras = displays.center_of_labels(found.lesions, ijk_to_world_ras(volume))
        yield
        found.lesion_surfaces = read_surfaces(folder, "lesions", LESION_VALUES)
        yield
    if with_lungs:
        found.lungs = read_labels(folder, "lungs")
        if found.center_ras is None:
            found.center_ras = displays.center_of_labels(found.lungs, ijk_to_world_ras(volume))
        yield
        found.lung_surfaces = read_surfaces(folder, "lungs", ORGAN_VALUES)
        yield
    for task in TASKS:
        name = f"{ACTIVATION_PREFIX}{task}"
        if (folder / f"{name}.npy").is_file():
            step = tuple(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
            found.maps[task] = (np.load(folder / f"{name}.npy", allow_pickle=False), step)
            yield
    loaded.append(found)


def _show(
    scene: Any, volume: Any, lungs: Any, lesions: Any, loaded: _Loaded, result: list[CaseNodes]
) -> Iterator[None]:
    name = volume.GetName()
    for node, what in ((volume, "volume"), (lungs, "lung"), (lesions, "lesion")):
        if node is not None and node.GetScene() is None:
            raise InputError(f"The {what} node was removed during the run.", "Load it again and press Apply.")
    if loaded.lungs is not None:
        lungs, is_new = _output(scene, volume, LUNGS_ROLE, f"{name} lungs", ORGANS)
        if is_new:
            displays.show_segments(lungs, LabelStyle.outline)
        yield from set_labels_in_steps(lungs, loaded.lungs, volume, ORGANS, loaded.lung_surfaces, True)
    if loaded.lesions is not None:
        lesions, is_new = _output(scene, volume, LESIONS_ROLE, f"{name} lesions", LESION_LABELS)
        if is_new:
            displays.show_segments(lesions, LabelStyle.both, LESION_OPACITY_3D)
        yield from set_labels_in_steps(lesions, loaded.lesions, volume, LESION_LABELS, loaded.lesion_surfaces, True)
        lesions.SetAttribute(METHOD_ATTRIBUTE, loaded.report.measure("lesions.volume.total").source)
    volume.SetNodeReferenceID(f"COVIDMTL.{LUNGS_ROLE}", lungs.GetID())
    volume.SetNodeReferenceID(f"COVIDMTL.{LESIONS_ROLE}", lesions.GetID())
    if loaded.center_ras is not None:
        lesions.SetAttribute(CENTER, " ".join(f"{value:.2f}" for value in loaded.center_ras))
    nodes = [lungs, lesions]
    drop_activations(scene, volume, tuple(loaded.maps))
    for task, (values, step) in loaded.maps.items():
        nodes.append(set_activation(scene, volume, task, values, f"{name} activation {task}", step=step))
        yield
    nodes += set_report(scene, volume, loaded.report, (LESIONS_SECTION,))
    yield
    fill_tables(scene, volume, loaded.report.section(LESIONS_SECTION))
    nodes.append(set_cohort_chart(scene, volume, loaded.report))
    yield
    nodes += keep_report(scene, volume, loaded.files)
    yield
    put_in_case_folder(scene, volume, nodes)
    result.append(CaseNodes(volume, lungs, lesions, loaded.report, loaded.center_ras))
    yield


def _output(scene: Any, volume: Any, role: str, name: str, labels: Any) -> tuple[Any, bool]:
    """The case's own segmentation, unless somebody edited it: then a new one, so that no edit is lost."""
    node = find_owned(volume, role)
    if node is not None and not edited_segments(node, labels):
        return node, False
    node = add_segmentation(scene, volume, scene.GenerateUniqueName(name) if node is not None else name)
    volume.SetNodeReferenceID(f"COVIDMTL.{role}", node.GetID())
    return node, True


def case_center(lesions: Any) -> npt.NDArray[np.float64] | None:
    """World RAS place to cut a case's views through; None where it is not known."""
    text = lesions.GetAttribute(CENTER) if lesions is not None else None
    return np.array([float(value) for value in text.split()]) if text else None


def case_segmentations(volume: Any) -> tuple[Any, Any]:
    """Lungs and lesions of a volume's last case, None each where there is none."""
    return find_owned(volume, LUNGS_ROLE), find_owned(volume, LESIONS_ROLE)
