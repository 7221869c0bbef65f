"""A list of cases to correct: what is open, what is corrected, what is accepted as it is, kept across sessions."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from ChestCTLib.errors import InputError
from ChestCTLib.io.atomic import atomic_path

STATE_FILE = "covidmtl-work-list.csv"
"""Where the states of a folder's cases are kept, in that folder."""
PATH_COLUMN, STATE_COLUMN = "path", "state"
VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".zip")
MASK_SUFFIX = ".seg.nrrd"  # a segmentation beside its scan is no case


class CaseState(Enum):
    """How far a case is."""

    open = "open"
    corrected = "corrected"
    accepted = "accepted"


@dataclass(frozen=True)
class WorkCase:
    """One case of a list.

    Attributes:
        path: DICOM folder or volume file.
        state: How far it is.
    """

    path: Path
    state: CaseState = CaseState.open

    @property
    def name(self) -> str:
        """What the list shows."""
        return self.path.name


class WorkList:
    """Cases in order, with one that is worked on.

    Args:
        source: A folder whose sub-folders (DICOM) and volume files are the cases, or a CSV file with a column ``path``
            (relative to the file, or absolute) and optionally ``state``.

    Attributes:
        cases: All cases, in the list's order.
        current: Index of the case that is worked on; at first the first open one.

    Raises:
        InputError: There is no such folder or file, it holds no case, or a state is unknown.
    """

    def __init__(self, source: Path) -> None:
        if source.is_dir():
            self._file, self._root = source / STATE_FILE, source
            self.cases = _cases_of_folder(source, self._file)
        elif source.is_file():
            self._file, self._root = source, source.parent
            self.cases = _cases_of_file(source)
        else:
            raise InputError(f"There is no work list “{source.name}”.", "Choose a folder of cases or a CSV file.")
        if not self.cases:
            raise InputError(f"“{source.name}” holds no case.", "Choose a folder of DICOM folders or volume files.")
        states = [case.state for case in self.cases]
        self.current = states.index(CaseState.open) if CaseState.open in states else 0

    @property
    def case(self) -> WorkCase:
        """The case that is worked on."""
        return self.cases[self.current]

    def step(self, by: int) -> WorkCase | None:
        """Go to another case; None, and no step, beyond the ends.

        Args:
            by: 1 for the next, -1 for the previous case.
        """
        if not 0 <= self.current + by < len(self.cases):
            return None
        self.current += by
        return self.case

    def set_state(self, state: CaseState) -> None:
        """Set the state of the current case and keep it.

        Raises:
            OutputError: The list cannot be written.
        """
        self.cases[self.current] = replace(self.case, state=state)
        with atomic_path(self._file) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow((PATH_COLUMN, STATE_COLUMN))
            writer.writerows((_relative(case.path, self._root), case.state.value) for case in self.cases)

    def count(self, state: CaseState) -> int:
        """Number of cases in a state."""
        return sum(case.state is state for case in self.cases)


def _cases_of_folder(folder: Path, states: Path) -> list[WorkCase]:
    known = {case.path: case.state for case in _cases_of_file(states)} if states.is_file() else {}
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    paths = [entry for entry in entries if entry.is_dir() or _is_volume(entry)]
    return [WorkCase(path, known.get(path, CaseState.open)) for path in paths]


def _cases_of_file(path: Path) -> list[WorkCase]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        if PATH_COLUMN not in (reader.fieldnames or ()):
            raise InputError(f"“{path.name}” has no column “{PATH_COLUMN}”.", "Add one with a scan in each row.")
        rows = [row for row in reader if row[PATH_COLUMN]]
    return [WorkCase(path.parent / row[PATH_COLUMN], _state(row, path)) for row in rows]


def _state(row: dict[str, str], path: Path) -> CaseState:
    text = (row.get(STATE_COLUMN) or CaseState.open.value).strip().lower()
    try:
        return CaseState(text)
    except ValueError:
        known = ", ".join(state.value for state in CaseState)
        raise InputError(f"“{path.name}” holds the unknown state “{text}”.", f"Use {known}.") from None


def _is_volume(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(VOLUME_SUFFIXES) and not name.endswith(MASK_SUFFIX)


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
