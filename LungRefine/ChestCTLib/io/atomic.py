"""Outputs written whole or not at all: a temporary name beside the target, renamed when everything is written."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Write a folder of results whole or not at all.

    An existing folder keeps what it holds; entries of the same name are replaced once everything is written.

    Args:
        path: The folder wanted. Missing parent folders are made.

    Yields:
        An empty temporary folder beside the target, to be filled by the caller.

    Raises:
        OutputError: The folder cannot be written, or the target is a file.
    """
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target.name} is a file, a folder is to be written there.", "Choose another name.")
    temporary = _beside(target)
    try:
        temporary.mkdir()
        yield temporary
        _merge(temporary, target)
    except OSError as error:
        raise _output_error(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _merge(source: Path, target: Path) -> None:
    """Move the entries of ``source`` into ``target``; what they replace goes only when all are in place."""
    if not target.exists():
        os.rename(source, target)
        return
    replaced = source / f".replaced-{secrets.token_hex(4)}"
    replaced.mkdir()
    for entry in sorted(source.iterdir()):
        if entry == replaced:
            continue
        destination = target / entry.name
        if destination.is_dir() or entry.is_dir():
            if destination.exists():
                os.rename(destination, replaced / entry.name)
            os.rename(entry, destination)
        else:
            os.replace(entry, destination)


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
