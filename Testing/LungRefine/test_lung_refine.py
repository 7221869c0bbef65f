"""The LungRefine module in the Qt host: what a user does, on the real panel, real MRML and real child processes."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from vtk.util import numpy_support

from ChestCTJobs.job import FOLDER_PREFIX
from ChestCTLib.labels import AIRWAY, LUNG_LABELS
from ChestCTLib.phantom import Phantom
from ChestCTMRML import displays, layouts, scene_file, segmentations, tables
from ChestCTMRML.volumes import add_volume, set_volume

RUN_LIMIT_S = 180
CANCEL_LIMIT_S = 1.0
BLOCKED_LIMIT_S = 0.3  # of the GUI thread's own processor time; the clock also counts what else runs on the machine
PROMISED = Counter(
    {
        "vtkMRMLSegmentationNode": 2,  # result and classical method
        "vtkMRMLSegmentationDisplayNode": 2,
        "vtkMRMLTableNode": 2,  # measures, values of the plot
        "vtkMRMLPlotChartNode": 1,
        "vtkMRMLPlotSeriesNode": 1,
    }
)


def _nodes(scene: Any) -> Counter[str]:
    """How many nodes of each class a user could see or save; the application's own ones do not count."""
    own = ("View", "Slice", "Layout", "Camera", "Selection", "Interaction", "Crosshair", "Color", "Module", "Hierarchy")
    own += ("vtkMRMLModel", "vtkMRMLLinearTransformNode", "SegmentEditor")  # of the slice planes in 3D
    names = [scene.GetNthNode(index).GetClassName() for index in range(scene.GetNumberOfNodes())]
    return Counter(name for name in names if not any(part in name for part in own))


def _open(host: Any, phantom: Phantom | None) -> Any:
    if phantom is not None:
        add_volume(host.scene, phantom.volume, "phantom")
    return host.open_module("LungRefine")


def _apply(host: Any, widget: Any) -> None:
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    host.settle()


def _text(widget: Any) -> str:
    return str(widget.property("text"))


def _enabled(widget: Any) -> bool:
    return bool(widget.property("enabled"))


def _private_folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}{os.getpid()}-*"))


@pytest.fixture
def done(host: Any, phantom: Phantom) -> Any:
    """The panel after a run on the phantom."""
    widget = _open(host, phantom)
    _apply(host, widget)
    assert not [entry for entry in host.messages.shown if entry[0] == "error"], host.messages.shown
    return widget


@pytest.mark.slow
def test_a_run_shows_the_lungs_and_adds_exactly_the_promised_nodes(host: Any, phantom: Phantom) -> None:
    from QtHost.window import Heartbeat

    widget = _open(host, phantom)
    before = _nodes(host.scene)
    beat = Heartbeat()
    beat.start()
    _apply(host, widget)
    beat.stop()
    assert beat.longest_busy_s < BLOCKED_LIMIT_S, f"on the clock {beat.longest_s:.2f} s"
    assert _nodes(host.scene) - before == PROMISED

    parameters = widget._parameterNode
    found = segmentations.labels_from_segmentation(parameters.lungs, parameters.inputVolume, LUNG_LABELS)
    overlap = 2 * ((found > 0) & (phantom.lungs > 0)).sum() / ((found > 0).sum() + (phantom.lungs > 0).sum())
    assert overlap > 0.93
    names = segmentations.segment_names(parameters.lungs)
    assert names == [label.name for label in (*LUNG_LABELS, AIRWAY)]
    shown = {row["Measure"]: row for row in tables.rows(widget.ui.resultTable.mrmlTableNode())}
    voxel_ml = phantom.volume.voxel_ml
    assert float(shown["Right lung"]["Value"]) == pytest.approx((found == 1).sum() * voxel_ml, rel=0.01)
    assert shown["Right lung"]["Unit"] == "mL"
    assert host.layout_manager.property("layout") == layouts.REVIEW_LAYOUT
    assert _text(widget.ui.statusLabel).startswith("Done.")
    assert _private_folders() == []

    # a second run updates the same nodes
    lungs, count = parameters.lungs, host.scene.GetNumberOfNodes()
    _apply(host, widget)
    assert parameters.lungs is lungs
    assert host.scene.GetNumberOfNodes() == count

    # an edit by hand is asked about, and kept when the user says no
    image = lungs.GetSegmentation().GetNthSegment(0).GetRepresentation(segmentations.LABELMAP)
    numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())[:50] = 1
    host.messages.answer = False
    widget.ui.applyButton.click()
    assert not widget.runner.busy
    assert host.messages.shown[-1][0] == "question" and "right lung" in host.messages.shown[-1][1]
    assert segmentations.edited_segments(lungs, LUNG_LABELS) == ["right lung"]

    # comparison with itself as reference: one more table; without it, that table goes again
    host.messages.answer = True
    parameters.reference = lungs
    _apply(host, widget)
    rows = {row["Measure"]: row["Value"] for row in tables.rows(widget.ui.comparisonTable.mrmlTableNode())}
    assert float(rows["Dice"]) > 0.99
    assert len(rows) == 9
    assert host.scene.GetNumberOfNodes() == count + 1
    parameters.reference = None
    _apply(host, widget)
    assert host.scene.GetNumberOfNodes() == count


