"""The COVIDMTL module in the Qt host: what a user does, on the real panel, real MRML and real child processes."""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from QtHost.case_panel import RUN_LIMIT_S, apply_case, errors, plain
from QtHost.lesion_panel import add_labels, edit, nodes_of

from ChestCTJobs.job import FOLDER_PREFIX
from ChestCTLib.case_report import report_from_json
from ChestCTLib.labels import CHANGE_LABELS, LESION_LABELS, LUNG_LABELS
from ChestCTLib.phantom import Phantom
from ChestCTMRML import intensity_plane, overlays, scene_file, segmentations, tables
from ChestCTMRML.activation_overlay import activation_tasks, shown_activation
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.overlays import Overlay
from ChestCTMRML.report_store import is_stale, kept_report
from ChestCTMRML.volumes import add_volume
from LesionSegLib.measures import MeasureSettings, measure_lesions

CANCEL_LIMIT_S = 1.0
BUSY_LIMIT_S = 0.3  # of the GUI's own processor time in one turn of the event loop


def _private_folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}{os.getpid()}-*"))


@pytest.mark.slow
def test_one_click_makes_the_reviewed_case_and_a_second_run_updates_the_same_nodes(
    host: Any, phantom: Phantom, panel: Any
) -> None:
    from QtHost.window import Heartbeat

    parameters, volume = panel._parameterNode, panel._parameterNode.inputVolume
    beat = Heartbeat()
    beat.start()
    apply_case(host, panel)
    beat.stop()
    assert errors(host) == [] and beat.longest_busy_s < BUSY_LIMIT_S
    report = kept_report(volume)
    assert report is not None
    found = segmentations.labels_from_segmentation(parameters.lesions, volume, LESION_LABELS) > 0
    voxel_ml = phantom.volume.voxel_ml
    inside = segmentations.labels_from_segmentation(parameters.lungs, volume, LUNG_LABELS) > 0
    assert report.measure("lesions.volume.total").value == pytest.approx((found & inside).sum() * voxel_ml, abs=0.06)
    assert shown_activation(host.scene, volume) == "ct" and activation_tasks(volume) == ["ct", "nat", "severity"]
    assert overlays.is_shown(volume, Overlay.intensity_map) and not overlays.is_shown(volume, Overlay.periphery)
    bars = plain(panel.ui.barsLabel)
    probability = float(report.measure("network.ct.positive").value or 0)
    assert f"{probability:.2f}" in bars and bars.count("research use only") == 3
    assert "synthetic" in panel.ui.modelComboBox.currentText()
    assert "left out of this run" in plain(panel.ui.missingLabel) and "n/a" in plain(panel.ui.prognosisLabel)
    assert panel.ui.resultTable.mrmlTableNode() is find_owned(volume, "Report.network.Measures")

    nodes, lungs, lesions = nodes_of(host.scene), parameters.lungs, parameters.lesions
    parameters.lesions = None  # segment them anew: the case's own node is filled again
    apply_case(host, panel)
    assert errors(host) == [] and nodes_of(host.scene) == nodes
    assert (parameters.lungs, parameters.lesions) == (lungs, lesions)
    again = kept_report(volume)
    assert again is not None and again.measure("lungs.recovered").why  # the lungs were given this time
    assert again.measure("lesions.volume.total").value == report.measure("lesions.volume.total").value
    assert _private_folders() == []


@pytest.mark.slow
def test_given_masks_are_measured_as_they_are_and_edits_make_the_report_out_of_date(
    host: Any, phantom: Phantom, masked: Any, tmp_path: Path
) -> None:
    volume = masked._parameterNode.inputVolume
    masked._parameterNode.network = False
    apply_case(host, masked)
    assert errors(host) == []
    report = kept_report(volume)
    truth = measure_lesions(phantom.volume, phantom.lungs, phantom.lesions, MeasureSettings())
    assert report is not None
    assert report.measure("lesions.volume.total").value == pytest.approx(truth.total.lesion_ml, abs=0.051)
    assert "by hand" not in report.section("lesions").notes[0]
    assert "Multitask network: left out" in plain(masked.ui.missingLabel)
    assert shown_activation(host.scene, volume) is None and "no model was asked" in plain(masked.ui.barsLabel)

    masked.ui.exportDirectoryButton.directory = str(tmp_path)
    masked.ui.exportButton.click()
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"report.html", "report.pdf", "report.json", "measures.csv"}
    assert report_from_json((tmp_path / "report.json").read_text("utf-8")) == report
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    host.messages.answer = False
    masked.ui.exportButton.click()
    assert host.messages.shown[-1][0] == "question" and "Nothing was written" in plain(masked.ui.statusLabel)

    host.messages.answer = True
    assert not is_stale(volume)
    edit(masked, 0, phantom.lungs == 1)
    host.settle()
    assert is_stale(volume) and "press Apply" in plain(masked.ui.warningLabel)
    edited = segmentations.labels_from_segmentation(masked._parameterNode.lesions, volume, LESION_LABELS)
    apply_case(host, masked)
    assert errors(host) == []
    corrected = kept_report(volume)
    assert corrected is not None and "corrected by hand" in corrected.section("lesions").notes[0]
    truth = measure_lesions(phantom.volume, phantom.lungs, edited, MeasureSettings())
    assert corrected.measure("lesions.volume.total").value == pytest.approx(truth.total.lesion_ml, abs=0.051)
    assert not is_stale(volume)
    after = segmentations.labels_from_segmentation(masked._parameterNode.lesions, volume, LESION_LABELS)
    assert np.array_equal(after, edited)  # the edit itself is kept


