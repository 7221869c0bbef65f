"""The published form of ``report.json``: a JSON schema that other programs may rely on."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

SCHEMA_FILE = "report.schema.json"


def report_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of the reports that this version writes.

    Returns:
        The schema; its ``schema_version`` is :data:`ChestCTLib.case_report.SCHEMA_VERSION`.
    """
    text = (resources.files(__package__) / SCHEMA_FILE).read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
