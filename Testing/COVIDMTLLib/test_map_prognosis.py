"""Table 7 on a table of cases: what tells the outcome is found, noise is not, what is missing is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ChestCTLib.errors import InputError
from COVIDMTLLib.map_prognosis import (
    FEATURE_SETS,
    FeatureSet,
    PrognosisSettings,
    evaluate_prognosis,
    read_prognosis_table,
)

FAST = PrognosisSettings(trees=20, repeats=1, survivors_per_deceased=3)


def cohort(count: int = 40) -> pd.DataFrame:
    """Extent tells the outcome, age and map features do not."""
    rng = np.random.default_rng(1)
    died = np.arange(count) % 4 == 0
    columns = {
        "deceased": died.astype(float),
        "age": rng.uniform(30, 80, count),
        "sex": rng.integers(0, 2, count).astype(float),
        "extent_all": rng.normal(0, 1, count) + 8 * died,
    }
    columns |= {f"map_{n:02d}": rng.normal(0, 1, count) for n in range(20)}
    return pd.DataFrame(columns, index=[f"p{n:02d}" for n in range(count)])


def test_what_tells_the_outcome_scores_high_and_noise_does_not() -> None:
    sets = (FeatureSet("extent", extent=True), FeatureSet("noise", components=3))
    extent, noise = evaluate_prognosis(cohort(), FAST, sets).results
    assert extent.auc is not None and extent.auc[0] > 0.95
    assert extent.recall is not None and extent.recall[0] > 0.8
    assert noise.auc is not None and noise.auc[0] < 0.75
    assert (extent.count, noise.count) == (1, 3)


def test_features_that_the_table_lacks_are_not_available_instead_of_zero() -> None:
    patients = cohort().drop(columns=[f"map_{n:02d}" for n in range(20)])
    sets = (FeatureSet("maps", components=3), FeatureSet("extent", extent=True))
    table = evaluate_prognosis(patients, FAST, sets).table()
    assert table.rows[0][2:] == (None,) * 6
    assert table.rows[1][2] is not None
    assert "10 of 40" in table.title


def test_few_deaths_are_warned_of_and_too_few_refused() -> None:
    sets = (FeatureSet("extent", extent=True),)
    assert "Only 10" in evaluate_prognosis(cohort(), FAST, sets).warnings[0]
    with pytest.raises(InputError, match="1 of 31"):
        evaluate_prognosis(cohort().query("deceased == 0 or index == 'p00'"), FAST, sets)


def test_table_7_has_nine_rows_with_the_papers_numbers_of_features() -> None:
    assert len(FEATURE_SETS) == 9
    assert [one.components for one in FEATURE_SETS] == [18, 3, 0, 3, 0, 18, 3, 0, 3]


def test_a_patients_scans_are_averaged_and_wrong_values_are_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("patient,deceased,age,sex,extent_all,note\na,1,60,male,10,x\na,1,60,male,20,y\nb,0,50,female,2,z\n")
    patients = read_prognosis_table(path)
    assert patients.loc["a", "extent_all"] == 15
    assert list(patients["sex"]) == [1.0, 0.0]
    assert "note" not in patients
    for text, problem in (
        ("patient,age\na,1\n", "deceased"),
        ("patient,deceased\na,2\n", "2"),
        ("patient,deceased,sex\na,1,x\n", "x"),
        ("patient,deceased,age\na,1,\n", "age"),
        ("patient,deceased\na,1\na,0\n", "two outcomes"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=problem):
            read_prognosis_table(path)
