"""Lesion anatomic extent: how much of the lungs each kind of lesion covers (Section 4.4), per scan and per patient.

The paper measures areas of labelled slices; a whole scan is measured here, so volumes take the place of areas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ChestCTLib.case_report import Measure, Section
from ChestCTLib.errors import InputError
from ChestCTLib.labels import CONSOLIDATION, GROUND_GLASS, LESION_LABELS, Label

KEY = "extent"
ALL = "all"  # key of the extent of all lesions together
SOURCE = "lesion over lung voxels (anatomic extent)"

Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LesionExtent:
    """Share of the lungs covered by lesions, %.

    Attributes:
        by_class: Share by kind of lesion, keys as in :data:`FEATURES` without prefix; 0 where a kind is absent.
        total: Share of all lesions together.
        scans: Number of scans it is the mean of.
    """

    by_class: dict[str, float]
    total: float
    scans: int = 1

    def features(self) -> dict[str, float]:
        """The features of the prognosis model: ``extent_all``, ``extent_ground_glass``, ``extent_consolidation``."""
        return {f"{KEY}_{ALL}": self.total, **{f"{KEY}_{key}": value for key, value in self.by_class.items()}}


def class_key(label: Label) -> str:
    """Key of a kind of lesion, such as "ground_glass"."""
    return label.name.replace(" ", "_")


FEATURES = tuple(f"{KEY}_{key}" for key in (ALL, class_key(GROUND_GLASS), class_key(CONSOLIDATION)))


def anatomic_extent(lungs: Mask, lesions: Mask) -> LesionExtent:
    """Measure one scan.

    Args:
        lungs: ``[z, y, x]``, 1 right, 2 left, lesions included.
        lesions: Same grid, 1 ground glass, 2 consolidation; an empty mask is an extent of 0 %.

    Returns:
        Shares of the lung volume; lesion voxels outside the lung mask do not count, so no share exceeds 100 %.

    Raises:
        InputError: The masks differ in shape, or there is no lung to relate lesions to.
    """
    if lungs.shape != lesions.shape:
        raise InputError(f"The lung mask has {lungs.shape} voxels, the lesion mask {lesions.shape}.")
    inside = lungs > 0
    lung_voxels = int(inside.sum())
    if not lung_voxels:
        raise InputError("The lung mask is empty: an extent relates lesions to lung.", "Segment the lungs first.")
    counts = np.bincount(lesions[inside], minlength=CONSOLIDATION.value + 1)
    by_class = {class_key(label): 100.0 * int(counts[label.value]) / lung_voxels for label in LESION_LABELS}
    return LesionExtent(by_class, 100.0 * int(counts[1:].sum()) / lung_voxels)


def patient_extent(scans: Sequence[LesionExtent]) -> LesionExtent:
    """Mean over a patient's scans; every scan counts alike.

    Raises:
        InputError: There is no scan.
    """
    if not scans:
        raise InputError("A patient without scans has no extent.", "Give at least one scan.")
    by_class = {key: float(np.mean([scan.by_class[key] for scan in scans])) for key in scans[0].by_class}
    return LesionExtent(by_class, float(np.mean([scan.total for scan in scans])), sum(scan.scans for scan in scans))


def extent_section(found: LesionExtent | None, why: str = "") -> Section:
    """The extent as a section of the case report.

    Args:
        found: The extent; None where it could not be measured.
        why: The reason then.
    """
    names = {ALL: "All lesions", **{class_key(label): label.name.capitalize() for label in LESION_LABELS}}
    values = {} if found is None else {ALL: found.total, **found.by_class}
    measures = tuple(
        Measure(f"{KEY}.{key}", f"{name}, share of the lungs", values.get(key), "%", SOURCE, why=why, decimals=2)
        for key, name in names.items()
    )
    return Section(KEY, "Anatomic extent of the lesions", measures, not_available=why if found is None else "")
