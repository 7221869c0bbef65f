"""Terminology of segments: Slicer's way of writing a code down, and the project's own list of terms.

Slicer's lists know no ground glass and no consolidation, so ``covidmtl.term.json`` (made from the label table by
:func:`context`) is loaded beside them.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from ChestCTLib.labels import AIRWAY, LESION_LABELS, LUNG_LABELS, Code, Label

CONTEXT_NAME = "Chest CT in COVID-19"
"""Name of the project's list; part of every entry written."""
ANATOMIC_CONTEXT_NAME = "Anatomic codes - DICOM master list"
"""Slicer's own list of regions, which holds the lung."""
TAG = "TerminologyEntry"
"""Segment tag that holds the entry (``vtkSegment::GetTerminologyEntryTagName``)."""

ALL_LABELS: tuple[Label, ...] = (*LUNG_LABELS, AIRWAY, *LESION_LABELS)


def entry(label: Label) -> str:
    """A label's terminology in Slicer's serialisation: seven fields joined by ``~``, triplets by ``^``."""
    fields = [CONTEXT_NAME, _triplet(label.category), _triplet(label.type), _triplet(label.modifier)]
    return "~".join([*fields, ANATOMIC_CONTEXT_NAME, _triplet(label.region), _triplet(None)])


def codes(text: str) -> tuple[str, str, str] | None:
    """The codes of a serialised entry that say what a segment is, whoever wrote it.

    Args:
        text: A segment's terminology entry; any context name.

    Returns:
        (type, modifier, region) as ``scheme:value``, empty where there is none; None for an unreadable entry.
    """
    fields = text.split("~")
    if len(fields) < 4:
        return None
    fields += [""] * (7 - len(fields))
    kind, modifier, region = (_scheme_and_value(fields[index]) for index in (2, 3, 5))
    return (kind, modifier, region) if kind else None


def label_codes(label: Label) -> tuple[str, str, str]:
    """The codes by which a segment is recognised as ``label``."""
    found = codes(entry(label))
    assert found is not None  # entry() always writes a type
    return found


def context() -> dict[str, Any]:
    """The project's list of terms in the form of Slicer's ``*.term.json`` files."""
    categories: dict[str, dict[str, Any]] = {}
    for label in ALL_LABELS:
        category = categories.setdefault(
            label.category.value, {**_json(label.category), "showAnatomy": "true", "Type": []}
        )
        kinds = {kind["CodeValue"]: kind for kind in category["Type"]}
        kind = kinds.get(label.type.value)
        if kind is None:
            kind = _json(label.type)
            category["Type"].append(kind)
        named = {**_json(label.modifier), **_shown(label)} if label.modifier else _shown(label)
        if label.modifier:
            kind.setdefault("Modifier", []).append(named)
            kind.setdefault("recommendedDisplayRGBValue", named["recommendedDisplayRGBValue"])
        else:
            kind.update(named)
    return {
        "SegmentationCategoryTypeContextName": CONTEXT_NAME,
        "@schema": "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/segment-context-schema.json#",
        "SegmentationCodes": {"Category": list(categories.values())},
    }


def term_file() -> Path:
    """The shipped ``covidmtl.term.json``."""
    return Path(str(resources.files("ChestCTMRML").joinpath("covidmtl.term.json")))


def load_terms(terminologies_logic: Any) -> bool:
    """Load the project's list into Slicer's terminology logic, once.

    Args:
        terminologies_logic: ``vtkSlicerTerminologiesModuleLogic``.

    Returns:
        Whether the list is available afterwards.
    """
    import vtk

    names = vtk.vtkStringArray()
    terminologies_logic.GetLoadedTerminologyNames(names)
    if CONTEXT_NAME in [names.GetValue(index) for index in range(names.GetNumberOfValues())]:
        return True
    return terminologies_logic.LoadTerminologyFromFile(str(term_file())) == CONTEXT_NAME


def write_term_file(path: Path) -> None:
    """Write the list of terms; for whoever changes the label table."""
    path.write_text(json.dumps(context(), indent=2) + "\n", encoding="utf-8")


def _triplet(code: Code | None) -> str:
    return f"{code.scheme}^{code.value}^{code.meaning}" if code else "^^"


def _scheme_and_value(triplet: str) -> str:
    scheme, _, rest = triplet.partition("^")
    value = rest.partition("^")[0]
    return f"{scheme}:{value}" if value else ""


def _json(code: Code) -> dict[str, Any]:
    return {"CodingSchemeDesignator": code.scheme, "CodeValue": code.value, "CodeMeaning": code.meaning}


def _shown(label: Label) -> dict[str, Any]:
    return {"recommendedDisplayRGBValue": [round(255 * part) for part in label.color], "3dSlicerLabel": label.name}
