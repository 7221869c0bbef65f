"""What a path points at, and which paths are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ChestCTLib.errors import InputError
from COVIDMTLApp.viewer.http import upload_suffix
from COVIDMTLApp.viewer.inputs import InputKind, viewer_input


def test_scans_cases_and_scenes_are_told_apart(tmp_path: Path) -> None:
    scan, scene, case = tmp_path / "ct.nii.gz", tmp_path / "a.mrb", tmp_path / "case"
    case.mkdir()
    for path in (scan, scene, case / "manifest.json", case / "scene.mrb"):
        path.write_bytes(b"x")
    assert viewer_input(scan).kind is InputKind.scan
    assert viewer_input(tmp_path).kind is InputKind.scan  # a folder of DICOM files
    assert viewer_input(scene).scene == scene
    assert viewer_input(case).kind is InputKind.case
    assert viewer_input(case).scene == case / "scene.mrb"


def test_a_case_without_a_scene_says_so(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match=r"no scene\.mrb"):
        viewer_input(tmp_path)


def test_paths_outside_the_readable_folder_are_refused_links_resolved(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "secret.nii.gz"
    root.mkdir()
    outside.write_bytes(b"x")
    (root / "link.nii.gz").symlink_to(outside)
    for path in (outside, root / ".." / "secret.nii.gz", root / "link.nii.gz"):
        with pytest.raises(InputError, match="outside"):
            viewer_input(path, root)


def test_a_path_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        viewer_input(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("name", "suffix"), [("A.NII.GZ", ".nii.gz"), ("a.b/../c.zip", ".zip"), ("x.mha", ".mha"), ("y.dcm", ".dcm")]
)
def test_an_upload_keeps_its_kind_and_loses_its_name(name: str, suffix: str) -> None:
    assert upload_suffix(name) == suffix


@pytest.mark.parametrize("name", ["", "scene.mrb", "run.sh", "a.png", "nii.gz.exe"])
def test_other_kinds_of_files_are_not_uploaded(name: str) -> None:
    with pytest.raises(InputError):
        upload_suffix(name)
