"""What may be downloaded: the report as the case stands, corrections included, and the scene as it is shown."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ChestCTLib.case_report import CaseReport, Picture, Section, report_from_json
from ChestCTLib.errors import InputError
from ChestCTLib.reporting.html_view import with_pictures_of
from ChestCTMRML.report_store import kept_file, kept_report, set_stale
from ChestCTMRML.scene_file import write_scene
from COVIDMTLLib.case_files import SUMMARY

if TYPE_CHECKING:
    from COVIDMTLApp.viewer.app import Viewer

DOWNLOADS = {"report.html": "text/html", "report.pdf": "application/pdf", "scene.mrb": "application/octet-stream"}
"""Name and type of each."""
CORRECTED_WARNING = (
    "Lesions were corrected by hand after the run. The section on lesions is measured on the corrected lesions; "
    "pictures, features, probabilities and activation maps are still those of the run."
)


async def make_download(name: str, viewer: Viewer) -> bytes:
    """Make a file of :data:`DOWNLOADS`.

    Raises:
        InputError: There is nothing to make it of.
    """
    context = viewer.context
    measured = await viewer.measures.latest()  # what is downloaded holds the last edit
    if name == "scene.mrb":
        if context.nodes.volume is None:
            raise InputError("There is no scene to save.", "Open a scan first.")
        set_stale(context.nodes.volume, measured is not None and measured.corrected)
        return _scene(viewer)
    if context.case_folder is not None:
        report = await asyncio.to_thread(read_report, context.case_folder)
    else:
        kept = kept_report(context.nodes.volume)
        if kept is None:
            raise InputError("There is no report yet.", "Run the scan, or open a case folder.")
        html = kept_file(context.nodes.volume, ".html") or b""
        report = await asyncio.to_thread(with_pictures_of, kept, html.decode("utf-8"))
    if measured is not None and measured.corrected:
        report = corrected(report, measured.section)
    return await asyncio.to_thread(_view, name, report)


def read_report(case_folder: Path) -> CaseReport:
    """A case's report with its pictures."""
    report = report_from_json((case_folder / "report.json").read_text(encoding="utf-8"))
    sections = []
    for section in report.sections:
        files = [(p, case_folder / "pictures" / f"{section.key}-{p.key}.png") for p in section.pictures]
        pictures: list[Picture] = [replace(p, png=file.read_bytes()) for p, file in files if file.is_file()]
        sections.append(replace(section, pictures=tuple(pictures)))
    return replace(report, sections=tuple(sections))


def corrected(report: CaseReport, lesions: Section) -> CaseReport:
    """The report with the lesions' section measured anew."""
    sections = tuple(lesions if section.key == lesions.key else section for section in report.sections)
    return replace(report, sections=sections, warnings=(CORRECTED_WARNING, *report.warnings))


def _view(name: str, report: CaseReport) -> bytes:
    if name == "report.pdf":
        from ChestCTLib.reporting.pdf_view import report_pdf

        return report_pdf(report, SUMMARY)
    from ChestCTLib.reporting.html_view import report_html

    return report_html(report, SUMMARY).encode("utf-8")


def _scene(viewer: Viewer) -> bytes:
    with tempfile.TemporaryDirectory(dir=viewer.context.folder) as folder:
        path = Path(folder) / "scene.mrb"
        write_scene(viewer.context.scene, path)
        return path.read_bytes()
