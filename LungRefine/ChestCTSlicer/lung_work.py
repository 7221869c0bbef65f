"""``covidmtl lungs`` on a volume node: files in, command, nodes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTJobs.child import Prepared
from ChestCTJobs.hand_over import read_labels, write_array, write_volume
from ChestCTJobs.job import Work
from ChestCTLib.errors import InputError
from ChestCTLib.labels import AIRWAY, LUNG_LABELS
from ChestCTMRML import displays
from ChestCTMRML.case_folder import put_in_case_folder
from ChestCTMRML.geometry import ijk_to_lps, ijk_to_world_ras
from ChestCTMRML.nodes import find_owned, owned_node
from ChestCTMRML.plots import Chart, Curve, set_chart
from ChestCTMRML.segmentations import (
    add_segmentation,
    edited_segments,
    labels_from_segmentation,
    set_labels_in_steps,
)
from ChestCTMRML.surface_files import read_surface
from ChestCTMRML.tables import Column, number, set_table
from ChestCTMRML.volumes import voxels

ORGAN_LABELS = (*LUNG_LABELS, AIRWAY)
"""Labels of the output segmentation; without the airway its segment stays empty."""
LUNG_VALUES = tuple(label.value for label in LUNG_LABELS)
CLASSICAL_COLOR = (0.95, 0.85, 0.30)
HISTOGRAM_EDGES_HU = np.arange(-1024, 201, 36, dtype=np.int32)  # air to contrast-filled vessel
VOXELS_A_STEP = 8 * 1024 * 1024

LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LungRequest:
    """What to do, in the words of ``covidmtl lungs``."""

    method: str = "refined"
    airway: bool = True
    working_spacing_mm: float = 2.0
    costal_reach_mm: float = 30.0
    inner_reach_mm: float = 4.0


@dataclass(frozen=True)
class LungNodes:
    """The nodes of a result; None for those a result has not.

    Attributes:
        volume: The CT.
        lungs: Segmentation of right lung, left lung and airway.
        classical: Segmentation by the classical method.
        measures: Table of volumes.
        chart: HU distribution of the recovered lung.
        comparison: Table of overlap with the reference.
        found: Whether there is any lung.
        recovered_text: Recovered volume in mL as text.
        center_ras: Where to cut the views through.
    """

    volume: Any
    lungs: Any
    classical: Any = None
    measures: Any = None
    chart: Any = None
    comparison: Any = None
    found: bool = True
    recovered_text: str = ""
    center_ras: Any = None


@dataclass(frozen=True)
class LungWork(Work):
    """Work whose ``result`` holds the :class:`LungNodes` once it is done."""

    result: list[LungNodes] = field(default_factory=list)


@dataclass
class _Loaded:
    """What the child wrote, read back."""

    lungs: LabelArray
    classical: LabelArray
    lung_surfaces: dict[int, Any]
    classical_surfaces: dict[int, Any]
    values: dict[str, Any]
    histogram: npt.NDArray[np.float64]
    center_ras: Any


def result_nodes(volume: Any, lungs: Any) -> LungNodes | None:
    """The nodes of an earlier result, found again by the volume's references; None without a volume."""
    if volume is None:
        return None
    return LungNodes(
        volume,
        lungs,
        find_owned(volume, "Lungs.Classical"),
        find_owned(volume, "Lungs.Measures"),
        find_owned(volume, "Lungs.RecoveredHU.Chart"),
        find_owned(volume, "Lungs.Comparison"),
    )


def edited_results(volume: Any, lungs: Any) -> list[str]:
    """Names of the segments of an earlier result that were edited by hand since."""
    classical = find_owned(volume, "Lungs.Classical")
    return [*edited_segments(lungs, ORGAN_LABELS), *edited_segments(classical, LUNG_LABELS)]


