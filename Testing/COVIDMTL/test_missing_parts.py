"""COVID-MTL with something missing: weights, packages, a GPU, lesions, a CT; and edits that come in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from QtHost.case_panel import (
    RUN_LIMIT_S,
    apply_case,
    errors,
    in_children,
    own_lesion_model,
    pictures,
    plain,
    without_files,
    without_packages,
)
from QtHost.lesion_panel import add_labels, edit, nodes_of

from ChestCTLib.labels import LESION_LABELS
from ChestCTLib.models import OWN_MODELS, list_models
from ChestCTLib.phantom import Phantom
from ChestCTMRML import lesion_plots, scene_file, tables
from ChestCTMRML.activation_overlay import activation_tasks, shown_activation
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.report_store import is_stale, kept_report
from ChestCTMRML.volumes import add_volume, set_map
from LesionSegLib.measures import MeasureSettings, measure_lesions

SAME_PICTURE = 2.0  # mean difference of grey values, of 255; a hidden overlay makes more


def _choices(selector: Any) -> list[str]:
    return [selector._box.itemText(index) for index in range(selector._box.property("count"))]


@pytest.mark.slow
@pytest.mark.parametrize("package", ["torch", "radiomics"])
def test_without_a_package_the_case_stands_and_says_what_is_missing(
    host: Any, masked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    in_children(tmp_path, monkeypatch, without_packages(package))
    parameters = masked._parameterNode
    parameters.lungFeatures = True
    parameters.network = parameters.intensityMap = package == "torch"
    apply_case(host, masked)
    assert errors(host) == [] and package in plain(masked.ui.missingLabel).lower()
    report = kept_report(parameters.inputVolume)
    assert report is not None and report.measure("lesions.volume.total").value
    assert "n/a" in plain(masked.ui.cohortLabel) and "n/a" in plain(masked.ui.prognosisLabel)
    assert masked.ui.reviewButton.property("enabled") and shown_activation(host.scene, parameters.inputVolume) is None


@pytest.mark.slow
def test_where_shipped_weights_are_gone_the_case_stands_and_names_them(
    host: Any, panel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [card.file for task in ("lesions", "mtl") for card in list_models(task)]
    in_children(tmp_path, monkeypatch, without_files(*files))
    parameters = panel._parameterNode
    parameters.lesionMethod = panel._methods[0].id
    apply_case(host, panel)
    assert errors(host) == []
    missing = plain(panel.ui.missingLabel)
    assert "covid-mtl-phantom-cpu" in missing and "Install the extension again" in missing
    assert "HU bands were used instead" in plain(panel.ui.warningLabel)
    report = kept_report(parameters.inputVolume)
    assert report is not None and "HU bands" in report.measure("lesions.volume.total").source
    assert activation_tasks(parameters.inputVolume) == []


@pytest.mark.slow
def test_own_weights_that_are_damaged_stop_the_run_with_a_remedy_and_leave_the_scene_as_it_was(
    host: Any, panel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = own_lesion_model(tmp_path)
    monkeypatch.setenv(OWN_MODELS, str(tmp_path))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    panel = host.open_module("COVIDMTL")  # it lists the methods that there are
    before = nodes_of(host.scene)
    panel._parameterNode.lesionMethod = "own"
    apply_case(host, panel)
    assert "weights of 'own' are damaged" in errors(host)[-1] and nodes_of(host.scene) == before

    weights.unlink()
    apply_case(host, panel)
    assert "no model 'own'" in errors(host)[-1] and nodes_of(host.scene) == before
    assert panel.ui.applyButton.property("enabled")


@pytest.mark.slow
def test_on_the_processor_alone_the_case_has_every_result_and_says_what_it_ran_on(host: Any, masked: Any) -> None:
    masked.ui.deviceComboBox.setProperty("currentIndex", 1)
    assert masked._parameterNode.device.name == "cpu"
    apply_case(host, masked)
    assert errors(host) == []
    report = kept_report(masked._parameterNode.inputVolume)
    assert report is not None and report.measure("network.ct.positive").value is not None
    assert report.provenance["device"] == "cpu"


@pytest.mark.slow
def test_an_empty_lesion_mask_says_no_lesion_found_everywhere(host: Any, phantom: Phantom, masked: Any) -> None:
    parameters, volume = masked._parameterNode, masked._parameterNode.inputVolume
    parameters.network = False
    parameters.lesions = add_labels(host, volume, "nothing", np.zeros_like(phantom.lesions), LESION_LABELS)
    apply_case(host, masked)
    assert errors(host) == []
    report = kept_report(volume)
    assert report is not None and report.measure("lesions.volume.total").value == 0.0
    rows = {row["Measure"]: row["Value"] for row in tables.rows(find_owned(volume, "Lesions.Table.totals"))}
    assert rows["Finding"] == "no lesion found" and rows["Peripheral lesion ratio (outer 10 mm)"] == "n/a"
    assert tables.rows(find_owned(volume, "Lesions.Table.single"))[0]["Lesion"] == "No lesion found."
    chart = find_owned(volume, f"{lesion_plots.PERIPHERY_ROLE}.Chart")
    assert "no lesion found" in chart.GetTitle() and "no lesion found" in plain(masked.ui.missingLabel).lower()
    masked.ui.shellCheckBox.click()  # the periphery without a lesion inside
    masked.ui.reviewButton.click()
    host.settle()
    assert not find_owned(volume, "Periphery.Lesion").GetPolyData().GetNumberOfPoints()


@pytest.mark.slow
def test_an_edit_during_a_run_makes_its_report_out_of_date_at_once(host: Any, phantom: Phantom, masked: Any) -> None:
    parameters, volume = masked._parameterNode, masked._parameterNode.inputVolume
    parameters.network = parameters.intensityMap = False
    masked.ui.applyButton.click()
    assert not masked.ui.inputVolumeSelector.property("enabled")  # the result belongs to this scan
    assert host.wait_for(lambda: masked.runner.job is not None and masked.runner.job.pid is not None, 20)
    edit(masked, 0, phantom.lungs == 1)
    assert host.wait_for(lambda: not masked.runner.busy, RUN_LIMIT_S)
    assert host.wait_for(lambda: not masked.logic.drawing, RUN_LIMIT_S)
    report = kept_report(volume)
    truth = measure_lesions(phantom.volume, phantom.lungs, phantom.lesions, MeasureSettings())
    assert report is not None  # of the mask as it was when Apply was pressed
    assert report.measure("lesions.volume.total").value == pytest.approx(truth.total.lesion_ml, abs=0.051)
    assert is_stale(volume) and "press Apply" in plain(masked.ui.warningLabel)
    assert masked.ui.inputVolumeSelector.property("enabled")


@pytest.mark.slow
def test_a_case_left_while_it_is_drawn_is_drawn_when_it_is_chosen_again(
    host: Any, phantom: Phantom, masked: Any
) -> None:
    parameters, first = masked._parameterNode, masked._parameterNode.inputVolume
    parameters.network = parameters.intensityMap = False
    masked.ui.applyButton.click()
    assert host.wait_for(lambda: masked.logic.drawing, RUN_LIMIT_S)
    parameters.inputVolume = add_volume(host.scene, phantom.volume, "second")
    host.settle()
    assert not masked.logic.drawing and find_owned(first, "Periphery.Shell") is None
    parameters.inputVolume = first
    assert masked.logic.drawing
    assert host.wait_for(lambda: not masked.logic.drawing, RUN_LIMIT_S)
    assert find_owned(first, "Periphery.Shell") is not None and plain(masked.ui.overlayStateLabel) == ""


def test_activation_maps_are_not_offered_as_scans_and_a_picture_of_another_kind_is_refused(
    host: Any, phantom: Phantom
) -> None:
    import slicer

    made = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "map")
    volume = add_volume(host.scene, phantom.volume, "phantom")
    set_map(made, np.zeros(phantom.lungs.shape), volume)
    before = nodes_of(host.scene)
    for name in ("LungRefine", "LesionSeg", "COVIDMTL"):
        widget = host.open_module(name)
        assert _choices(widget.ui.inputVolumeSelector) == ["phantom"]
        assert widget._parameterNode.inputVolume is volume
    assert _choices(widget.ui.earlierSelector) == ["Choose the earlier scan", "phantom"]
    assert nodes_of(host.scene) == before

    photo = add_volume(host.scene, phantom.volume, "photo")
    photo.GetImageData().AllocateScalars(3, 3)  # unsigned char, three values a voxel
    widget._parameterNode.inputVolume = photo
    widget.ui.applyButton.click()
    assert "3 values a voxel" in errors(host)[-1] and not widget.runner.busy


@pytest.mark.slow
def test_a_reopened_scene_shows_the_same_picture(host: Any, masked: Any, tmp_path: Path) -> None:
    apply_case(host, masked)
    masked.ui.plotComboBox.setCurrentIndex(3)
    host.settle()
    volume = masked._parameterNode.inputVolume
    chart = find_owned(volume, f"{lesion_plots.PROFILE_ROLE}.Chart")
    title = chart.GetTitle()
    assert "Intensity profile" in title
    view = host.scene.GetSingletonNode("PlotView1", "vtkMRMLPlotViewNode")
    assert view.GetPlotChartNode() is chart
    red = host.scene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    red.SetSliceOffset(red.GetSliceOffset() + 2 * volume.GetSpacing()[2])
    assert chart.GetTitle() != title  # the profile follows the slice
    before = pictures(host)
    assert len(before) == 6 and all(picture.std() > 5 for picture in before.values())
    path = tmp_path / "case.mrb"
    scene_file.write_scene(host.scene, path)
    host.clear_scene()
    emptied = pictures(host)
    scene_file.read_scene(host.scene, path)
    after = pictures(host)
    for name, picture in before.items():
        assert np.abs(picture - after[name]).mean() < SAME_PICTURE, name
        assert np.abs(picture - emptied[name]).mean() > SAME_PICTURE, name
    red.SetSliceOffset(red.GetSliceOffset() - 2 * volume.GetSpacing()[2])
    volume = masked._parameterNode.inputVolume
    assert find_owned(volume, f"{lesion_plots.PROFILE_ROLE}.Chart").GetTitle() == title
