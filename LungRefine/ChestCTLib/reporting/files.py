"""All views of a report as files in a folder."""

from __future__ import annotations

from pathlib import Path

from ChestCTLib.case_report import CaseReport
from ChestCTLib.reporting.csv_view import measures_csv, table_csv
from ChestCTLib.reporting.html_view import report_html
from ChestCTLib.reporting.pdf_view import report_pdf


def write_views(report: CaseReport, folder: Path, summary_keys: tuple[str, ...] = ()) -> None:
    """Write ``report.json``, ``report.html``, ``report.pdf``, ``measures.csv``, ``tables/`` and ``pictures/``.

    Args:
        report: The report.
        folder: An existing folder, usually the unfinished one of :func:`ChestCTLib.io.atomic.atomic_folder`.
        summary_keys: Keys of the measures that are read first.
    """
    (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
    (folder / "report.html").write_text(report_html(report, summary_keys), encoding="utf-8")
    (folder / "report.pdf").write_bytes(report_pdf(report, summary_keys))
    (folder / "measures.csv").write_text(measures_csv(report), encoding="utf-8")
    tables, pictures = folder / "tables", folder / "pictures"
    tables.mkdir()
    pictures.mkdir()
    for section in report.sections:
        for table in section.tables:
            (tables / f"{section.key}-{table.key}.csv").write_text(table_csv(table), encoding="utf-8")
        for picture in section.pictures:
            (pictures / f"{section.key}-{picture.key}.png").write_bytes(picture.png)
