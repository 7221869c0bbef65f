"""Outputs written whole or not at all: a temporary name beside the target, renamed when everything is written."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ChestCTLib.errors import OutputError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Write one file whole or not at all.

    Args:
        path: The file wanted. Missing parent folders are made; an existing file is replaced at the end.

    Yields:
        A temporary path in the same folder and with the same suffixes, to be written by the caller.

    Raises:
        OutputError: The folder cannot be written, or the caller wrote nothing.
    """
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"{target.name} is a folder, a file is to be written there.", "Choose another name.")
    temporary = _beside(target)
    try:
        yield temporary
        if not temporary.is_file():
            raise OutputError(f"Nothing was written for {target.name}.")
        os.replace(temporary, target)
    except OSError as error:
        raise _output_error(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path, replaces: Iterable[str] = ()) -> Iterator[Path]:
    """Write a folder of results whole or not at all.

    An existing folder keeps what it holds, in its own folders too; files of the same name are replaced once everything
    is written.

    Args:
        path: The folder wanted. Missing parent folders are made.
        replaces: Files of earlier results, relative to the folder: those not written anew are removed at the end.

    Yields:
        An empty temporary folder beside the target, to be filled by the caller.

    Raises:
        OutputError: The folder cannot be written, or a file is in the way of a folder or a folder in the way of a file.
    """
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target.name} is a file, a folder is to be written there.", "Choose another name.")
    temporary = _beside(target)
    try:
        temporary.mkdir()
        yield temporary
        if target.exists():
            written = _merge(temporary, target)
            _remove(target, set(replaces) - written)
        else:
            os.rename(temporary, target)
    except OSError as error:
        raise _output_error(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _merge(source: Path, target: Path) -> set[str]:
    """Move all files of ``source`` into ``target``; nothing is moved unless everything finds its place.

    Returns:
        The files, relative to the folder.
    """
    entries = sorted(source.rglob("*"))
    for entry in entries:
        place = target / entry.relative_to(source)
        if place.exists() and place.is_dir() != entry.is_dir():
            found, wanted = ("folder", "file") if place.is_dir() else ("file", "folder")
            raise OutputError(
                f"{place.name} is a {found}, a {wanted} is to be written there.",
                "Move it away, or choose another folder.",
            )
    files = [entry.relative_to(source) for entry in entries if not entry.is_dir()]
    for entry in entries:
        if entry.is_dir():
            (target / entry.relative_to(source)).mkdir(exist_ok=True)
    for file in files:
        os.replace(source / file, target / file)
    return {file.as_posix() for file in files}


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files inside a folder, and the folders that are empty then."""
    for name in names:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or not relative.parts:
            continue  # a list that names something outside is not one of ours
        file = folder / relative
        if file.is_dir() or any((folder / parent).is_symlink() for parent in relative.parents):
            continue
        file.unlink(missing_ok=True)
        for parent in file.parents:
            if parent == folder or not parent.is_dir() or any(parent.iterdir()):
                break
            parent.rmdir()


def _beside(target: Path) -> Path:
    """A free name in the target's folder that keeps its suffixes, for writers that choose the format by suffix."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _output_error(target, error) from error
    return target.parent / f".unfinished-{secrets.token_hex(6)}-{target.name}"


def _output_error(target: Path, error: OSError) -> OutputError:
    reason = error.strerror or type(error).__name__
    return OutputError(
        f"{target.name} cannot be written: {reason}.", "Choose a folder you may write to, with free space."
    )
