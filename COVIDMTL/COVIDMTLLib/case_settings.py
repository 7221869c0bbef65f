"""What a user may choose when a whole case is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ChestCTLib.device import DeviceChoice
from ChestCTLib.errors import InputError

Sex = Literal["female", "male"]
Part = Literal["features", "network", "intensity-map"]
PARTS: tuple[Part, ...] = get_args(Part)
MAX_AGE_YEARS = 120.0
MAX_NAME = 80  # signs; longer ones break the report's head


@dataclass(frozen=True)
class CaseSettings:
    """Settings of :func:`COVIDMTLLib.pipeline.run_case`.

    Attributes:
        lungs: Lung method, see :class:`LungRefineLib.settings.LungSettings`.
        lesions: Lesion method: "hu-bands" or the id of a shipped network; None takes the engine's default.
        device: "auto", "cpu" or "cuda".
        seed: Seed of every random choice.
        age: The patient's age in years, if the user gives it; only the feature model with age and sex and the prognosis
            use it.
        sex: The patient's sex, likewise.
        without: Parts to leave out, for a quick look.
        case_id: What the report calls the case, if the user wants another name than one made of the scan's hash. The
            only way an identifier comes into the results.

    Raises:
        InputError: The age, a part or the name is not one.
    """

    lungs: str = "refined"
    lesions: str | None = None
    device: DeviceChoice = "auto"
    seed: int = 0
    age: float | None = None
    sex: Sex | None = None
    without: frozenset[Part] = frozenset()
    case_id: str | None = None

    def __post_init__(self) -> None:
        if self.age is not None and not 0 <= self.age <= MAX_AGE_YEARS:
            raise InputError(f"The age is {self.age:g} years.", f"Give 0 to {MAX_AGE_YEARS:g} years, or none.")
        if self.sex is not None and self.sex not in get_args(Sex):
            raise InputError(f"The sex is '{self.sex}'.", "Give female or male, or none.")
        if self.case_id is not None and not (self.case_id.isprintable() and 0 < len(self.case_id) <= MAX_NAME):
            raise InputError(f"'{self.case_id}' is no name of a case.", f"Give 1 to {MAX_NAME} signs on one line.")
        unknown = set(self.without) - set(PARTS)
        if unknown:
            raise InputError(f"There is no part {sorted(unknown)} to leave out.", f"Parts are {', '.join(PARTS)}.")
