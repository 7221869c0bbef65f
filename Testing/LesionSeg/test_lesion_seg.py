"""The LesionSeg module in the Qt host: what a user does, on the real panel, real MRML and real child processes."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vtk.util import numpy_support

from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTLib.phantom import Phantom
from ChestCTMRML import lesion_plots, overlays, scene_file, segmentations, tables
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.overlays import Overlay
from ChestCTMRML.volumes import add_volume
from ChestCTSlicer.job import FOLDER_PREFIX
from LesionSegLib.measures import MeasureSettings, measure_lesions

RUN_LIMIT_S = 90
CANCEL_LIMIT_S = 1.0
SLIDER_LIMIT_S = 0.1  # of processor time
METHODS = 2  # hu-bands stands after the shipped network


def _nodes(scene: Any) -> Counter[str]:
    """How many nodes of each class a user could see or save; the application's own ones do not count."""
    own = (
        "View",
        "Slice",
        "Layout",
        "Camera",
        "Selection",
        "Interaction",
        "Crosshair",
        "Module",
        "Hierarchy",
        "Editor",
    )
    names = [scene.GetNthNode(index).GetClassName() for index in range(scene.GetNumberOfNodes())]
    return Counter(name for name in names if not any(part in name for part in (*own, "Editor")))


def _text(widget: Any) -> str:
    return str(widget.property("text"))


def _private_folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}{os.getpid()}-*"))


def _settled(host: Any, widget: Any) -> None:
    """Wait until the measures have followed the last change."""
    assert host.wait_for(lambda: not widget.measuring, RUN_LIMIT_S)
    host.settle()


def _labels(host: Any, volume: Any, name: str, array: Any, labels: Any) -> Any:
    node = segmentations.add_segmentation(host.scene, volume, name)
    segmentations.set_labels(node, array, volume, labels)
    return node


@pytest.fixture
def measured(host: Any, phantom: Phantom) -> Any:
    """The panel with lungs and lesions of the phantom in the scene, measured."""
    volume = add_volume(host.scene, phantom.volume, "phantom")
    lungs = _labels(host, volume, "phantom lungs", phantom.lungs, LUNG_LABELS)
    lesions = _labels(host, volume, "phantom lesions", phantom.lesions, LESION_LABELS)
    widget = host.open_module("LesionSeg")
    widget._parameterNode.lungs = lungs
    widget._parameterNode.lesions = lesions
    _settled(host, widget)
    assert widget.logic.measured is not None, _text(widget.ui.findingLabel)
    return widget


def _edit(widget: Any, value: int, mask: Any) -> None:
    """Give the voxels of ``mask`` the label ``value`` in the module's segmentation, as a brush does: in place."""
    lesions = widget._parameterNode.lesions
    volume = widget._parameterNode.inputVolume
    array = segmentations.labels_from_segmentation(lesions, volume, LESION_LABELS)
    array[mask] = value
    segmentation = lesions.GetSegmentation()
    for label in LESION_LABELS:
        segment = segmentation.GetSegment(segmentations.match_segments(lesions, [label])[label.value])
        image = segment.GetRepresentation(segmentations.LABELMAP)
        i0, i1, j0, j1, k0, k1 = image.GetExtent()
        part = array[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1]
        numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())[:] = part.ravel()
        image.GetPointData().GetScalars().Modified()
        image.Modified()


def _shown(widget: Any, heading: str = "Measure", value: str = "Value") -> dict[str, str]:
    node = widget.ui.resultTable.mrmlTableNode()
    return {row[heading]: row[value] for row in tables.rows(node)}


def test_measures_of_given_masks_are_those_of_the_engine(measured: Any, phantom: Phantom) -> None:
    truth = measure_lesions(phantom.volume, phantom.lungs, phantom.lesions, MeasureSettings())
    shown = _shown(measured)
    assert float(shown["Lesion volume, both lungs"]) == pytest.approx(truth.total.lesion_ml, abs=0.051)
    assert float(shown["Peripheral lesion ratio (outer 10 mm)"]) == pytest.approx(truth.peripheral_percent, abs=0.051)
    assert measured.logic.ratio == pytest.approx(truth.peripheral_percent)
    assert truth.finding in _text(measured.ui.findingLabel) and "by hand" not in _text(measured.ui.findingLabel)
    measured.ui.tableComboBox.setCurrentIndex(1)
    assert len(tables.rows(measured.ui.resultTable.mrmlTableNode())) == 6


