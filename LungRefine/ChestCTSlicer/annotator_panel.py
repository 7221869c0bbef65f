"""The annotator's part of Lesion Seg's panel: limits of painting, training pairs, work list, agreement of readers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ChestCTJobs.job import Job
from ChestCTJobs.lesion_results import fill_table
from ChestCTLib.errors import ChestCTError, InputError
from ChestCTLib.labels import LESION_LABELS
from ChestCTMRML import paint_limits
from ChestCTMRML.case_folder import put_in_case_folder
from ChestCTMRML.case_nodes import remove_case
from ChestCTMRML.nodes import owned_node
from ChestCTMRML.segmentations import edited_segments, labels_in_steps
from ChestCTSlicer.annotation_work import CaseWork, PairWork, load_case_work, save_pair_work
from ChestCTSlicer.runner import TICK_MS
from ChestCTSlicer.table_views import fit_columns
from LesionSegLib.readers import agreement_in_steps, agreement_table
from LesionSegLib.work_list import CaseState, WorkList

READERS_ROLE = "Lesions.Readers"


class AnnotatorPanel:
    """Works on the widgets of Lesion Seg's ``.ui`` file.

    Args:
        widget: The module's :class:`ChestCTSlicer.work_widget.WorkWidget`, with a logic that has ``editorNode()``.
    """

    def __init__(self, widget: Any) -> None:
        self._widget = widget
        self.ui = widget.ui
        self.workList: WorkList | None = None
        self.folder: Path | None = None
        self._saved = True
        self._leaving: Any = None  # the CT that goes when the next one is there
        self._limited: tuple[Any, Any] | None = None
        self._inRange = False
        self._steps: Iterator[None] | None = None
        self._timer = widget.makeTimer(TICK_MS, self._tick)
        self.ui.pairsFolderButton.clicked.connect(self.onChooseFolder)
        self.ui.savePairButton.clicked.connect(self.onSavePair)
        self.ui.listFolderButton.clicked.connect(self.onChooseCases)
        self.ui.listTableButton.clicked.connect(self.onChooseTable)
        self.ui.previousCaseButton.clicked.connect(lambda: self.step(-1))
        self.ui.nextCaseButton.clicked.connect(lambda: self.step(1))
        self.ui.acceptCaseButton.clicked.connect(self.onAccept)
        self.ui.compareButton.clicked.connect(self.onCompare)
        widget.prepareTable(self.ui.agreementTable)
        self.showWorkList()

    @property
    def _parameters(self) -> Any:
        return self._widget._parameterNode

    @property
    def busy(self) -> bool:
        """Whether limits or an agreement are being computed."""
        return self._steps is not None

    def close(self) -> None:
        """Let go of all nodes."""
        self._timer.stop()
        self._steps = self._limited = self._leaving = None
        self.ui.agreementTable.setMRMLTableNode(None)
        self.ui.agreementLabel.text = ""

    def show(self) -> None:
        """A parameter changed."""
        parameters = self._parameters
        hasMask = parameters.lesions is not None and parameters.lungs is not None
        idle = not self._widget.runner.busy
        self.ui.savePairButton.enabled = hasMask and idle
        self.ui.paintFromSpinBox.enabled = self.ui.paintToSpinBox.enabled = parameters.paintInRange
        other = parameters.secondReader
        self.ui.compareButton.enabled = hasMask and other is not None and other is not parameters.lesions
        self.limitPainting()
        self.showWorkList()

    def limitPainting(self) -> None:
        """Set the editor's masks to what is ticked."""
        parameters, editor = self._parameters, self._widget.logic.editorNode()
        if parameters.paintInRange:
            paint_limits.limit_to_range(editor, parameters.paintFrom, parameters.paintTo)
        elif self._inRange:  # only then: the editor has a box of its own for this, also ticked by Threshold
            paint_limits.limit_to_range(editor, None, None)
        self._inRange = parameters.paintInRange
        lesions, lungs = parameters.lesions, parameters.lungs
        if lesions is None or self._steps is not None:
            return
        if not parameters.paintInLungs or lungs is None:
            if self._limited is not None or paint_limits.has_limit(lesions):
                paint_limits.paint_everywhere(editor, lesions)
            self._limited = None
        elif self._limited != (lesions, lungs) or not paint_limits.has_limit(lesions):
            self._limited = (lesions, lungs)
            self._start(paint_limits.limit_to_lungs(editor, lesions, lungs, parameters.inputVolume))

    def edited(self) -> None:
        """A voxel of the lesions changed."""
        self._saved = False

    def onChooseFolder(self) -> None:
        """Choose where training pairs go."""
        chosen = qt.QFileDialog.getExistingDirectory(None, _("Folder of training pairs"))
        if chosen:
            self.setFolder(Path(chosen))

    def setFolder(self, folder: Path) -> None:
        """Set where training pairs go."""
        self.folder = folder
        self.ui.pairsFolderButton.text = folder.name
        self.ui.pairsFolderButton.toolTip = str(folder)

    def onSavePair(self) -> None:
        """Save the corrected mask as a training pair."""
        if self.folder is None:
            self.onChooseFolder()
        if self.folder is None:
            return
        parameters = self._parameters
        reader = self.ui.readerLineEdit.text.strip()
        work = save_pair_work(parameters.inputVolume, parameters.lungs, parameters.lesions, self.folder, reader)
        self._widget.start(Job(work))

    def onDone(self, job: Job) -> bool:
        """Take what a job of this part did; returns whether it was one."""
        if isinstance(job.work, PairWork):
            self._onPairSaved(job.results)
        elif isinstance(job.work, CaseWork):
            self._onCaseLoaded(job.work.result[0])
        else:
            return False
        return True

    def _onPairSaved(self, results: dict[str, Any]) -> None:
        self._saved = True
        if results["changes"]:
            text = _("Saved as {entry}: {added:.1f} mL added, {removed:.1f} mL removed, {moved:.1f} mL reclassified.")
            state = CaseState.corrected
        else:
            text, state = _("Saved as {entry}: the mask was accepted as it was."), CaseState.accepted
        numbers = {"added": results["added_ml"], "removed": results["removed_ml"], "moved": results["reclassified_ml"]}
        self._widget.showIdle(text.format(entry=results["entry"], **numbers))
        self._setState(state)

    def onAccept(self) -> None:
        """The mask is right as it is."""
        self._setState(CaseState.accepted)

    def _setState(self, state: CaseState) -> None:
        if self.workList is None:
            return
        try:
            self.workList.set_state(state)
        except ChestCTError as error:
            self._widget.showError(error.problem, error.remedy)
        self.showWorkList()

    def onChooseCases(self) -> None:
        """Work through a folder of cases."""
        self.openWorkList(qt.QFileDialog.getExistingDirectory(None, _("Folder of cases")))

    def onChooseTable(self) -> None:
        """Work through the cases of a table."""
        self.openWorkList(qt.QFileDialog.getOpenFileName(None, _("Table of cases"), "", "CSV (*.csv)"))

    def openWorkList(self, path: str) -> None:
        """Open a work list and load its first open case; nothing for an empty path."""
        if not path:
            return
        try:
            self.workList = WorkList(Path(path))
        except ChestCTError as error:
            self._widget.showError(error.problem, error.remedy)
            return
        self.step(0)

    def step(self, by: int) -> None:
        """Go to another case of the work list."""
        if self.workList is None or self._widget.runner.busy:
            return
        lesions = self._parameters.lesions
        if not self._saved and lesions is not None and edited_segments(lesions, LESION_LABELS):
            question = _("The correction of this case was not saved as a training pair. Go on without it?")
            if not slicer.util.confirmYesNoDisplay(question, windowTitle=self._widget.title):
                return
        case = self.workList.step(by) if by else self.workList.case
        if case is not None:
            self._leaving = self._parameters.inputVolume
            self._widget.start(Job(load_case_work(slicer.mrmlScene, case.path)))
        self.showWorkList()

    def _onCaseLoaded(self, volume: Any) -> None:
        parameters, older = self._parameters, self._leaving
        self._widget.logic.close()
        self.close()
        self._saved = True
        parameters.lungs = parameters.lesions = parameters.secondReader = None
        parameters.inputVolume = volume
        if older is not None and older.GetScene() is not None:
            remove_case(slicer.mrmlScene, older)
        self._widget.showIdle(_("Loaded: {name}.").format(name=volume.GetName()))
        self._widget.logic.aimViewsSoon(volume)
        self.showWorkList()

    def showWorkList(self) -> None:
        """Show which case of how many it is, and how far it is."""
        work = self.workList
        idle = not self._widget.runner.busy
        self.ui.acceptCaseButton.enabled = work is not None and idle
        self.ui.previousCaseButton.enabled = work is not None and idle and work.current > 0
        self.ui.nextCaseButton.enabled = work is not None and idle and work.current + 1 < len(work.cases)
        if work is None:
            self.ui.workListLabel.text = _("No work list.")
            return
        text = _(
            "Case {number} of {count}: {name}, {state}.\nOpen: {open}, corrected: {corrected}, accepted: {accepted}."
        )
        counts = {state.value: work.count(state) for state in CaseState}
        self.ui.workListLabel.text = text.format(
            number=work.current + 1, count=len(work.cases), name=work.case.name, state=work.case.state.value, **counts
        )

    def onCompare(self) -> None:
        """Compare the lesions with another reader's."""
        parameters = self._parameters
        self.ui.agreementLabel.text = _("Comparing...")
        self._start(self._compare(parameters.inputVolume, parameters.lesions, parameters.secondReader))

    def _compare(self, volume: Any, first: Any, second: Any) -> Iterator[None]:
        one = yield from labels_in_steps(first, volume, LESION_LABELS)
        other = yield from labels_in_steps(second, volume, LESION_LABELS)
        spacing = volume.GetSpacing()
        voxel_ml = spacing[0] * spacing[1] * spacing[2] / 1000.0
        rows = []
        for row in agreement_in_steps(one, other, voxel_ml):
            rows.append(row)
            yield
        table = agreement_table(rows, first.GetName(), second.GetName())
        node = owned_node(
            slicer.mrmlScene, volume, READERS_ROLE, "vtkMRMLTableNode", f"{volume.GetName()}: two readers"
        )
        fill_table(node, table)
        put_in_case_folder(slicer.mrmlScene, volume, [node])
        self.ui.agreementTable.setMRMLTableNode(node)
        fit_columns(self.ui.agreementTable)
        both = table.shown_rows()[-1]
        text = _("First: {first}; second: {second}. Dice of all lesions {dice}, difference {difference} mL.")
        self.ui.agreementLabel.text = text.format(
            first=first.GetName(), second=second.GetName(), dice=both[1], difference=both[4]
        )
        yield

    def _start(self, steps: Iterator[None]) -> None:
        self._steps = steps
        self._timer.start()

    def _tick(self) -> None:
        if self._steps is None:
            self._timer.stop()
            return
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None
            self.limitPainting()  # what was ticked meanwhile
        except InputError as error:
            self._steps = None
            self.ui.agreementLabel.text = _("n/a: {problem} {remedy}").format(
                problem=error.problem, remedy=error.remedy
            )
