"""LesionSeg: ground glass and consolidation in a chest CT, measured, shown in 3D and corrected by hand.

The module file is a shell: lesions are found by ``covidmtl lesions`` in a child process (``ChestCTJobs.job``), measures
follow every edit through a second one (``ChestCTSlicer.lesion_measuring``), and what annotators need stands in
``ChestCTSlicer.annotator_panel``.
"""

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import *

from ChestCTJobs.device_probe import DeviceProbe
from ChestCTJobs.job import Job
from ChestCTLib.labels import LESION_LABELS
from ChestCTMRML import case_nodes
from ChestCTMRML.segmentations import EditedSegmentsError, edited_segments
from ChestCTMRML.volumes import voxels
from ChestCTSlicer import dependencies, sample_data
from ChestCTSlicer.annotator_panel import AnnotatorPanel
from ChestCTSlicer.lesion_parameters import LesionSegParameterNode, ShownTable
from ChestCTSlicer.lesion_review import LesionReview
from ChestCTSlicer.lesion_work import LesionRequest, lesion_work
from ChestCTSlicer.model_choice import HU_BANDS, lesion_methods
from ChestCTSlicer.runner import TICK_MS
from ChestCTSlicer.table_views import fit_columns
from ChestCTSlicer.work_widget import WorkWidget

DEBOUNCE_MS = 300  # after the last change, before measuring: a stroke of the brush is many changes
UNDO_STATES = 20
EDITOR_TAG = "LesionSegEditor"
EFFECTS = ("Paint", "Erase", "Threshold", "Islands", "Smoothing", "Grow from seeds", "Margin", "Scissors")


class LesionSeg(ScriptedLoadableModule):
    """What the module says of itself."""

    def __init__(self, parent):
        super().__init__(parent)
        self.parent.title = _("Lesion Seg")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Chest Imaging Platform")]
        self.parent.dependencies = ["LungRefine", "SegmentEditor"]
        self.parent.contributors = ["The COVID-MTL for 3D Slicer developers"]
        self.parent.helpText = _(
            "Segments ground glass and consolidation in a chest CT, measures them by lung, zone, class and lesion, and "
            "lets you correct them: all numbers follow. Choose a CT, press Apply. "
            "Research software: not a medical device, not for diagnosis."
        )
        self.parent.acknowledgementText = _(
            "Methods after: Wang X. et al., DeepSC-COVID (peripheral lesion ratio), and Bao G. et al., COVID-MTL, "
            "Pattern Recognition 124 (2022) 108499."
        )


