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


@dataclass(frozen=True)
class CaseSettings:
    """Settings of :func:`COVIDMTLLib.pipeline.run_case`.

    Attributes:
        lungs: Lung method, see :class:`LungRefineLib.settings.LungSettings`.
        lesions: Lesion method: "hu-bands" or the id of a shipped network; None takes the engine's default.
        device: "auto", "cpu" or "cuda".
        seed: Seed of every random choice.
        age: The patient's age in years, if the user gives it; only the prognosis uses it.
        sex: The patient's sex, if the user gives it; only the prognosis uses it.
        without: Parts to leave out, for a quick look.

    Raises:
        InputError: The age or a part is not one.
    """

    lungs: str = "refined"
    lesions: str | None = None
    device: DeviceChoice = "auto"
    seed: int = 0
    age: float | None = None
    sex: Sex | None = None
    without: frozenset[Part] = frozenset()

    def __post_init__(self) -> None:
        if self.age is not None and not 0 <= self.age <= MAX_AGE_YEARS:
            raise InputError(f"The age is {self.age:g} years.", f"Give 0 to {MAX_AGE_YEARS:g} years, or none.")
        if self.sex is not None and self.sex not in get_args(Sex):
            raise InputError(f"The sex is '{self.sex}'.", "Give female or male, or none.")
        unknown = set(self.without) - set(PARTS)
        if unknown:
            raise InputError(f"There is no part {sorted(unknown)} to leave out.", f"Parts are {', '.join(PARTS)}.")
