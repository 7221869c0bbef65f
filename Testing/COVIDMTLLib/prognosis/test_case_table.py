"""A table of own cases: what is read, and which wrong values are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from ChestCTLib.errors import InputError
from COVIDMTLLib.prognosis.case_table import CASE_SETS, read_case_table

HEAD = "patient,deceased,age,sex,extent_all,note\n"
ROWS = "a,1,60,male,10,x\na,1,60,male,20,y\nb,0,50,female,2,z\nc,0,50,male,2,z\nd,1,50,male,2,z\n"


def test_a_patients_scans_are_averaged_and_other_columns_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(HEAD + ROWS)
    patients = read_case_table(path)
    assert list(patients.died) == [1, 0, 0, 1]
    assert patients.extent.tolist() == [[15.0], [2.0], [2.0], [2.0]]
    assert patients.demographics[:, 1].tolist() == [1.0, 0.0, 1.0, 1.0]
    assert patients.features.shape == (4, 0)


def test_demographics_are_known_only_with_both_age_and_sex(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("patient,deceased,age\na,1,60\nb,0,50\nc,0,50\nd,1,50\n")
    patients = read_case_table(path)
    assert [one.name for one in CASE_SETS if patients.has(one)] == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("patient,age\na,1\n", "deceased"),
        ("patient,deceased\na,2\n", "2"),
        ("patient,deceased,sex\na,1,x\n", "x"),
        ("patient,deceased,age\na,1,\n", "age"),
        ("patient,deceased,age\na,1,old\n", "old"),
        ("patient,deceased\na,1\na,0\n", "two outcomes"),
        ("patient,deceased\n,1\na,0\n", "names no patient"),
        ("patient,deceased\n", "0 of the 0 patients"),
        ("", "cannot be read"),
    ],
)
def test_wrong_values_are_named(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_case_table(path)
