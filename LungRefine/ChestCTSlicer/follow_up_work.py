"""``covidmtl compare`` on two cases of a scene: what became of the lesions, as a segmentation and as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ChestCTJobs.child import Prepared
from ChestCTJobs.hand_over import read_labels, read_surfaces, write_array
from ChestCTJobs.job import Work
from ChestCTLib.case_report import CaseReport, report_from_json
from ChestCTLib.errors import InputError
from ChestCTLib.labels import CHANGE_LABELS, LESION_LABELS, LUNG_LABELS
from ChestCTMRML import displays
from ChestCTMRML.case_folder import put_in_case_folder
from ChestCTMRML.displays import LabelStyle
from ChestCTMRML.geometry import ijk_to_lps
from ChestCTMRML.nodes import find_owned, owned_node
from ChestCTMRML.report_nodes import set_measures
from ChestCTMRML.report_store import kept_report
from ChestCTMRML.segmentations import labels_in_steps, set_labels_in_steps
from ChestCTMRML.tables import Column, set_table
from ChestCTSlicer.case_work import case_segmentations
from ChestCTSlicer.lesion_work import LESION_OPACITY_3D

CHANGE_ROLE = "FollowUp.Change"
MEASURES_ROLE = "FollowUp.Measures"
CHANGE_VALUES = tuple(label.value for label in CHANGE_LABELS)


@dataclass(frozen=True)
class FollowUpNodes:
    """What a comparison made, on the later CT.

    Attributes:
        volume: The later CT.
        change: Segmentation of new, resolved and persisting lesions.
        report: Every number.
    """

    volume: Any
    change: Any
    report: CaseReport


@dataclass(frozen=True)
class FollowUpWork(Work):
    """Work whose ``result`` holds the :class:`FollowUpNodes` once it is done."""

    result: list[FollowUpNodes] = field(default_factory=list)


def follow_up_work(scene: Any, earlier: Any, later: Any) -> FollowUpWork:
    """Return the work that compares two cases.

    Args:
        scene: The ``vtkMRMLScene``.
        earlier: CT of the earlier scan, with its case in the scene.
        later: CT of the later one.

    Raises:
        InputError: A case is missing, or both are the same.
    """
    if earlier is None or later is None or earlier is later:
        raise InputError("There are no two scans to compare.", "Choose the earlier scan beside the CT volume.")
    for volume in (earlier, later):
        if not all(case_segmentations(volume)):
            raise InputError(
                f"“{volume.GetName()}” has no lungs and lesions yet.", "Choose it as CT volume and press Apply first."
            )
    loaded: list[tuple[CaseReport, Any, dict[int, Any]]] = []
    result: list[FollowUpNodes] = []

    def before(folder: Path) -> Iterator[None]:
        for volume, name in ((earlier, "earlier"), (later, "later")):
            (folder / name).mkdir()
            report = kept_report(volume)
            if report is not None:
                text = json.dumps(report.provenance)
                (folder / name / "manifest.json").write_text(text, encoding="utf-8")
            pairs = zip(case_segmentations(volume), (LUNG_LABELS, LESION_LABELS), ("lungs", "lesions"), strict=True)
            for node, labels, what in pairs:
                array = yield from labels_in_steps(node, volume, labels)
                yield from write_array(array, ijk_to_lps(volume), folder / name / f"{what}.seg.nrrd")

    def load(folder: Path) -> Iterator[None]:
        report = report_from_json((folder / "change" / "report.json").read_text(encoding="utf-8"))
        yield
        mask = read_labels(folder, "change")
        yield
        loaded.append((report, mask, read_surfaces(folder, "change", CHANGE_VALUES)))
        yield

    def show() -> Iterator[None]:
        report, mask, surfaces = loaded.pop()
        node = find_owned(later, CHANGE_ROLE)
        is_new = node is None
        name = f"{later.GetName()}: change since {earlier.GetName()}"
        node = owned_node(scene, later, CHANGE_ROLE, "vtkMRMLSegmentationNode", name)
        if is_new:
            displays.show_segments(node, LabelStyle.both, LESION_OPACITY_3D)
        yield from set_labels_in_steps(node, mask, later, CHANGE_LABELS, surfaces, True)
        tables = _tables(scene, later, report)
        yield
        put_in_case_folder(scene, later, [node, *tables])
        result.append(FollowUpNodes(later, node, report))
        yield

    prepared = (Prepared("change/change.nrrd", CHANGE_VALUES, "change", "later/lesions.seg.nrrd"),)
    command = ("compare", "earlier", "later", "-o", "change")
    return FollowUpWork((command,), before, load, show, prepared=prepared, result=result)


def _tables(scene: Any, volume: Any, report: CaseReport) -> list[Any]:
    section = report.sections[0]
    title = f"{volume.GetName()}: change of the lesions"
    nodes = [owned_node(scene, volume, MEASURES_ROLE, "vtkMRMLTableNode", title)]
    set_measures(nodes[0], section.measures)
    for table in section.tables:
        node = owned_node(scene, volume, f"FollowUp.Table.{table.key}", "vtkMRMLTableNode", table.title)
        shown = table.shown_rows() or [[table.empty_text, *[""] * (len(table.columns) - 1)]]
        set_table(node, [Column(c.heading, [row[index] for row in shown]) for index, c in enumerate(table.columns)])
        nodes.append(node)
    return nodes
