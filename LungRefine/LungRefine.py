"""LungRefine: lungs from a chest CT that keep consolidated lung, compared with the classical method.

The module file is a shell: the work is done by ``covidmtl lungs`` in a child process, see ``ChestCTJobs.job``.
"""

from enum import Enum
from pathlib import Path
from typing import Annotated

import slicer
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *

from ChestCTJobs.job import Job
from ChestCTLib.errors import ChestCTError
from ChestCTMRML import displays, layouts
from ChestCTMRML.displays import LabelStyle
from ChestCTMRML.segmentations import EditedSegmentsError
from ChestCTMRML.terminology import load_terms
from ChestCTMRML.volumes import voxels
from ChestCTSlicer import dependencies, sample_data
from ChestCTSlicer.lung_work import ORGAN_LABELS, LungRequest, edited_results, lung_work, result_nodes
from ChestCTSlicer.work_logic import WorkLogic
from ChestCTSlicer.work_widget import WorkWidget


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
        """Teach Slicer the terms and layouts that saved scenes ask for, and offer phantoms as sample data."""
        load_terms(slicer.modules.terminologies.logic())
        manager = slicer.app.layoutManager()
        if manager is not None:  # no main window
            layouts.register_layouts(manager.layoutLogic().GetLayoutNode())
        sample_data.register(Path(self.resourcePath("Icons")))


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


class LungRefineWidget(WorkWidget):
    """The module's panel."""

    def __init__(self, parent=None):
        WorkWidget.__init__(self, parent, _("Lung Refine"), _("Segment the lungs."))
        self._drawn = None

    def makeLogic(self):
        """The module's logic."""
        return LungRefineLogic()

    def prepare(self):
        """Connect the module's own widgets."""
        self.ui.compareButton.clicked.connect(self.onCompare)
        for table in (self.ui.resultTable, self.ui.comparisonTable):
            self.prepareTable(table)

    def forget(self):
        """Let go of all nodes."""
        self.showResults(None)

    def showParameters(self):
        """A parameter changed."""
        parameters = self._parameterNode
        self.ui.inputInfoLabel.text = self.logic.describe(parameters.inputVolume)
        self.ui.advancedCollapsibleButton.enabled = parameters.method == LungMethod.refined
        nodes = self.resultNodes()
        self.showResults(nodes)
        wanted = (nodes, parameters.refinedDrawing, parameters.classicalDrawing, parameters.show3D)
        if wanted != self._drawn:  # only then: what the user set elsewhere stays
            self._drawn = wanted
            self.logic.draw(*wanted)

    def ensureDependencies(self):
        """What the engine needs."""
        dependencies.ensure(dependencies.ENGINE, self.title)

    def onDone(self, job):
        """Show the new lungs."""
        nodes = self.logic.nodesOf(job)
        self.logic.take(self._parameterNode, nodes)
        self.onModified()
        self.logic.showCase(nodes)
        self.showIdle(self.logic.summary(nodes))

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
        self.logic.setLayout(layouts.REVIEW_LAYOUT, self.resultNodes())

    def onCompare(self):
        """Classical and refined side by side."""
        self.logic.setLayout(layouts.COMPARE_LAYOUT, self.resultNodes())


class LungRefineLogic(WorkLogic):
    """What the module does; usable without its panel."""

    parameterType = LungRefineParameterNode

    def makeJob(self, parameters, overwriteEdited=False):
        """Return a job that segments the parameters' input volume into their output."""
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

    def take(self, parameters, nodes):
        """Set the output to a result."""
        parameters.lungs = nodes.lungs

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
        if not self.showLayout(layout) or nodes is None or nodes.lungs is None:
            return
        displays.show_side_by_side(slicer.mrmlScene, nodes.lungs, nodes.classical, layout == layouts.COMPARE_LAYOUT)
        displays.show_in_tables_and_plots(slicer.mrmlScene, nodes.measures, nodes.chart)
        center = nodes.center_ras if nodes.center_ras is not None else displays.center_of_first_segment(nodes.lungs)
        self.aimViewsSoon(nodes.volume, center)


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