class LesionSegWidget(WorkWidget):
    """The module's panel."""

    def __init__(self, parent=None):
        WorkWidget.__init__(self, parent, _("Lesion Seg"), _("Segment the lesions."))
        self._watched = None
        self._changed = False
        self._drawn = None
        self._methods = []
        self._sorting = (0, False)
        self._probe = None
        self.annotator = None

    def makeLogic(self):
        """The module's logic."""
        return LesionSegLogic(self.onMeasured, self.onMeasuringFailed)

    def prepare(self):
        """Connect the module's own widgets."""
        self._poll = self.makeTimer(TICK_MS, self.onPoll)
        self._settled = self.makeTimer(DEBOUNCE_MS, self.onSettled)
        self._probing = self.makeTimer(DEBOUNCE_MS, self.onProbe)
        self._methods = lesion_methods()
        for method in self._methods:
            self.ui.methodComboBox.addItem(method.title)
        self.ui.methodComboBox.currentIndexChanged.connect(self.onMethodChosen)
        self.ui.resultTable.clicked.connect(self.onCellClicked)
        self.prepareTable(self.ui.resultTable)
        self.ui.resultTable.horizontalHeader().sectionClicked.connect(self.onHeadingClicked)
        self.ui.segmentEditor.setSegmentationNodeSelectorVisible(False)
        self.ui.segmentEditor.setSourceVolumeNodeSelectorVisible(False)
        self.ui.segmentEditor.setShow3DButtonVisible(False)  # its surfaces stop the GUI at every stroke
        self.ui.segmentEditor.setMaximumNumberOfUndoStates(UNDO_STATES)
        self.ui.segmentEditor.setEffectNameOrder(list(EFFECTS))
        self.ui.segmentEditor.unorderedEffectsVisible = False
        self.annotator = AnnotatorPanel(self)

    def cleanup(self):
        """Slicer closes, or the module is reloaded."""
        for timer in (self._poll, self._settled, self._probing):
            timer.stop()
        if self._probe is not None:
            self._probe.close()
        self.logic.close()
        self.ui.segmentEditor.removeViewObservations()
        WorkWidget.cleanup(self)

    def enter(self):
        """The user comes to the module."""
        WorkWidget.enter(self)
        self.ui.segmentEditor.setupViewObservations()
        self.ui.segmentEditor.installKeyboardShortcuts()
        if self._probe is None:
            self._probe = DeviceProbe()
            self._probing.start()

    def exit(self):
        """The user goes to another module; a run goes on."""
        WorkWidget.exit(self)
        self.ui.segmentEditor.setActiveEffect(None)
        self.ui.segmentEditor.uninstallKeyboardShortcuts()
        self.ui.segmentEditor.removeViewObservations()

    def onProbe(self):
        """See whether it is known what networks can run on."""
        if not self._probe.poll():
            self._probing.stop()
            self.ui.deviceLabel.text = self._probe.text

    def onSceneStartClose(self, caller, event):
        """The nodes are about to go: so must everything that would fill them."""
        self._changed = False
        self._settled.stop()
        self.logic.close()
        WorkWidget.onSceneStartClose(self, caller, event)

    def onSliceMoved(self, caller=None, event=None):
        """The axial view shows another slice."""
        self.logic.followSlice()

    def initializeParameterNode(self):
        """Take this scene's parameters, its editor and its axial view."""
        self.ui.segmentEditor.setMRMLSegmentEditorNode(self.logic.editorNode())
        view = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
        if view is not None and not self.hasObserver(view, vtk.vtkCommand.ModifiedEvent, self.onSliceMoved):
            self.addObserver(view, vtk.vtkCommand.ModifiedEvent, self.onSliceMoved)
        WorkWidget.initializeParameterNode(self)

    def forget(self):
        """Let go of all nodes."""
        self.watch(None)
        self.annotator.close()
        self.ui.resultTable.setMRMLTableNode(None)

    def adopt(self, parameterNode):
        """Choose a method that there is."""
        if parameterNode.method not in [method.id for method in self._methods]:
            parameterNode.method = self._methods[0].id

    def showParameters(self):
        """A parameter changed."""
        parameters = self._parameterNode
        volume = parameters.inputVolume
        if self.logic.separateCases(parameters):
            return  # that changed the parameters, and they have been shown anew
        index = [method.id for method in self._methods].index(parameters.method)
        self.ui.methodComboBox.currentIndex = index
        self.ui.modelCardLabel.text = self._methods[index].card
        self.ui.deviceComboBox.enabled = parameters.method != HU_BANDS
        self.ui.segmentEditor.setSegmentationNode(parameters.lesions)
        self.ui.segmentEditor.setSourceVolumeNode(volume)
        self.ui.correctionCollapsibleButton.enabled = parameters.lesions is not None
        self.watch(parameters.lesions)
        if self.logic.volume is None and self.logic.prepareMeasuring(parameters):
            self._poll.start()
        self.annotator.show()
        self.showTable()
        self.followThickness()
        shown = (parameters.table, parameters.plot)
        wanted = (volume, parameters.coloring, parameters.showShell, parameters.showMap, shown)
        if wanted != self._drawn:
            self._drawn = wanted
            self.logic.draw(parameters)

    def watch(self, segmentation):
        """Follow the edits of a segmentation, or of none; a new one is measured."""
        # undo gives segments their voxels back and tells only that the segments are modified
        events = (
            slicer.vtkSegmentation.SourceRepresentationModified,
            slicer.vtkSegmentation.SegmentModified,
        )
        new = segmentation.GetSegmentation() if segmentation is not None else None
        if new is self._watched:
            return
        for event in events if self._watched is not None else ():
            self.removeObserver(self._watched, event, self.onLesionsChanged)
        self._watched = new
        if new is None:
            self.ui.findingLabel.text = self.ui.ratioLabel.text = ""
            return
        for event in events:
            self.addObserver(new, event, self.onLesionsChanged)
        self.measureSoon()

    def onLesionsChanged(self, caller=None, event=None):
        """A voxel changed: measure once the hand rests."""
        self.annotator.edited()
        self.measureSoon()

    @property
    def measuring(self):
        """Whether the numbers have still to follow a change."""
        return self._changed or self.logic.busy or self.annotator.busy

    def measureSoon(self):
        """Measure after a while without changes."""
        self._changed = True
        self._settled.start()

    def onSettled(self):
        """No change for a while."""
        if self.runner.busy:  # the run may be writing this very mask
            return
        self._settled.stop()
        self._changed = False
        if self._parameterNode is None:
            return
        self.annotator.limitPainting()  # undo may have taken the limit away
        if self.logic.measure(self._parameterNode):
            self.ui.findingLabel.text = _("Measuring...")
            self._poll.start()

    def onPoll(self):
        """Let the measuring get on."""
        if not self.logic.poll():
            self._poll.stop()

    def onMeasured(self, measured):
        """Numbers of the latest mask are in the scene; its surfaces follow."""
        if measured.drawn is None:
            corrected = _(", corrected by hand") if measured.corrected else ""
            self.ui.findingLabel.text = _("Finding: {finding}{corrected}.").format(
                finding=measured.finding, corrected=corrected
            )
            self.showRatio(self.logic.ratio)
            self._sorting = (0, False)
            self.showTable()
        self.logic.draw(self._parameterNode)

    def onMeasuringFailed(self, failure):
        """The measures cannot follow."""
        self.ui.findingLabel.text = _("n/a: {problem} {remedy}").format(problem=failure.problem, remedy=failure.remedy)

    def followThickness(self):
        """Move shell, ratio and mark; measure again once the slider rests."""
        if self.logic.moveThickness(self._parameterNode):
            self.showRatio(self.logic.ratio)
            self.measureSoon()

    def showRatio(self, ratio):
        """Show the peripheral lesion ratio, or why there is none."""
        if ratio is None:
            self.ui.ratioLabel.text = _("n/a: no lesion found")
            return
        self.ui.ratioLabel.text = _("{ratio:.1f} % of the lesion").format(ratio=ratio)

    def onMethodChosen(self, index):
        """Another method."""
        if self._parameterNode is not None and 0 <= index < len(self._methods):
            self._parameterNode.method = self._methods[index].id

    def ensureDependencies(self):
        """What the engine needs, and networks where one is chosen."""
        dependencies.ensure(dependencies.ENGINE, self.title)
        if self._parameterNode.method != HU_BANDS:
            dependencies.ensure_torch(self.title)
            dependencies.ensure(dependencies.LEARNING, self.title)

    def start(self, job):
        """Run a job in the background."""
        WorkWidget.start(self, job)
        self.annotator.show()

    def showIdle(self, text):
        """No run is under way."""
        WorkWidget.showIdle(self, text)
        if self._parameterNode is not None:
            self.annotator.show()

    def onDone(self, job):
        """Show and measure the new lesions, or what the annotator asked for."""
        if self.annotator.onDone(job):
            return
        nodes = self.logic.nodesOf(job)
        method = job.results.get("method", "")  # HU bands, where the default network's weights are missing
        case_nodes.set_method(nodes.volume, nodes.lesions, method)
        self.logic.take(self._parameterNode, nodes)
        text = _("Done: lesions by {method}.") if nodes.found else _("Done by {method}: no lesion found.")
        self.showIdle(" ".join([text.format(method=method), *job.results.get("warnings", [])]))
        self.logic.showCase(self._parameterNode, nodes)
        self.measureSoon()

    def showTable(self):
        """Show the chosen table, or none yet."""
        table = self.logic.tableOf(self._parameterNode)
        self.ui.resultTable.setMRMLTableNode(table)
        fit_columns(self.ui.resultTable)

    def onHeadingClicked(self, column):
        """Sort the single lesions."""
        if self._parameterNode.table != ShownTable.single:
            return
        descending = not self._sorting[1] if self._sorting[0] == column else False
        self._sorting = (column, descending)
        self.logic.sortLesions(column, descending)

    def onCellClicked(self, index):
        """Go to the clicked lesion."""
        if self._parameterNode.table == ShownTable.single:
            self.logic.goToLesion(index.row())

    def onReview(self):
        """Three planes, 3D, table and plot."""
        self.logic.setLayout(self._parameterNode)


