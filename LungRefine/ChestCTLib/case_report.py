"""The case report: the one object that holds every number of a case.

GUI tables, JSON, CSV and HTML are views of it; none of them computes or rounds. A number is rounded once, when its
:class:`Measure` is built, so that all views agree to the digit.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

from ChestCTLib.errors import InputError

SCHEMA_VERSION = 1  # of the JSON view; raised when a reader of the old form would misread the new one
NOT_AVAILABLE_TEXT = "n/a"
PROSE_SIGNS = 240  # a table's cell of more signs is a paragraph, which no column is wide enough for
DEFAULT_TITLE = "Chest CT case report"
RESEARCH_NOTICE = (
    "Research software, not a medical device. Probabilities and measures are not a diagnosis and must not guide care."
)

Value = float | int | str | None


class Status(str, Enum):
    """Whether a number can be relied on."""

    OK = "ok"
    WARNED = "warned"
    NOT_AVAILABLE = "not available"


@dataclass(frozen=True)
class Measure:
    """One number (or word) of a case.

    Attributes:
        key: Stable dotted key, such as "lungs.volume.right".
        label: English name.
        value: The value, rounded to ``decimals``; None where it could not be computed.
        unit: Unit such as "mL", "%", "HU", "mm"; "" for counts and words.
        source: What computed it.
        status: Whether it can be relied on.
        why: Reason for a status other than ok.
        interval: 95 % interval, if known.
        decimals: Digits after the point, in every view.
        evidence: For a model's output, what the model learned from; "" otherwise.
    """

    key: str
    label: str
    value: Value
    unit: str = ""
    source: str = ""
    status: Status = Status.OK
    why: str = ""
    interval: tuple[float, float] | None = None
    decimals: int = 1
    evidence: str = ""

    def __post_init__(self) -> None:
        value = rounded(self.value, self.decimals)
        object.__setattr__(self, "value", value)
        if self.interval is not None:
            low, high = self.interval
            interval = (round(float(low), self.decimals), round(float(high), self.decimals))
            object.__setattr__(self, "interval", interval)
        if value is None:
            object.__setattr__(self, "status", Status.NOT_AVAILABLE)
            if not self.why:
                object.__setattr__(self, "why", "It could not be computed.")

    @property
    def is_word(self) -> bool:
        """Whether the value is words, which stand at the left; numbers, several in one value included, at the right."""
        return isinstance(self.value, str) and not self.unit

    @property
    def text(self) -> str:
        """Value as shown, without unit; "n/a" where there is none."""
        return shown(self.value, self.decimals)


@dataclass(frozen=True)
class Column:
    """A table's column: key, heading, unit and digits.

    Attributes:
        decimals: Digits after the point.
        significant: Where it is above zero, so many digits that count, in place of ``decimals``: for columns whose rows
            have values of unlike size.
    """

    key: str
    label: str
    unit: str = ""
    decimals: int = 1
    significant: int = 0

    @property
    def heading(self) -> str:
        """Label with unit."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    def rounded(self, value: Value) -> Value:
        """A value with this column's digits."""
        if not self.significant or value is None or isinstance(value, str | bool) or not math.isfinite(value):
            return rounded(value, self.decimals)
        return float(f"{value:.{self.significant}g}")

    def shown(self, value: Value) -> str:
        """A value of this column as text."""
        if not self.significant or value is None or isinstance(value, str):
            return shown(value, self.decimals)
        return f"{value:.{self.significant}g}"


