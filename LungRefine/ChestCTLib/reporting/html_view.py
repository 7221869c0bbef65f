"""The report as one self-contained HTML page: styles and pictures inside, no request to anywhere."""

from __future__ import annotations

import base64
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ChestCTLib.case_report import RESEARCH_NOTICE, CaseReport, Measure, Status


def report_html(report: CaseReport, summary_keys: tuple[str, ...] = ()) -> str:
    """The report as an HTML page.

    Args:
        report: The case.
        summary_keys: Keys of the measures that a referring clinician reads first; those the report lacks are skipped.
    """
    known = {m.key: m for s in report.sections for m in s.measures}
    summary = [known[key] for key in summary_keys if key in known]
    return _template().render(report=report, summary=summary, notice=RESEARCH_NOTICE)


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
    environment.filters["with_unit"] = _with_unit
    environment.tests["warned"] = lambda m: m.status is Status.WARNED
    environment.tests["missing"] = lambda m: m.status is Status.NOT_AVAILABLE
    return environment.get_template("report.html.j2")


def _with_unit(measure: Measure) -> str:
    if measure.value is None:
        return measure.text
    text = f"{measure.text} {measure.unit}".strip()
    if measure.interval is not None:
        low, high = measure.interval
        text += f" ({low:.{measure.decimals}f} to {high:.{measure.decimals}f})"
    return text
