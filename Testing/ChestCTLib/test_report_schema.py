"""The published schema accepts what is written and refuses what would mislead a reader of the file."""

from __future__ import annotations

import copy
import json
from typing import Any, get_args

import jsonschema
import pytest

from ChestCTLib.case_report import SCHEMA_VERSION, CaseReport, Column, Measure, Picture, Section, Status, Table
from ChestCTLib.models import Evidence
from ChestCTLib.reporting.schema import report_schema


def validate(values: dict[str, Any]) -> None:
    jsonschema.validate(values, report_schema(), jsonschema.Draft202012Validator)


@pytest.fixture
def written() -> dict[str, Any]:
    measures = (
        Measure("lungs.volume", "Lung volume", 4321.04, "mL", "mask"),
        Measure("p", "Probability", 0.5, "probability", "model", Status.WARNED, "far away", (0.4, 0.6), 3, "synthetic"),
        Measure("finding", "Finding", "3 lesions"),
        Measure("plr", "Ratio", None, "%", why="No lesion found."),
    )
    table = Table(
        "zones", "Zones", (Column("zone", "Zone"), Column("v", "Volume", "mL")), (("upper", 1.25), ("x", None))
    )
    sections = (
        Section("s", "Numbers", measures, (table,), (Picture("p", "Planes", "", b"png"),), ("A note.",)),
        Section("r", "Radiomics", not_available="pyradiomics is not installed"),
    )
    values: dict[str, Any] = json.loads(CaseReport("case-1", sections, ("odd",), {"seed": 0}).to_json())
    return values


def test_the_schema_is_a_schema_and_names_the_version_that_is_written(written: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(report_schema())
    assert report_schema()["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert report_schema()["$id"].endswith(f":{SCHEMA_VERSION}")
    validate(written)


def test_the_schema_names_every_status_and_every_kind_of_evidence() -> None:
    measure = report_schema()["$defs"]["measure"]["properties"]
    assert measure["status"]["enum"] == [status.value for status in Status]
    assert measure["evidence"]["enum"] == ["", *get_args(Evidence)]


@pytest.mark.parametrize(
    ("measure", "change"),
    [
        (0, {"unit": None}),
        (0, {"value": None}),  # nothing computed, and called ok
        (0, {"status": "not available"}),  # a value there is
        (0, {"status": "fine"}),
        (0, {"value": [1, 2]}),
        (1, {"interval": [0.4]}),
        (1, {"evidence": "a trial"}),
        (3, {"why": ""}),
        (3, {"value": 0}),  # never 0 for what is not available
        (0, {"patient": "Mustermann"}),
    ],
)
def test_a_measure_that_would_mislead_is_refused(written: dict[str, Any], measure: int, change: dict[str, Any]) -> None:
    broken = copy.deepcopy(written)
    broken["sections"][0]["measures"][measure].update(change)
    with pytest.raises(jsonschema.ValidationError):
        validate(broken)


@pytest.mark.parametrize("missing", ["schema_version", "research_notice", "case_id", "sections", "warnings"])
def test_a_report_lacks_nothing(written: dict[str, Any], missing: str) -> None:
    del written[missing]
    with pytest.raises(jsonschema.ValidationError):
        validate(written)


def test_a_report_of_another_version_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(written | {"schema_version": SCHEMA_VERSION + 1})
