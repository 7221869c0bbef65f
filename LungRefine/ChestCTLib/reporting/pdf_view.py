"""The report as a PDF of A4 pages, drawn with ReportLab: no browser and no system library is needed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ChestCTLib.case_report import RESEARCH_NOTICE, CaseReport, Measure, Section, Status
from ChestCTLib.errors import MissingDependencyError
from ChestCTLib.models import SYNTHETIC
from ChestCTLib.reporting.pdf_style import LINE, MARGIN, NOTICE_GROUND, SOFT, WARN, paragraph, styles
from ChestCTLib.reporting.pdf_tables import fitted_tables
from ChestCTLib.reporting.summary import ShownGroup, SummaryGroup, shown_groups
from ChestCTLib.reporting.wording import model_remarks, remarks, shared_notes, shared_source, takes_a_line, value_text

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

FRAME_PADDING = 6.0  # points that ReportLab's frames keep free on each side
SUMMARY_GAP = 24.0  # points between the two columns of the summary
ANSWER_WIDTHS = (0.31, 0.17, 0.16, 0.36)  # of the page's width: question, answer, learned from, remarks
PICTURE_HEIGHT_SHARE = 0.62  # of the page: a picture shares it with its heading and caption
MEASURE_WIDTHS = (0.34, 0.17, 0.11, 0.38)  # of the page's width: label, value, unit, remarks
_NO_PADDING = [(side, (0, 0), (-1, -1), 0) for side in ("LEFTPADDING", "RIGHTPADDING")]
_ROW_STYLE = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (0, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
]


def report_pdf(report: CaseReport, summary: Sequence[SummaryGroup] = ()) -> bytes:
    """The report as PDF bytes; the same report gives the same bytes.

    Args:
        report: The case.
        summary: What a referring clinician reads first.

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
        title=f"{report.title}: {report.case_id}",
        author="",
        invariant=1,
    )
    width, height = document.width - 2 * FRAME_PADDING, document.height - 2 * FRAME_PADDING
    story = _head(report)
    story += _summary(shown_groups(report, summary), width)
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
    line = report.case_id + (f" · {made}" if made else "")
    return [paragraph(report.title, "title"), paragraph(line, "soft"), _notice()]


def _notice() -> Flowable:
    from reportlab.platypus import Table, TableStyle

    table = Table([[paragraph(RESEARCH_NOTICE, "warn")]], spaceBefore=6, spaceAfter=8)
    table.keepWithNext = True
    table.setStyle(
        TableStyle([("BACKGROUND", (0, 0), (-1, -1), NOTICE_GROUND), ("LINEBEFORE", (0, 0), (0, -1), 3, WARN)])
    )
    return table


def _summary(groups: Sequence[ShownGroup], width: float) -> list[Flowable]:
    """Groups of measures side by side, models' answers below them over the whole width."""
    if not groups:
        return []
    from reportlab.platypus import Spacer, Table, TableStyle

    story: list[Flowable] = [paragraph("At a glance", "heading")]
    half = (width - SUMMARY_GAP) / 2
    cells: list[Any] = [_group(group, half) for group in groups if not group.models]
    cells += [""] * (len(cells) % 2)
    if cells:
        rows = [[left, "", right] for left, right in zip(cells[::2], cells[1::2], strict=True)]
        side_by_side = Table(rows, colWidths=[half, SUMMARY_GAP, half], hAlign="LEFT")
        side_by_side.setStyle(TableStyle([*_NO_PADDING, ("VALIGN", (0, 0), (-1, -1), "TOP")]))
        story.append(side_by_side)
    for group in groups:
        if group.models:
            notes = shared_notes(group.measures)
            story += [paragraph(group.title, "subheading"), _answers(group, notes, width), *_listed(notes)]
    return [*story, Spacer(1, 6)]


def _group(group: ShownGroup, width: float) -> list[Flowable]:
    from reportlab.platypus import Table, TableStyle

    lines: list[list[Any]] = []
    spans = []
    for number, measure in enumerate(group.measures):
        why = [paragraph(measure.why, "small_right")] if measure.why else []
        if takes_a_line(measure):  # words take the whole line
            lines.append(
                [[paragraph(measure.label, "cell"), paragraph(measure.text, _value_style(measure, "word"))], ""]
            )
            spans.append(("SPAN", (0, number), (1, number)))
        else:
            value = paragraph(value_text(measure), _value_style(measure, "value"))
            lines.append([paragraph(measure.label, "cell"), [value, *why]])
    table = Table(lines, colWidths=[0.62 * width, 0.38 * width])
    table.setStyle(TableStyle([*spans, *_NO_PADDING, ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE), *_ROW_STYLE]))
    return [*([paragraph(group.title, "subheading")] if group.title else []), table]


def _answers(group: ShownGroup, notes: Mapping[str, str], width: float) -> Flowable:
    from reportlab.platypus import Table, TableStyle

    heads = ("Question", "Answer", "Learned from", "Model and remarks")
    rows = [[paragraph(text, "head_right" if text == "Answer" else "head") for text in heads]]
    rows += [
        [
            paragraph(measure.label, "cell"),
            paragraph(value_text(measure), _value_style(measure, "number")),
            paragraph(measure.evidence, "cell_warn" if measure.evidence == SYNTHETIC else "cell"),
            paragraph(model_remarks(measure, notes), "small"),
        ]
        for measure in group.measures
    ]
    table = Table(rows, colWidths=[width * share for share in ANSWER_WIDTHS], repeatRows=1)
    table.setStyle(TableStyle([("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE), *_ROW_STYLE]))
    return table


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
        shared = shared_source(section.measures)
        if shared:
            story.append(paragraph(f"Source, unless a line names another: {shared}.", "source"))
        story += [*_listed(shared_notes(section.measures)), _measures(section, width)]
    for picture in section.pictures:
        caption = paragraph(f"{picture.title}. {picture.caption}", "caption")
        story.append(KeepTogether([_image(picture.png, width, height), caption]))
    for table in section.tables:
        story.append(paragraph(table.title, "subheading"))
        story += fitted_tables(table, width) if table.rows else [paragraph(table.empty_text, "soft")]
    return story


def _listed(notes: Mapping[str, str]) -> list[Flowable]:
    return [paragraph(f"{name.capitalize()}: {why}", "source") for why, name in notes.items()]


def _measures(section: Section, width: float) -> Flowable:
    from reportlab.platypus import Table, TableStyle

    shared, notes = shared_source(section.measures), shared_notes(section.measures)
    heads = ("Measure", "Value", "Unit", "Source and remarks")
    rows = [[paragraph(text, "head_right" if text == "Value" else "head") for text in heads]]
    spans = []
    for number, measure in enumerate(section.measures, start=1):
        rows.append(
            [
                paragraph(measure.label, "cell"),
                paragraph(
                    value_text(measure, unit=False), _value_style(measure, "word" if measure.is_word else "number")
                ),
                paragraph(measure.unit, "cell"),
                paragraph(remarks(measure, shared, notes), "small"),
            ]
        )
        if measure.is_word:
            spans.append(("SPAN", (1, number), (2 if remarks(measure, shared, notes) else 3, number)))
    table = Table(rows, colWidths=[width * share for share in MEASURE_WIDTHS], repeatRows=1, spaceAfter=6)
    table.setStyle(TableStyle([*spans, ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE), *_ROW_STYLE]))
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
        elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            for number, one in enumerate(value, start=1):
                found += _flat(one, f"{name}.{number}.")
        else:
            found.append((name, str(value)))
    return found
