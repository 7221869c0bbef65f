"""What may be chosen for a case, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ChestCTLib.errors import InputError
from COVIDMTLLib.case_settings import MAX_NAME, CaseSettings


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        ({"age": 130.0}, "130 years"),
        ({"age": -1.0}, "-1 years"),
        ({"sex": "x"}, "sex is 'x'"),
        ({"without": frozenset({"lungs"})}, "no part"),
        ({"case_id": ""}, "no name"),
        ({"case_id": "a\nb"}, "no name"),
        ({"case_id": "a" * (MAX_NAME + 1)}, "no name"),
    ],
)
def test_what_is_out_of_range_is_refused_with_its_value(choice: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        CaseSettings(**choice)


def test_ages_and_names_within_their_range_are_taken() -> None:
    assert CaseSettings(age=0.0, sex="female", case_id="Study 7, visit 2").case_id == "Study 7, visit 2"
