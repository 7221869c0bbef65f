"""The LesionSeg module in the Qt host: what a user does, on the real panel, real MRML and real child processes."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from QtHost.lesion_panel import RUN_LIMIT_S, add_labels, edit, nodes_of, settled, shown, text
from QtHost.window import Heartbeat

from ChestCTJobs.job import FOLDER_PREFIX, Job
from ChestCTLib.errors import ChestCTError
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from ChestCTMRML import lesion_plots, overlays, scene_file, segmentations, tables
from ChestCTMRML.lesion_classes import ROLE as CLASSES_ROLE
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.overlays import Overlay
from ChestCTMRML.volumes import add_volume
from ChestCTSlicer import dependencies
from LesionSegLib.measures import MeasureSettings, measure_lesions

CANCEL_LIMIT_S = 1.0
BLOCKED_LIMIT_S = 0.3  # of processor time of the GUI's thread
SLIDER_LIMIT_S = 0.1  # of processor time
METHODS = 2  # hu-bands stands after the shipped network


def _private_folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}{os.getpid()}-*"))


def test_measures_of_given_masks_are_those_of_the_engine(measured: Any, phantom: Phantom) -> None:
    truth = measure_lesions(phantom.volume, phantom.lungs, phantom.lesions, MeasureSettings())
    table = shown(measured)
    assert float(table["Lesion volume, both lungs"]) == pytest.approx(truth.total.lesion_ml, abs=0.051)
    assert float(table["Peripheral lesion ratio (outer 10 mm)"]) == pytest.approx(truth.peripheral_percent, abs=0.051)
    assert measured.logic.ratio == pytest.approx(truth.peripheral_percent)
    assert truth.finding in text(measured.ui.findingLabel) and "by hand" not in text(measured.ui.findingLabel)
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
    assert text(measured.ui.ratioLabel).startswith(f"{truth.peripheral_percent:.1f} %")
    mark = find_owned(volume, f"{lesion_plots.PERIPHERY_ROLE}.Marker.Table").GetTable()
    assert mark.GetValue(1, 0).ToDouble() == 20.0
    assert shell.GetAttribute("COVIDMTL.ThicknessMm") == "20"
    settled(host, measured)
    assert "Peripheral lesion ratio (outer 20 mm)" in shown(measured)  # the tables follow when the slider rests
    assert host.scene.GetNumberOfNodes() == count
    measured.ui.thicknessSlider.setValue(0.0)
    assert measured.logic.ratio == 0.0


def test_painting_a_lesion_away_is_followed_by_all_numbers_and_undone(
    host: Any, measured: Any, phantom: Phantom
) -> None:
    before = float(shown(measured)["Lesion volume, both lungs"])
    editor = measured.ui.segmentEditor
    editor.saveStateForUndo()
    right = phantom.lungs == 1
    edit(measured, 0, right)
    settled(host, measured)
    remaining = np.where(right, 0, phantom.lesions).astype(np.uint8)
    truth = measure_lesions(phantom.volume, phantom.lungs, remaining, MeasureSettings())
    after = float(shown(measured)["Lesion volume, both lungs"])
    assert after == pytest.approx(truth.total.lesion_ml, abs=0.051) and after < before
    assert "corrected by hand" in text(measured.ui.findingLabel)
    editor.undo()
    settled(host, measured)
    assert float(shown(measured)["Lesion volume, both lungs"]) == before
    assert "by hand" not in text(measured.ui.findingLabel)


def test_of_two_quick_edits_the_last_one_isshown(host: Any, measured: Any, phantom: Phantom) -> None:
    edit(measured, 0, phantom.lungs == 1)
    host.wait_for(lambda: measured.logic.busy, 5)  # the first is being measured
    edit(measured, 0, phantom.lungs > 0)
    settled(host, measured)
    assert shown(measured)["Finding"] == "no lesion found"


def test_an_empty_mask_says_no_lesion_found_everywhere(host: Any, measured: Any, phantom: Phantom) -> None:
    edit(measured, 0, np.ones(phantom.lungs.shape, dtype=bool))
    settled(host, measured)
    assert "no lesion found" in text(measured.ui.findingLabel)
    assert "no lesion found" in text(measured.ui.ratioLabel)
    table = shown(measured)
    assert table["Finding"] == "no lesion found"
    assert table["Peripheral lesion ratio (outer 10 mm)"] == "n/a"
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
    means = [float(row["Mean [HU]"]) for row in tables.rows(measured.ui.resultTable.mrmlTableNode())]
    assert means == sorted(means) and len(means) == truth.lesion_count
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
    mark = find_owned(volume, "IntensityMap.CurrentSlice")
    red = host.scene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    row = int(mark.GetAttribute("COVIDMTL.Row"))
    red.SetSliceOffset(red.GetSliceOffset() + 2 * volume.GetSpacing()[2])
    assert int(mark.GetAttribute("COVIDMTL.Row")) == row + 2


def test_tables_stay_when_something_else_is_loaded(host: Any, measured: Any) -> None:
    before = shown(measured)
    host.scene.StartState(host.scene.BatchProcessState)
    host.scene.EndState(host.scene.BatchProcessState)
    host.settle()
    assert before and shown(measured) == before


def test_closing_the_scene_ends_the_measuring_process(host: Any, measured: Any) -> None:
    assert measured.logic._service.pid is not None
    host.clear_scene()
    assert measured.logic._service is None
    left = nodes_of(host.scene)
    assert not [name for name in left if ("Table" in name and "Color" not in name) or "Segmentation" in name]
    assert not left["vtkMRMLScalarVolumeNode"] and _private_folders() == []


@pytest.mark.skipif(os.name == "nt", reason="the launcher here is a shell script")
def test_measuring_works_through_slicers_launcher_and_leaves_no_process(
    host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    launcher = tmp_path / "PythonSlicer"  # starts Python as a child of its own and hands it no standard input
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@" </dev/null\nexit $?\n')
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    widget = request.getfixturevalue("measured")
    (worker,) = psutil.Process(widget.logic._service.pid).children()
    assert "ChestCTJobs.measure_worker" in worker.cmdline()
    widget.logic.close()
    assert host.wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, 1.0)


def test_without_a_volume_apply_is_off_and_says_why(host: Any) -> None:
    widget = host.open_module("LesionSeg")
    assert not widget.ui.applyButton.isEnabled()
    assert "volume" in str(widget.ui.applyButton.property("toolTip"))
    assert not widget.ui.correctionCollapsibleButton.isEnabled()


def test_the_methods_tell_what_they_learned_from(host: Any) -> None:
    widget = host.open_module("LesionSeg")
    box = widget.ui.methodComboBox
    assert box.count() >= METHODS
    assert "Learned from" in text(widget.ui.modelCardLabel) and "Dice" in text(widget.ui.modelCardLabel)
    box.setCurrentIndex(box.count() - 1)
    assert widget._parameterNode.method == "hu-bands" and "No weights" in text(widget.ui.modelCardLabel)


@pytest.mark.slow
def test_apply_makes_the_lungs_too_and_a_second_run_updates_the_same_nodes(host: Any, phantom: Phantom) -> None:
    add_volume(host.scene, phantom.volume, "phantom")
    widget = host.open_module("LesionSeg")
    parameters = widget._parameterNode
    parameters.method = "hu-bands"
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    assert not [entry for entry in host.messages.shown if entry[0] == "error"], host.messages.shown
    settled(host, widget)
    found = segmentations.labels_from_segmentation(parameters.lesions, parameters.inputVolume, LESION_LABELS) > 0
    truth = phantom.lesions > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.4  # 5 mm voxels
    assert "corrected" not in text(widget.ui.findingLabel)
    lungs, lesions, nodes = parameters.lungs, parameters.lesions, nodes_of(host.scene)
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    settled(host, widget)
    assert (parameters.lungs, parameters.lesions) == (lungs, lesions) and nodes_of(host.scene) == nodes
    assert len(_private_folders()) == 1  # the measuring process's own

    edit(widget, 2, truth)  # an edit by hand is asked about, and kept when the user says no
    host.messages.answer = False
    widget.ui.applyButton.click()
    assert not widget.runner.busy and host.messages.shown[-1][0] == "question"


def test_cancel_is_over_within_a_second_and_leaves_the_scene_as_it_was(host: Any, phantom: Phantom) -> None:
    add_volume(host.scene, phantom.volume, "phantom")
    widget = host.open_module("LesionSeg")
    widget._parameterNode.method = "hu-bands"
    before = nodes_of(host.scene)
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: widget.runner.job is not None and widget.runner.job.pid is not None, 20)
    host.settle(0.5)
    started = time.monotonic()
    widget.ui.cancelButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, 5)
    assert time.monotonic() - started < CANCEL_LIMIT_S
    assert nodes_of(host.scene) == before and _private_folders() == []


@pytest.mark.slow
def test_a_saved_scene_comes_back_with_the_same_numbers_and_switches(host: Any, measured: Any, tmp_path: Path) -> None:
    measured.ui.shellCheckBox.click()
    measured.ui.thicknessSlider.setValue(15.0)
    settled(host, measured)
    numbers = shown(measured)
    path = tmp_path / "case.mrb"
    scene_file.write_scene(host.scene, path)
    host.clear_scene()
    scene_file.read_scene(host.scene, path)
    host.settle()
    again = measured._parameterNode
    assert again.thickness == 15.0 and again.showShell
    assert overlays.is_shown(again.inputVolume, Overlay.periphery)
    assert shown(measured) == numbers
    settled(host, measured)
    assert shown(measured) == numbers


def test_the_event_loop_is_not_blocked_while_numbers_follow_an_edit(host: Any, measured: Any, phantom: Phantom) -> None:
    beat = Heartbeat()
    edit(measured, 0, phantom.lungs == 1)
    beat.start()
    settled(host, measured)
    beat.stop()
    assert beat.longest_busy_s < BLOCKED_LIMIT_S, f"on the clock {beat.longest_s:.2f} s"


def test_two_cases_in_one_scene_never_mix(host: Any, measured: Any, phantom: Phantom) -> None:
    parameters = measured._parameterNode
    first = (parameters.inputVolume, parameters.lungs, parameters.lesions)
    before = shown(measured)
    made = make_phantom(PhantomSettings(seed=5, spacing_mm=(8.0, 5.0, 5.0)))
    volume = add_volume(host.scene, made.volume, "other")
    lungs = add_labels(host, volume, "other lungs", made.lungs, LUNG_LABELS)
    lesions = add_labels(host, volume, "other lesions", made.lesions, LESION_LABELS)
    parameters.inputVolume = volume  # lungs and lesions of the first case are let go of, the case's own are taken
    assert (parameters.lungs, parameters.lesions) == (lungs, lesions)
    settled(host, measured)
    truth = measure_lesions(made.volume, made.lungs, made.lesions, MeasureSettings())
    assert float(shown(measured)["Lesion volume, both lungs"]) == pytest.approx(truth.total.lesion_ml, abs=0.051)
    edit(measured, 0, made.lungs > 0)
    parameters.inputVolume = first[0]  # in the middle of the measuring
    assert (parameters.lungs, parameters.lesions) == first[1:]
    settled(host, measured)
    assert shown(measured) == before
    assert find_owned(volume, "Lesions.Table.totals") is not find_owned(first[0], "Lesions.Table.totals")


def test_an_edit_during_a_run_is_kept_and_the_result_gets_its_own_segmentation(
    host: Any, measured: Any, phantom: Phantom
) -> None:
    parameters = measured._parameterNode
    parameters.method = "hu-bands"
    drawn = parameters.lesions
    measured.ui.applyButton.click()
    assert host.wait_for(lambda: measured.runner.job is not None and measured.runner.job.pid is not None, 20)
    edit(measured, 0, phantom.lungs == 1)
    assert host.wait_for(lambda: not measured.runner.busy, RUN_LIMIT_S)
    settled(host, measured)
    assert parameters.lesions is not drawn
    kept = segmentations.labels_from_segmentation(drawn, parameters.inputVolume, LESION_LABELS)
    assert np.array_equal(kept, np.where(phantom.lungs == 1, 0, phantom.lesions))


def test_lesions_under_correction_are_shown_in_3d_by_their_model(host: Any, measured: Any) -> None:
    volume, lesions = measured._parameterNode.inputVolume, measured._parameterNode.lesions
    model = find_owned(volume, CLASSES_ROLE)
    assert model.GetPolyData().GetNumberOfPoints() and model.GetDisplayNode().GetVisibility()
    assert not lesions.GetSegmentation().ContainsRepresentation(segmentations.SURFACE)
    measured.ui.coloringComboBox.setCurrentIndex(2)
    assert not model.GetDisplayNode().GetVisibility()


def test_without_torch_a_network_is_not_started_and_the_user_is_told(
    host: Any, measured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = dependencies.find_spec
    monkeypatch.setattr(dependencies, "find_spec", lambda name: None if name == "torch" else found(name))
    measured._parameterNode.method = measured._methods[0].id
    measured.ui.applyButton.click()
    kind, message = host.messages.shown[-1]
    assert kind == "error" and "PyTorch" in message and not measured.runner.busy
    assert "Failed" in text(measured.ui.statusLabel)


def test_it_is_told_what_networks_can_run_on(host: Any) -> None:
    widget = host.open_module("LesionSeg")
    assert host.wait_for(lambda: text(widget.ui.deviceLabel).startswith("Found"), 60)
    assert widget.ui.deviceComboBox.property("count") == 3


@pytest.mark.slow
def test_the_modules_own_self_test_passes(host: Any) -> None:
    module = importlib.import_module("LesionSeg")
    test = module.LesionSegTest()
    test.runTest()
    assert host.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")


def test_a_network_whose_weights_are_missing_is_told_with_a_remedy(host: Any, measured: Any) -> None:
    before = nodes_of(host.scene)
    job = measured.logic.makeJob(measured._parameterNode)
    command = tuple("gone" if part == measured._parameterNode.method else part for part in job.work.commands[0])
    gone = Job(replace(job.work, commands=(command,)))
    with pytest.raises(ChestCTError, match="no model 'gone'") as told:
        gone.run_to_end()
    assert told.value.remedy and nodes_of(host.scene) == before and gone.pid is None