def lung_work(
    scene: Any, volume: Any, lungs: Any, reference: Any, request: LungRequest, overwrite_edited: bool = False
) -> LungWork:
    """Return the work that segments a volume's lungs.

    Args:
        scene: The ``vtkMRMLScene``.
        volume: The CT.
        lungs: Segmentation to update, or None for a new one.
        reference: Segmentation to compare with, or None.
        request: Method and settings.
        overwrite_edited: Whether segments edited by hand may be replaced. Where not, a segmentation that is edited
            during the run stays as it is, and the result gets a new one.
    """
    loaded: list[_Loaded] = []
    result: list[LungNodes] = []

    def before(folder: Path) -> Iterator[None]:
        yield from write_volume(volume, folder / "ct.nrrd")
        if reference is not None:
            labels = labels_from_segmentation(reference, volume, LUNG_LABELS)
            yield
            yield from write_array(labels, ijk_to_lps(volume), folder / "reference.nrrd")

    def load(folder: Path) -> Iterator[None]:
        yield from _load(folder, volume, request, loaded)

    def show() -> Iterator[None]:
        yield from _show(scene, volume, lungs, loaded.pop(), result, overwrite_edited)

    prepared = [Prepared("lungs.nrrd", LUNG_VALUES, "lungs"), Prepared("classical.nrrd", LUNG_VALUES, "classical")]
    if request.airway:
        prepared.append(Prepared("airway.nrrd", (AIRWAY.value,), "airway"))
    command = _command(request, reference is not None)
    return LungWork((command,), before, load, show, "ct.nrrd", tuple(prepared), result=result)


def _command(request: LungRequest, with_reference: bool) -> tuple[str, ...]:
    command = ["lungs", "ct.nrrd", "-o", "lungs.nrrd", "--method", request.method, "--json", "lungs.json"]
    command += ["--classical", "classical.nrrd"]
    if request.airway:
        command += ["--airway", "airway.nrrd"]
    if request.method == "refined":
        command += ["--working-spacing", f"{request.working_spacing_mm:g}"]
        command += ["--costal-reach", f"{request.costal_reach_mm:g}", "--inner-reach", f"{request.inner_reach_mm:g}"]
    if with_reference:
        command += ["--reference", "reference.nrrd"]
    return tuple(command)


def _load(folder: Path, volume: Any, request: LungRequest, loaded: list[_Loaded]) -> Iterator[None]:
    lungs = read_labels(folder, "lungs")
    yield
    classical = read_labels(folder, "classical")
    yield
    surfaces = {value: read_surface(folder / f"lungs-{value}.vtp") for value in LUNG_VALUES}
    classical_surfaces = {value: read_surface(folder / f"classical-{value}.vtp") for value in LUNG_VALUES}
    yield
    if request.airway:
        airway = read_labels(folder, "airway")
        for first in range(0, len(lungs), step := _slices_a_step(lungs)):
            part = slice(first, first + step)
            np.copyto(lungs[part], AIRWAY.value, where=(airway[part] != 0) & (lungs[part] == 0))
            yield
        surfaces[AIRWAY.value] = read_surface(folder / f"airway-{AIRWAY.value}.vtp")
    histogram = np.zeros(len(HISTOGRAM_EDGES_HU) - 1)
    hu = voxels(volume)
    for first in range(0, len(lungs), step := _slices_a_step(lungs)):
        part = slice(first, first + step)
        recovered = np.isin(lungs[part], LUNG_VALUES) & (classical[part] == 0)
        histogram += np.histogram(hu[part][recovered], bins=HISTOGRAM_EDGES_HU)[0]
        yield
    values = json.loads((folder / "lungs.json").read_text(encoding="utf-8"))
    center = displays.center_of_labels(lungs, ijk_to_world_ras(volume))
    yield
    loaded.append(_Loaded(lungs, classical, surfaces, classical_surfaces, values, histogram, center))


def _show(
    scene: Any, volume: Any, lungs: Any, loaded: _Loaded, result: list[LungNodes], overwrite_edited: bool
) -> Iterator[None]:
    name = volume.GetName()
    if volume.GetScene() is None:
        raise InputError(f"The volume “{name}” was removed during the run.", "Load it again and press Apply.")
    is_new = lungs is None or lungs.GetScene() is None
    if not is_new and not overwrite_edited and edited_segments(lungs, ORGAN_LABELS):
        is_new = True  # somebody drew in it while the child was at work
    node = add_segmentation(scene, volume, f"{name} lungs") if is_new else lungs
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    had_classical = find_owned(volume, "Lungs.Classical") is not None
    classical = owned_node(
        scene, volume, "Lungs.Classical", "vtkMRMLSegmentationNode", f"{name} lungs (classical method)"
    )
    if is_new:
        displays.show_segments(node)
    if not had_classical:
        displays.show_segments(classical, displays.LabelStyle.outline)
        displays.show_3d(classical, False)
    yield
    yield from set_labels_in_steps(node, loaded.lungs, volume, ORGAN_LABELS, loaded.lung_surfaces, True)
    yield from set_labels_in_steps(classical, loaded.classical, volume, LUNG_LABELS, loaded.classical_surfaces, True)
    if not had_classical:
        displays.color_all(classical, CLASSICAL_COLOR)
    measures, comparison = _tables(scene, volume, loaded.values)
    chart = set_chart(scene, volume, "Lungs.RecoveredHU", _chart(name, loaded.histogram))
    put_in_case_folder(scene, volume, [node, classical, measures, comparison, chart, *_plot_nodes(volume)])
    recovered = loaded.values.get("recovered_ml")
    found = bool(loaded.values["volume_ml"]["right"] or loaded.values["volume_ml"]["left"])
    result.append(
        LungNodes(volume, node, classical, measures, chart, comparison, found, number(recovered), loaded.center_ras)
    )
    yield


