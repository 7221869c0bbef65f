"""The errors of the engine: each names the offending value and what the user can do about it.

Only the command line and the Slicer widgets turn them into messages.
"""

from __future__ import annotations


class ChestCTError(Exception):
    """Base of every error the engine raises on purpose.

    Args:
        problem: What is wrong, with the offending value in it. Never a patient's name.
        remedy: What the user can do about it; empty where nothing can be done.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()


class InputError(ChestCTError):
    """A file, folder, table or argument cannot be used as it is."""


class NotAChestCTError(InputError):
    """The image was read, but it is not a chest CT volume."""


class MissingDependencyError(ChestCTError):
    """An optional library is not installed."""


class ModelError(ChestCTError):
    """Weights are missing, damaged or do not fit the input."""


class OutputError(ChestCTError):
    """A result could not be written."""


class CancelledError(ChestCTError):
    """The user cancelled; nothing was written."""

    def __init__(self, problem: str = "Cancelled by the user.", remedy: str = "") -> None:
        super().__init__(problem, remedy)
