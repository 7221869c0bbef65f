"""What the panels of all three modules have in common: parameters bound to widgets, Apply, Cancel, progress, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from ChestCTJobs.job import Job, JobState
from ChestCTLib.errors import ChestCTError
from ChestCTMRML import displays
from ChestCTMRML.segmentations import EditedSegmentsError
from ChestCTSlicer.runner import JobRunner
from ChestCTSlicer.scan_selectors import first_scan, offer_scans_only

PERCENT = 100
ROW_HEIGHT = 24  # pixels
PARAMETER_PROPERTY = "SlicerParameterName"
"""Dynamic property of a widget in a ``.ui`` file: the parameter it shows."""


class WorkWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """A panel that runs a job on one CT and shows the parameter node it belongs to.

    The ``.ui`` file holds ``applyButton``, ``cancelButton``, ``reviewButton``, ``progressBar`` and ``statusLabel``. A
    module overrides what it does in its own way: :meth:`makeLogic`, :meth:`prepare`, :meth:`showParameters`,
    :meth:`ensureDependencies`, :meth:`onDone`, :meth:`onReview`, :meth:`forget` and :meth:`adopt`.

    Args:
        parent: Slicer's own.
        title: The module's name, shown in message boxes.
        applyToolTip: What Apply does.
    """

    def __init__(self, parent: Any, title: str, applyToolTip: str) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.title = title
        self.applyToolTip = applyToolTip
        self.logic: Any = None
        self.ui: Any = None
        self.runner: Any = None
        self._parameterNode: Any = None
        self._guiTag: int | None = None
        self._entered = False

    def makeLogic(self) -> Any:
        """The module's logic."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Connect the module's own widgets; the logic is there, the parameters are not yet."""

    def showParameters(self) -> None:
        """A parameter changed, or others are shown."""

    def ensureDependencies(self) -> None:
        """Raise :class:`MissingDependencyError` where Apply cannot work, after offering to install."""

    def onDone(self, job: Job) -> None:
        """A job has filled its nodes."""

    def onReview(self) -> None:
        """Show the result in the review layout."""

    def forget(self) -> None:
        """Let go of all nodes: the scene closes, or the parameters change."""

    def adopt(self, parameterNode: Any) -> None:
        """Bring parameters of an older version or another computer into order before they are shown."""

    def setup(self) -> None:
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = self.makeLogic()
        self.runner = JobRunner(self.showProgress, self.onEnded)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        self.ui.applyButton.clicked.connect(self.onApply)
        self.ui.cancelButton.clicked.connect(self.onCancel)
        self.ui.reviewButton.clicked.connect(self.onReview)
        self.ui.progressBar.visible = False
        self.prepare()
        self.initializeParameterNode()

    def prepareTable(self, table: slicer.qMRMLTableView) -> None:
        """Give a table view the look of all our tables."""
        table.setMRMLScene(None)  # with a scene but no view node it drops its table whenever something was loaded
        table.verticalHeader().visible = False
        table.verticalHeader().defaultSectionSize = ROW_HEIGHT
        table.horizontalHeader().stretchLastSection = True

    @staticmethod
    def makeTimer(interval: int, slot: Callable[[], None]) -> Any:
        """A stopped timer that calls ``slot`` every ``interval`` ms."""
        timer = qt.QTimer()
        timer.interval = interval
        timer.timeout.connect(slot)
        return timer

    def cleanup(self) -> None:
        """Slicer closes, or the module is reloaded."""
        self.runner.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        """The user comes to the module."""
        self._entered = True
        self.initializeParameterNode()

    def exit(self) -> None:
        """The user goes to another module; a run goes on."""
        self._entered = False

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """The nodes are about to go: so must the run that would fill them."""
        self.runner.close()
        self.setParameterNode(None)
        self.showIdle(_("The scene was closed."))

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        """A new scene is there."""
        self.offerScans()
        displays.refresh_slices(slicer.mrmlScene)
        if self._entered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        """Take this scene's parameters, with its first volume as input where none is chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        if self._parameterNode.inputVolume is None:
            self._parameterNode.inputVolume = first_scan(slicer.mrmlScene)

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show other parameters, or none."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onModified)
        self.forget()
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self.offerScans()
            self.adopt(parameterNode)
            self._guiTag = parameterNode.connectParametersToGui(self._widgetsOfParameters())
            self.addObserver(parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onModified)
            self.onModified()

    def scanSelectors(self) -> list[slicer.qMRMLNodeComboBox]:
        """The selectors of CTs."""
        return [self.ui.inputVolumeSelector]

    def offerScans(self) -> None:
        """Keep volumes that were made of a CT out of the selectors of CTs."""
        for selector in self.scanSelectors():
            offer_scans_only(selector, slicer.mrmlScene)

    def _widgetsOfParameters(self) -> dict[str, Any]:
        """The widgets by the parameter that their ``.ui`` file binds them to.

        The wrapper's own ``connectGui`` looks for the same widgets, but in many Slicer versions it gives no tag back:
        the widgets then stay bound, and binding them again sets every selector to its first entry.
        """
        bound = {widget.property(PARAMETER_PROPERTY): widget for widget in self.ui.__dict__.values()}
        return {name: widget for name, widget in bound.items() if name}

    def onModified(self, caller: Any = None, event: Any = None) -> None:
        """A parameter changed; while a scene is read, volumes are still empty, and all is shown at its end."""
        if slicer.mrmlScene.IsImporting():
            return
        hasInput = self._parameterNode.inputVolume is not None
        self.ui.applyButton.enabled = hasInput and not self.runner.busy
        self.ui.applyButton.toolTip = self.applyToolTip if hasInput else _("Choose a CT volume first.")
        self.showParameters()

    def onApply(self) -> None:
        """Check, ask what must be asked, and start."""
        if self.runner.busy:  # by script: the button is off
            return
        try:
            self.ensureDependencies()
            job = self._makeJob()
        except ChestCTError as error:
            self.showError(error.problem, error.remedy)
            return
        if job is not None:
            self.start(job)

    def _makeJob(self) -> Any:
        """The job, after asking whether edits by hand may go; None where they may not."""
        try:
            return self.logic.makeJob(self._parameterNode)
        except EditedSegmentsError as error:
            question = _("{problem}\n\nReplace these edits by the new result?").format(problem=error.problem)
            if not slicer.util.confirmYesNoDisplay(question, windowTitle=self.title):
                self.showIdle(_("Nothing was changed: your edits are kept."))
                return None
            return self.logic.makeJob(self._parameterNode, overwriteEdited=True)

    def start(self, job: Job) -> None:
        """Run a job in the background."""
        self.runner.start(job)
        self.ui.inputVolumeSelector.enabled = False  # a result goes to the parameters of the scan it was made of
        self.ui.progressBar.visible = True
        self.ui.applyButton.enabled = False
        self.ui.cancelButton.enabled = True

    def onCancel(self) -> None:
        """Stop the run."""
        self.ui.cancelButton.enabled = False
        self.runner.cancel()

    def showProgress(self, fraction: float, step: str) -> None:
        """The run got further."""
        self.ui.progressBar.value = int(PERCENT * fraction)
        self.ui.statusLabel.text = step

    def onEnded(self, job: Job) -> None:
        """The run is over."""
        self.offerScans()
        if job.state == JobState.done:
            self.onDone(job)
        elif job.state == JobState.cancelled:
            self.showIdle(_("Cancelled; nothing was changed."))
        elif job.failure is not None:
            self.showError(job.failure.problem, job.failure.remedy, job.failure.details)

    def showIdle(self, text: str) -> None:
        """No run is under way."""
        self.ui.progressBar.visible = False
        self.ui.cancelButton.enabled = False
        self.ui.inputVolumeSelector.enabled = True
        self.ui.statusLabel.text = text
        self.ui.applyButton.enabled = self._parameterNode is not None and self._parameterNode.inputVolume is not None

    def showError(self, problem: str, remedy: str, details: str = "") -> None:
        """Tell the user what went wrong and what to do."""
        self.showIdle(_("Failed: {problem}").format(problem=problem))
        slicer.util.errorDisplay(f"{problem}\n\n{remedy}".strip(), windowTitle=self.title, detailedText=details)
