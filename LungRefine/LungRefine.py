"""LungRefine: lungs from a chest CT that keep consolidated lung, compared with the classical method.

The module file is a shell: the work is done by ``covidmtl lungs`` in a child process, see ``ChestCTSlicer.job``.
"""

from enum import Enum
from pathlib import Path
from typing import Annotated

import qt
import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin

from ChestCTLib.errors import ChestCTError
from ChestCTMRML import displays, layouts
from ChestCTMRML.displays import LabelStyle
from ChestCTMRML.segmentations import EditedSegmentsError
from ChestCTMRML.terminology import load_terms
from ChestCTMRML.volumes import voxels
from ChestCTSlicer import dependencies, sample_data
from ChestCTSlicer.job import Job, JobState
from ChestCTSlicer.lung_work import ORGAN_LABELS, LungRequest, edited_results, lung_work, result_nodes
from ChestCTSlicer.runner import JobRunner

PERCENT = 100
ROW_HEIGHT = 24  # pixels; all rows of the result fit


class LungRefine(ScriptedLoadableModule):
    """What the module says of itself."""

    def __init__(self, parent):
        super().__init__(parent)
        self.parent.title = _("Lung Refine")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Chest Imaging Platform")]
        self.parent.dependencies = []
        self.parent.contributors = ["The COVID-MTL for 3D Slicer developers"]
        self.parent.helpText = _(
            "Segments right lung, left lung and airway in a chest CT, keeping ground glass and consolidation inside "
            "the lungs, and shows what the classical thresholding method would have lost. Choose a CT, press Apply. "
            "Research software: not a medical device, not for diagnosis."
        )
        self.parent.acknowledgementText = _(
            "Methods after: Bao G. et al., COVID-MTL: Multitask learning with Shift3D and random-weighted loss for "
            "COVID-19 diagnosis and severity assessment, Pattern Recognition 124 (2022) 108499 (classical "
            "segmentation and its unsupervised refinement)."
        )
        slicer.app.connect("startupCompleted()", self.onStartupCompleted)

    def onStartupCompleted(self):
        """Offer the phantoms as sample data and teach Slicer the project's terms."""
        sample_data.register(Path(self.resourcePath("Icons")))
        load_terms(slicer.modules.terminologies.logic())


class LungMethod(Enum):
    """How the lungs are found; names as ``covidmtl lungs --method`` knows them."""

    refined = "refined"
    snake = "snake"
    classical = "classical"

    def label(self):
        """Text of the entry in the selector."""
        return {
            LungMethod.refined: _("Refined (recommended)"),
            LungMethod.snake: _("Snake, as published with COVID-MTL"),
            LungMethod.classical: _("Classical thresholding"),
        }[self]


class Drawing(Enum):
    """How a segmentation is drawn in slice views."""

    fill = LabelStyle.fill
    outline = LabelStyle.outline
    both = LabelStyle.both
    hidden = LabelStyle.hidden

    def label(self):
        """Text of the entry in the selector."""
        return {
            Drawing.fill: _("Fill"),
            Drawing.outline: _("Outline"),
            Drawing.both: _("Fill and outline"),
            Drawing.hidden: _("Hidden"),
        }[self]


