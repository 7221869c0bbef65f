"""All views of a report as files in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ChestCTLib.case_report import CaseReport, report_from_json
from ChestCTLib.errors import InputError
from ChestCTLib.reporting.csv_view import measures_csv, table_csv
from ChestCTLib.reporting.html_view import report_html
from ChestCTLib.reporting.pdf_view import report_pdf
from ChestCTLib.reporting.summary import SummaryGroup

REPORT_NAME = "report.json"
TABLES, PICTURES = "tables", "pictures"


def write_views(report: CaseReport, folder: Path, summary: Sequence[SummaryGroup] = ()) -> None:
    """Write ``report.json``, ``report.html``, ``report.pdf``, ``measures.csv``, ``tables/`` and ``pictures/``.

    Args:
        report: The report.
        folder: An existing folder, usually the unfinished one of :func:`ChestCTLib.io.atomic.atomic_folder`.
        summary: What is read first.
    """
    (folder / REPORT_NAME).write_text(report.to_json(), encoding="utf-8")
    (folder / "report.html").write_text(report_html(report, summary), encoding="utf-8")
    (folder / "report.pdf").write_bytes(report_pdf(report, summary))
    (folder / "measures.csv").write_text(measures_csv(report), encoding="utf-8")
    (folder / TABLES).mkdir()
    (folder / PICTURES).mkdir()
    for section in report.sections:
        for table in section.tables:
            (folder / TABLES / f"{section.key}-{table.key}.csv").write_text(table_csv(table), encoding="utf-8")
        for picture in section.pictures:
            (folder / PICTURES / f"{section.key}-{picture.key}.png").write_bytes(picture.png)


def earlier_views(folder: Path) -> tuple[str, ...]:
    """Tables and pictures of the report that lies in a folder, relative to it; none without a report of ours.

    A new report there has other ones, and takes the place of these.
    """
    try:
        report = report_from_json((folder / REPORT_NAME).read_text("utf-8"))
    except (OSError, InputError):
        return ()
    tables = [f"{TABLES}/{s.key}-{t.key}.csv" for s in report.sections for t in s.tables]
    return (*tables, *(f"{PICTURES}/{s.key}-{p.key}.png" for s in report.sections for p in s.pictures))
