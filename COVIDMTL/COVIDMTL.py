"""COVIDMTL: a whole chest CT case, from the scan to probabilities, explanation, cohort, prognosis and report.

The module file is a shell: the case is made by ``covidmtl run`` in a child process, see ``ChestCTSlicer.case_work``.
"""

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import *

from ChestCTJobs.device_probe import DeviceProbe
from ChestCTLib.errors import ChestCTError
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.report_store import is_stale, set_stale
from ChestCTSlicer import case_results, case_view, dependencies, sample_data
from ChestCTSlicer.case_logic import CaseLogic
from ChestCTSlicer.case_parameters import COVIDMTLParameterNode, ShownTable, ShownTask
from ChestCTSlicer.case_work import case_segmentations
from ChestCTSlicer.follow_up_work import FollowUpWork
from ChestCTSlicer.model_choice import HU_BANDS, lesion_methods
from ChestCTSlicer.report_panel import ReportPanel
from ChestCTSlicer.runner import TICK_MS
from ChestCTSlicer.table_views import fit_columns, fit_shown_tables
from ChestCTSlicer.work_widget import WorkWidget


class COVIDMTL(ScriptedLoadableModule):
    """What the module says of itself."""

    def __init__(self, parent):
        super().__init__(parent)
        self.parent.title = _("COVID-MTL")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Chest Imaging Platform")]
        self.parent.dependencies = ["LungRefine", "LesionSeg"]
        self.parent.contributors = ["The COVID-MTL for 3D Slicer developers"]
        self.parent.helpText = _(
            "Makes a whole case of a chest CT: lungs, lesions and their measures, 375 features among a cohort of 1,329 "
            "patients, three tasks, class activation maps, intensity map, prognosis and report. Choose a CT, press "
            "Apply. Research software: not a medical device, not for diagnosis."
        )
        self.parent.acknowledgementText = _(
            "Methods after: Bao G. et al., COVID-MTL: Multitask learning with Shift3D and random-weighted loss for "
            "COVID-19 diagnosis and severity assessment, Pattern Recognition 124 (2022) 108499."
        )


