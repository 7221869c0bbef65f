"""LesionSeg: ground glass and consolidation in a chest CT, measured, shown in 3D and corrected by hand.

The module file is a shell: lesions are found by ``covidmtl lesions`` in a child process (``ChestCTSlicer.job``), and
measures follow every edit through a second one (``ChestCTSlicer.measure_service``).
"""

from enum import Enum
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
from ChestCTLib.labels import LESION_LABELS
from ChestCTLib.models import list_models
from ChestCTMRML import displays, intensity_plane, layouts, lesion_plots, overlays
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.overlays import Overlay
from ChestCTMRML.segmentations import EditedSegmentsError, edited_segments, match_segments
from ChestCTMRML.volumes import voxels
from ChestCTSlicer import dependencies, lesion_results, sample_data
from ChestCTSlicer.job import Job, JobState
from ChestCTSlicer.lesion_results import ResultTable
from ChestCTSlicer.lesion_work import LESION_OPACITY_3D, LesionNodes, LesionRequest, lesion_work
from ChestCTSlicer.measure_service import MeasureService
from ChestCTSlicer.runner import TICK_MS, JobRunner

PERCENT = 100
ROW_HEIGHT = 24  # pixels
DEBOUNCE_MS = 300  # after the last change, before measuring: a stroke of the brush is many changes
UNDO_STATES = 20
BEHIND_SHELL_OPACITY_3D = 0.2  # the lesion part that the shell marks lies in the same place and must show
HU_BANDS = "hu-bands"  # the method without weights, as ``covidmtl lesions`` names it
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
            "Methods after: Li X. et al., DeepSC-COVID (peripheral lesion ratio), and Bao G. et al., COVID-MTL, "
            "Pattern Recognition 124 (2022) 108499."
        )


class Coloring(Enum):
    """What the colours of lesions in 3D mean."""

    classes = "classes"
    density = "density"
    hidden = "hidden"

    def label(self):
        """Text of the entry in the selector."""
        return {
            Coloring.classes: _("Class: ground glass, consolidation"),
            Coloring.density: _("Mean density of each lesion (HU)"),
            Coloring.hidden: _("Hidden"),
        }[self]


class ShownTable(Enum):
    """Which table of the result is shown."""

    totals = ResultTable.totals
    zones = ResultTable.zones
    classes = ResultTable.classes
    single = ResultTable.single

    def label(self):
        """Text of the entry in the selector."""
        return {
            ShownTable.totals: _("All measures"),
            ShownTable.zones: _("Six zones"),
            ShownTable.classes: _("Classes"),
            ShownTable.single: _("Single lesions (click: go there; heading: sort)"),
        }[self]


class ShownPlot(Enum):
    """Which plot is shown."""

    periphery = lesion_plots.PERIPHERY_ROLE
    histogram = lesion_plots.HISTOGRAM_ROLE
    profile = lesion_plots.PROFILE_ROLE

    def label(self):
        """Text of the entry in the selector."""
        return {
            ShownPlot.periphery: _("Peripheral lesion ratio"),
            ShownPlot.histogram: _("Attenuation of lungs and lesions"),
            ShownPlot.profile: _("Intensity profile of the slice"),
        }[self]


@parameterNodeWrapper
class LesionSegParameterNode:
    """The module's parameters; saved and restored with the scene."""

    inputVolume: vtkMRMLScalarVolumeNode
    lungs: vtkMRMLSegmentationNode
    lesions: vtkMRMLSegmentationNode
    method: str = ""
    groundGlassFrom: Annotated[float, WithinRange(-900.0, -400.0)] = -700.0
    consolidationFrom: Annotated[float, WithinRange(-400.0, 0.0)] = -300.0
    thickness: Annotated[float, WithinRange(0.0, 35.0)] = 10.0
    coloring: Coloring = Coloring.classes
    showShell: bool = False
    showMap: bool = False
    table: ShownTable = ShownTable.totals
    plot: ShownPlot = ShownPlot.periphery


class LesionSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The module's panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.runner = None
        self._parameterNode = None
        self._guiTag = None
        self._entered = False
        self._watched = None
        self._changed = False
        self._drawn = None
        self._methods = []
        self._sorting = (0, False)

    def setup(self):
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/LesionSeg.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = LesionSegLogic(self.onMeasured, self.onMeasuringFailed)
        self.runner = JobRunner(self.showProgress, self.onEnded)
        self._poll = self._timer(TICK_MS, self.onPoll)
        self._settled = self._timer(DEBOUNCE_MS, self.onSettled)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        self._methods = self.logic.methods()
        for _method, title, _card in self._methods:
            self.ui.methodComboBox.addItem(title)
        self.ui.methodComboBox.currentIndexChanged.connect(self.onMethodChosen)
        self.ui.applyButton.clicked.connect(self.onApply)
        self.ui.cancelButton.clicked.connect(self.onCancel)
        self.ui.reviewButton.clicked.connect(self.onReview)
        self.ui.resultTable.clicked.connect(self.onCellClicked)
        header = self.ui.resultTable.horizontalHeader()
        header.sectionsClickable = True
        header.sectionClicked.connect(self.onHeadingClicked)
        header.stretchLastSection = True
        self.ui.resultTable.verticalHeader().visible = False
        self.ui.resultTable.verticalHeader().defaultSectionSize = ROW_HEIGHT
        self.ui.progressBar.visible = False
        self.ui.segmentEditor.setSegmentationNodeSelectorVisible(False)
        self.ui.segmentEditor.setSourceVolumeNodeSelectorVisible(False)
        self.ui.segmentEditor.setMaximumNumberOfUndoStates(UNDO_STATES)
        self.ui.segmentEditor.setEffectNameOrder(list(EFFECTS))
        self.ui.segmentEditor.unorderedEffectsVisible = False
        self.initializeParameterNode()

    def cleanup(self):
        """Slicer closes, or the module is reloaded."""
        self._poll.stop()
        self._settled.stop()
        self.runner.close()
        self.logic.close()
        self.ui.segmentEditor.removeViewObservations()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """The user comes to the module."""
        self._entered = True
        self.initializeParameterNode()
        self.ui.segmentEditor.setupViewObservations()
        self.ui.segmentEditor.installKeyboardShortcuts()

    def exit(self):
        """The user goes to another module; a run goes on."""
        self._entered = False
        self.ui.segmentEditor.setActiveEffect(None)
        self.ui.segmentEditor.uninstallKeyboardShortcuts()
        self.ui.segmentEditor.removeViewObservations()

    def onSceneStartClose(self, caller, event):
        """The nodes are about to go: so must everything that would fill them."""
        self._changed = False
        self._settled.stop()
        self.runner.close()
        self.logic.close()
        self.setParameterNode(None)
        self.ui.resultTable.setMRMLTableNode(None)
        self.showIdle(_("The scene was closed."))

    def onSliceMoved(self, caller=None, event=None):
        """The axial view shows another slice."""
        if self._parameterNode is not None and self.logic.measured is not None:
            self.logic.followSlice(self._parameterNode)

    def onSceneEndClose(self, caller, event):
        """A new scene is there."""
        if self._entered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Take this scene's parameters, with its first volume as input where none is chosen."""
        self.ui.segmentEditor.setMRMLSegmentEditorNode(self.logic.editorNode())
        view = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
        if view is not None and not self.hasObserver(view, vtk.vtkCommand.ModifiedEvent, self.onSliceMoved):
            self.addObserver(view, vtk.vtkCommand.ModifiedEvent, self.onSliceMoved)
        self.setParameterNode(self.logic.getParameterNode())
        if self._parameterNode.inputVolume is None:
            self._parameterNode.inputVolume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")

    def setParameterNode(self, parameterNode):
        """Show other parameters, or none."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onModified)
        self.watch(None)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            if parameterNode.method not in [method for method, _title, _card in self._methods]:
                parameterNode.method = self.logic.defaultMethod()
            self._guiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onModified)
            self.onModified()

    def onModified(self, caller=None, event=None):
        """A parameter changed."""
        parameters = self._parameterNode
        volume = parameters.inputVolume
        self.ui.applyButton.enabled = volume is not None and not self.runner.busy
        self.ui.applyButton.toolTip = (
            _("Segment the lesions.") if volume is not None else _("Choose a CT volume first.")
        )
        index = [method for method, _title, _card in self._methods].index(parameters.method)
        self.ui.methodComboBox.currentIndex = index
        self.ui.modelCardLabel.text = self._methods[index][2]
        self.ui.segmentEditor.setSegmentationNode(parameters.lesions)
        self.ui.segmentEditor.setSourceVolumeNode(volume)
        self.ui.correctionCollapsibleButton.enabled = parameters.lesions is not None
        self.watch(parameters.lesions)
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
        for event in events if self._watched is not None else ():
            self.removeObserver(self._watched, event, self.onLesionsChanged)
        isNew = segmentation is not None and segmentation.GetSegmentation() is not self._watched
        self._watched = segmentation.GetSegmentation() if segmentation is not None else None
        for event in events if self._watched is not None else ():
            self.addObserver(self._watched, event, self.onLesionsChanged)
        if isNew:
            self.measureSoon()

    def onLesionsChanged(self, caller=None, event=None):
        """A voxel changed: measure once the hand rests."""
        if not self.runner.busy:
            self.measureSoon()

    @property
    def measuring(self):
        """Whether the numbers have still to follow a change."""
        return self._changed or self.logic.busy

    def measureSoon(self):
        """Measure after a while without changes."""
        self._changed = True
        self._settled.start()

    def onSettled(self):
        """No change for a while."""
        self._settled.stop()
        self._changed = False
        if self._parameterNode is not None and self.logic.measure(self._parameterNode):
            self.ui.findingLabel.text = _("Measuring...")
            self._poll.start()

    def onPoll(self):
        """Let the measuring get on."""
        if not self.logic.poll():
            self._poll.stop()

    def onMeasured(self, measured):
        """Numbers of the latest mask are in the scene."""
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
            self._parameterNode.method = self._methods[index][0]

    def onApply(self):
        """Check, ask what must be asked, and start."""
        parameters = self._parameterNode
        try:
            dependencies.ensure(dependencies.ENGINE, "Lesion Seg")
            if parameters.method != HU_BANDS:
                dependencies.ensure_torch("Lesion Seg")
                dependencies.ensure(dependencies.LEARNING, "Lesion Seg")
            job = self.logic.makeJob(parameters)
        except EditedSegmentsError as error:
            question = _("{problem}\n\nReplace these edits by the new result?").format(problem=error.problem)
            if not slicer.util.confirmYesNoDisplay(question, windowTitle=_("Lesion Seg")):
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
            nodes = job.work.result[0]
            self.logic.close()  # it measured against other lungs
            self._parameterNode.lungs = nodes.lungs
            self._parameterNode.lesions = nodes.lesions
            self.showIdle(_("Done: lesions by {method}.").format(method=job.results.get("method", "?")))
            self.logic.showCase(self._parameterNode, nodes)
            self.measureSoon()
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
        slicer.util.errorDisplay(f"{problem}\n\n{remedy}".strip(), windowTitle=_("Lesion Seg"), detailedText=details)

    def showTable(self):
        """Show the chosen table, or none yet."""
        volume = self._parameterNode.inputVolume
        role = f"Lesions.Table.{self._parameterNode.table.value.value}"
        self.ui.resultTable.setMRMLTableNode(find_owned(volume, role) if volume is not None else None)
        self.ui.resultTable.resizeColumnsToContents()

    def onHeadingClicked(self, column):
        """Sort the single lesions."""
        if self._parameterNode.table != ShownTable.single:
            return
        descending = not self._sorting[1] if self._sorting[0] == column else False
        self._sorting = (column, descending)
        self.logic.sortLesions(self._parameterNode.inputVolume, column, descending)

    def onCellClicked(self, index):
        """Go to the clicked lesion."""
        if self._parameterNode.table == ShownTable.single:
            self.logic.goToLesion(index.row())

    def onReview(self):
        """Three planes, 3D, table and plot."""
        self.logic.setLayout(self._parameterNode)

    @staticmethod
    def _timer(interval, slot):
        timer = qt.QTimer()
        timer.interval = interval
        timer.timeout.connect(slot)
        return timer


class LesionSegLogic(ScriptedLoadableModuleLogic):
    """What the module does; usable without its panel.

    ``measured`` holds the latest measures, ``ratio`` the peripheral lesion ratio at the current thickness.
    """

    def __init__(self, onMeasured=None, onFailed=None):
        ScriptedLoadableModuleLogic.__init__(self)
        self.measured = None
        self.ratio = None
        self._onMeasured = onMeasured or (lambda measured: None)
        self._onFailed = onFailed or (lambda failure: None)
        self._service = None
        self._steps = None
        self._order = []
        self._thickness = None
        self._parameters = None
        self._marked = None

    def getParameterNode(self):
        """The typed parameters of the current scene; each call makes a new wrapper, so keep it."""
        return LesionSegParameterNode(super().getParameterNode())

    def editorNode(self):
        """The module's own node of the segment editor; one a scene."""
        node = slicer.mrmlScene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.vtkMRMLSegmentEditorNode()
            node.SetSingletonTag(EDITOR_TAG)
            node = slicer.mrmlScene.AddNode(node)
        return node

    def methods(self):
        """All methods as (id, title, model card as text), networks first."""
        networks = [(card.id, card.title, self._cardText(card)) for card in list_models("lesions")]
        text = _("No weights: attenuation between limits, without vessels. Learned from nothing; limits can be set.")
        return [*networks, (HU_BANDS, _("HU bands (no learned weights)"), text)]

    def defaultMethod(self):
        """Id of the method to begin with."""
        return self.methods()[0][0]

    def _cardText(self, card):
        lines = [f"{figure.name}: {figure.value:g} {figure.unit}, {figure.measured_on}" for figure in card.figures]
        figures = "\n".join(lines)
        text = _("Evidence: {evidence}\nLearned from: {source}\nMeasured:\n{figures}\nLimits: {limits}\nUse: {use}")
        return text.format(
            evidence=card.evidence, source=card.learned_from, figures=figures, limits=card.limits, use=card.intended_use
        )

    def makeJob(self, parameters, overwriteEdited=False):
        """Return a job that segments the parameters' input volume.

        Raises:
            InputError: There is no input, or it cannot be used.
            EditedSegmentsError: The output was edited by hand and ``overwriteEdited`` is false.
        """
        voxels(parameters.inputVolume)
        if not overwriteEdited and (edited := edited_segments(parameters.lesions, LESION_LABELS)):
            raise EditedSegmentsError(edited)
        request = LesionRequest(
            method=parameters.method or self.defaultMethod(),
            ground_glass_from_hu=parameters.groundGlassFrom,
            consolidation_from_hu=parameters.consolidationFrom,
        )
        return Job(lesion_work(slicer.mrmlScene, parameters.inputVolume, parameters.lungs, parameters.lesions, request))

    def process(self, parameters, overwriteEdited=False, timeoutSeconds=3600.0):
        """Segment without an event loop.

        Returns:
            The result's nodes; the parameters' lungs and lesions are set.

        Raises:
            ChestCTError: It failed.
        """
        job = self.makeJob(parameters, overwriteEdited)
        job.run_to_end(timeoutSeconds)
        nodes: LesionNodes = job.work.result[0]
        parameters.lungs, parameters.lesions = nodes.lungs, nodes.lesions
        return nodes

    def measure(self, parameters):
        """Ask for measures of the lesions as they are now; returns whether it could."""
        volume, lungs, lesions = parameters.inputVolume, parameters.lungs, parameters.lesions
        if volume is None or lungs is None or lesions is None:
            return False
        if len(match_segments(lesions, LESION_LABELS)) < len(LESION_LABELS):
            return False
        service = self._service
        if service is None or (service.volume_node, service.lungs_node) != (volume, lungs):
            self.close()
            self._service = MeasureService(volume, lungs, self._take, self._fail)
        self._parameters = parameters
        thickness = parameters.thickness or LesionSegParameterNode.allParameters["thickness"].default
        self._service.request(lesions, thickness, lesions.GetName())
        return True

    @property
    def busy(self):
        """Whether measures are awaited."""
        return self._steps is not None or (self._service is not None and self._service.busy)

    def poll(self):
        """Let the measuring get on; returns whether there is more to do."""
        if self._service is None:
            return False
        if self._steps is not None:
            try:
                next(self._steps)
            except StopIteration:
                self._steps = None
                self._onMeasured(self.measured)
            return True
        self._service.poll()
        return self.busy

    def close(self):
        """End the measuring process."""
        service, self._service, self._steps = self._service, None, None
        self.measured = self.ratio = self._thickness = self._marked = None
        self._order = []
        if service is not None:
            service.close()

    def _take(self, measured):
        self.measured = measured
        self._order = []
        self._thickness = self._parameters.thickness
        self.ratio = measured.ratio_percent(self._thickness)
        volume = self._parameters.inputVolume
        self._steps = lesion_results.show_measured(slicer.mrmlScene, volume, measured, self._thickness)

    def _fail(self, failure):
        self._service = self._steps = None
        self._onFailed(failure)

    def moveThickness(self, parameters):
        """Move ratio, curve marker and shell to the parameters' thickness; returns whether they moved."""
        if self.measured is None or self._steps is not None or parameters.thickness == self._thickness:
            return False
        self._thickness = parameters.thickness
        self.ratio = lesion_results.move_thickness(
            slicer.mrmlScene, parameters.inputVolume, self.measured, self._thickness
        )
        return True

    def sortLesions(self, volume, column, descending):
        """Sort the table of single lesions."""
        if self.measured is not None:
            self._order = lesion_results.sorted_lesions(
                slicer.mrmlScene, volume, self.measured.section, column, descending
            )

    def goToLesion(self, row):
        """Cut the slices through the lesion of a row and look at it in 3D; returns its centre or None."""
        if self.measured is None:
            return None
        center = lesion_results.center_of_lesion(self.measured, self._order, row)
        if center is not None:
            displays.jump_to(slicer.mrmlScene, center)
        return center

    def draw(self, parameters):
        """Show the overlays and the plot as the user wants them."""
        volume, lesions = parameters.inputVolume, parameters.lesions
        if volume is None:
            return
        if lesions is not None and lesions.GetDisplayNode() is not None:
            displays.show_3d(lesions, parameters.coloring == Coloring.classes)
            opacity = BEHIND_SHELL_OPACITY_3D if parameters.showShell else LESION_OPACITY_3D
            lesions.GetDisplayNode().SetOpacity3D(opacity)
        overlays.show_overlay(volume, Overlay.lesion_density, parameters.coloring == Coloring.density)
        overlays.show_overlay(volume, Overlay.periphery, parameters.showShell)
        self.followSlice(parameters)
        overlays.show_overlay(volume, Overlay.intensity_map, parameters.showMap)
        chart = find_owned(volume, f"{parameters.plot.value}.Chart")
        displays.show_in_tables_and_plots(slicer.mrmlScene, self._tableOf(parameters), chart)

    def followSlice(self, parameters):
        """Mark the axial view's slice on the intensity map and draw its profile, once there is a map."""
        view = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
        volume = parameters.inputVolume
        if view is None or volume is None or self.measured is None or self._steps is not None:
            return
        row = intensity_plane.row_of_slice_view(volume, view)
        if (volume, row) == self._marked:
            return
        self._marked = (volume, row)
        intensity_plane.mark_slice(slicer.mrmlScene, volume, row)
        lesion_plots.set_intensity_profile(slicer.mrmlScene, volume, self.measured.plane, row)

    def _tableOf(self, parameters):
        return find_owned(parameters.inputVolume, f"Lesions.Table.{parameters.table.value.value}")

    def showCase(self, parameters, nodes):
        """Show a new result in the review layout."""
        displays.show_lung_window(nodes.volume)
        self.setLayout(parameters, nodes.center_ras)

    def setLayout(self, parameters, center=None):
        """Switch to the review layout with the result in its views."""
        manager = slicer.app.layoutManager()
        if manager is None:  # no main window
            return
        layouts.register_layouts(manager.layoutLogic().GetLayoutNode())
        manager.setLayout(layouts.REVIEW_LAYOUT)
        volume = parameters.inputVolume
        if volume is not None:
            self.draw(parameters)
            # the views get their new sizes when the event loop runs
            qt.QTimer.singleShot(0, lambda: displays.set_views(slicer.mrmlScene, volume, center))


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
        logic.close()
