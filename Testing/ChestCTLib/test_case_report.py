"""One object holds every number; every view shows the same digits."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import replace

import pytest

from ChestCTLib.case_report import (
    RESEARCH_NOTICE,
    CaseReport,
    Column,
    Measure,
    Picture,
    Section,
    Status,
    Table,
    report_from_json,
)
from ChestCTLib.errors import InputError
from ChestCTLib.reporting.csv_view import measures_csv, table_csv
from ChestCTLib.reporting.html_view import report_html, with_pictures_of
from ChestCTLib.reporting.summary import SummaryGroup


def example() -> CaseReport:
    measures = (
        Measure("lungs.volume", "Lung volume", 4321.0499, "mL", source="mask"),
        Measure("lesions.share", "Lesion share", math.pi, "%", decimals=2, interval=(1.23456, 5.4321)),
        Measure("plr", "Peripheral lesion ratio", math.nan, "%", why="No lesion found."),
        Measure("count", "Lesions", 3, decimals=0),
        Measure("p.ct", "Probability", 0.12345, decimals=3, evidence="synthetic", status=Status.WARNED, why="Far away"),
    )
    table = Table(
        "zones", "Zones", (Column("zone", "Zone"), Column("v", "Volume", "mL", 1)), (("upper", 1.25), ("<b>", None))
    )
    picture = Picture("planes", "Three planes", "caption", b"\x89PNG not really")
    return CaseReport(
        "case-1", (Section("s", "Numbers", measures, (table,), (picture,), research_notice=True),), ("odd spacing",)
    )


def test_a_value_that_could_not_be_computed_is_not_available_and_never_zero() -> None:
    measure = Measure("plr", "Peripheral lesion ratio", float("inf"), "%")
    assert measure.value is None
    assert measure.text == "n/a"
    assert measure.status is Status.NOT_AVAILABLE
    assert measure.why


def test_json_csv_and_html_show_the_same_digits() -> None:
    report = example()
    in_json = {m["key"]: m for m in json.loads(report.to_json())["sections"][0]["measures"]}
    in_csv = {row["key"]: row for row in csv.DictReader(io.StringIO(measures_csv(report)))}
    html = report_html(report)
    for measure in report.sections[0].measures:
        stored = in_json[measure.key]["value"]
        assert stored == measure.value
        assert in_csv[measure.key]["value"] == measure.text
        cell = re.search(rf'data-key="{re.escape(measure.key)}">([^<( ]*)', html)
        assert cell is not None and cell.group(1) == measure.text
        if stored is not None:
            assert float(in_csv[measure.key]["value"]) == stored


def test_a_report_survives_the_way_through_json() -> None:
    report = example()
    back = report_from_json(report.to_json())
    assert back.to_json() == report.to_json()
    named = replace(report, title="Chest CT follow-up")
    assert report_from_json(named.to_json()).title == "Chest CT follow-up"
    assert "<h1>Chest CT follow-up</h1>" in report_html(named)
    assert back.measure("lesions.share").interval == (1.23, 5.43)


def test_pictures_come_back_from_the_reports_own_page_and_from_no_other() -> None:
    report = example()
    back = report_from_json(report.to_json())
    assert with_pictures_of(back, report_html(report)) == report
    assert with_pictures_of(back, "<p>another page</p>").sections[0].pictures == ()


def test_a_report_of_another_schema_version_is_refused_by_name() -> None:
    text = example().to_json().replace('"schema_version": 1', '"schema_version": 99')
    with pytest.raises(InputError, match="99"):
        report_from_json(text)


def test_the_page_is_self_contained_escaped_and_carries_the_research_notice() -> None:
    html = report_html(example(), (SummaryGroup("Lungs", ("lungs.volume", "unknown")),))
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    assert not re.search(r"url\(|@import|https?://", html)
    assert "&lt;b&gt;" in html and "<td><b>" not in html
    assert html.count(RESEARCH_NOTICE) == 2  # at the top and in the section with probabilities
    assert "At a glance" in html and "odd spacing" in html


def test_what_is_read_first_names_the_evidence_of_each_model_and_skips_what_is_not_there() -> None:
    groups = (
        SummaryGroup("Lungs", ("lungs.volume", "unknown")),
        SummaryGroup("Nothing of this", ("unknown",)),
        SummaryGroup("Models", ("p.ct",), models=True),
    )
    html = report_html(example(), groups)
    first = html[html.index("At a glance") : html.index("Warnings")]
    assert "4321.0 mL" in first and "Nothing of this" not in first
    assert re.search(r"Probability</td>.*?0\.123.*?synthetic.*?Far away", first, flags=re.DOTALL)


def test_words_stand_at_the_left_and_numbers_at_the_right() -> None:
    columns = (Column("n", "Lesion", decimals=0), Column("v", "Volume", "mL"), Column("z", "Zone"))
    table = Table("t", "Lesions", columns, ((1, 2.5, "right upper"), (2, None, "left lower")))
    assert table.words == (False, False, True)
    html = report_html(CaseReport("case-1", (Section("s", "S", tables=(table,)),)))
    assert '<th class="number">Lesion</th><th class="number">Volume [mL]</th><th>Zone</th>' in html
    assert '<td class="number">2</td><td class="number">n/a</td><td>left lower</td>' in html


def test_a_source_that_most_measures_share_is_said_once() -> None:
    measures = [Measure(f"m.{n}", f"Measure {n}", float(n), "mL", "the lung mask") for n in range(5)]
    report = CaseReport("case-1", (Section("s", "S", (*measures, Measure("o", "Other", 1.0, "mL", "the model"))),))
    html = report_html(report)
    assert html.count("the lung mask") == 1 and html.count("the model") == 1
    assert measures_csv(report).count("the lung mask") == 5


def test_a_reason_that_several_measures_share_is_a_note_said_once() -> None:
    shared = "The scan lies outside the cohort."
    warned = [Measure(f"p.{n}", f"P{n}", 0.5, status=Status.WARNED, why=shared, evidence="synthetic") for n in range(3)]
    report = CaseReport("case-1", (Section("s", "S", (*warned, Measure("q", "Q", None, why="No lesion found."))),))
    html = report_html(report, (SummaryGroup("Models", ("p.0", "p.1"), models=True),))
    assert html.count(shared) == 2  # once at a glance, once in the section
    assert html.count("note\N{NO-BREAK SPACE}1</td>") == 5 and html.count("Note\N{NO-BREAK SPACE}1:") == 2
    assert "No lesion found." in html
    assert measures_csv(report).count(shared) == 3


def test_a_table_shows_its_units_and_what_is_missing() -> None:
    text = table_csv(example().sections[0].tables[0])
    assert text.splitlines() == ["Zone,Volume [mL]", "upper,1.2", "<b>,n/a"]


def test_asking_for_an_unknown_measure_names_it() -> None:
    with pytest.raises(InputError, match=r"no\.such"):
        example().measure("no.such")


def test_a_column_of_unlike_values_keeps_the_digits_that_count():
    column = Column("value", "This scan", significant=3)
    table = Table("t", "Features", (column,), ((201_428_960_662.0,), (0.00001234567,), (None,), (float("nan"),)))
    assert table.rows == ((201_000_000_000.0,), (0.0000123,), (None,), (None,))
    assert [row[0] for row in table.shown_rows()] == ["2.01e+11", "1.23e-05", "n/a", "n/a"]
