"""Outcomes of the cohort and lesion extents beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ChestCTLib.errors import InputError
from COVIDMTLLib.cohort.table import Cohort
from COVIDMTLLib.prognosis.cohort_outcomes import cohort_patients, cohort_sets, known_outcomes, read_extents
from COVIDMTLLib.radiomics import FEATURE_NAMES


@pytest.fixture
def cohort() -> Cohort:
    """Four deaths, thirty survivors, five of whom nothing is known."""
    outcome = np.repeat(["Deceased", "Cured", "Unknown"], [4, 30, 5])
    numbers = pd.Index(np.arange(1, 40), name="pid")
    labels = pd.DataFrame({"age": np.arange(40, 79), "sex": "Male", "outcome": outcome}, numbers)
    features = pd.DataFrame(np.random.default_rng(0).normal(size=(39, 375)), numbers, list(FEATURE_NAMES))
    return Cohort(features, labels, np.arange(39), np.arange(0))


def test_patients_of_unknown_outcome_are_left_out(cohort: Cohort) -> None:
    patients = cohort_patients(cohort)
    assert len(known_outcomes(cohort)) == len(patients.died) == 34
    assert patients.deaths == 4 and patients.features.shape == (34, 375) and patients.extent.shape == (34, 0)


def test_lesion_extents_join_by_patient_number(cohort: Cohort, tmp_path: Path) -> None:
    path = tmp_path / "extent.csv"
    path.write_text("pid,ground glass,consolidation\n" + "".join(f"{n},{n},1\n" for n in reversed(range(1, 25))))
    extents = read_extents(path)
    assert extents[1] == (1.0, 1.0)
    patients = cohort_patients(cohort, extent=extents)
    assert patients.deaths == 4 and list(patients.extent[:, 0]) == list(range(1, 25))
    assert list(patients.demographics[:, 0]) == list(range(40, 64))


def test_a_patients_scans_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "extent.csv"
    path.write_text("pid,all\n3,10\n7,1\n3,20\n")
    assert read_extents(path) == {3: (15.0,), 7: (1.0,)}


def test_the_rows_of_table_7_are_those_that_the_data_allows() -> None:
    assert [one.extent for one in cohort_sets(False)] == [False] * 5
    assert len(cohort_sets(True)) == 9


def test_missing_extents_and_extents_of_too_few_deaths_are_named(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv"):
        read_extents(tmp_path / "absent.csv")
    path = tmp_path / "gaps.csv"
    for text in ("x,y\n", "x,y\n1,2\n", "pid\n1\n"):
        path.write_text(text)
        with pytest.raises(InputError, match="has the columns"):
            read_extents(path)
    path.write_text("pid,all\n1,\n")
    with pytest.raises(InputError, match="missing lesion extents"):
        read_extents(path)
    with pytest.raises(InputError, match="1 of the 11 patients died"):
        cohort_patients(cohort, extent={n: (1.0,) for n in range(4, 15)})