def test_the_thickness_slider_moves_ratio_mark_and_shell_at_once(host: Any, measured: Any, phantom: Phantom) -> None:
    volume = measured._parameterNode.inputVolume
    count = host.scene.GetNumberOfNodes()
    shell = find_owned(volume, "Periphery.Shell")
    started = time.thread_time()
    measured.ui.thicknessSlider.setValue(20.0)
    assert time.thread_time() - started < SLIDER_LIMIT_S
    truth = measure_lesions(phantom.volume, phantom.lungs, phantom.lesions, MeasureSettings(peripheral_mm=20.0))
    assert measured.logic.ratio == pytest.approx(truth.peripheral_percent)
    assert _text(measured.ui.ratioLabel).startswith(f"{truth.peripheral_percent:.1f} %")
    mark = find_owned(volume, f"{lesion_plots.PERIPHERY_ROLE}.Marker.Table").GetTable()
    assert mark.GetValue(1, 0).ToDouble() == 20.0
    assert shell.GetAttribute("COVIDMTL.ThicknessMm") == "20"
    _settled(host, measured)
    assert "Peripheral lesion ratio (outer 20 mm)" in _shown(measured)  # the tables follow when the slider rests
    assert host.scene.GetNumberOfNodes() == count
    measured.ui.thicknessSlider.setValue(0.0)
    assert measured.logic.ratio == 0.0


def test_painting_a_lesion_away_is_followed_by_all_numbers_and_undone(
    host: Any, measured: Any, phantom: Phantom
) -> None:
    before = float(_shown(measured)["Lesion volume, both lungs"])
    editor = measured.ui.segmentEditor
    editor.saveStateForUndo()
    right = phantom.lungs == 1
    _edit(measured, 0, right)
    _settled(host, measured)
    remaining = np.where(right, 0, phantom.lesions).astype(np.uint8)
    truth = measure_lesions(phantom.volume, phantom.lungs, remaining, MeasureSettings())
    after = float(_shown(measured)["Lesion volume, both lungs"])
    assert after == pytest.approx(truth.total.lesion_ml, abs=0.051) and after < before
    assert "corrected by hand" in _text(measured.ui.findingLabel)
    editor.undo()
    _settled(host, measured)
    assert float(_shown(measured)["Lesion volume, both lungs"]) == before
    assert "by hand" not in _text(measured.ui.findingLabel)


def test_of_two_quick_edits_the_last_one_is_shown(host: Any, measured: Any, phantom: Phantom) -> None:
    _edit(measured, 0, phantom.lungs == 1)
    host.wait_for(lambda: measured.logic.busy, 5)  # the first is being measured
    _edit(measured, 0, phantom.lungs > 0)
    _settled(host, measured)
    assert _shown(measured)["Finding"] == "no lesion found"


def test_an_empty_mask_says_no_lesion_found_everywhere(host: Any, measured: Any, phantom: Phantom) -> None:
    _edit(measured, 0, np.ones(phantom.lungs.shape, dtype=bool))
    _settled(host, measured)
    assert "no lesion found" in _text(measured.ui.findingLabel)
    assert "no lesion found" in _text(measured.ui.ratioLabel)
    shown = _shown(measured)
    assert shown["Finding"] == "no lesion found"
    assert shown["Peripheral lesion ratio (outer 10 mm)"] == "n/a"
    chart = find_owned(measured._parameterNode.inputVolume, f"{lesion_plots.PERIPHERY_ROLE}.Chart")
    assert "no lesion found" in chart.GetTitle()
    measured.ui.tableComboBox.setCurrentIndex(3)
    assert tables.rows(measured.ui.resultTable.mrmlTableNode())[0]["Lesion"] == "No lesion found."
    assert measured.logic.goToLesion(0) is None


def test_a_click_on_a_lesion_jumps_there_and_a_heading_sorts(host: Any, measured: Any, phantom: Phantom) -> None:
    measured.ui.tableComboBox.setCurrentIndex(3)
    truth = measure_lesions(phantom.volume, phantom.lungs, phantom.lesions, MeasureSettings())
    model = measured.ui.resultTable.model()
    measured.ui.resultTable.horizontalHeader().sectionClicked.emit(8)  # mean density, rising
    shown = [float(row["Mean [HU]"]) for row in tables.rows(measured.ui.resultTable.mrmlTableNode())]
    assert shown == sorted(shown) and len(shown) == truth.lesion_count
    measured.ui.resultTable.clicked.emit(model.index(0, 0))
    lightest = min(truth.lesions, key=lambda lesion: lesion.mean_hu)
    red = host.scene.GetSingletonNode("Red", "vtkMRMLSliceNode").GetSliceToRAS()
    x, y, z = lightest.centre_lps_mm
    assert [red.GetElement(row, 3) for row in range(3)] == pytest.approx([-x, -y, z], abs=0.01)


