"""How a measure reads: value with unit and interval, and what must be said beside it."""

from __future__ import annotations

from ChestCTLib.case_report import Measure


def value_text(measure: Measure, unit: bool = True) -> str:
    """The value with its unit, if wanted, and its 95 % interval; "n/a" where there is none."""
    if measure.value is None:
        return measure.text
    text = f"{measure.text} {measure.unit}".strip() if unit else measure.text
    if measure.interval is not None:
        low, high = measure.interval
        text += f" ({low:.{measure.decimals}f} to {high:.{measure.decimals}f})"
    return text


def remarks(measure: Measure) -> str:
    """Source, what a model learned from, and why a value is doubtful or missing, in one line."""
    evidence = f"learned from: {measure.evidence}" if measure.evidence else ""
    return " · ".join(part for part in (measure.source, evidence, measure.why) if part)