def _tables(scene: Any, volume: Any, values: dict[str, Any]) -> tuple[Any, Any]:
    name = volume.GetName()
    right, left = values["volume_ml"]["right"], values["volume_ml"]["left"]
    rows: list[tuple[str, float | None, str]] = [
        ("Right lung", right, "mL"),
        ("Left lung", left, "mL"),
        ("Both lungs", right + left, "mL"),
        ("Recovered lung", values.get("recovered_ml"), "mL"),
    ]
    percentiles = (values.get("recovered_hu") or {}).get("hu_percentiles") or {}
    rows += [(f"Recovered, {name}", percentiles.get(p), "HU") for p, name in PERCENTILE_NAMES.items()]
    measures = owned_node(scene, volume, "Lungs.Measures", "vtkMRMLTableNode", f"{name}: lung measures")
    _fill(measures, rows)
    overlap = {key: values[key] for key in OVERLAP_NAMES if key in values}
    comparison = find_owned(volume, "Lungs.Comparison")
    if overlap:
        comparison = owned_node(
            scene, volume, "Lungs.Comparison", "vtkMRMLTableNode", f"{name}: lungs against the reference"
        )
        _fill(comparison, [(OVERLAP_NAMES.get(key, key), value, _unit(key)) for key, value in overlap.items()])
    elif comparison is not None:  # it would show an older run's numbers
        scene.RemoveNode(comparison)
        comparison = None
    return measures, comparison


PERCENTILE_NAMES = {"5": "5th percentile", "50": "median", "95": "95th percentile"}
OVERLAP_NAMES = {
    "dice": "Dice",
    "jaccard": "Jaccard",
    "mcc": "Matthews correlation",
    "precision": "Precision",
    "recall": "Recall",
    "specificity": "Specificity",
    "nsd": "Normalised surface Dice",
    "rmsd_mm": "Root mean square surface distance",
    "hd95_mm": "95 % Hausdorff distance",
}


def _unit(key: str) -> str:
    return "mm" if key.endswith("_mm") else ""


def _fill(table: Any, rows: list[tuple[str, float | None, str]]) -> None:
    set_table(
        table,
        [
            Column("Measure", [label for label, _, _ in rows]),
            Column("Value", [_shown(value, unit) for _, value, unit in rows]),
            Column("Unit", [unit for _, _, unit in rows]),
        ],
    )


def _shown(value: float | None, unit: str) -> str:
    if unit == "HU" and value is not None:  # a scanner's noise makes decimals of attenuation meaningless
        return f"{value:.0f}"
    return number(value)


def _chart(name: str, histogram: npt.NDArray[np.float64]) -> Chart:
    centers = (HISTOGRAM_EDGES_HU[:-1] + HISTOGRAM_EDGES_HU[1:]) / 2
    total = histogram.sum()
    shares = histogram / total * 100 if total else histogram
    return Chart(
        "Recovered lung",
        "Attenuation [HU]",
        "Share of the recovered lung [%]",
        centers.tolist(),
        [Curve("recovered", shares.tolist(), (0.10, 0.45, 0.70))],
    )


def _plot_nodes(volume: Any) -> list[Any]:
    return [find_owned(volume, f"Lungs.RecoveredHU.{part}") for part in ("Table", "Series0")]


def _slices_a_step(array: LabelArray) -> int:
    return max(1, VOXELS_A_STEP // max(1, array[0].size))
