"""The report that a scene keeps, as files for people and programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ChestCTLib.errors import InputError, OutputError
from ChestCTLib.io.atomic import atomic_path
from ChestCTMRML.report_store import kept_file

NAMES = {".html": "report.html", ".pdf": "report.pdf", ".json": "report.json", ".csv": "measures.csv"}


def export_report(volume_node: Any, folder: Path, may_replace: Callable[[Sequence[str]], bool]) -> list[Path]:
    """Write a case's report as HTML, PDF, JSON and CSV, each file whole or not at all.

    Args:
        volume_node: The CT whose report the scene keeps.
        folder: An existing folder.
        may_replace: Asked with the names of files that are there already.

    Returns:
        The files written; none where replacing was refused.

    Raises:
        InputError: The case has no report.
        OutputError: The folder is none, or cannot be written.
    """
    files = {name: kept_file(volume_node, suffix) for suffix, name in NAMES.items()}
    if not any(files.values()):
        raise InputError("This scan has no report yet.", "Press Apply first.")
    if not folder.is_dir():
        raise OutputError(f"{folder} is no folder.", "Choose an existing folder.")
    present = [name for name in files if (folder / name).exists()]
    if present and not may_replace(present):
        return []
    written = []
    for name, content in files.items():
        if content:
            with atomic_path(folder / name) as path:
                path.write_bytes(content)
            written.append(folder / name)
    return written
