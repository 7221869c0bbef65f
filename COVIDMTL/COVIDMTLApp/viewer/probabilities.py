"""The models' probabilities of a case, each with what its model learned from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ChestCTLib.case_report import CaseReport, report_from_json
from ChestCTLib.reporting.wording import value_text
from ChestCTMRML.report_store import kept_report
from COVIDMTLApp.viewer.context import SessionContext


class ProbabilityLogic:
    """Shows the probabilities of the report in the case's folder, or of the one that the scene keeps.

    Args:
        context: The session.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        context.state.update({"probabilities": [], "has_report": False})
        context.on_case(shown=self._on_case)

    def _on_case(self) -> None:
        folder = self._context.case_folder
        report = _report(folder) if folder is not None else kept_report(self._context.nodes.volume)
        self._context.state.update(
            {"probabilities": probabilities(report) if report is not None else [], "has_report": report is not None}
        )


def probabilities(report: CaseReport) -> list[dict[str, Any]]:
    """Every measure of the report that a model gave, as the page shows it."""
    return [
        {
            "label": measure.label,
            "value": value_text(measure, unit=False),
            "evidence": f"learned from: {measure.evidence}",
            "kind": measure.evidence.replace(" ", "-"),
            "note": " · ".join(text for text in (measure.source, measure.why) if text),
        }
        for section in report.sections
        for measure in section.measures
        if measure.evidence
    ]


def _report(folder: Path) -> CaseReport:
    return report_from_json((folder / "report.json").read_text(encoding="utf-8"))