@pytest.mark.slow
def test_a_saved_scene_comes_back_with_the_same_picture_and_numbers(host: Any, masked: Any, tmp_path: Path) -> None:
    apply_case(host, masked)
    masked.ui.taskComboBox.setCurrentIndex(3)
    masked.ui.thresholdSlider.setValue(0.5)
    masked.ui.shellCheckBox.click()
    host.settle()
    volume = masked._parameterNode.inputVolume
    mark = find_owned(volume, intensity_plane.MARK_ROLE)
    red = host.scene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    row = int(mark.GetAttribute("COVIDMTL.Row"))
    red.SetSliceOffset(red.GetSliceOffset() + 2 * volume.GetSpacing()[2])
    assert int(mark.GetAttribute("COVIDMTL.Row")) == row + 2  # the mark follows the axial view
    shown = [plain(label) for label in (masked.ui.barsLabel, masked.ui.missingLabel, masked.ui.mapLabel)]
    rows = tables.rows(masked.ui.resultTable.mrmlTableNode())
    report, nodes = kept_report(volume), nodes_of(host.scene)
    path = tmp_path / "case.mrb"
    scene_file.write_scene(host.scene, path)
    host.clear_scene()
    assert plain(masked.ui.barsLabel).strip() == "" and not masked.ui.exportButton.property("enabled")
    scene_file.read_scene(host.scene, path)
    host.settle()
    volume = masked._parameterNode.inputVolume
    assert kept_report(volume) == report
    assert [plain(label) for label in (masked.ui.barsLabel, masked.ui.missingLabel, masked.ui.mapLabel)] == shown
    assert tables.rows(masked.ui.resultTable.mrmlTableNode()) == rows
    assert shown_activation(host.scene, volume) == "severity"
    assert find_owned(volume, "Activation.severity").GetScalarVolumeDisplayNode().GetLowerThreshold() == 0.5
    assert overlays.is_shown(volume, Overlay.periphery) and overlays.is_shown(volume, Overlay.intensity_map)
    kept = nodes_of(host.scene)
    assert {name: kept[name] for name in kept if "Storage" not in name} == {
        name: nodes[name] for name in nodes if "Storage" not in name
    }