@parameterNodeWrapper
class LungRefineParameterNode:
    """The module's parameters; saved and restored with the scene.

    Limits and defaults of the last three are those of ``LungRefineLib.settings.LungSettings``; a test compares them.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    lungs: vtkMRMLSegmentationNode
    reference: vtkMRMLSegmentationNode
    method: LungMethod = LungMethod.refined
    airway: bool = True
    show3D: bool = True
    refinedDrawing: Drawing = Drawing.both
    classicalDrawing: Drawing = Drawing.outline
    workingSpacing: Annotated[float, WithinRange(1.0, 4.0)] = 2.0
    costalReach: Annotated[float, WithinRange(0.0, 60.0)] = 30.0
    innerReach: Annotated[float, WithinRange(0.0, 20.0)] = 4.0


class LungRefineWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The module's panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.runner = None
        self._parameterNode = None
        self._guiTag = None
        self._drawn = None
        self._entered = False

    def setup(self):
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/LungRefine.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = LungRefineLogic()
        self.runner = JobRunner(self.showProgress, self.onEnded)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        self.ui.applyButton.clicked.connect(self.onApply)
        self.ui.cancelButton.clicked.connect(self.onCancel)
        self.ui.reviewButton.clicked.connect(self.onReview)
        self.ui.compareButton.clicked.connect(self.onCompare)
        self.ui.progressBar.visible = False
        for table in (self.ui.resultTable, self.ui.comparisonTable):
            table.verticalHeader().visible = False
            table.verticalHeader().defaultSectionSize = ROW_HEIGHT
            table.horizontalHeader().stretchLastSection = True
        self.initializeParameterNode()

    def cleanup(self):
        """Slicer closes, or the module is reloaded."""
        self.runner.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """The user comes to the module."""
        self._entered = True
        self.initializeParameterNode()

    def exit(self):
        """The user goes to another module; a run goes on."""
        self._entered = False

    def onSceneStartClose(self, caller, event):
        """The nodes are about to go: so must the run that would fill them."""
        self.runner.close()
        self.setParameterNode(None)
        self.showResults(None)
        self.showIdle(_("The scene was closed."))

    def onSceneEndClose(self, caller, event):
        """A new scene is there."""
        if self._entered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Take this scene's parameters, with its first volume as input where none is chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        if self._parameterNode.inputVolume is None:
            self._parameterNode.inputVolume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")

    def setParameterNode(self, parameterNode):
        """Show other parameters, or none."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onModified)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._guiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onModified)
            self.onModified()

    def onModified(self, caller=None, event=None):
        """A parameter changed."""
        parameters = self._parameterNode
        volume = parameters.inputVolume
        self.ui.applyButton.enabled = volume is not None and not self.runner.busy
        self.ui.applyButton.toolTip = _("Segment the lungs.") if volume is not None else _("Choose a CT volume first.")
        self.ui.inputInfoLabel.text = self.logic.describe(volume)
        self.ui.advancedCollapsibleButton.enabled = parameters.method == LungMethod.refined
        nodes = self.resultNodes()
        self.showResults(nodes)
        wanted = (nodes, parameters.refinedDrawing, parameters.classicalDrawing, parameters.show3D)
        if wanted != self._drawn:  # only then: what the user set elsewhere stays
            self._drawn = wanted
            self.logic.draw(*wanted)

    def onApply(self):
        """Check, ask what must be asked, and start."""
        parameters = self._parameterNode
        try:
            dependencies.ensure(dependencies.ENGINE, "Lung Refine")
            job = self.logic.makeJob(parameters)
        except EditedSegmentsError as error:
            question = _("{problem}\n\nReplace these edits by the new result?").format(problem=error.problem)
            if not slicer.util.confirmYesNoDisplay(question, windowTitle=_("Lung Refine")):
                self.showIdle(_("Nothing was changed: your edits are kept."))
                return
            job = self.logic.makeJob(parameters, overwriteEdited=True)
        except ChestCTError as error:
            self.showError(error.problem, error.remedy)
            return
        self.runner.start(job)
        self.ui.progressBar.visible = True
        self.ui.applyButton.enabled = False
        self.ui.cancelButton.enabled = True

    def onCancel(self):
        """Stop the run."""
        self.ui.cancelButton.enabled = False
        self.runner.cancel()

    def showProgress(self, fraction, step):
        """The run got further."""
        self.ui.progressBar.value = int(PERCENT * fraction)
        self.ui.statusLabel.text = step

    def onEnded(self, job):
        """The run is over."""
        if job.state == JobState.done:
            nodes = self.logic.nodesOf(job)
            self._parameterNode.lungs = nodes.lungs
            self.onModified()
            self.logic.showCase(nodes)
            self.showIdle(self.logic.summary(nodes))
        elif job.state == JobState.cancelled:
            self.showIdle(_("Cancelled; nothing was changed."))
        else:
            self.showError(job.failure.problem, job.failure.remedy, job.failure.details)

    def showIdle(self, text):
        """No run is under way."""
        self.ui.progressBar.visible = False
        self.ui.cancelButton.enabled = False
        self.ui.statusLabel.text = text
        self.ui.applyButton.enabled = self._parameterNode is not None and self._parameterNode.inputVolume is not None

    def showError(self, problem, remedy, details=""):
        """Tell the user what went wrong and what to do."""
        self.showIdle(_("Failed: {problem}").format(problem=problem))
        slicer.util.errorDisplay(f"{problem}\n\n{remedy}".strip(), windowTitle=_("Lung Refine"), detailedText=details)

    def showResults(self, nodes):
        """Show the result's tables, or that there is none yet."""
        self.ui.resultTable.setMRMLTableNode(nodes.measures if nodes is not None else None)
        self.ui.comparisonTable.setMRMLTableNode(nodes.comparison if nodes is not None else None)
        hasResult = nodes is not None and nodes.measures is not None
        self.ui.resultCollapsibleButton.enabled = hasResult
        self.ui.comparisonCollapsibleButton.visible = nodes is not None and nodes.comparison is not None
        for table in (self.ui.resultTable, self.ui.comparisonTable):
            table.resizeColumnsToContents()

    def resultNodes(self):
        """The nodes of the present result, or None."""
        return result_nodes(self._parameterNode.inputVolume, self._parameterNode.lungs)

    def onReview(self):
        """Three planes, 3D, table and plot."""
        self.logic.setLayout(
            layouts.REVIEW_LAYOUT, result_nodes(self._parameterNode.inputVolume, self._parameterNode.lungs)
        )

    def onCompare(self):
        """Classical and refined side by side."""
        self.logic.setLayout(
            layouts.COMPARE_LAYOUT, result_nodes(self._parameterNode.inputVolume, self._parameterNode.lungs)
        )


