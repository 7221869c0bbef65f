"""How a measure reads: value with unit and interval, and what must be said beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ChestCTLib.case_report import Measure

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


def remarks(measure: Measure, shared: str = "") -> str:
    """Source (unless it is the shared one), what a model learned from, and why a value is doubtful, in one line."""
    evidence = f"learned from: {measure.evidence}" if measure.evidence else ""
    source = "" if measure.source == shared else measure.source
    return " · ".join(part for part in (source, evidence, measure.why) if part)
