"""The project's list of terms, as Slicer reads it."""

from __future__ import annotations

import json

import slicer

from ChestCTLib.labels import AIRWAY, LESION_LABELS, LUNG_LABELS
from ChestCTMRML import terminology


def test_the_shipped_list_of_terms_is_the_label_table() -> None:
    shipped = json.loads(terminology.term_file().read_text(encoding="utf-8"))
    assert shipped == terminology.context()
    names = {
        entry["3dSlicerLabel"]
        for category in shipped["SegmentationCodes"]["Category"]
        for kind in category["Type"]
        for entry in kind.get("Modifier", [kind])
    }
    assert names == {label.name for label in (*LUNG_LABELS, AIRWAY, *LESION_LABELS)}


def test_slicers_terminology_logic_reads_the_list_and_every_entry() -> None:
    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    assert terminology.load_terms(logic) and logic.IsTerminologyContextLoaded(terminology.CONTEXT_NAME)
    for label in terminology.ALL_LABELS:
        entry = slicer.vtkSlicerTerminologyEntry()
        assert logic.DeserializeTerminologyEntry(terminology.entry(label), entry)
        assert entry.GetTypeObject().GetCodeValue() == label.type.value