class LungRefineLogic(ScriptedLoadableModuleLogic):
    """What the module does; usable without its panel."""

    def getParameterNode(self):
        """The typed parameters of the current scene; each call makes a new wrapper, so keep it."""
        return LungRefineParameterNode(super().getParameterNode())

    def makeJob(self, parameters, overwriteEdited=False):
        """Return a job that segments the parameters' input volume into their output.

        Raises:
            InputError: There is no input, or it cannot be used.
            EditedSegmentsError: The output was edited by hand and ``overwriteEdited`` is false.
        """
        voxels(parameters.inputVolume)
        if not overwriteEdited and (edited := edited_results(parameters.inputVolume, parameters.lungs)):
            raise EditedSegmentsError(edited)
        request = LungRequest(
            method=parameters.method.name,
            airway=parameters.airway,
            working_spacing_mm=parameters.workingSpacing,
            costal_reach_mm=parameters.costalReach,
            inner_reach_mm=parameters.innerReach,
        )
        return Job(
            lung_work(
                slicer.mrmlScene,
                parameters.inputVolume,
                parameters.lungs,
                parameters.reference,
                request,
                overwriteEdited,
            )
        )

    def process(self, parameters, overwriteEdited=False, timeoutSeconds=3600.0):
        """Segment without an event loop.

        Returns:
            The result's nodes; the parameters' output is set.

        Raises:
            ChestCTError: It failed.
        """
        job = self.makeJob(parameters, overwriteEdited)
        job.run_to_end(timeoutSeconds)
        nodes = self.nodesOf(job)
        parameters.lungs = nodes.lungs
        return nodes

    def nodesOf(self, job):
        """The nodes that a finished job filled."""
        return job.work.result[0]

    def describe(self, volume):
        """One line on the input."""
        if volume is None or volume.GetImageData() is None:
            return _("Load a chest CT, or take a phantom from the Sample Data module.")
        columns, rows, slices = volume.GetImageData().GetDimensions()
        x, y, z = volume.GetSpacing()
        text = _("{slices} slices of {z:.2f} mm, {columns} × {rows} voxels of {x:.2f} × {y:.2f} mm")
        return text.format(slices=slices, columns=columns, rows=rows, x=x, y=y, z=z)

    def summary(self, nodes):
        """One line on the result."""
        if not nodes.found:
            return _("No lung was found in this volume.")
        return _("Done. Recovered beyond the classical method: {volume} mL.").format(volume=nodes.recovered_text)

    def draw(self, nodes, refined, classical, show3D):
        """Draw both segmentations as the user wants them."""
        for node, drawing in ((nodes.lungs, refined), (nodes.classical, classical)) if nodes is not None else ():
            if node is not None and node.GetDisplayNode() is not None:
                displays.set_style(node, drawing.value)
        if nodes is not None and nodes.lungs is not None and nodes.lungs.GetDisplayNode() is not None:
            displays.show_3d(nodes.lungs, show3D)

    def showCase(self, nodes):
        """Show a new result in the review layout."""
        displays.show_lung_window(nodes.volume)
        self.setLayout(layouts.REVIEW_LAYOUT, nodes)

    def setLayout(self, layout, nodes):
        """Switch to one of the project's layouts with the result in its views."""
        manager = slicer.app.layoutManager()
        if manager is None:  # no main window
            return
        layouts.register_layouts(manager.layoutLogic().GetLayoutNode())
        manager.setLayout(layout)
        if nodes is None or nodes.lungs is None:
            return
        displays.show_side_by_side(slicer.mrmlScene, nodes.lungs, nodes.classical, layout == layouts.COMPARE_LAYOUT)
        displays.show_in_tables_and_plots(slicer.mrmlScene, nodes.measures, nodes.chart)
        # the views get their new sizes when the event loop runs
        center = nodes.center_ras if nodes.center_ras is not None else displays.center_of_first_segment(nodes.lungs)
        qt.QTimer.singleShot(0, lambda: self.aimViews(nodes.volume, center))

    def aimViews(self, volume, center):
        """Cut all views through a place of the volume, unless the volume is gone by now."""
        if volume.GetScene() is not None:
            displays.set_views(slicer.mrmlScene, volume, center)


