"""A work list goes through its cases and keeps their states."""

from __future__ import annotations

from pathlib import Path

import pytest

from ChestCTLib.errors import InputError
from LesionSegLib.work_list import CaseState, WorkList


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.nii.gz", "a.nrrd", "a.seg.nrrd", "notes.txt", ".hidden.nii"):
        (tmp_path / name).touch()
    (tmp_path / "c-dicom").mkdir()
    return tmp_path


def test_a_folders_scans_are_its_cases_in_order(folder: Path) -> None:
    work = WorkList(folder)
    assert [case.name for case in work.cases] == ["a.nrrd", "b.nii.gz", "c-dicom"]
    assert work.case.name == "a.nrrd" and work.count(CaseState.open) == 3


def test_states_are_kept_and_the_first_open_case_comes_first(folder: Path) -> None:
    work = WorkList(folder)
    work.set_state(CaseState.accepted)
    assert work.step(1) is not None
    work.set_state(CaseState.corrected)
    again = WorkList(folder)
    assert [case.state.value for case in again.cases] == ["accepted", "corrected", "open"]
    assert again.case.name == "c-dicom"


def test_there_is_no_step_beyond_the_ends(folder: Path) -> None:
    work = WorkList(folder)
    assert work.step(-1) is None and work.case.name == "a.nrrd"
    assert work.step(1) is not None and work.step(1) is not None
    assert work.step(1) is None and work.case.name == "c-dicom"


def test_a_table_names_cases_relative_to_itself_and_gets_their_states(folder: Path) -> None:
    table = folder / "list.csv"
    table.write_text("path,state\nb.nii.gz,\nc-dicom,Accepted\n", encoding="utf-8")
    work = WorkList(table)
    assert work.case.path == folder / "b.nii.gz" and work.cases[1].state is CaseState.accepted
    work.set_state(CaseState.corrected)
    assert table.read_text(encoding="utf-8").splitlines() == ["path,state", "b.nii.gz,corrected", "c-dicom,accepted"]


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no work list"):
        WorkList(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no case"):
        WorkList(tmp_path)
    table = tmp_path / "list.csv"
    table.write_text("scan\nx\n", encoding="utf-8")
    with pytest.raises(InputError, match="column"):
        WorkList(table)
    table.write_text("path,state\nx,done\n", encoding="utf-8")
    with pytest.raises(InputError, match="done"):
        WorkList(table)
