"""The Slicer scene of a finished case, where the MRML libraries are installed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from COVIDMTLLib.case_files import Case

log = logging.getLogger(__name__)

SCENE_NAME = "scene.mrb"


def scene_writer(case: Case) -> Callable[[Path], None] | None:
    """What adds ``scene.mrb`` to a case's folder; None, with a log line that says so, without the MRML libraries."""
    if find_spec("slicer") is None or find_spec("trame_slicer") is None:  # Slicer's own Python has the first alone
        log.warning("no %s: install the extra 'viewer' (slicer-core) to write Slicer scenes", SCENE_NAME)
        return None

    def write(folder: Path) -> None:
        from ChestCTMRML.report_store import read_report_files
        from ChestCTMRML.scene_file import SceneCase, write_case_scene

        files = read_report_files(folder)
        shown = SceneCase(case.volume, case.lungs, case.lesions, case.airway, case.report, files, case.maps)
        write_case_scene(folder / SCENE_NAME, shown)

    return write