class COVIDMTLWidget(WorkWidget):
    """The module's panel."""

    def __init__(self, parent=None):
        WorkWidget.__init__(self, parent, _("COVID-MTL"), _("Run the whole case."))
        self._methods = []
        self._volume = None
        self._drawn = None
        self._watched = []
        self._probe = None
        self._edited = False
        self.report = None

    def makeLogic(self):
        """The module's logic."""
        return COVIDMTLLogic(self.onDrawn, self.onDrawingFailed)

    def prepare(self):
        """Connect the module's own widgets."""
        self._poll = self.makeTimer(TICK_MS, self.onPoll)
        self._methods = lesion_methods()
        for method in self._methods:
            self.ui.lesionMethodComboBox.addItem(method.title)
        self.ui.lesionMethodComboBox.currentIndexChanged.connect(self.onMethodChosen)
        self.report = ReportPanel(self)
        self.ui.compareButton.clicked.connect(self.onCompare)
        self.ui.modelsLabel.text = case_results.model_list(self.logic.models())
        self.prepareTable(self.ui.resultTable)
        self.showOverlayState("")

    def cleanup(self):
        """Slicer closes, or the module is reloaded."""
        self._poll.stop()
        self.logic.close()
        if self._probe is not None:
            self._probe.close()
        WorkWidget.cleanup(self)

    def enter(self):
        """The user comes to the module: look what networks could run on, the first time."""
        WorkWidget.enter(self)
        if self._probe is None:
            self._probe = DeviceProbe()
            self.ui.deviceLabel.text = _("Looking for PyTorch and a GPU...")
            self._poll.start()

    def onSceneStartClose(self, caller, event):
        """The nodes are about to go: so must everything that would fill them."""
        self.logic.close()
        WorkWidget.onSceneStartClose(self, caller, event)

    def initializeParameterNode(self):
        """Take this scene's parameters and follow its axial view."""
        view = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
        if view is not None and not self.hasObserver(view, vtk.vtkCommand.ModifiedEvent, self.onSliceMoved):
            self.addObserver(view, vtk.vtkCommand.ModifiedEvent, self.onSliceMoved)
        WorkWidget.initializeParameterNode(self)
        self.logic.restoreViews(self._parameterNode)

    def forget(self):
        """Let go of all nodes."""
        self.watch([])
        self._volume = self._drawn = None
        self.ui.resultTable.setMRMLTableNode(None)
        self.report.show(None, "")

    def adopt(self, parameterNode):
        """Choose a method that there is; the scene's own masks stay chosen."""
        if parameterNode.lesionMethod not in [method.id for method in self._methods]:
            parameterNode.lesionMethod = self._methods[0].id
        self._volume = parameterNode.inputVolume

    def showParameters(self):
        """A parameter changed."""
        parameters = self._parameterNode
        volume = parameters.inputVolume
        if volume is not self._volume:  # another case: its own masks, or none
            self._volume = volume
            parameters.lungs, parameters.lesions = case_segmentations(volume) if volume is not None else (None, None)
            self.logic.close()
            self.logic.showAlone(volume)
            self.showDrawing(self.logic.resumeDrawing(parameters))
        self.ui.inputInfoLabel.text = self.logic.describe(volume)
        methods = [method.id for method in self._methods]
        index = methods.index(parameters.lesionMethod)
        self.ui.lesionMethodComboBox.currentIndex = index
        self.ui.lesionMethodComboBox.toolTip = self._methods[index].card
        self.ui.lesionMethodComboBox.enabled = parameters.lesions is None
        self.ui.compareButton.enabled = parameters.earlier is not None and not self.runner.busy
        self.watch([node for node in (parameters.lungs, parameters.lesions) if node is not None])
        self.report.show(volume, parameters.model)
        wanted = (volume, self.logic.styleOf(parameters))
        if wanted != self._drawn:  # only then: what the user set elsewhere stays
            self._drawn = wanted
            self.logic.draw(parameters)
        self.showTable()

    def watch(self, segmentations):
        """Notice edits of lungs and lesions, which make the report out of date."""
        watched = list(dict.fromkeys(node.GetSegmentation() for node in segmentations))
        if watched == self._watched:
            return
        event = slicer.vtkSegmentation.SourceRepresentationModified
        for segmentation in self._watched:
            self.removeObserver(segmentation, event, self.onMasksChanged)
        self._watched = watched
        for segmentation in watched:
            self.addObserver(segmentation, event, self.onMasksChanged)

    def onMasksChanged(self, caller=None, event=None):
        """Somebody draws in the lungs or lesions; a run has read them at its start and does not see it."""
        self._edited = True
        volume = self._parameterNode.inputVolume
        if not self.runner.busy and volume is not None and not is_stale(volume):
            set_stale(volume, True)
            self.onModified()

    def start(self, job):
        """Run a job in the background."""
        self._edited = False
        WorkWidget.start(self, job)

    def scanSelectors(self):
        """The selectors of CTs."""
        return [self.ui.inputVolumeSelector, self.ui.earlierSelector]

    def onSliceMoved(self, caller=None, event=None):
        """The axial view shows another slice."""
        if self._parameterNode is not None and self._parameterNode.inputVolume is not None:
            case_view.mark_slice(slicer.mrmlScene, self._parameterNode.inputVolume)

    def showTable(self):
        """Show the chosen table, or none yet."""
        volume = self._parameterNode.inputVolume
        role = self._parameterNode.table.value
        self.ui.resultTable.setMRMLTableNode(find_owned(volume, role) if volume is not None else None)
        fit_columns(self.ui.resultTable)
        fit_shown_tables()

    def onMethodChosen(self, index):
        """Another lesion method."""
        if self._parameterNode is not None and 0 <= index < len(self._methods):
            self._parameterNode.lesionMethod = self._methods[index].id

    def onPoll(self):
        """Let the drawing and the look for devices get on."""
        looking = self._probe is not None and self._probe.poll()
        if self._probe is not None and self._probe.text:
            self.ui.deviceLabel.text = self._probe.text
        if not (self.logic.poll() or looking):
            self._poll.stop()

    def ensureDependencies(self):
        """What the engine needs; networks and features only where they are wanted, and features may stay missing."""
        dependencies.ensure({**dependencies.ENGINE, **dependencies.REPORT}, self.title)
        if self._parameterNode.lesions is None and self._parameterNode.lesionMethod != HU_BANDS:
            dependencies.ensure_torch(self.title)
            dependencies.ensure(dependencies.LEARNING, self.title)
        if self._parameterNode.lungFeatures:
            dependencies.offer_features(self.title)

    def onDone(self, job):
        """Show what a job made."""
        nodes = self.logic.nodesOf(job)
        if isinstance(job.work, FollowUpWork):
            self.showFollowUp(nodes)
            return
        set_stale(nodes.volume, self._edited)
        self.logic.take(self._parameterNode, nodes)
        self.onReview()
        self.showIdle(_("Done: {case}.").format(case=nodes.report.case_id))
        self.logic.startDrawing(self._parameterNode)
        self.showDrawing(True)

    def showDrawing(self, drawing):
        """Say that overlays are being drawn, and let the drawing get on."""
        self.showOverlayState(_("Drawing periphery and intensity map...") if drawing else "")
        if drawing:
            self._poll.start()

    def onDrawn(self):
        """All overlays are there."""
        self.showOverlayState("")
        self.onSliceMoved()
        self.logic.draw(self._parameterNode)
        self.logic.aimViewsSoon(self._parameterNode.inputVolume, self.logic.center(self._parameterNode))

    def onDrawingFailed(self, failure):
        """The overlays cannot be drawn; the numbers stand."""
        text = _("n/a: {problem} {remedy}")
        self.showOverlayState(text.format(problem=failure.problem, remedy=failure.remedy))

    def showOverlayState(self, text):
        """Say how far the overlays are, or nothing once they are there."""
        self.ui.overlayStateLabel.text = text
        self.ui.overlayStateLabel.visible = bool(text)

    def onReview(self):
        """Layout, window, lesions, activation map, intensity map and cohort plot in one click."""
        self.logic.chooseReview(self._parameterNode)
        self._drawn = None
        self.onModified()
        self.logic.showReview(self._parameterNode)

    def onCompare(self):
        """Compare with the earlier scan."""
        if self.runner.busy:
            return
        try:
            dependencies.ensure({**dependencies.ENGINE, **dependencies.REPORT}, self.title)
            job = self.logic.makeComparison(self._parameterNode)
        except ChestCTError as error:
            self.showError(error.problem, error.remedy)
            return
        self.start(job)

    def showFollowUp(self, nodes):
        """Show what changed."""
        self._parameterNode.table = ShownTable.change
        self._parameterNode.task = ShownTask.none
        self.ui.followUpLabel.text = case_results.follow_up(nodes.report)
        self.logic.showChange(self._parameterNode)
        self.showIdle(_("Compared."))


