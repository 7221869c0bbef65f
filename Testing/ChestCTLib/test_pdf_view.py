"""The PDF shows what the other views show: the same digits, the notice, every section, nothing cut off."""

from __future__ import annotations

import base64
import io
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ChestCTLib.case_report import RESEARCH_NOTICE, CaseReport, Column, Measure, Picture, Section, Status, Table
from ChestCTLib.reporting.csv_view import table_csv
from ChestCTLib.reporting.html_view import report_html
from ChestCTLib.reporting.pdf_tables import column_parts, column_widths
from ChestCTLib.reporting.pdf_view import report_pdf
from ChestCTLib.reporting.summary import SummaryGroup
from ChestCTLib.reporting.wording import remarks, value_text

SUMMARY = (SummaryGroup("Lungs", ("lungs.volume", "unknown")), SummaryGroup("Models", ("p",), models=True))


def picture(columns: int = 300, rows: int = 200) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((rows, columns, 3), 90, dtype=np.uint8)).save(stream, format="png")
    return stream.getvalue()


def example(rows: int = 3) -> CaseReport:
    measures = (
        Measure("lungs.volume", "Lung volume", 4321.0499, "mL", source="mask"),
        Measure("lesions.share", "Lesion share", 3.14159, "%", decimals=2, interval=(1.23456, 5.4321)),
        Measure("plr", "Peripheral lesion ratio", None, "%", why="No lesion found."),
        Measure("p", "Probability", 0.12345, decimals=3, evidence="synthetic", status=Status.WARNED, why="Far <b>"),
    )
    table = Table(
        "zones",
        "Zones",
        (Column("zone", "Zone"), Column("v", "Volume", "mL", 1), Column("s", "Share", "%", 2)),
        tuple((f"zone {n}", 1.25 * n, None if n == 1 else 0.333 * n) for n in range(rows)),
    )
    first = Section("s", "Numbers", measures, (table,), (Picture("x", "Planes", "What is seen", picture()),))
    second = Section("r", "Radiomics", not_available="pyradiomics is not installed", research_notice=True)
    return CaseReport(
        "case-1", (first, second), ("odd spacing µ²",), {"made": "2026-11-20", "versions": {"numpy": "2"}}
    )


def page_texts(pdf: bytes) -> list[str]:
    """Text of each page: ReportLab writes ASCII signs of an embedded font as they are."""
    texts = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, flags=re.DOTALL):
        try:
            plain = zlib.decompress(base64.a85decode(stream.strip().removesuffix(b"~>")))
        except (ValueError, zlib.error):
            continue
        if b" Tj" in plain:
            shown = re.findall(rb"\(((?:\\.|[^\\)])*)\) Tj", plain)
            joined = b" ".join(shown).replace(b"\\(", b"(").replace(b"\\)", b")").decode("latin-1")
            texts.append(" ".join(joined.split()))
    return texts


def test_every_number_stands_in_the_pdf_with_the_digits_and_units_of_the_other_views() -> None:
    report = example()
    text = " ".join(page_texts(report_pdf(report, SUMMARY)))
    assert "At a glance" in text
    assert "4321.0 mL" in text
    assert "Learned from" in text
    for measure in report.sections[0].measures:
        assert value_text(measure, unit=False) in text
        assert measure.label in text
        assert measure.unit in text
    for line in table_csv(report.sections[0].tables[0]).splitlines()[1:]:
        assert line.replace(",", " ") in text


def test_missing_sections_warnings_notice_and_markup_are_shown_as_text() -> None:
    pages = page_texts(report_pdf(example()))
    text = " ".join(pages)
    assert "Not available: pyradiomics is not installed" in text
    assert "odd spacing" in text
    assert "learned from: synthetic" in text
    assert "Far<b>" in text.replace(" ", "")  # each sign that markup would need is drawn on its own
    assert all(RESEARCH_NOTICE in page for page in pages)


def test_the_same_report_gives_the_same_bytes() -> None:
    assert report_pdf(example()) == report_pdf(example())


