"""The report as a PDF of A4 pages, drawn with ReportLab: no browser and no system library is needed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ChestCTLib.case_report import RESEARCH_NOTICE, CaseReport, Measure, Section, Status
from ChestCTLib.errors import MissingDependencyError
from ChestCTLib.reporting.pdf_style import LINE, MARGIN, NOTICE_GROUND, SOFT, WARN, paragraph, styles
from ChestCTLib.reporting.pdf_tables import fitted_tables
from ChestCTLib.reporting.wording import remarks, value_text

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

TILE_COLUMNS = 3
PICTURE_HEIGHT_SHARE = 0.62  # of the page: a picture shares it with its heading and caption
MEASURE_WIDTHS = (0.34, 0.17, 0.09, 0.40)  # of the page's width: label, value, unit, remarks


def report_pdf(report: CaseReport, summary_keys: tuple[str, ...] = ()) -> bytes:
    """The report as PDF bytes; the same report gives the same bytes.

    Args:
        report: The case.
        summary_keys: Keys of the measures that a referring clinician reads first; those the report lacks are skipped.

    Raises:
        MissingDependencyError: ReportLab is not installed.
    """
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.platypus import SimpleDocTemplate
    except ImportError as error:
        raise MissingDependencyError("The PDF report needs ReportLab.", "Install it: pip install reportlab.") from error

    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 16,
        title=f"Chest CT case {report.case_id}",
        author="",
        invariant=1,
    )
    width, height = document.width, document.height
    story = _head(report)
    story += _summary(report, summary_keys, width)
    story += _warnings(report)
    for section in report.sections:
        story += _section(section, width, height)
    story += _provenance(report)

    def footer(canvas: Any, page: Any) -> None:
        canvas.saveState()
        canvas.setFont(styles()["small"].fontName, 7)
        canvas.setFillColor(SOFT)
        canvas.drawString(MARGIN, MARGIN, RESEARCH_NOTICE)
        canvas.drawRightString(A4[0] - MARGIN, MARGIN - 10, f"{report.case_id} · page {page.page}")
        canvas.restoreState()

    document.build(story, onFirstPage=footer, onLaterPages=footer)
    return stream.getvalue()


def _head(report: CaseReport) -> list[Flowable]:
    made = str(report.provenance.get("made", ""))[:10]
    line = f"Case {report.case_id}" + (f" · {made}" if made else "")
    return [paragraph("Chest CT case report", "title"), paragraph(line, "soft"), _notice()]


def _notice() -> Flowable:
    from reportlab.platypus import Table, TableStyle

    table = Table([[paragraph(RESEARCH_NOTICE, "warn")]], spaceBefore=6, spaceAfter=8)
    table.keepWithNext = True
    table.setStyle(
        TableStyle([("BACKGROUND", (0, 0), (-1, -1), NOTICE_GROUND), ("LINEBEFORE", (0, 0), (0, -1), 3, WARN)])
    )
    return table


def _summary(report: CaseReport, keys: tuple[str, ...], width: float) -> list[Flowable]:
    known = {m.key: m for s in report.sections for m in s.measures}
    chosen = [known[key] for key in keys if key in known]
    if not chosen:
        return []
    from reportlab.platypus import Spacer, Table, TableStyle

    cells: list[list[Any]] = [_tile(measure) for measure in chosen]
    cells += [[]] * (-len(cells) % TILE_COLUMNS)
    rows = [cells[start : start + TILE_COLUMNS] for start in range(0, len(cells), TILE_COLUMNS)]
    table = Table(rows, colWidths=[width / TILE_COLUMNS] * TILE_COLUMNS)
    table.setStyle(
        TableStyle([("GRID", (0, 0), (-1, -1), 0.5, LINE), ("VALIGN", (0, 0), (-1, -1), "TOP")]),
    )
    return [paragraph("At a glance", "heading"), table, Spacer(1, 8)]


def _tile(measure: Measure) -> list[Flowable]:
    found = [paragraph(measure.label, "small"), paragraph(value_text(measure), _value_style(measure, "value"))]
    if measure.evidence:
        found.append(paragraph(f"learned from: {measure.evidence}", "small"))
    if measure.why:
        found.append(paragraph(measure.why, "small"))
    return found


def _value_style(measure: Measure, style: str) -> str:
    suffix = {Status.OK: "", Status.WARNED: "_warn", Status.NOT_AVAILABLE: "_soft"}[measure.status]
    return style + suffix


def _warnings(report: CaseReport) -> list[Flowable]:
    if not report.warnings:
        return []
    return [paragraph("Warnings", "heading"), *(paragraph(f"• {text}", "warn") for text in report.warnings)]


def _section(section: Section, width: float, height: float) -> list[Flowable]:
    from reportlab.platypus import KeepTogether

    story: list[Flowable] = [paragraph(section.title, "heading")]
    if section.research_notice:
        story.append(_notice())
    if section.not_available:
        story.append(paragraph(f"Not available: {section.not_available}", "soft"))
    story += [paragraph(note, "note") for note in section.notes]
    if section.measures:
        story.append(_measures(section, width))
    for picture in section.pictures:
        caption = paragraph(f"{picture.title}. {picture.caption}", "caption")
        story.append(KeepTogether([_image(picture.png, width, height), caption]))
    for table in section.tables:
        story.append(paragraph(table.title, "subheading"))
        story += fitted_tables(table, width) if table.rows else [paragraph(table.empty_text, "soft")]
    return story


def _measures(section: Section, width: float) -> Flowable:
    from reportlab.platypus import Table, TableStyle

    rows = [[paragraph(text, "head") for text in ("Measure", "Value", "Unit", "Source and remarks")]]
    rows[0][1] = paragraph("Value", "head_right")
    for measure in section.measures:
        rows.append(
            [
                paragraph(measure.label, "cell"),
                paragraph(value_text(measure, unit=False), _value_style(measure, "number")),
                paragraph(measure.unit, "cell"),
                paragraph(remarks(measure), "small"),
            ]
        )
    table = Table(rows, colWidths=[width * share for share in MEASURE_WIDTHS], repeatRows=1, spaceAfter=6)
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (0, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    return table


def _image(png: bytes, width: float, height: float) -> Flowable:
    from reportlab.lib.utils import ImageReader
    from reportlab.platypus import Image

    columns, rows = ImageReader(io.BytesIO(png)).getSize()
    scale = min(width / columns, PICTURE_HEIGHT_SHARE * height / rows)
    return Image(io.BytesIO(png), columns * scale, rows * scale)


def _provenance(report: CaseReport) -> list[Flowable]:
    if not report.provenance:
        return []
    lines = [f"{key}: {value}" for key, value in _flat(report.provenance)]
    return [paragraph("How these numbers came about", "heading"), *(paragraph(line, "small") for line in lines)]


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            found += _flat(value, f"{name}.")
        else:
            found.append((name, str(value)))
    return found