@dataclass(frozen=True)
class Table:
    """Rows of values under columns; values are rounded to their column's digits. An empty table says why."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    empty_text: str = "None."

    def __post_init__(self) -> None:
        rows = tuple(tuple(c.rounded(v) for v, c in zip(row, self.columns, strict=True)) for row in self.rows)
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "columns", tuple(self.columns))

    @property
    def words(self) -> tuple[bool, ...]:
        """For each column whether it holds words, which stand at the left; numbers stand at the right."""
        return tuple(any(isinstance(row[n], str) for row in self.rows) for n in range(len(self.columns)))

    @property
    def is_prose(self) -> bool:
        """Whether a cell holds a paragraph; pages then show each row as a block with its cells below each other."""
        return any(isinstance(value, str) and len(value) > PROSE_SIGNS for row in self.rows for value in row)

    def shown_rows(self) -> list[list[str]]:
        """Rows as text, the way every view shows them."""
        return [[c.shown(v) for v, c in zip(row, self.columns, strict=True)] for row in self.rows]


@dataclass(frozen=True)
class Picture:
    """A PNG picture with a caption that says what is seen and in which colours."""

    key: str
    title: str
    caption: str
    png: bytes = field(repr=False)


@dataclass(frozen=True)
class Section:
    """A part of the report: measures, tables and pictures of one subject.

    Attributes:
        key: Stable key, such as "lungs".
        title: Heading.
        measures: Its numbers.
        tables: Its tables.
        pictures: Its pictures.
        notes: Sentences for the reader.
        not_available: Why the whole section is missing; empty where it is there.
        research_notice: Whether the research-use notice stands in this section (it must beside probabilities).
    """

    key: str
    title: str
    measures: tuple[Measure, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    not_available: str = ""
    research_notice: bool = False


@dataclass(frozen=True)
class CaseReport:
    """Everything about one case. Holds no identifier of the patient, unless the user gave one as its name.

    Attributes:
        case_id: Neutral id of the case, or the name the user gave.
        sections: In the order of reading.
        warnings: What is unusual about the input or a step.
        provenance: Versions, settings, models, seconds: the run's manifest.
        title: Heading of its pages.
    """

    case_id: str
    sections: tuple[Section, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    title: str = DEFAULT_TITLE

    def section(self, key: str) -> Section:
        """The section with this key.

        Raises:
            InputError: There is none.
        """
        for section in self.sections:
            if section.key == key:
                return section
        raise InputError(f"The report has no section '{key}'.", f"It has {[s.key for s in self.sections]}.")

    def measure(self, key: str) -> Measure:
        """The measure with this key.

        Raises:
            InputError: There is none.
        """
        for section in self.sections:
            for measure in section.measures:
                if measure.key == key:
                    return measure
        raise InputError(f"The report has no measure '{key}'.")

    def to_json(self) -> str:
        """The report as JSON text; pictures are named, their bytes are left out."""
        values = asdict(replace(self, sections=tuple(_without_png(s) for s in self.sections)))
        for section in values["sections"]:
            for picture in section["pictures"]:
                del picture["png"]
        whole = {"schema_version": SCHEMA_VERSION, "research_notice": RESEARCH_NOTICE, **values}
        return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def report_from_json(text: str) -> CaseReport:
    """Read a report back from its JSON view; its pictures come back without bytes.

    Raises:
        InputError: The text is not a report of this schema version.
    """
    try:
        values = json.loads(text)
        version = values["schema_version"]
        if version != SCHEMA_VERSION:
            raise InputError(f"The report has schema version {version}; this program reads {SCHEMA_VERSION}.")
        sections = tuple(_section_from(s) for s in values["sections"])
        warnings = tuple(values["warnings"])
        return CaseReport(
            values["case_id"], sections, warnings, values["provenance"], values.get("title", DEFAULT_TITLE)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"This is not a case report: {error}.", "Choose a report.json written by covidmtl.") from error


def rounded(value: Value, decimals: int) -> Value:
    """Round a number for the report; None and non-finite numbers become None, words stay."""
    if value is None or isinstance(value, str | bool):
        return value
    if not math.isfinite(value):
        return None
    if decimals <= 0:
        return round(value)
    return round(float(value), decimals) + 0.0  # + 0.0 turns -0.0 into 0.0


def shown(value: Value, decimals: int) -> str:
    """A report value as text."""
    if value is None:
        return NOT_AVAILABLE_TEXT
    if isinstance(value, str):
        return value
    return f"{value:.{max(decimals, 0)}f}"


def _without_png(section: Section) -> Section:
    return replace(section, pictures=tuple(replace(p, png=b"") for p in section.pictures))


def _section_from(values: dict[str, Any]) -> Section:
    measures = tuple(
        Measure(**{**m, "status": Status(m["status"]), "interval": tuple(m["interval"]) if m["interval"] else None})
        for m in values["measures"]
    )
    tables = tuple(
        Table(
            **{
                **t,
                "columns": tuple(Column(**c) for c in t["columns"]),
                "rows": tuple(tuple(row) for row in t["rows"]),
            }
        )
        for t in values["tables"]
    )
    pictures = tuple(Picture(**p, png=b"") for p in values["pictures"])
    rest = {"notes": tuple(values["notes"]), "measures": measures, "tables": tables, "pictures": pictures}
    return Section(**{**values, **rest})
