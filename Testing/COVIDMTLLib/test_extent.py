"""The anatomic extent: lesion over lung by kind, averaged over a patient's scans."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.case_report import Status
from ChestCTLib.errors import InputError
from COVIDMTLLib.extent import FEATURES, anatomic_extent, extent_section, patient_extent


def masks() -> tuple[np.ndarray, np.ndarray]:
    lungs = np.zeros((4, 10, 10), dtype=np.uint8)
    lungs[:, :5] = 1  # 200 voxels
    lesions = np.zeros_like(lungs)
    lesions[0, 0, :8] = 1
    lesions[1, 0, :2] = 2
    return lungs, lesions


def test_the_extent_is_the_share_of_lung_voxels_of_each_kind() -> None:
    found = anatomic_extent(*masks())
    assert found.by_class == {"ground_glass": 4.0, "consolidation": 1.0}
    assert found.total == 5.0
    assert tuple(found.features()) == FEATURES


def test_lesion_outside_the_lungs_does_not_count() -> None:
    lungs, lesions = masks()
    lesions[:, 8:] = 1
    assert anatomic_extent(lungs, lesions).total == 5.0


def test_no_lesion_is_an_extent_of_zero_but_no_lung_is_refused() -> None:
    lungs, lesions = masks()
    assert anatomic_extent(lungs, np.zeros_like(lesions)).total == 0.0
    with pytest.raises(InputError, match="empty"):
        anatomic_extent(np.zeros_like(lungs), lesions)
    with pytest.raises(InputError, match=r"\(4, 10, 10\)"):
        anatomic_extent(lungs, lesions[:2])


def test_a_patients_extent_is_the_mean_over_the_scans() -> None:
    lungs, lesions = masks()
    clear = anatomic_extent(lungs, np.zeros_like(lesions))
    patient = patient_extent([anatomic_extent(lungs, lesions), clear])
    assert patient.total == 2.5
    assert patient.by_class == {"ground_glass": 2.0, "consolidation": 0.5}
    assert patient.scans == 2
    with pytest.raises(InputError):
        patient_extent([])


def test_the_section_shows_percent_and_says_why_it_is_missing() -> None:
    section = extent_section(anatomic_extent(*masks()))
    assert [(m.key, m.text, m.unit) for m in section.measures] == [
        ("extent.all", "5.00", "%"),
        ("extent.ground_glass", "4.00", "%"),
        ("extent.consolidation", "1.00", "%"),
    ]
    missing = extent_section(None, "No lesion method ran.")
    assert missing.not_available == "No lesion method ran."
    assert all(m.value is None and m.status is Status.NOT_AVAILABLE for m in missing.measures)
