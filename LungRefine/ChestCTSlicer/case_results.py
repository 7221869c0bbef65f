"""A case report as rich text for the panel: bars of probabilities, cohort, prognosis, and what is missing and why.

Nothing is computed here: every number is one of the report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from slicer.i18n import tr as _

from ChestCTLib.case_report import NOT_AVAILABLE_TEXT, CaseReport, Measure, Status
from ChestCTLib.models import ModelCard

BAR_WIDTH = 150  # pixels
BAR_COLOR, REST_COLOR, RANGE_COLOR, WARNING_COLOR = "#2f6fae", "#d9dee4", "#e0912f", "#b3261e"
PROBABILITY = re.compile(r"^(features\.(?:robust\.|demographic\.)?|network\.)(ct|nat|severity)\.(\w+)$")
TASKS = ("ct", "nat", "severity")


@dataclass(frozen=True)
class Answer:
    """One model's answers to the three tasks.

    Attributes:
        key: Begin of its measures' keys.
        title: Its name.
        evidence: What it learned from.
        measures: Its probabilities by task.
    """

    key: str
    title: str
    evidence: str
    measures: dict[str, list[Measure]]


def answers(report: CaseReport) -> list[Answer]:
    """The models of a report that answered, or said why not, in its order."""
    found: dict[str, Answer] = {}
    for section in report.sections:
        for measure in section.measures:
            match = PROBABILITY.match(measure.key)
            if match is None:
                continue
            key, task, label = match.groups()
            answer = found.setdefault(key, Answer(key, measure.source, measure.evidence, {}))
            if task == "severity" or label != "negative":
                answer.measures.setdefault(task, []).append(measure)
    return list(found.values())


def bars(answer: Answer, others: list[Answer]) -> str:
    """One model's probabilities as bars, each with its interval and the range of all models of the same evidence."""
    alike = [other for other in others if other.evidence == answer.evidence]
    lines = []
    for task in TASKS:
        measures = answer.measures.get(task, [])
        if not measures:
            continue
        title = measures[0].label.rpartition(":")[0].rpartition(", ")[2]
        notice = _("research use only")
        lines.append(f'<tr><td colspan="3"><b>{escape(title)}</b> <i>({notice})</i></td></tr>')
        for index, measure in enumerate(measures):
            lines.append(_row(measure, _range(alike, task, index)))
    key = _("orange: interval, or range of the models of the same evidence")
    return f'<table cellspacing="2">{"".join(lines)}</table><p><i>{key}</i></p>'


def _range(alike: list[Answer], task: str, index: int) -> tuple[float, float] | None:
    found = [answer.measures[task][index].value for answer in alike if len(answer.measures.get(task, [])) > index]
    values = [float(value) for value in found if isinstance(value, int | float)]
    return (min(values), max(values)) if len(values) > 1 else None


def _row(measure: Measure, spread: tuple[float, float] | None) -> str:
    name = escape(measure.label.rpartition(": ")[2])
    if not isinstance(measure.value, int | float):
        return f'<tr><td>{name}&nbsp;</td><td colspan="2">{NOT_AVAILABLE_TEXT}: {escape(measure.why)}</td></tr>'
    shown = measure.interval or spread
    value = f"{measure.value:.2f}" + (f" ({shown[0]:.2f}–{shown[1]:.2f})" if shown else "")
    bar = _bar([(0.0, float(measure.value), BAR_COLOR)], 9)
    if shown:
        bar += _bar([(shown[0], shown[1], RANGE_COLOR)], 3)
    mark = f' <b><font color="{WARNING_COLOR}">!</font></b>' if measure.status == Status.WARNED else ""
    return f"<tr><td>{name}&nbsp;</td><td>{bar}</td><td>&nbsp;{value}{mark}</td></tr>"


def _bar(parts: list[tuple[float, float, str]], size: int) -> str:
    """A strip in Qt's rich text, which knows cell widths and colours but no heights: the letter's size gives that."""
    cells, at = [], 0
    for low, high, color in parts:
        first, last = round(BAR_WIDTH * low), max(round(BAR_WIDTH * high), round(BAR_WIDTH * low) + 2)
        cells += [(first - at, REST_COLOR), (last - first, color)]
        at = last
    cells.append((BAR_WIDTH - at, REST_COLOR))
    row = "".join(
        f'<td width="{width}" bgcolor="{color}" style="font-size:{size}px">&nbsp;</td>'
        for width, color in cells
        if width > 0
    )
    return f'<table cellspacing="0" cellpadding="0" width="{BAR_WIDTH}"><tr>{row}</tr></table>'


