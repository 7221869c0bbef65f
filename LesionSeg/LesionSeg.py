"""LesionSeg: ground glass and consolidation in a chest CT, measured, shown in 3D and corrected by hand.

The module file is a shell: lesions are found by ``covidmtl lesions`` in a child process (``ChestCTSlicer.job``), and
measures follow every edit through a second one (``ChestCTSlicer.measure_service``).
"""

from enum import Enum
from typing import Annotated

import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *

from ChestCTLib.labels import LESION_LABELS
from ChestCTLib.models import list_models
from ChestCTMRML import displays, intensity_plane, layouts, lesion_plots, overlays
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.overlays import Overlay
from ChestCTMRML.segmentations import EditedSegmentsError, edited_segments, match_segments
from ChestCTMRML.volumes import voxels
from ChestCTSlicer import dependencies, lesion_results, sample_data
from ChestCTSlicer.job import Job
from ChestCTSlicer.lesion_results import ResultTable
from ChestCTSlicer.lesion_work import LESION_OPACITY_3D, LesionRequest, lesion_work
from ChestCTSlicer.measure_service import MeasureService
from ChestCTSlicer.runner import TICK_MS
from ChestCTSlicer.work_logic import WorkLogic
from ChestCTSlicer.work_widget import WorkWidget

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


class LesionSegWidget(WorkWidget):
    """The module's panel."""

    def __init__(self, parent=None):
        WorkWidget.__init__(self, parent, _("Lesion Seg"), _("Segment the lesions."))
        self._watched = None
        self._changed = False
        self._drawn = None
        self._methods = []
        self._sorting = (0, False)

    def makeLogic(self):
        """The module's logic."""
        return LesionSegLogic(self.onMeasured, self.onMeasuringFailed)

    def prepare(self):
        """Connect the module's own widgets."""
        self._poll = self.makeTimer(TICK_MS, self.onPoll)
        self._settled = self.makeTimer(DEBOUNCE_MS, self.onSettled)
        self._methods = self.logic.methods()
        for _method, title, _card in self._methods:
            self.ui.methodComboBox.addItem(title)
        self.ui.methodComboBox.currentIndexChanged.connect(self.onMethodChosen)
        self.ui.resultTable.clicked.connect(self.onCellClicked)
        self.prepareTable(self.ui.resultTable)
        header = self.ui.resultTable.horizontalHeader()
        header.sectionsClickable = True
        header.sectionClicked.connect(self.onHeadingClicked)
        self.ui.segmentEditor.setSegmentationNodeSelectorVisible(False)
        self.ui.segmentEditor.setSourceVolumeNodeSelectorVisible(False)
        self.ui.segmentEditor.setMaximumNumberOfUndoStates(UNDO_STATES)
        self.ui.segmentEditor.setEffectNameOrder(list(EFFECTS))
        self.ui.segmentEditor.unorderedEffectsVisible = False

    def cleanup(self):
        """Slicer closes, or the module is reloaded."""
        self._poll.stop()
        self._settled.stop()
        self.logic.close()
        self.ui.segmentEditor.removeViewObservations()
        WorkWidget.cleanup(self)

    def enter(self):
        """The user comes to the module."""
        WorkWidget.enter(self)
        self.ui.segmentEditor.setupViewObservations()
        self.ui.segmentEditor.installKeyboardShortcuts()

    def exit(self):
        """The user goes to another module; a run goes on."""
        WorkWidget.exit(self)
        self.ui.segmentEditor.setActiveEffect(None)
        self.ui.segmentEditor.uninstallKeyboardShortcuts()
        self.ui.segmentEditor.removeViewObservations()

    def onSceneStartClose(self, caller, event):
        """The nodes are about to go: so must everything that would fill them."""
        self._changed = False
        self._settled.stop()
        self.logic.close()
        WorkWidget.onSceneStartClose(self, caller, event)

    def onSliceMoved(self, caller=None, event=None):
        """The axial view shows another slice."""
        if self._parameterNode is not None and self.logic.measured is not None:
            self.logic.followSlice(self._parameterNode)

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
        self.ui.resultTable.setMRMLTableNode(None)

    def adopt(self, parameterNode):
        """Choose a method that there is."""
        if parameterNode.method not in [method for method, _title, _card in self._methods]:
            parameterNode.method = self.logic.defaultMethod()

    def showParameters(self):
        """A parameter changed."""
        parameters = self._parameterNode
        volume = parameters.inputVolume
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

    def ensureDependencies(self):
        """What the engine needs, and networks where one is chosen."""
        dependencies.ensure(dependencies.ENGINE, self.title)
        if self._parameterNode.method != HU_BANDS:
            dependencies.ensure_torch(self.title)
            dependencies.ensure(dependencies.LEARNING, self.title)

    def onDone(self, job):
        """Show and measure the new lesions."""
        nodes = self.logic.nodesOf(job)
        self.logic.close()  # it measured against other lungs
        self.logic.take(self._parameterNode, nodes)
        self.showIdle(_("Done: lesions by {method}.").format(method=job.results.get("method", "?")))
        self.logic.showCase(self._parameterNode, nodes)
        self.measureSoon()

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


class LesionSegLogic(WorkLogic):
    """What the module does; usable without its panel.

    ``measured`` holds the latest measures, ``ratio`` the peripheral lesion ratio at the current thickness.
    """

    parameterType = LesionSegParameterNode

    def __init__(self, onMeasured=None, onFailed=None):
        WorkLogic.__init__(self)
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
        """Return a job that segments the parameters' input volume."""
        voxels(parameters.inputVolume)
        if not overwriteEdited and (edited := edited_segments(parameters.lesions, LESION_LABELS)):
            raise EditedSegmentsError(edited)
        request = LesionRequest(
            method=parameters.method or self.defaultMethod(),
            ground_glass_from_hu=parameters.groundGlassFrom,
            consolidation_from_hu=parameters.consolidationFrom,
        )
        return Job(lesion_work(slicer.mrmlScene, parameters.inputVolume, parameters.lungs, parameters.lesions, request))

    def take(self, parameters, nodes):
        """Set the outputs to a result."""
        parameters.lungs, parameters.lesions = nodes.lungs, nodes.lesions

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
        if self.measured.drawn is None:
            return
        row = intensity_plane.row_of_slice_view(volume, view)
        if (volume, row) == self._marked:
            return
        self._marked = (volume, row)
        intensity_plane.mark_slice(slicer.mrmlScene, volume, row)
        lesion_plots.set_intensity_profile(slicer.mrmlScene, volume, self.measured.drawn.plane, row)

    def _tableOf(self, parameters):
        return find_owned(parameters.inputVolume, f"Lesions.Table.{parameters.table.value.value}")

    def showCase(self, parameters, nodes):
        """Show a new result in the review layout."""
        displays.show_lung_window(nodes.volume)
        self.setLayout(parameters, nodes.center_ras)

    def setLayout(self, parameters, center=None):
        """Switch to the review layout with the result in its views."""
        if self.showLayout(layouts.REVIEW_LAYOUT) and parameters.inputVolume is not None:
            self.draw(parameters)
            self.aimViewsSoon(parameters.inputVolume, center)


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
