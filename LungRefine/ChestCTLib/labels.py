"""Labels of every mask the project writes: number, name, colour and terminology code, stated once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A terminology code: coding scheme, value and meaning (SNOMED CT, "SCT")."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Label:
    """One label of a mask.

    Attributes:
        value: Number in the label map.
        name: English display name.
        color: RGB, each in [0, 1].
        category: Terminology category of the segment.
        type: Terminology type.
        modifier: Terminology modifier (side or cause), if any.
        region: Anatomic region, if it is not the type itself.
    """

    value: int
    name: str
    color: tuple[float, float, float]
    category: Code
    type: Code
    modifier: Code | None = None
    region: Code | None = None


ANATOMY = Code("SCT", "123037004", "Anatomical Structure")
MORPHOLOGY = Code("SCT", "49755003", "Morphologically Altered Structure")
LUNG = Code("SCT", "39607008", "Lung")
RIGHT = Code("SCT", "24028007", "Right")
LEFT = Code("SCT", "7771000", "Left")
COVID_19 = Code("SCT", "840539006", "COVID-19")

RIGHT_LUNG = Label(1, "right lung", (0.40, 0.68, 0.90), ANATOMY, LUNG, RIGHT)
LEFT_LUNG = Label(2, "left lung", (0.45, 0.82, 0.62), ANATOMY, LUNG, LEFT)
LUNG_LABELS = (RIGHT_LUNG, LEFT_LUNG)

AIRWAY = Label(3, "airway", (0.72, 0.90, 0.98), ANATOMY, Code("SCT", "89187006", "Airway structure"))

GROUND_GLASS = Label(
    1, "ground glass", (0.98, 0.75, 0.18), MORPHOLOGY, Code("SCT", "50196008", "Ground-glass opacity"), None, LUNG
)
CONSOLIDATION = Label(
    2, "consolidation", (0.88, 0.25, 0.20), MORPHOLOGY, Code("SCT", "9656002", "Consolidation"), None, LUNG
)
LESION_LABELS = (GROUND_GLASS, CONSOLIDATION)

# Lung that refinement found beyond the classical mask; shown, measured, and part of the lungs.
RECOVERED = Label(1, "recovered lung", (0.93, 0.45, 0.85), ANATOMY, LUNG)

# What became of a lesion's voxels between two scans; there are no standard codes for it.
LESION = Code("SCT", "52988006", "Lesion")
OWN_SCHEME = "99COVIDMTL"  # DICOM keeps names that begin with 99 for private coding schemes
NEW_LESION = Label(
    1, "new lesion", (0.90, 0.22, 0.20), MORPHOLOGY, LESION, Code(OWN_SCHEME, "new", "Not in the earlier scan"), LUNG
)
RESOLVED_LESION = Label(
    2, "resolved lesion", (0.25, 0.60, 0.95), MORPHOLOGY, LESION, Code(OWN_SCHEME, "resolved", "Gone since then"), LUNG
)
PERSISTING_LESION = Label(
    3,
    "persisting lesion",
    (0.96, 0.80, 0.30),
    MORPHOLOGY,
    LESION,
    Code(OWN_SCHEME, "persisting", "In both scans"),
    LUNG,
)
CHANGE_LABELS = (NEW_LESION, RESOLVED_LESION, PERSISTING_LESION)
