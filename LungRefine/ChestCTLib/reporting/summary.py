"""What is read first: the measures of a report that fit on half a page, in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ChestCTLib.case_report import CaseReport, Measure


@dataclass(frozen=True)
class SummaryGroup:
    """Measures that are read together.

    Attributes:
        title: Its heading, such as "Lesions".
        keys: Keys of the measures; those that a report lacks are skipped.
        models: Whether the numbers are models' answers: each is then shown with what its model learned from.
    """

    title: str
    keys: tuple[str, ...]
    models: bool = False


@dataclass(frozen=True)
class ShownGroup:
    """A group as a view shows it: at least one measure."""

    title: str
    measures: tuple[Measure, ...]
    models: bool


def shown_groups(report: CaseReport, summary: Sequence[SummaryGroup]) -> tuple[ShownGroup, ...]:
    """The groups of which the report holds anything."""
    known = {measure.key: measure for section in report.sections for measure in section.measures}
    found = [
        ShownGroup(group.title, tuple(known[key] for key in group.keys if key in known), group.models)
        for group in summary
    ]
    return tuple(group for group in found if group.measures)
