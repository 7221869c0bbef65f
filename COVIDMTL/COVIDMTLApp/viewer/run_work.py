"""``covidmtl run`` on the shown scan: file in, command, case folder out, scene shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ChestCTJobs.case_request import CaseRequest
from ChestCTJobs.hand_over import write_volume
from ChestCTJobs.job import Work

CT_FILE, CASE_FOLDER = "ct.nrrd", "case"


def run_work(volume: Any, request: CaseRequest, kept: Path, show: Callable[[], None]) -> Work:
    """Return the work that runs the whole case.

    Args:
        volume: The CT's node.
        request: What to run.
        kept: Where the finished case is put; an earlier one there is replaced.
        show: Shows the case from there.
    """
    command = ("run", CT_FILE, "-o", CASE_FOLDER, *request.arguments())

    def before(folder: Path) -> Iterator[None]:
        yield from write_volume(volume, folder / CT_FILE)

    def load(folder: Path) -> Iterator[None]:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(folder / CASE_FOLDER, kept)
        yield

    def shown() -> Iterator[None]:
        show()
        yield

    return Work((command,), before, load, shown)
