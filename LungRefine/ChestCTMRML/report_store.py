"""A case's whole report kept in the scene: the object itself, and the files of it that a user may want to export."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ChestCTLib.case_report import CaseReport, report_from_json
from ChestCTMRML.nodes import find_owned, owned_node

JSON_ROLE, HTML_ROLE, PDF_ROLE, CSV_ROLE = "Report.Json", "Report.Html", "Report.Pdf", "Report.Csv"
STALE = "COVIDMTL.MasksEdited"
"""Attribute of the report's node, set once the masks it measured were edited."""


@dataclass(frozen=True)
class ReportFiles:
    """A report as its files, read from a case's folder.

    Attributes:
        json: The report itself.
        html: With its pictures inside.
        pdf: Empty where none was written.
        csv: All measures.
    """

    json: str
    html: str
    csv: str
    pdf: bytes = b""


def read_report_files(case_folder: Path) -> ReportFiles:
    """Read the report of a case's folder."""
    json, html, csv = (
        (case_folder / name).read_text(encoding="utf-8") for name in ("report.json", "report.html", "measures.csv")
    )
    pdf = case_folder / "report.pdf"
    return ReportFiles(json, html, csv, pdf.read_bytes() if pdf.is_file() else b"")


def keep_report(scene: Any, volume_node: Any, files: ReportFiles) -> list[Any]:
    """Keep a report in hidden text nodes of the CT, which the scene saves; a later one replaces it.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        files: The report.

    Returns:
        The nodes.
    """
    name = volume_node.GetName()
    texts = {
        JSON_ROLE: (f"{name}: report (JSON)", files.json),
        HTML_ROLE: (f"{name}: report (HTML)", files.html),
        CSV_ROLE: (f"{name}: measures (CSV)", files.csv),
        PDF_ROLE: (f"{name}: report (PDF, base64)", base64.b64encode(files.pdf).decode("ascii")),
    }
    nodes = []
    for role, (title, text) in texts.items():
        node = owned_node(scene, volume_node, role, "vtkMRMLTextNode", title)
        node.SetHideFromEditors(True)
        node.SetText(text)
        nodes.append(node)
    set_stale(volume_node, False)
    return nodes


def kept_report(volume_node: Any) -> CaseReport | None:
    """The report that the scene keeps for a CT; None without one."""
    node = find_owned(volume_node, JSON_ROLE) if volume_node is not None else None
    return report_from_json(node.GetText()) if node is not None and node.GetText() else None


def kept_file(volume_node: Any, suffix: str) -> bytes | None:
    """A file of the report as bytes.

    Args:
        volume_node: The CT.
        suffix: ``.json``, ``.html``, ``.csv`` or ``.pdf``.

    Returns:
        None where the case has no such file.
    """
    role = {".json": JSON_ROLE, ".html": HTML_ROLE, ".csv": CSV_ROLE, ".pdf": PDF_ROLE}.get(suffix)
    node = find_owned(volume_node, role) if role is not None else None
    if node is None or not node.GetText():
        return None
    text: str = node.GetText()
    return base64.b64decode(text) if suffix == ".pdf" else text.encode("utf-8")


def set_stale(volume_node: Any, stale: bool) -> None:
    """Remember whether lungs or lesions were edited after the report was made."""
    node = find_owned(volume_node, JSON_ROLE)
    if node is not None and is_stale(volume_node) != stale:
        node.SetAttribute(STALE, "1" if stale else None)


def is_stale(volume_node: Any) -> bool:
    """Whether lungs or lesions were edited after the report was made."""
    node = find_owned(volume_node, JSON_ROLE)
    return node is not None and node.GetAttribute(STALE) == "1"
