"""The report as one self-contained HTML page: styles and pictures inside, no request to anywhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ChestCTLib.case_report import RESEARCH_NOTICE, CaseReport, Status
from ChestCTLib.reporting.summary import SummaryGroup, shown_groups
from ChestCTLib.reporting.wording import model_remarks, remarks, shared_notes, shared_source, takes_a_line, value_text

_PICTURE = re.compile(r'<img src="data:image/png;base64,([^"]*)"')


def report_html(report: CaseReport, summary: Sequence[SummaryGroup] = ()) -> str:
    """The report as an HTML page.

    Args:
        report: The case.
        summary: What a referring clinician reads first.
    """
    return _template().render(report=report, summary=shown_groups(report, summary), notice=RESEARCH_NOTICE)


def with_pictures_of(report: CaseReport, html: str) -> CaseReport:
    """Give a report that was read back from JSON, which has no pictures' bytes, those of its own HTML page.

    Args:
        report: The report.
        html: What :func:`report_html` made of it.

    Returns:
        The report; without any picture where the page has others.
    """
    found = [base64.b64decode(text) for text in _PICTURE.findall(html)]
    if len(found) != sum(len(section.pictures) for section in report.sections):
        return replace(report, sections=tuple(replace(section, pictures=()) for section in report.sections))
    rest = iter(found)
    sections = [
        replace(section, pictures=tuple(replace(picture, png=next(rest)) for picture in section.pictures))
        for section in report.sections
    ]
    return replace(report, sections=tuple(sections))


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("ChestCTLib.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode("ascii")
    environment.filters["value"] = value_text
    environment.filters["remarks"] = remarks
    environment.filters["model_remarks"] = model_remarks
    environment.filters["shared_notes"] = shared_notes
    environment.filters["shared_source"] = shared_source
    environment.tests["long"] = takes_a_line
    environment.tests["warned"] = lambda m: m.status is Status.WARNED
    environment.tests["missing"] = lambda m: m.status is Status.NOT_AVAILABLE
    return environment.get_template("report.html.j2")