class LungRefineTest(ScriptedLoadableModuleTest):
    """Run by Slicer's own self-test on a phantom."""

    def setUp(self):
        """Start with an empty scene."""
        slicer.mrmlScene.Clear(False)

    def runTest(self):
        """Run all tests."""
        self.setUp()
        self.test_lungs_of_a_phantom_are_found_and_a_second_run_updates_them()
        self.setUp()
        self.test_no_input_is_refused_with_a_remedy()

    def test_lungs_of_a_phantom_are_found_and_a_second_run_updates_them(self):
        """The whole way: phantom, child process, segmentation, table."""
        if missing := dependencies.missing(dependencies.ENGINE):
            self.skipTest(f"not installed: {', '.join(missing)}")
        coarse = ("--spacing", "8", "5", "5")
        volume = sample_data.make_phantom_node("COVID-19 chest phantom", coarse)
        logic = LungRefineLogic()
        parameters = logic.getParameterNode()
        parameters.inputVolume = volume
        nodes = logic.process(parameters)
        self.assertTrue(nodes.found)
        self.assertEqual(nodes.lungs.GetSegmentation().GetNumberOfSegments(), len(ORGAN_LABELS))
        before = slicer.mrmlScene.GetNumberOfNodes()
        self.assertIs(logic.process(parameters).lungs, nodes.lungs)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)

    def test_no_input_is_refused_with_a_remedy(self):
        """Apply without a volume."""
        with self.assertRaises(ChestCTError) as caught:
            LungRefineLogic().process(LungRefineLogic().getParameterNode())
        self.assertTrue(caught.exception.remedy)
