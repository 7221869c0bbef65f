"""What is left at a hospital that a forest never saw, on a made-up cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ChestCTLib.errors import InputError
from COVIDMTLLib.cohort.table import Cohort
from COVIDMTLLib.feature_models.other_hospital import hospital_transfer
from COVIDMTLLib.radiomics import FEATURE_NAMES

PATIENTS = 160
SCANNER, DISEASE = 0, 1  # columns


def _cohort(hospitals: tuple[str, ...] = ("one", "two")) -> Cohort:
    """Disease raises a feature at one hospital and lowers it at the other, whose scanner shows in a second feature."""
    generator = np.random.default_rng(0)
    place = np.arange(PATIENTS) % len(hospitals)
    severity = generator.integers(0, 3, PATIENTS)
    values = generator.normal(size=(PATIENTS, len(FEATURE_NAMES)))
    values[:, SCANNER] = 10.0 * place
    values[:, DISEASE] = (4.0 * (severity - 1) + generator.normal(size=PATIENTS)) * np.where(place, -1.0, 1.0)
    values[:, DISEASE + 1 :] = 0.0
    ill = (severity > 0).astype(int)
    labels = pd.DataFrame(
        {"hospital": np.array(hospitals)[place], "ct": ill, "nat": ill, "severity": severity},
        index=pd.Index(np.arange(PATIENTS), name="pid"),
    )
    features = pd.DataFrame(values, labels.index, list(FEATURE_NAMES))
    return Cohort(features, labels, np.arange(PATIENTS), np.arange(0))


def test_what_a_forest_learned_about_one_scanner_is_lost_at_the_other_hospital() -> None:
    found = hospital_transfer(_cohort(), trees=100)
    assert [(place.hospital, place.patients) for place in found] == [("one", 80), ("two", 80)]
    for place in found:
        assert place.mixed["ct"] > 0.65
        assert place.other["ct"] < 0.4


def test_one_hospital_alone_is_refused() -> None:
    with pytest.raises(InputError, match="two hospitals"):
        hospital_transfer(_cohort(("one",)))
