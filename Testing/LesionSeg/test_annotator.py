"""The annotator's part of Lesion Seg in the Qt host: limits of painting, training pairs, work lists, two readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from QtHost.lesion_panel import RUN_LIMIT_S, edit, nodes_of, settled, text

from ChestCTLib.io import write_image
from ChestCTLib.labels import LESION_LABELS
from ChestCTLib.phantom import Phantom
from ChestCTMRML import paint_limits, tables
from ChestCTMRML.case_nodes import keep_original, original_of
from ChestCTMRML.segmentations import labels_from_segmentation, match_segments
from LesionSegLib.corrections import list_corrections, read_correction
from LesionSegLib.work_list import CaseState


def _run_ends(host: Any, widget: Any) -> None:
    assert host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    host.settle()
    assert not [entry for entry in host.messages.shown if entry[0] == "error"], host.messages.shown


def test_painting_is_limited_to_the_lungs_and_a_range_and_set_free_again(
    host: Any, measured: Any, phantom: Phantom
) -> None:
    parameters, editor = measured._parameterNode, measured.logic.editorNode()
    count = host.scene.GetNumberOfNodes()
    measured.ui.paintInLungsCheckBox.click()
    settled(host, measured)
    lesions = parameters.lesions
    assert editor.GetMaskMode() == slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment
    assert editor.GetOverwriteMode() == editor.OverwriteVisibleSegments
    limit = lesions.GetSegmentation().GetSegment(editor.GetMaskSegmentID())
    image = limit.GetRepresentation("Binary labelmap")
    assert image.GetScalarRange()[1] == 1 and not lesions.GetDisplayNode().GetSegmentVisibility(
        editor.GetMaskSegmentID()
    )
    assert np.array_equal(labels_from_segmentation(lesions, parameters.inputVolume, LESION_LABELS), phantom.lesions)
    measured.ui.paintInRangeCheckBox.click()
    measured.ui.paintFromSpinBox.setProperty("value", -800.0)
    assert editor.GetSourceVolumeIntensityMask() and editor.GetSourceVolumeIntensityMaskRange() == (-800.0, 150.0)
    measured.ui.paintInLungsCheckBox.click()
    measured.ui.paintInRangeCheckBox.click()
    settled(host, measured)
    assert not paint_limits.has_limit(lesions) and not editor.GetSourceVolumeIntensityMask()
    editor.SetSourceVolumeIntensityMask(True)  # in the editor's own box, which stays the user's
    measured.measureSoon()
    settled(host, measured)
    assert editor.GetSourceVolumeIntensityMask()
    assert editor.GetMaskMode() == slicer.vtkMRMLSegmentationNode.EditAllowedEverywhere
    assert host.scene.GetNumberOfNodes() == count
    assert "by hand" not in text(measured.ui.findingLabel)


def test_a_correction_is_saved_as_a_pair_with_what_it_changed(
    host: Any, measured: Any, phantom: Phantom, tmp_path: Path
) -> None:
    edit(measured, 0, phantom.lungs == 1)
    settled(host, measured)
    before = nodes_of(host.scene)
    measured.annotator.setFolder(tmp_path)
    measured.ui.readerLineEdit.setProperty("text", "ab")
    measured.ui.savePairButton.click()
    _run_ends(host, measured)
    (correction,) = list_corrections(tmp_path)
    removed = ((phantom.lesions > 0) & (phantom.lungs == 1)).sum() * phantom.volume.voxel_ml
    assert correction.removed_ml == pytest.approx(removed) and correction.added_ml == 0 and correction.reader == "AB"
    assert f"{removed:.1f} mL removed" in text(measured.ui.statusLabel)
    pair = read_correction(correction)
    assert np.array_equal(pair.lesions, np.where(phantom.lungs == 1, 0, phantom.lesions))
    assert np.array_equal(pair.original, phantom.lesions)
    assert nodes_of(host.scene) == before


def test_a_work_list_goes_on_to_the_next_case_and_the_older_one_leaves_the_scene(
    host: Any, phantom: Phantom, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        write_image(phantom.volume.hu, phantom.volume, tmp_path / f"{name}.nii.gz")
    widget = host.open_module("LesionSeg")
    widget.annotator.openWorkList(str(tmp_path))
    _run_ends(host, widget)
    assert widget._parameterNode.inputVolume.GetName() == "first"
    assert "Case 1 of 2: first.nii.gz, open" in text(widget.ui.workListLabel)
    widget.ui.acceptCaseButton.click()
    assert "accepted: 1" in text(widget.ui.workListLabel)
    keep = nodes_of(host.scene)
    widget.ui.nextCaseButton.click()
    _run_ends(host, widget)
    assert widget._parameterNode.inputVolume.GetName() == "second" and nodes_of(host.scene) == keep
    assert not widget.ui.nextCaseButton.isEnabled() and widget.ui.previousCaseButton.isEnabled()
    assert widget.annotator.workList.cases[0].state is CaseState.accepted


def test_a_case_with_unsaved_edits_is_left_only_after_asking(
    host: Any, measured: Any, phantom: Phantom, tmp_path: Path
) -> None:
    write_image(phantom.volume.hu, phantom.volume, tmp_path / "next.nii.gz")
    edit(measured, 0, phantom.lungs == 1)
    settled(host, measured)
    host.messages.answer = False
    volume = measured._parameterNode.inputVolume
    measured.annotator.openWorkList(str(tmp_path))
    assert host.messages.shown[-1][0] == "question" and not measured.runner.busy
    assert measured._parameterNode.inputVolume is volume
    host.messages.answer = True
    measured.annotator.openWorkList(str(tmp_path))
    _run_ends(host, measured)
    left = nodes_of(host.scene)
    assert measured._parameterNode.inputVolume.GetName() == "next" and measured._parameterNode.lesions is None
    assert left["vtkMRMLScalarVolumeNode"] == 1 and not left["vtkMRMLSegmentationNode"]
    models = [host.scene.GetNthNodeByClass(n, "vtkMRMLModelNode").GetName() for n in range(left["vtkMRMLModelNode"])]
    assert not [name for name in models if "phantom" in name]  # the slices' own models stay
    assert not left["vtkMRMLPlotChartNode"] and text(measured.ui.findingLabel) == ""


def test_two_readers_are_compared_class_by_class(host: Any, measured: Any, phantom: Phantom) -> None:
    parameters = measured._parameterNode
    other = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "second reader")
    other.SetReferenceImageGeometryParameterFromVolumeNode(parameters.inputVolume)
    other.GetSegmentation().DeepCopy(parameters.lesions.GetSegmentation())
    parameters.secondReader = other
    edit(measured, 0, phantom.lungs == 1)
    settled(host, measured)
    measured.ui.compareButton.click()
    settled(host, measured)
    rows = tables.rows(measured.ui.agreementTable.mrmlTableNode())
    one, two = np.where(phantom.lungs == 1, 0, phantom.lesions) > 0, phantom.lesions > 0
    assert float(rows[-1]["Dice"]) == pytest.approx(2 * (one & two).sum() / (one.sum() + two.sum()), abs=0.001)
    difference = (int(two.sum()) - int(one.sum())) * phantom.volume.voxel_ml
    assert float(rows[-1]["Difference [mL]"]) == pytest.approx(difference, abs=0.06)
    parameters.secondReader = original_of(parameters.inputVolume)  # the mask before the correction serves too
    measured.ui.compareButton.click()
    settled(host, measured)
    assert tables.rows(measured.ui.agreementTable.mrmlTableNode())[-1]["Dice"] == rows[-1]["Dice"]


def test_the_mask_before_correction_is_kept_once_and_not_shown(host: Any, measured: Any, phantom: Phantom) -> None:
    parameters = measured._parameterNode
    original = original_of(parameters.inputVolume)
    assert original.GetDisplayNode() is None
    count = host.scene.GetNumberOfNodes()
    edit(measured, 0, phantom.lungs > 0)
    settled(host, measured)
    assert original_of(parameters.inputVolume) is original and host.scene.GetNumberOfNodes() == count
    assert np.array_equal(labels_from_segmentation(original, parameters.inputVolume, LESION_LABELS), phantom.lesions)
    keep_original(host.scene, parameters.inputVolume, parameters.lesions)  # as after Apply: the new mask
    assert len(match_segments(original, LESION_LABELS)) == len(LESION_LABELS)
    assert not labels_from_segmentation(original, parameters.inputVolume, LESION_LABELS).any()
