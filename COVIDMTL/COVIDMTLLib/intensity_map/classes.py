"""The three classes of the map classifier, stated once (Section 3.3)."""

from __future__ import annotations

from ChestCTLib.errors import InputError
from ChestCTLib.phantom.settings import Diagnosis

CLASSES = ("COVID-19", "other pneumonia", "normal")
CLASS_KEYS = ("covid", "cap", "none")  # in tables; the phantoms' names of the same classes, in the same order
CLASS_OF_DIAGNOSIS: dict[Diagnosis, int] = {"covid": 0, "cap": 1, "none": 2}


def class_number(key: str) -> int:
    """Number of a class by its key in a table ("covid", "cap", "none").

    Raises:
        InputError: The key is unknown.
    """
    if key not in CLASS_KEYS:
        raise InputError(f"The label is '{key}'.", f"Use one of {', '.join(CLASS_KEYS)}.")
    return CLASS_KEYS.index(key)
