"""The report as CSV: one line a measure, and one file a table."""

from __future__ import annotations

import csv
import io

from ChestCTLib.case_report import CaseReport, Measure, Table

COLUMNS = ("key", "label", "value", "unit", "low", "high", "status", "why", "evidence", "source")


def measures_csv(report: CaseReport) -> str:
    """All measures, one a line, with unit, 95 % interval, status and source; "n/a" where there is no value."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for section in report.sections:
        for measure in section.measures:
            writer.writerow(_row(measure))
    return stream.getvalue()


def table_csv(table: Table) -> str:
    """One table with its headings and units."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.heading for column in table.columns])
    writer.writerows(table.shown_rows())
    return stream.getvalue()


def _row(measure: Measure) -> tuple[str, ...]:
    low, high = ("", "") if measure.interval is None else (f"{x:.{measure.decimals}f}" for x in measure.interval)
    return (
        measure.key, measure.label, measure.text, measure.unit, low, high,
        measure.status.value, measure.why, measure.evidence, measure.source,
    )  # fmt: skip
