"""How a measure reads: value with unit and interval, and what must be said beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ChestCTLib.case_report import Measure

REPEATED_FROM = 2  # measures of one reason from which on it is a numbered note instead of being said on every line
SHARED_FROM = 4  # measures of one source from which on it is said once above them instead of on every line
SHORT_WORD = 20  # signs: longer words do not fit beside their label


def takes_a_line(measure: Measure) -> bool:
    """Whether the value is so many words that it stands below its label instead of beside it."""
    return measure.is_word and len(measure.text) > SHORT_WORD


def value_text(measure: Measure, unit: bool = True) -> str:
    """The value with its unit, if wanted, and its 95 % interval; "n/a" where there is none."""
    if measure.value is None:
        return measure.text
    text = f"{measure.text} {measure.unit}".strip() if unit else measure.text
    if measure.interval is not None:
        low, high = measure.interval
        text += f" ({low:.{measure.decimals}f} to {high:.{measure.decimals}f})"
    return text


def shared_source(measures: Sequence[Measure]) -> str:
    """The source of most of a section's measures, to be said once; "" where none is frequent."""
    counted = Counter(measure.source for measure in measures if measure.source and not measure.evidence)
    (source, count), *_ = counted.most_common(1) or [("", 0)]
    return source if count >= SHARED_FROM else ""


def shared_notes(measures: Sequence[Measure]) -> dict[str, str]:
    """Reasons that several measures share, with the name each line refers to it by, such as "note 1"."""
    counted = Counter(measure.why for measure in measures if measure.why)
    repeated = [why for why, count in counted.items() if count >= REPEATED_FROM]
    return {why: f"note\N{NO-BREAK SPACE}{number}" for number, why in enumerate(repeated, start=1)}


def remarks(measure: Measure, source: str = "", notes: Mapping[str, str] | None = None) -> str:
    """What must be said beside a value, in one line: source, what a model learned from, why a value is doubtful.

    Args:
        measure: The measure.
        source: The source that is said once for all; another one is named.
        notes: Reasons that are said once for all, with their names.
    """
    evidence = f"learned from: {measure.evidence}" if measure.evidence else ""
    own = "" if measure.source == source else measure.source
    return " · ".join(part for part in (own, evidence, (notes or {}).get(measure.why, measure.why)) if part)


def model_remarks(measure: Measure, notes: Mapping[str, str]) -> str:
    """As :func:`remarks`, where what the model learned from stands beside it already."""
    return " · ".join(part for part in (measure.source, notes.get(measure.why, measure.why)) if part)