@pytest.mark.slow
def test_a_saved_scene_comes_back_with_nodes_parameters_and_displays(host: Any, done: Any, tmp_path: Path) -> None:
    parameters = done._parameterNode
    parameters.airway = False
    parameters.costalReach = 25.0
    done.ui.classicalDrawingComboBox.setProperty("currentIndex", 3)  # hidden
    before = _nodes(host.scene)
    voxels = segmentations.labels_from_segmentation(parameters.lungs, parameters.inputVolume, LUNG_LABELS)
    path = tmp_path / "case.mrb"
    scene_file.write_scene(host.scene, path)
    stored = _nodes(host.scene) - before
    assert all("Storage" in name for name in stored)  # saving adds storage nodes and nothing else
    host.scene.Clear(False)
    host.settle()
    assert done._parameterNode.inputVolume is None
    scene_file.read_scene(host.scene, path)
    host.settle()

    again = done._parameterNode
    assert _nodes(host.scene) == before + stored
    assert again.inputVolume.GetName() == "phantom"
    assert again.airway is False and again.costalReach == 25.0
    assert again.method.name == "refined" and again.classicalDrawing.name == "hidden"
    np.testing.assert_array_equal(
        segmentations.labels_from_segmentation(again.lungs, again.inputVolume, LUNG_LABELS), voxels
    )
    nodes = done.resultNodes()
    assert nodes.measures is not None and nodes.chart is not None
    assert not nodes.classical.GetDisplayNode().GetVisibility()
    assert nodes.lungs.GetDisplayNode().GetOpacity3D() == pytest.approx(displays.LUNG_OPACITY_3D)
    assert done.ui.resultTable.mrmlTableNode() is nodes.measures
    assert segmentations.edited_segments(nodes.lungs, LUNG_LABELS) == []


def test_cancel_in_the_middle_is_over_within_a_second_and_leaves_the_scene_as_it_was(
    host: Any, phantom: Phantom
) -> None:
    import time

    widget = _open(host, phantom)
    before = _nodes(host.scene)
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: widget.runner.job is not None and widget.runner.job.pid is not None, 20)
    host.settle(1.0)
    assert widget.runner.busy
    started = time.monotonic()
    widget.ui.cancelButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, 5)
    assert time.monotonic() - started < CANCEL_LIMIT_S
    assert _nodes(host.scene) == before
    assert _text(widget.ui.statusLabel) == "Cancelled; nothing was changed."
    assert _enabled(widget.ui.applyButton) and not _enabled(widget.ui.cancelButton)
    assert _private_folders() == []


def test_closing_the_scene_during_a_run_ends_the_run(host: Any, phantom: Phantom) -> None:
    widget = _open(host, phantom)
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: widget.runner.job is not None and widget.runner.job.pid is not None, 20)
    host.clear_scene()
    assert not widget.runner.busy
    assert sum(_nodes(host.scene).values()) == 0
    assert _private_folders() == []
    assert not _enabled(widget.ui.applyButton)


def test_leaving_the_application_during_a_run_ends_the_run(host: Any, phantom: Phantom) -> None:
    widget = _open(host, phantom)
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: widget.runner.job is not None and widget.runner.job.pid is not None, 20)
    host.close_module()
    assert not widget.runner.busy and _private_folders() == []


