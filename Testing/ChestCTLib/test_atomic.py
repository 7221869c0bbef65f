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
    (target / "pictures" / "own.png").write_text("the user's own")
    with atomic_folder(target) as temporary:
        (temporary / "report.json").write_text("new")
        (temporary / "pictures").mkdir()
        (temporary / "pictures" / "new.png").write_text("new")
        assert (target / "report.json").read_text() == "old"
    assert (target / "notes.txt").read_text() == "the user's own"
    assert (target / "report.json").read_text() == "new"
    assert sorted(entry.name for entry in (target / "pictures").iterdir()) == ["new.png", "own.png"]
    assert list(tmp_path.iterdir()) == [target]


def test_earlier_results_that_are_not_written_anew_go_and_nothing_else_does(tmp_path: Path) -> None:
    target, outside = tmp_path / "case", tmp_path / "outside.txt"
    outside.write_text("not in the folder")
    for name in ("pictures/old.png", "tables/old.csv", "tables/own.csv", "report.json", "own.txt"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(name)
    earlier = (
        "pictures/old.png",
        "tables/old.csv",
        "report.json",
        "gone.txt",
        "../outside.txt",
        str(outside),
        "tables",
    )
    with atomic_folder(target, replaces=earlier) as temporary:
        (temporary / "report.json").write_text("new")
        assert (target / "pictures" / "old.png").exists()
    assert sorted(str(p.relative_to(target)) for p in target.rglob("*")) == [
        "own.txt", "report.json", "tables", "tables/own.csv",
    ]  # fmt: skip
    assert (target / "report.json").read_text() == "new"
    assert outside.exists()


def test_a_broken_run_keeps_the_earlier_results(tmp_path: Path) -> None:
    target = tmp_path / "case"
    target.mkdir()
    (target / "old.csv").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_folder(target, replaces=("old.csv",)) as temporary:
        (temporary / "half.json").write_text("half")
        raise KeyboardInterrupt
    assert [entry.name for entry in target.iterdir()] == ["old.csv"]


@pytest.mark.parametrize("taken", ["report.json/own.txt", "pictures"])
def test_a_users_file_in_the_way_of_a_result_is_named_and_nothing_is_moved(tmp_path: Path, taken: str) -> None:
    target = tmp_path / "case"
    (target / taken).parent.mkdir(parents=True)
    (target / taken).write_text("the user's own")
    with pytest.raises(OutputError, match=r"is a (file|folder), a"), atomic_folder(target) as temporary:
        (temporary / "a.csv").write_text("new")
        (temporary / "report.json").write_text("new")
        (temporary / "pictures").mkdir()
    assert (target / taken).read_text() == "the user's own"
    assert not (target / "a.csv").exists()


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