def test_overlays_are_switched_in_the_panel(host: Any, measured: Any) -> None:
    volume = measured._parameterNode.inputVolume
    assert not any(overlays.is_shown(volume, overlay) for overlay in Overlay)
    measured.ui.shellCheckBox.click()
    measured.ui.mapCheckBox.click()
    measured.ui.coloringComboBox.setCurrentIndex(1)
    assert all(overlays.is_shown(volume, overlay) for overlay in Overlay)
    assert not measured._parameterNode.lesions.GetDisplayNode().GetVisibility3D()
    mark = find_owned(volume, "IntensityMap.CurrentSlice")
    red = host.scene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    row = int(mark.GetAttribute("COVIDMTL.Row"))
    red.SetSliceOffset(red.GetSliceOffset() + 2 * volume.GetSpacing()[2])
    assert int(mark.GetAttribute("COVIDMTL.Row")) == row + 2


def test_closing_the_scene_ends_the_measuring_process(host: Any, measured: Any) -> None:
    assert measured.logic._service.pid is not None
    host.clear_scene()
    assert measured.logic._service is None
    left = _nodes(host.scene)
    assert not [name for name in left if ("Table" in name and "Color" not in name) or "Segmentation" in name]
    assert not left["vtkMRMLScalarVolumeNode"] and _private_folders() == []


def test_without_a_volume_apply_is_off_and_says_why(host: Any) -> None:
    widget = host.open_module("LesionSeg")
    assert not widget.ui.applyButton.isEnabled()
    assert "volume" in str(widget.ui.applyButton.property("toolTip"))
    assert not widget.ui.correctionCollapsibleButton.isEnabled()


def test_the_methods_tell_what_they_learned_from(host: Any) -> None:
    widget = host.open_module("LesionSeg")
    box = widget.ui.methodComboBox
    assert box.count() >= METHODS
    assert "Learned from" in _text(widget.ui.modelCardLabel) and "Dice" in _text(widget.ui.modelCardLabel)
    box.setCurrentIndex(box.count() - 1)
    assert widget._parameterNode.method == "hu-bands" and "No weights" in _text(widget.ui.modelCardLabel)


@pytest.mark.slow
def test_apply_makes_the_lungs_too_and_a_second_run_updates_the_same_nodes(host: Any, phantom: Phantom) -> None:
    add_volume(host.scene, phantom.volume, "phantom")
    widget = host.open_module("LesionSeg")
    parameters = widget._parameterNode
    parameters.method = "hu-bands"
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    assert not [entry for entry in host.messages.shown if entry[0] == "error"], host.messages.shown
    _settled(host, widget)
    found = segmentations.labels_from_segmentation(parameters.lesions, parameters.inputVolume, LESION_LABELS) > 0
    truth = phantom.lesions > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.4  # 5 mm voxels
    assert "corrected" not in _text(widget.ui.findingLabel)
    lungs, lesions, nodes = parameters.lungs, parameters.lesions, _nodes(host.scene)
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    _settled(host, widget)
    assert (parameters.lungs, parameters.lesions) == (lungs, lesions) and _nodes(host.scene) == nodes
    assert len(_private_folders()) == 1  # the measuring process's own

    _edit(widget, 2, truth)  # an edit by hand is asked about, and kept when the user says no
    host.messages.answer = False
    widget.ui.applyButton.click()
    assert not widget.runner.busy and host.messages.shown[-1][0] == "question"


def test_cancel_is_over_within_a_second_and_leaves_the_scene_as_it_was(host: Any, phantom: Phantom) -> None:
    add_volume(host.scene, phantom.volume, "phantom")
    widget = host.open_module("LesionSeg")
    widget._parameterNode.method = "hu-bands"
    before = _nodes(host.scene)
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: widget.runner.job is not None and widget.runner.job.pid is not None, 20)
    host.settle(0.5)
    started = time.monotonic()
    widget.ui.cancelButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, 5)
    assert time.monotonic() - started < CANCEL_LIMIT_S
    assert _nodes(host.scene) == before and _private_folders() == []


@pytest.mark.slow
def test_a_saved_scene_comes_back_with_the_same_numbers_and_switches(host: Any, measured: Any, tmp_path: Path) -> None:
    measured.ui.shellCheckBox.click()
    measured.ui.thicknessSlider.setValue(15.0)
    _settled(host, measured)
    numbers = _shown(measured)
    path = tmp_path / "case.mrb"
    scene_file.write_scene(host.scene, path)
    host.clear_scene()
    scene_file.read_scene(host.scene, path)
    host.settle()
    again = measured._parameterNode
    assert again.thickness == 15.0 and again.showShell
    assert overlays.is_shown(again.inputVolume, Overlay.periphery)
    assert _shown(measured) == numbers
    _settled(host, measured)
    assert _shown(measured) == numbers