class LesionSegLogic(LesionReview):
    """What the module does; usable without its panel."""

    parameterType = LesionSegParameterNode

    def editorNode(self):
        """The module's own node of the segment editor; one a scene."""
        node = slicer.mrmlScene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.vtkMRMLSegmentEditorNode()
            node.SetSingletonTag(EDITOR_TAG)
            node = slicer.mrmlScene.AddNode(node)
        return node

    def makeJob(self, parameters, overwriteEdited=False):
        """Return a job that segments the parameters' input volume."""
        voxels(parameters.inputVolume)
        if not overwriteEdited and (edited := edited_segments(parameters.lesions, LESION_LABELS)):
            raise EditedSegmentsError(edited)
        request = LesionRequest(
            method=parameters.method or lesion_methods()[0].id,
            device=parameters.device.value,
            ground_glass_from_hu=parameters.groundGlassFrom,
            consolidation_from_hu=parameters.consolidationFrom,
        )
        volume, lungs, lesions = parameters.inputVolume, parameters.lungs, parameters.lesions
        return Job(lesion_work(slicer.mrmlScene, volume, lungs, lesions, request, overwriteEdited))

    def take(self, parameters, nodes):
        """Set the outputs to a result."""
        parameters.lungs, parameters.lesions = nodes.lungs, nodes.lesions


class LesionSegTest(ScriptedLoadableModuleTest):
    """Run by Slicer's own self-test on a phantom."""

    def setUp(self):
        """Start with an empty scene."""
        slicer.mrmlScene.Clear(False)

    def runTest(self):
        """Run all tests."""
        self.setUp()
        self.test_lesions_of_a_phantom_are_found_and_measured()

    def test_lesions_of_a_phantom_are_found_and_measured(self):
        """The whole way: phantom, lungs, lesions, measures."""
        if missing := dependencies.missing(dependencies.ENGINE):
            self.skipTest(f"not installed: {', '.join(missing)}")
        volume = sample_data.make_phantom_node("COVID-19 chest phantom", ("--spacing", "5", "3", "3"))
        logic = LesionSegLogic()
        parameters = logic.getParameterNode()
        parameters.inputVolume = volume
        parameters.method = HU_BANDS
        nodes = logic.process(parameters)
        self.assertTrue(nodes.found)
        self.assertTrue(logic.measure(parameters))
        while logic.poll():
            slicer.app.processEvents()
        self.assertGreater(logic.ratio, 0.0)
        self.assertIsNotNone(logic.measured.drawn)
        logic.close()
