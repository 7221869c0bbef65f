"""Outcome prediction, leaving one patient out, on made-up cohorts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ChestCTLib.errors import InputError
from COVIDMTLLib.cohort.table import Cohort
from COVIDMTLLib.feature_models.prognosis_model import PrognosisModel
from COVIDMTLLib.prognosis import FeatureSet, feature_sets, known_outcomes, leave_one_out, read_extents
from COVIDMTLLib.radiomics import FEATURE_NAMES

AGE = FeatureSet("age and sex", demographics=True)


def _cohort(deaths: int = 4, survivors: int = 30, unknown: int = 5, old_die: bool = True) -> Cohort:
    generator = np.random.default_rng(0)
    count = deaths + survivors + unknown
    outcome = np.repeat(["Deceased", "Cured", "Unknown"], [deaths, survivors, unknown])
    age = np.where(outcome == "Deceased", 85, 45) if old_die else generator.integers(30, 80, count)
    labels = pd.DataFrame({"age": age + generator.integers(0, 5, count), "sex": "Male", "outcome": outcome})
    labels.index = pd.Index(np.arange(1, count + 1), name="pid")
    features = pd.DataFrame(generator.normal(size=(count, 375)), labels.index, list(FEATURE_NAMES))
    return Cohort(features, labels, np.arange(count), np.arange(0))


def test_patients_of_unknown_outcome_are_left_out() -> None:
    assert len(known_outcomes(_cohort())) == 34


def test_an_outcome_that_age_decides_is_predicted_from_age_and_not_from_noise() -> None:
    noise = FeatureSet("noise", components=3)
    found = leave_one_out(_cohort(), (AGE, noise), repeats=1)
    assert found[0].auc[0] > 0.95
    assert found[0].deaths == 4
    assert found[0].n_features == 2
    assert found[1].auc[0] < 0.85
    assert found[0].recall[0] == 1.0


def test_the_left_out_patient_teaches_nothing_so_chance_stays_chance() -> None:
    found = leave_one_out(_cohort(deaths=8, survivors=24, old_die=False), (AGE,), repeats=1)
    assert found[0].auc[0] < 0.8


def test_survivors_are_sub_sampled_ten_to_one() -> None:
    found = leave_one_out(_cohort(deaths=2, survivors=35), (AGE,), repeats=1)
    assert found[0].patients == 22


def test_lesion_extents_join_by_patient_number(tmp_path: Path) -> None:
    path = tmp_path / "extent.csv"
    path.write_text(
        "pid,ground glass,consolidation\n" + "".join(f"{n},{60 if n <= 4 else 3},1\n" for n in range(1, 25))
    )
    extents = read_extents(path)
    assert extents[1] == (60.0, 1.0)
    found = leave_one_out(_cohort(old_die=False), (FeatureSet("extent", extent=True),), extents, repeats=1)
    assert found[0].patients == 24
    assert found[0].auc[0] > 0.95


def test_missing_extents_or_deaths_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="extents are wanted"):
        leave_one_out(_cohort(), feature_sets(with_extent=True))
    with pytest.raises(InputError, match="1 of the 31 patients died"):
        leave_one_out(_cohort(deaths=1), (AGE,))
    with pytest.raises(InputError, match=r"absent\.csv"):
        read_extents(tmp_path / "absent.csv")


def test_the_shipped_kind_of_model_ranks_and_places_a_score() -> None:
    cohort = _cohort(deaths=10)
    rows = known_outcomes(cohort)
    died = (cohort.labels["outcome"].iloc[rows] == "Deceased").to_numpy(dtype=np.int64)
    model = PrognosisModel.fit(cohort.values(rows), cohort.demographics(rows), died)
    features = cohort.values(rows)[0]
    old, young = model.score(features, (88.0, 1.0)), model.score(features, (40.0, 1.0))
    assert old > young
    assert model.percentile(old) > model.percentile(young)
