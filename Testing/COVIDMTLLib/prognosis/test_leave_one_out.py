"""Outcome prediction, leaving one patient out, on made-up patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ChestCTLib.errors import InputError
from COVIDMTLLib.prognosis.feature_sets import FeatureSet, table_7
from COVIDMTLLib.prognosis.leave_one_out import PrognosisSettings, leave_one_out
from COVIDMTLLib.prognosis.patients import Patients

AGE = FeatureSet("age and sex", demographics=True)
EXTENT = FeatureSet("extent", extent=True)
NOISE = FeatureSet("noise", components=3)
ONCE = PrognosisSettings(repeats=1)


def patients(deaths: int = 4, survivors: int = 30, old_die: bool = True) -> Patients:
    generator = np.random.default_rng(0)
    died = np.repeat([1, 0], [deaths, survivors])
    age = np.where(died == 1, 85, 45) if old_die else generator.integers(30, 80, len(died))
    demographics = np.column_stack([age + generator.integers(0, 5, len(died)), np.ones(len(died))]).astype(float)
    return Patients(died, generator.normal(size=(len(died), 40)), demographics, np.empty((len(died), 0)))


def test_an_outcome_that_age_decides_is_predicted_from_age_and_not_from_noise() -> None:
    found = leave_one_out(patients(), (AGE, NOISE), ONCE)
    age, noise = found.rows
    assert age.auc is not None and age.auc[0] > 0.95
    assert age.recall is not None and age.recall[0] == 1.0
    assert age.n_features == 2
    assert noise.auc is not None and noise.auc[0] < 0.85
    assert (found.deaths, found.patients) == (4, 34)


def test_the_left_out_patient_teaches_nothing_so_chance_stays_chance() -> None:
    (found,) = leave_one_out(patients(deaths=8, survivors=24, old_die=False), (AGE,), ONCE).rows
    assert found.auc is not None and found.auc[0] < 0.8


def test_survivors_are_sub_sampled_ten_to_one_and_those_left_aside_are_asked_too() -> None:
    found = leave_one_out(patients(deaths=2, survivors=35), (AGE,), ONCE)
    assert (found.drawn, found.patients) == (22, 37)
    (age,) = found.rows
    assert age.auc_all is not None and age.auc_all[0] > 0.95


def test_with_all_survivors_drawn_the_area_over_all_patients_is_the_same() -> None:
    (age,) = leave_one_out(patients(old_die=False), (AGE,), ONCE).rows
    assert age.auc == age.auc_all


def test_a_survivor_left_aside_is_judged_by_a_model_that_has_not_seen_the_survivor() -> None:
    """Survivors whom memory alone tells apart: a model that had seen them would know them all."""
    rng = np.random.default_rng(1)
    memory = replace(patients(deaths=2, survivors=60), demographics=rng.normal(size=(62, 2)))
    (found,) = leave_one_out(memory, (AGE,), PrognosisSettings(repeats=5)).rows
    assert found.auc_all is not None and found.auc_all[0] < 0.9


def test_inputs_that_are_not_known_are_not_available_instead_of_zero() -> None:
    without = replace(patients(), features=np.empty((34, 0)))
    found = leave_one_out(without, (NOISE, EXTENT, AGE), ONCE)
    shown = found.table()
    assert shown.rows[0][2:] == shown.rows[1][2:] == (None,) * 8
    assert shown.rows[2][2] is not None
    assert "4 deaths among 34 drawn of 34 patients" in shown.title


def test_more_components_than_patients_are_not_available() -> None:
    (found,) = leave_one_out(patients(deaths=2, survivors=8), (FeatureSet("many", components=18),), ONCE).rows
    assert found.auc is None


def test_few_deaths_are_warned_of_and_too_few_refused() -> None:
    assert "Only 4 patients died" in leave_one_out(patients(), (AGE,), ONCE).warnings[0]
    assert not leave_one_out(patients(deaths=20), (AGE,), replace(ONCE, trees=2)).warnings
    with pytest.raises(InputError, match="1 of the 31 patients died"):
        patients(deaths=1)
    with pytest.raises(InputError, match="4 of the 5 patients died"):
        patients(survivors=1)


def test_settings_out_of_range_are_refused() -> None:
    for wrong in ({"trees": 0}, {"repeats": 0}, {"survivors_per_death": 0}, {"seed": -1}):
        with pytest.raises(InputError, match="out of range"):
            PrognosisSettings(**wrong)


def test_table_7_has_nine_rows_with_the_papers_numbers_of_components() -> None:
    rows = table_7("map features")
    assert [one.components for one in rows] == [18, 3, 0, 3, 0, 18, 3, 0, 3]
    assert [one.extent for one in rows] == [False, False, True, True, False, False, False, True, True]
    assert rows[0].name == "Map features (top 18 PCA)"