@pytest.mark.slow
def test_two_cases_in_one_scene_do_not_mix_and_are_compared(host: Any, phantom: Phantom, masked: Any) -> None:
    parameters = masked._parameterNode
    parameters.network = parameters.intensityMap = False
    first = parameters.inputVolume
    apply_case(host, masked)
    lungs = parameters.lungs
    second = add_volume(host.scene, phantom.volume, "second")
    parameters.inputVolume = second
    host.settle()
    assert parameters.lungs is None and parameters.lesions is None and "n/a" not in plain(masked.ui.barsLabel)
    assert not lungs.GetDisplayNode().GetVisibility() and not masked.ui.exportButton.property("enabled")
    parameters.lungs = lungs  # of the other scan
    masked.ui.applyButton.click()
    assert "belongs to" in errors(host)[-1] and not masked.runner.busy

    fewer = np.where(phantom.lungs == 1, 0, phantom.lesions).astype(np.uint8)
    for name, array, labels in (("lungs", phantom.lungs, LUNG_LABELS), ("lesions", fewer, LESION_LABELS)):
        setattr(parameters, name, add_labels(host, second, f"second {name}", array, labels))
    apply_case(host, masked)
    reports = [kept_report(node) for node in (first, second)]
    volumes = [report.measure("lesions.volume.total").value for report in reports if report is not None]
    assert volumes[0] > volumes[1] > 0
    assert not overlays.is_shown(first, Overlay.intensity_map) and overlays.is_shown(second, Overlay.intensity_map)

    parameters.earlier = first
    masked.ui.compareButton.click()
    assert host.wait_for(lambda: not masked.runner.busy, RUN_LIMIT_S)
    assert len(errors(host)) == 1, host.messages.shown
    change = segmentations.labels_from_segmentation(find_owned(second, "FollowUp.Change"), second, CHANGE_LABELS)
    gone = (phantom.lesions > 0) & (fewer == 0)
    assert 2 * ((change == 2) & gone).sum() / ((change == 2).sum() + gone.sum()) > 0.9
    assert not (change == 1).sum() > 0.02 * gone.sum() and (change == 3).any()
    assert "resolved" in plain(masked.ui.followUpLabel)
    assert masked.ui.resultTable.mrmlTableNode() is find_owned(second, "FollowUp.Measures")
    nodes = nodes_of(host.scene)
    masked.ui.compareButton.click()
    assert host.wait_for(lambda: not masked.runner.busy, RUN_LIMIT_S)
    assert nodes_of(host.scene) == nodes

    parameters.inputVolume = first
    host.settle()
    assert parameters.lungs is lungs and lungs.GetDisplayNode().GetVisibility()
    assert not overlays.is_shown(second, Overlay.intensity_map)


def test_cancel_is_over_within_a_second_and_leaves_the_scene_as_it_was(host: Any, panel: Any) -> None:
    before = nodes_of(host.scene)
    panel.ui.applyButton.click()
    assert host.wait_for(lambda: panel.runner.job is not None and panel.runner.job.pid is not None, 20)
    host.settle(0.5)
    started = time.monotonic()
    panel.ui.cancelButton.click()
    assert host.wait_for(lambda: not panel.runner.busy, 5)
    assert time.monotonic() - started < CANCEL_LIMIT_S
    assert nodes_of(host.scene) == before and _private_folders() == []


def test_closing_the_scene_ends_the_run(host: Any, panel: Any) -> None:
    panel.ui.applyButton.click()
    assert host.wait_for(lambda: panel.runner.job is not None and panel.runner.job.pid is not None, 20)
    host.clear_scene()
    assert not panel.runner.busy and _private_folders() == []
    assert not nodes_of(host.scene)["vtkMRMLScalarVolumeNode"] and "closed" in plain(panel.ui.statusLabel)


def test_a_failing_run_tells_why_and_leaves_the_scene_as_it_was(host: Any, phantom: Phantom) -> None:
    from ChestCTMRML.volumes import voxels

    node = add_volume(host.scene, phantom.volume, "air")
    voxels(node)[:] = -1000
    widget = host.open_module("COVIDMTL")
    widget._parameterNode.lesionMethod = "hu-bands"
    before = nodes_of(host.scene)
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    assert errors(host) and "Failed" in plain(widget.ui.statusLabel)
    assert nodes_of(host.scene) == before and _private_folders() == []


def test_without_a_volume_apply_is_off_and_a_label_map_is_refused(host: Any) -> None:
    import slicer

    widget = host.open_module("COVIDMTL")
    assert not widget.ui.applyButton.property("enabled") and "volume" in str(widget.ui.applyButton.property("toolTip"))
    assert not widget.ui.reviewButton.property("enabled") and not widget.ui.exportButton.property("enabled")
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    widget._parameterNode.inputVolume = empty
    widget.ui.applyButton.click()
    assert "no voxels" in errors(host)[-1] and not widget.runner.busy


def test_a_mask_without_the_lungs_is_refused_with_the_names_it_has(host: Any, masked: Any) -> None:
    parameters = masked._parameterNode
    parameters.lungs = parameters.lesions
    masked.ui.applyButton.click()
    assert host.wait_for(lambda: not masked.runner.busy, 20)
    assert "no segment for right lung" in errors(host)[-1] and "ground glass" in errors(host)[-1]


def test_the_panel_tells_what_models_learned_from_and_what_device_was_found(host: Any) -> None:
    widget = host.open_module("COVIDMTL")
    assert {"real cohort", "synthetic"} <= set(
        re.findall(r"real cohort|real slices|synthetic", plain(widget.ui.modelsLabel))
    )
    assert "learned" in str(widget.ui.lesionMethodComboBox.property("toolTip")).lower()
    assert host.wait_for(lambda: "Found" in plain(widget.ui.deviceLabel), 120)