def test_a_long_table_goes_on_with_its_headings_on_the_next_page() -> None:
    pages = page_texts(report_pdf(example(rows=150)))
    with_rows = [page for page in pages if "zone 1" in page]
    assert len(with_rows) >= 3
    assert all("Share [%]" in page for page in with_rows)
    assert sum(page.count("zone 149") for page in pages) == 1


def test_a_table_wider_than_the_page_is_cut_and_each_part_repeats_the_first_column() -> None:
    parts = column_parts([50.0] + [100.0] * 9, 400.0)
    assert parts == [[0, 1, 2, 3], [0, 4, 5, 6], [0, 7, 8, 9]]
    assert column_parts([50.0, 900.0, 60.0], 400.0) == [[0, 1], [0, 2]]


def test_words_get_the_spare_width_and_numbers_stay_near_their_row() -> None:
    assert column_widths([50.0, 60.0, 90.0], [50.0, 60.0, 500.0], 400.0) == pytest.approx([50.0, 60.0, 290.0])
    assert column_widths([50.0, 60.0], [50.0, 60.0], 400.0) == pytest.approx([74.0, 84.0])


def test_a_table_slightly_too_wide_is_drawn_small_instead_of_cut() -> None:
    columns = tuple(Column(f"c{n}", f"Measure{n}", "mm") for n in range(10))
    table = Table("wide", "Wide", columns, ((1000.5,) * 10,) * 3)
    text = " ".join(page_texts(report_pdf(CaseReport("case-1", (Section("s", "S", tables=(table,)),)))))
    assert text.count("Measure0") == 1 and text.count("1000.5") == 30


def test_a_table_of_paragraphs_stands_as_blocks_as_wide_as_the_page_in_both_views() -> None:
    columns = (Column("model", "Model"), Column("n", "Number", decimals=0), Column("limits", "Limits"))
    limits = " ".join(["It was never tried on children."] * 12)
    table = Table("models", "Models", columns, (("first", 3, limits), ("second", None, "none")))
    assert table.is_prose and not replace(table, rows=(("first", 3, "none"),)).is_prose
    report = CaseReport("case-1", (Section("s", "S", tables=(table,)),))
    text = " ".join(page_texts(report_pdf(report)))
    assert text.count("Limits") == 2  # said in each block
    assert f"first Number 3 Limits {limits}" in text and "second Number n/a Limits none" in text
    page = report_html(report)
    assert page.count("<dt>Limits</dt>") == 2 and f"<dd>{limits}</dd>" in page and "<dd>n/a</dd>" in page
    assert "<th>Limits" not in page


def test_a_long_narrow_table_is_folded_into_parts_side_by_side() -> None:
    columns = (Column("mm", "Thickness", "mm", 0), Column("ratio", "Within", "%"))
    table = Table("curve", "Curve", columns, tuple((n, n / 10) for n in range(36)))
    pages = page_texts(report_pdf(CaseReport("case-1", (Section("s", "S", tables=(table,)),))))
    text = next(page for page in pages if "Thickness" in page)
    assert text.count("Thickness") > 1  # every part has its headings
    assert all(f"{n / 10:.1f}" in text for n in range(36))
    endless = Table("curve", "Curve", columns, tuple((n, n / 10) for n in range(1000)))
    pages = page_texts(report_pdf(CaseReport("case-1", (Section("s", "S", tables=(endless,)),))))
    assert "999 99.9" in " ".join(pages) and len(pages) > 3


@pytest.mark.parametrize(("columns", "rows"), [(4000, 300), (200, 3000)])
def test_a_picture_of_any_shape_fits_its_page(columns: int, rows: int) -> None:
    section = Section("s", "Picture", pictures=(Picture("x", "Odd", "shape", picture(columns, rows)),))
    assert report_pdf(CaseReport("case-1", (section,))).startswith(b"%PDF")


def test_remarks_join_source_evidence_and_reason() -> None:
    measure = Measure("p", "Probability", 0.5, source="model-x", evidence="synthetic", why="never tested on patients")
    assert remarks(measure) == "model-x · learned from: synthetic · never tested on patients"
