"""The results' part of COVID-MTL's panel: the report's numbers in words and bars, and its export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ChestCTLib.case_report import CaseReport
from ChestCTLib.errors import ChestCTError
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.report_store import JSON_ROLE, is_stale, kept_report
from ChestCTSlicer import case_results
from ChestCTSlicer.report_export import export_report


class ReportPanel:
    """Works on the widgets of COVID-MTL's ``.ui`` file.

    Args:
        widget: The module's :class:`ChestCTSlicer.work_widget.WorkWidget`.
    """

    def __init__(self, widget: Any) -> None:
        self._widget = widget
        self.ui = widget.ui
        self._answers: list[case_results.Answer] = []
        self._shown: tuple[Any, ...] = ()
        self._volume: Any = None
        # Slicer may have been started in a folder that cannot be written
        self.ui.exportDirectoryButton.directory = slicer.app.defaultScenePath
        self.ui.modelComboBox.currentIndexChanged.connect(self.onModelChosen)
        self.ui.exportButton.clicked.connect(self.onExport)

    def show(self, volume: Any, model: str) -> None:
        """Show the numbers of a CT's case, or that there are none yet.

        Args:
            volume: The CT; None for none.
            model: Key of the model whose probabilities are shown; the first one where it is not among them.
        """
        self._volume = volume
        node = find_owned(volume, JSON_ROLE) if volume is not None else None
        shown = (node, node.GetMTime() if node is not None else 0)
        if shown != self._shown:
            self._shown = shown
            self._showReport(kept_report(volume))
        self._showAnswer(model, node is not None)

    def _showReport(self, report: CaseReport | None) -> None:
        ui = self.ui
        for widget in (ui.resultCollapsibleButton, ui.displayCollapsibleButton):
            widget.enabled = report is not None
        ui.reviewButton.enabled = ui.exportButton.enabled = report is not None
        self._answers = case_results.answers(report) if report is not None else []
        ui.modelComboBox.clear()
        for answer in self._answers:
            ui.modelComboBox.addItem(_("{evidence}: {title}").format(title=answer.title, evidence=answer.evidence))
        texts = ["", "", "", "", ""]
        if report is not None:
            texts = [
                case_results.warnings(report, is_stale(self._volume)),
                case_results.cohort(report),
                case_results.prognosis(report),
                case_results.intensity_map(report),
                case_results.missing(report, left_out_titles()),
            ]
        labels = (ui.warningLabel, ui.cohortLabel, ui.prognosisLabel, ui.mapLabel, ui.missingLabel)
        for label, text in zip(labels, texts, strict=True):
            label.text = text
        ui.warningLabel.visible = bool(texts[0])

    def _showAnswer(self, model: str, has_report: bool) -> None:
        keys = [answer.key for answer in self._answers]
        if not keys:
            self.ui.barsLabel.text = _("n/a: no model was asked.") if has_report else ""
            return
        index = keys.index(model) if model in keys else 0
        self.ui.modelComboBox.currentIndex = index
        self.ui.barsLabel.text = case_results.bars(self._answers[index], self._answers)

    def onModelChosen(self, index: int) -> None:
        """Another model's probabilities."""
        if self._widget._parameterNode is not None and 0 <= index < len(self._answers):
            self._widget._parameterNode.model = self._answers[index].key

    def onExport(self) -> None:
        """Write the report's files, asking before any is replaced."""
        widget = self._widget
        try:
            written = export_report(self._volume, Path(self.ui.exportDirectoryButton.directory), self.askReplace)
        except ChestCTError as error:
            widget.showError(error.problem, error.remedy)
            return
        names = ", ".join(path.name for path in written)
        widget.showIdle(_("Written: {names}").format(names=names) if written else _("Nothing was written."))

    def askReplace(self, names: Any) -> bool:
        """Whether files may be replaced."""
        question = _("These files are there already:\n\n{names}\n\nReplace them?").format(names="\n".join(names))
        return bool(slicer.util.confirmYesNoDisplay(question, windowTitle=self._widget.title))


def left_out_titles() -> dict[str, str]:
    """Titles of the parts that a run may leave out, by their key in the report."""
    return {
        "features": _("Lung features, cohort and prognosis"),
        "network": _("Multitask network"),
        "intensity_map": _("Intensity map"),
    }