class COVIDMTLLogic(CaseLogic):
    """What the module does; usable without its panel."""

    parameterType = COVIDMTLParameterNode


class COVIDMTLTest(ScriptedLoadableModuleTest):
    """Run by Slicer's own self-test on a phantom."""

    def setUp(self):
        """Start with an empty scene."""
        slicer.mrmlScene.Clear(False)

    def runTest(self):
        """Run all tests."""
        self.setUp()
        self.test_the_case_of_a_phantom_is_made_and_made_again()
        self.setUp()
        self.test_no_input_is_refused_with_a_remedy()

    def test_the_case_of_a_phantom_is_made_and_made_again(self):
        """The whole way: phantom, child process, report; a second run keeps the number of nodes."""
        if missing := dependencies.missing({**dependencies.ENGINE, **dependencies.REPORT}):
            self.skipTest(f"not installed: {', '.join(missing)}")
        volume = sample_data.make_phantom_node("COVID-19 chest phantom", ("--spacing", "8", "5", "5"))
        logic = COVIDMTLLogic()
        parameters = logic.getParameterNode()
        parameters.inputVolume = volume
        parameters.lesionMethod = HU_BANDS
        parameters.lungFeatures = False
        nodes = logic.process(parameters)
        self.assertTrue(nodes.report.measure("lesions.volume.total").value)
        before = slicer.mrmlScene.GetNumberOfNodes()
        self.assertIs(logic.process(parameters).lungs, nodes.lungs)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)

    def test_no_input_is_refused_with_a_remedy(self):
        """Apply without a volume."""
        with self.assertRaises(ChestCTError) as caught:
            COVIDMTLLogic().process(COVIDMTLLogic().getParameterNode())
        self.assertTrue(caught.exception.remedy)
