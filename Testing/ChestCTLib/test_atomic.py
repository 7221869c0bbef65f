"""Outputs appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ChestCTLib.errors import OutputError
from ChestCTLib.io.atomic import atomic_folder, atomic_path


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "report.nii.gz"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert temporary.name.endswith(".nii.gz")
        assert not target.exists()
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_broken_run_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Nothing was written"), atomic_path(tmp_path / "report.json"):
        pass


def test_a_folder_appears_when_the_block_ends_and_keeps_what_it_held(tmp_path: Path) -> None:
    target = tmp_path / "case"
    (target / "pictures").mkdir(parents=True)
    (target / "notes.txt").write_text("the user's own")
    (target / "report.json").write_text("old")
    (target / "pictures" / "old.png").write_text("old")
    with atomic_folder(target) as temporary:
        (temporary / "report.json").write_text("new")
        (temporary / "pictures").mkdir()
        (temporary / "pictures" / "new.png").write_text("new")
        assert (target / "report.json").read_text() == "old"
    assert (target / "notes.txt").read_text() == "the user's own"
    assert (target / "report.json").read_text() == "new"
    assert [entry.name for entry in (target / "pictures").iterdir()] == ["new.png"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_broken_run_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "case") as temporary:
        (temporary / "half.json").write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="taken is a folder"), atomic_path(tmp_path / "taken"):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file is a file"), atomic_folder(tmp_path / "file"):
        pass
    with pytest.raises(OutputError, match="cannot be written"), atomic_path(tmp_path / "file" / "inside"):
        pass
