"""A case's folder: whole or not at all, an earlier case replaced whole, a user's own files left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ChestCTLib.case_report import CaseReport, Column, Measure, Section, Table
from ChestCTLib.errors import OutputError
from ChestCTLib.phantom import PhantomSettings, make_phantom
from COVIDMTLLib.case_files import Case, check_case_folder, write_case


@pytest.fixture(scope="module")
def full() -> Case:
    phantom = make_phantom(PhantomSettings(seed=3, spacing_mm=(8.0, 4.0, 4.0)))
    volume = phantom.volume
    table = Table("all", "All", (Column("name", "Name"), Column("value", "Value", "mL")), (("one", 1.0),))
    sections = (
        Section("lungs", "Lungs", (Measure("lungs.volume.total", "Lung volume, both", 4000.0, "mL"),)),
        Section("features", "Lung features", tables=(table,)),
    )
    report = CaseReport("case-test", sections, provenance={"seed": 0})
    cam = np.zeros(volume.shape, dtype=np.float32)
    return Case(
        volume, phantom.lungs, phantom.airway, phantom.lesions, report, {"cam_ct": cam}, {"features.csv": "a,b\n1,2\n"}
    )


@pytest.fixture(scope="module")
def small(full: Case) -> Case:
    """The same case run without its optional parts."""
    return replace(full, report=replace(full.report, sections=full.report.sections[:1]), maps={}, texts={})


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_manifest_names_every_file_of_the_case(full: Case, tmp_path: Path) -> None:
    write_case(full, tmp_path / "case", lambda folder: (folder / "scene.mrb").write_bytes(b"scene"))
    found = names(tmp_path / "case")
    assert {"cam_ct.nrrd", "features.csv", "tables/features-all.csv", "scene.mrb", "manifest.json"} <= found
    manifest = json.loads((tmp_path / "case" / "manifest.json").read_text("utf-8"))
    assert set(manifest["files"]) == found
    assert manifest["seed"] == 0


def test_a_smaller_run_over_a_full_case_leaves_none_of_its_results(full: Case, small: Case, tmp_path: Path) -> None:
    again, fresh = tmp_path / "again", tmp_path / "fresh"
    write_case(full, again, lambda folder: (folder / "scene.mrb").write_bytes(b"scene"))
    (again / "notes of the reader.txt").write_text("own")
    (again / "tables" / "own.csv").write_text("own")
    write_case(small, again)
    write_case(small, fresh)
    assert names(again) - names(fresh) == {"notes of the reader.txt", "tables/own.csv"}
    assert names(fresh) <= names(again)
    for name in names(fresh):
        assert (again / name).read_bytes() == (fresh / name).read_bytes(), name


def test_a_run_that_breaks_leaves_the_earlier_case_as_it_was(full: Case, small: Case, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    write_case(full, folder)
    before = {name: (folder / name).read_bytes() for name in names(folder)}

    def broken(unfinished: Path) -> None:
        raise OutputError("The disk is full.")

    with pytest.raises(OutputError):
        write_case(small, folder, broken)
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


def test_a_damaged_list_of_files_removes_nothing(full: Case, small: Case, tmp_path: Path) -> None:
    folder, outside = tmp_path / "case", tmp_path / "outside.txt"
    outside.write_text("own")
    write_case(full, folder)
    for files in ("cam_ct.nrrd", [1, None, "../outside.txt", str(outside)], {"a": 1}):
        (folder / "manifest.json").write_text(json.dumps({"files": files}), encoding="utf-8")
        write_case(small, folder)
        assert (folder / "cam_ct.nrrd").is_file() and outside.is_file()


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OutputError, match="no case"):
        check_case_folder(tmp_path)
