"""The report's section shows the measures as they are, and an empty mask as "no lesion found"."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.case_report import Status
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from LesionSegLib.lesion_section import lesion_section
from LesionSegLib.measures import measure_lesions


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(PhantomSettings(seed=4, diagnosis="covid", spacing_mm=(6.0, 4.0, 4.0)))


def test_the_section_shows_the_measures_without_changing_them(phantom: Phantom) -> None:
    found = measure_lesions(phantom.volume, phantom.lungs, phantom.lesions)
    section = lesion_section(phantom.volume, phantom.lungs, phantom.lesions, found, "the truth")
    values = {m.key: m.value for m in section.measures}
    assert values["lesions.volume.total"] == pytest.approx(found.total.lesion_ml, abs=0.05)
    assert values["lesions.count"] == found.lesion_count
    assert values["lesions.peripheral_ratio"] == pytest.approx(found.peripheral_percent, abs=0.05)
    assert all(m.unit for m in section.measures if isinstance(m.value, float))
    tables = {t.key: t for t in section.tables}
    assert len(tables["zones"].rows) == 6
    assert len(tables["single"].rows) == found.lesion_count
    assert {p.key for p in section.pictures} == {"histogram", "periphery"}


def test_an_empty_mask_says_no_lesion_found_and_shows_no_misleading_zero(phantom: Phantom) -> None:
    nothing = np.zeros_like(phantom.lesions)
    found = measure_lesions(phantom.volume, phantom.lungs, nothing)
    section = lesion_section(phantom.volume, phantom.lungs, nothing, found, "hand", corrected=True)
    measures = {m.key: m for m in section.measures}
    assert measures["lesions.finding"].value == "no lesion found"
    assert measures["lesions.volume.total"].value == 0
    for key in ("lesions.peripheral_ratio", "lesions.spread", "lesions.mean_hu", "lesions.peaks"):
        assert measures[key].status is Status.NOT_AVAILABLE
        assert measures[key].why == "no lesion found"
    assert "corrected by hand" in section.notes[0]
    assert not section.pictures