def warnings(report: CaseReport, stale: bool) -> str:
    """What must be read before any number; empty where there is nothing."""
    lines = list(report.warnings)
    if stale:
        lines.insert(
            0, _("Lungs or lesions were edited after this report was made: press Apply to measure them again.")
        )
    return "".join(f'<p><font color="{WARNING_COLOR}"><b>{escape(line)}</b></font></p>' for line in lines)


def cohort(report: CaseReport) -> str:
    """Where the scan lies among the cohort, in words."""
    section = next((s for s in report.sections if s.key == "features"), None)
    if section is None:
        return escape(_("n/a: the lung features were left out of this run."))
    if section.not_available:
        return f"{NOT_AVAILABLE_TEXT}: {escape(section.not_available)}"
    notes = [note for note in section.notes[:1] if note not in report.warnings]  # what is a warning stands above
    return escape(notes[0]) if notes else ""


def prognosis(report: CaseReport) -> str:
    """The outcome score, or why there is none."""
    found = [m for s in report.sections for m in s.measures if m.key.startswith("prognosis.")]
    if not found:
        return cohort(report)
    lines = [f"{escape(m.label)}: {_shown(m)}" for m in found]
    notice = _("Research use only: a score of one cohort of 2020, not a risk and not a diagnosis.")
    if found[0].value is None:
        return f"{NOT_AVAILABLE_TEXT}: {escape(found[0].why)}"
    return "<br>".join(lines) + f"<br><i>{notice}</i>"


def intensity_map(report: CaseReport) -> str:
    """What the intensity map's classifier says, or why it says nothing."""
    section = next((s for s in report.sections if s.key == "intensity_map"), None)
    if section is None:
        return escape(_("n/a: the intensity map was left out of this run."))
    if section.not_available:
        return f"{NOT_AVAILABLE_TEXT}: {escape(section.not_available)}"
    found = [m for m in section.measures if m.key.startswith("intensity_map.probability.")]
    if found and all(m.value is None for m in found):
        return f"{NOT_AVAILABLE_TEXT}: {escape(found[0].why)}"
    shown = [f"{escape(m.label.rpartition(': ')[2])} <b>{escape(m.text)}</b>" for m in found]
    lines = [", ".join(shown)]
    if found:
        evidence = _("Learned from: {evidence}. Research use only, not a diagnosis.").format(evidence=found[0].evidence)
        lines += [f'<font color="{WARNING_COLOR}">{escape(found[0].why)}</font>'] if found[0].why else []
        lines.append(f"<i>{escape(evidence)}</i>")
    return "<br>".join(lines)


def missing(report: CaseReport, left_out: dict[str, str]) -> str:
    """Every result that is not there, with its reason.

    Args:
        report: The report.
        left_out: Title by key of the parts that a run may leave out.
    """
    keys = {section.key for section in report.sections}
    lines = [_("{part}: left out of this run").format(part=title) for key, title in left_out.items() if key not in keys]
    by_reason: dict[str, list[str]] = {}
    for section in report.sections:
        if section.not_available:
            by_reason.setdefault(section.not_available, []).append(section.title)
        for measure in section.measures:
            if measure.value is None:
                by_reason.setdefault(measure.why, []).append(measure.label)
    lines += [f"{_names(names)}: {reason}" for reason, names in by_reason.items()]
    if not lines:
        return escape(_("Nothing: every result is there."))
    return "".join(f"<p>{NOT_AVAILABLE_TEXT} – {escape(line)}</p>" for line in lines)


def _names(names: list[str]) -> str:
    shown = 2  # more would hide the reason
    more = _(" and {count} more").format(count=len(names) - shown) if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _shown(measure: Measure) -> str:
    if measure.value is None:
        return f"{NOT_AVAILABLE_TEXT} ({escape(measure.why)})"
    interval = f" ({measure.interval[0]:g}–{measure.interval[1]:g})" if measure.interval else ""
    mark = f' <font color="{WARNING_COLOR}">({escape(measure.why)})</font>' if measure.why else ""
    return f"<b>{escape(measure.text)}</b> {escape(measure.unit)}{interval}{mark}"


def model_list(cards: list[ModelCard]) -> str:
    """The shipped models that a run may ask, with what each learned from."""
    rows = "".join(
        f"<tr><td><b>{escape(card.evidence)}</b>&nbsp;&nbsp;</td><td>{escape(card.title)}</td></tr>" for card in cards
    )
    return f"<table>{rows}</table>"


def follow_up(report: CaseReport) -> str:
    """What changed since the earlier scan, with the colours of the overlay."""
    lines = [f"{escape(m.label)}: {_shown(m)}" for m in report.sections[0].measures]
    colors = _("Red: new; blue: resolved; yellow: persisting.")
    return warnings(report, False) + "<br>".join(lines) + f"<p><i>{escape(colors)}</i></p>"