def test_without_a_volume_apply_is_off_and_says_why(host: Any) -> None:
    widget = _open(host, None)
    assert not _enabled(widget.ui.applyButton)
    assert "volume" in str(widget.ui.applyButton.property("toolTip"))
    assert "Sample Data" in _text(widget.ui.inputInfoLabel)


@pytest.mark.parametrize("case", ["all air", "no CT"])
def test_a_volume_that_is_no_chest_ct_fails_with_a_remedy_and_adds_nothing(
    host: Any, phantom: Phantom, case: str
) -> None:
    node = add_volume(host.scene, phantom.volume, case)
    values = numpy_support.vtk_to_numpy(node.GetImageData().GetPointData().GetScalars())
    values[:] = -1000 if case == "all air" else np.abs(values) % 256
    widget = host.open_module("LungRefine")
    before = _nodes(host.scene)
    _apply(host, widget)
    kind, text = host.messages.shown[-1]
    assert (kind == "error" and "Choose" in text) or "Export" in text
    assert _nodes(host.scene) == before
    assert _text(widget.ui.statusLabel).startswith("Failed:")
    assert _enabled(widget.ui.applyButton)


def test_a_volume_under_a_bending_transform_is_refused_with_advice(host: Any, phantom: Phantom) -> None:
    node = add_volume(host.scene, phantom.volume, "tilted")
    grid = host.scene.AddNewNodeByClass("vtkMRMLGridTransformNode", "gantry tilt")
    node.SetAndObserveTransformNodeID(grid.GetID())
    widget = host.open_module("LungRefine")
    _apply(host, widget)
    assert host.messages.shown[-1][0] == "error" and "Harden" in host.messages.shown[-1][1]


@pytest.mark.slow
def test_results_overlay_exactly_on_a_flipped_volume_under_a_transform(host: Any, phantom: Phantom) -> None:
    import vtk

    from ChestCTLib.volume import CTVolume

    flip = phantom.volume.ijk_to_lps @ np.diag([-1.0, 1.0, -1.0, 1.0])
    z, _, x = phantom.volume.shape
    flip[:3, 3] = (phantom.volume.ijk_to_lps @ [x - 1, 0, z - 1, 1])[:3]
    turned = CTVolume(phantom.volume.hu[::-1, :, ::-1], flip)
    node = add_volume(host.scene, turned, "flipped")
    moved = host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 40.0)
    moved.SetMatrixTransformToParent(matrix)
    node.SetAndObserveTransformNodeID(moved.GetID())
    widget = host.open_module("LungRefine")
    _apply(host, widget)
    lungs = widget._parameterNode.lungs
    assert lungs.GetParentTransformNode() is moved
    found = segmentations.labels_from_segmentation(lungs, node, LUNG_LABELS)[::-1, :, ::-1]
    for value in (1, 2):
        same = 2 * ((found == value) & (phantom.lungs == value)).sum()
        assert same / ((found == value).sum() + (phantom.lungs == value).sum()) > 0.9
    center = lungs.GetSegmentCenterRAS(lungs.GetSegmentation().GetNthSegmentID(0))
    assert center[0] > 40.0  # the right lung lies to the patient's right of the moved midline


