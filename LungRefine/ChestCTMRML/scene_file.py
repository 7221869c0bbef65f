"""The ``.mrb`` of a case: CT, segmentations, report tables and text, with views set, as Slicer opens it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTLib.case_report import CaseReport
from ChestCTLib.errors import InputError, OutputError
from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.labels import AIRWAY, LESION_LABELS, LUNG_LABELS, Label
from ChestCTLib.volume import CTVolume
from ChestCTMRML import displays, segmentations, surfaces
from ChestCTMRML.case_folder import put_in_case_folder
from ChestCTMRML.case_overlays import ACTIVATION_PREFIX, add_activations, add_overlays
from ChestCTMRML.displays import LabelStyle
from ChestCTMRML.geometry import LPS_FROM_RAS
from ChestCTMRML.headless import HeadlessSlicer
from ChestCTMRML.layouts import REVIEW_LAYOUT, register_layouts
from ChestCTMRML.overlays import overlay_and_plot_nodes
from ChestCTMRML.report_nodes import set_report
from ChestCTMRML.report_store import ReportFiles, keep_report
from ChestCTMRML.volumes import add_map, add_volume

LabelArray = npt.NDArray[np.uint8]
PERIPHERAL_MM = 10.0  # as LesionSegLib.measures.MeasureSettings has it
LESION_OPACITY_3D = 0.9  # seen through the translucent lungs


@dataclass(frozen=True)
class SceneCase:
    """What a scene shows of a case, all arrays ``[z, y, x]`` on the CT's grid.

    Attributes:
        volume: The CT.
        lungs: uint8: 1 right, 2 left.
        lesions: uint8: 1 ground glass, 2 consolidation; None where they were not looked for.
        airway: bool.
        report: Shown as tables and text.
        files: The report's files, kept in the scene for whoever opens it without the case's folder.
        maps: Arrays of real numbers by name, such as class activation maps.
        name: Of the volume; never a patient's.
    """

    volume: CTVolume
    lungs: LabelArray
    lesions: LabelArray | None = None
    airway: npt.NDArray[np.bool_] | None = None
    report: CaseReport | None = None
    files: ReportFiles | None = None
    maps: Mapping[str, npt.NDArray[np.floating[Any]]] = field(default_factory=dict)
    name: str = "CT"


def write_case_scene(path: Path, case: SceneCase) -> None:
    """Write a case as a Slicer scene bundle; the file appears only when whole.

    Args:
        path: Where to, ``.mrb``.
        case: What to show.

    Raises:
        MissingDependencyError: ``slicer-core`` or ``trame-slicer`` is not installed.
        OutputError: The file could not be written.
    """
    headless = HeadlessSlicer()
    try:
        headless.add_standard_views()
        fill_case_scene(headless.scene, case)
        with atomic_path(Path(path)) as temporary:
            write_scene(headless.scene, temporary)
    finally:
        headless.close()


def fill_case_scene(scene: Any, case: SceneCase) -> Any:
    """Add a case to a scene and show it.

    Returns:
        The case's volume node.
    """
    volume, lungs, lesions, airway, name = case.volume, case.lungs, case.lesions, case.airway, case.name
    node = add_volume(scene, volume, name)
    displays.show_lung_window(node)
    organs = lungs if airway is None else np.where((lungs == 0) & airway, AIRWAY.value, lungs).astype(np.uint8)
    organ_labels = LUNG_LABELS if airway is None else (*LUNG_LABELS, AIRWAY)
    nodes = [_add_labels(scene, node, volume, f"{name} lungs", organs, organ_labels)]
    displays.show_segments(nodes[0], LabelStyle.outline if lesions is not None else LabelStyle.both)
    if lesions is not None:
        nodes.append(_add_labels(scene, node, volume, f"{name} lesions", lesions, LESION_LABELS))
        displays.show_segments(nodes[1], LabelStyle.both, LESION_OPACITY_3D)
    activations = add_activations(scene, node, dict(case.maps))
    nodes += activations
    others = {key: values for key, values in case.maps.items() if not key.startswith(ACTIVATION_PREFIX)}
    nodes += [add_map(scene, values, volume, f"{name} {title}") for title, values in others.items()]
    if lesions is not None:
        add_overlays(scene, node, volume, lungs, lesions, PERIPHERAL_MM)
        nodes += overlay_and_plot_nodes(node)
    if case.report is not None:
        nodes += set_report(scene, node, case.report)
    if case.files is not None:
        nodes += keep_report(scene, node, case.files)
    put_in_case_folder(scene, node, nodes)
    middle = displays.center_of_labels(lungs, LPS_FROM_RAS @ volume.ijk_to_lps)
    displays.set_views(scene, node, middle)
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode") or scene.AddNewNodeByClass("vtkMRMLLayoutNode")
    register_layouts(layout)
    layout.SetViewArrangement(REVIEW_LAYOUT)
    return node


def write_scene(scene: Any, path: Path) -> None:
    """Write a scene as ``.mrb``.

    Raises:
        OutputError: It could not be written.
    """
    # the folder inside the bundle is named after the file, which here often has a temporary name
    folder = Path(tempfile.mkdtemp(prefix="covidmtl-scene-"))
    try:
        bundle = folder / "scene.mrb"
        if not scene.WriteToMRB(str(bundle)):
            raise OutputError(f"The scene could not be written to {path.name}.", "Check the free space.")
        shutil.move(bundle, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_scene(scene: Any, path: Path) -> None:
    """Replace a scene by that of an ``.mrb``; the application's own nodes (views, interaction) stay.

    Raises:
        InputError: The file is no readable scene bundle.
    """
    scene.Clear(False)
    if not scene.ReadFromMRB(str(path), False):
        raise InputError(f"{path.name} is not a readable scene.", "Choose an .mrb written by Slicer or covidmtl.")


def _add_labels(
    scene: Any, volume_node: Any, volume: CTVolume, name: str, array: LabelArray, labels: tuple[Label, ...]
) -> Any:
    node = segmentations.add_segmentation(scene, volume_node, name)
    to_ras = LPS_FROM_RAS @ volume.ijk_to_lps
    shapes = {label.value: surfaces.surface(array == label.value, volume.spacing_mm, to_ras) for label in labels}
    segmentations.set_labels(node, array, volume_node, labels, shapes)
    return node