def test_the_sample_data_module_gets_phantoms_with_thumbnails(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    taken: list[dict[str, Any]] = []

    def register(
        category: str = "Custom",
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
    ) -> None:
        # as Slicer's own does, also where a sample has a downloader of its own
        assert len(uris) == len(fileNames) == len(nodeNames)
        taken.append({"sampleName": sampleName, "thumbnailFileName": thumbnailFileName})

    module: Any = ModuleType("SampleData")
    module.SampleDataLogic = type("SampleDataLogic", (), {"registerCustomSampleDataSource": staticmethod(register)})
    monkeypatch.setitem(sys.modules, "SampleData", module)
    _open(host, None)
    host.app.startupCompleted.emit()
    assert {entry["sampleName"] for entry in taken} >= {"COVID-19 chest phantom", "CAP chest phantom"}
    assert all(Path(entry["thumbnailFileName"]).is_file() for entry in taken)


def test_choices_stay_when_the_module_is_left_and_entered_again(host: Any) -> None:
    """Slicer's own ``connectGui`` gives no tag to disconnect by, and a second one resets every selector."""
    widget = _open(host, None)
    from LungRefine import Drawing, LungMethod

    widget.ui.methodComboBox.setProperty("currentIndex", list(LungMethod).index(LungMethod.classical))
    widget.ui.classicalDrawingComboBox.setProperty("currentIndex", list(Drawing).index(Drawing.hidden))
    older = widget._parameterNode
    widget.exit()
    widget.enter()
    parameters = widget._parameterNode
    assert (parameters.method, parameters.classicalDrawing) == (LungMethod.classical, Drawing.hidden)
    assert widget.ui.methodComboBox.property("currentIndex") == list(LungMethod).index(LungMethod.classical)
    assert older is not parameters and not older._bound


@pytest.mark.slow
def test_a_sample_phantom_is_made_and_loaded(host: Any) -> None:
    from ChestCTSlicer.sample_data import make_phantom_node

    before = _nodes(host.scene)
    node = make_phantom_node("CAP chest phantom", ("--spacing", "8", "6", "6"))
    assert node.GetName() == "CAP chest phantom" and node.GetStorageNode() is None
    assert _nodes(host.scene) - before == Counter({"vtkMRMLScalarVolumeNode": 1, "vtkMRMLScalarVolumeDisplayNode": 1})
    assert _private_folders() == []


@pytest.mark.slow
def test_the_modules_own_self_test_passes(host: Any) -> None:
    _open(host, None)
    slicer.modules.LungRefineInstance.runTest()


def test_limits_and_defaults_are_those_of_the_engine(host: Any) -> None:
    from ChestCTLib.errors import InputError
    from LungRefineLib import METHODS, LungSettings

    module = __import__("LungRefine")
    parameters = module.LungRefineParameterNode.allParameters
    names = {"workingSpacing": "working_spacing_mm", "costalReach": "costal_reach_mm", "innerReach": "inner_reach_mm"}
    for gui, engine in names.items():
        limits = parameters[gui].annotations[0]
        assert parameters[gui].default == getattr(LungSettings(), engine)
        for value in (limits.minimum, limits.maximum):
            LungSettings(**{engine: value})
        for value in (limits.minimum - 0.1, limits.maximum + 0.1):
            with pytest.raises(InputError):
                LungSettings(**{engine: value})
    assert {method.name for method in module.LungMethod} == set(METHODS)
    assert parameters["method"].default.name == LungSettings().method


def test_the_volume_can_be_exchanged_while_the_module_is_open(host: Any, phantom: Phantom) -> None:
    widget = _open(host, phantom)
    node = widget._parameterNode.inputVolume
    set_volume(node, phantom.volume)
    assert widget.ui.inputVolumeSelector.currentNode() is node
    host.scene.RemoveNode(node)
    host.settle()
    assert not _enabled(widget.ui.applyButton)


@pytest.mark.slow
def test_what_is_drawn_during_a_run_stays_and_the_result_gets_a_segmentation_of_its_own(host: Any, done: Any) -> None:
    drawn = done._parameterNode.lungs
    before = _nodes(host.scene)
    done.ui.applyButton.click()
    assert host.wait_for(lambda: done.runner.job is not None and done.runner.job.pid is not None, 20)
    image = drawn.GetSegmentation().GetNthSegment(0).GetRepresentation(segmentations.LABELMAP)
    numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())[:50] = 1
    assert host.wait_for(lambda: not done.runner.busy, RUN_LIMIT_S)
    host.settle()
    assert done._parameterNode.lungs is not drawn
    assert segmentations.edited_segments(drawn, LUNG_LABELS) == ["right lung"]
    added = Counter({"vtkMRMLSegmentationNode": 1, "vtkMRMLSegmentationDisplayNode": 1})
    assert _nodes(host.scene) - before == added


def test_removing_the_volume_during_a_run_fails_the_run_and_adds_nothing(host: Any, phantom: Phantom) -> None:
    widget = _open(host, phantom)
    node = widget._parameterNode.inputVolume
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: widget.runner.job is not None and widget.runner.job.pid is not None, 20)
    host.scene.RemoveNode(node)
    assert host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    assert host.messages.shown[-1][0] == "error" and "removed during the run" in host.messages.shown[-1][1]
    assert not _nodes(host.scene)["vtkMRMLSegmentationNode"] and not _nodes(host.scene)["vtkMRMLTableNode"]
