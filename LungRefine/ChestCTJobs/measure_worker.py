"""Inside the measuring process: lungs and CT stay in memory, every new lesion mask is measured against them.

Started by :class:`ChestCTJobs.measure_service.MeasureService` as ``python -m ChestCTJobs.measure_worker FOLDER PID``.
Reads one request a line from a file that the program writes on, for Slicer's launcher of Python need not hand a
standard input over, and ends with the program of that process id. What does not change with the lesions is prepared
while nobody asks. Imports neither Qt nor Slicer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ChestCTJobs.child import process_exists

if TYPE_CHECKING:
    from ChestCTMRML.lesion_surfaces import LesionShapes

CT_FILE, LUNGS_FILE, FIXED_FILE = "ct.nrrd", "lungs.nrrd", "fixed.npz"
REPORT_FILE, EXTRAS_FILE, SURFACES_FILE, CLASSES_FILE = "report.json", "extras.json", "lesions.vtp", "classes.vtp"
REQUESTS_FILE = "requests.txt"
LOOK_INTERVAL_S = 0.01  # how often the file is looked at; an edit's numbers may take two seconds in all
LabelArray = npt.NDArray[np.uint8]
END = ""  # of the requests


def main() -> None:
    """Answer requests until the program that asks is gone."""
    os.chdir(sys.argv[1])
    requests: SimpleQueue[str] = SimpleQueue()
    Thread(target=_read, args=(requests, int(sys.argv[2])), daemon=True).start()
    try:
        measurer = Measurer(requests)
        _say({"ready": True})
        ahead = measurer.prepare()
        while True:
            if requests.empty() and next(ahead, ahead) is not ahead:
                continue
            line = requests.get()
            if line == END:
                return
            measurer.answer(json.loads(line))
    except Exception as error:  # the program shows it; a traceback goes to the log with it
        problem, remedy = getattr(error, "problem", f"{type(error).__name__}: {error}"), getattr(error, "remedy", "")
        _say({"error": problem, "remedy": remedy})
        raise


class Measurer:
    """CT and lungs of one case, and what never changes with the lesions.

    Args:
        requests: Lines that wait; drawing stops when there is a newer one.
    """

    def __init__(self, requests: SimpleQueue[str]) -> None:
        from ChestCTLib.io import read_labels, read_volume
        from ChestCTLib.labels import LUNG_LABELS
        from LesionSegLib.measures import LungFrame

        self._requests = requests
        volume = read_volume(Path(CT_FILE))
        self.lungs: LabelArray = read_labels(Path(LUNGS_FILE), volume, LUNG_LABELS)
        self.frame = LungFrame(volume, self.lungs)
        self.lesions: LabelArray = np.zeros(volume.shape, dtype=np.uint8)
        self._shapes: LesionShapes | None = None

    def prepare(self) -> Iterator[None]:
        """Do ahead what every mask needs, in short steps."""
        yield from (None for _ in (self.frame.zone_voxels, self.frame.hu_counts))
        while self.frame.prepare_depth():
            yield

    def answer(self, request: dict[str, Any]) -> None:
        """Measure the mask of a request, or draw the latest one."""
        number, folder = request["number"], Path(request["folder"])
        if request["task"] == "measure":
            self._measure(request, folder)
            _say({"measured": number})
        elif self._draw(request, folder):
            _say({"drawn": number})
        else:
            _say({"skipped": number})

    def _measure(self, request: dict[str, Any], folder: Path) -> None:
        from ChestCTLib.case_report import CaseReport
        from LesionSegLib.lesion_section import lesion_section
        from LesionSegLib.measures import MeasureSettings, measure_voxels
        from LesionSegLib.measures.periphery import peripheral_steps
        from LesionSegLib.measures.tissues import HISTOGRAM_EDGES_HU, tissue_shares

        corrected = self._assemble(request["patches"], folder)
        voxels = self.frame.lesion_voxels(self.lesions)
        found = measure_voxels(self.frame, voxels, MeasureSettings(peripheral_mm=request["peripheral_mm"]))
        section = lesion_section(
            self.frame.volume, self.lungs, self.lesions, found, request["source"], corrected, with_pictures=False
        )
        (folder / REPORT_FILE).write_text(CaseReport("case", (section,)).to_json(), encoding="utf-8")
        steps_mm, steps_percent = peripheral_steps(self.frame.depth_mm(voxels.at))
        extras = {
            "finding": found.finding,
            "corrected": corrected,
            "curve_mm": found.curve_mm,
            "curve_percent": found.curve_percent,
            "steps_mm": steps_mm.tolist(),
            "steps_percent": steps_percent.tolist(),
            "centres_ras_mm": [
                [-row.centre_lps_mm[0], -row.centre_lps_mm[1], row.centre_lps_mm[2]] for row in found.lesions
            ],
            "edges_hu": HISTOGRAM_EDGES_HU.tolist(),
            "shares": tissue_shares(self.frame, voxels),
        }
        (folder / EXTRAS_FILE).write_text(json.dumps(extras), encoding="utf-8")

    def _assemble(self, patches: list[dict[str, Any]], folder: Path) -> bool:
        """Put a mask together; returns whether it was edited by hand."""
        from ChestCTMRML.label_prints import fingerprint, same

        self.lesions[:] = 0
        corrected = False
        for patch in patches:
            voxels = np.load(folder / patch["file"], mmap_mode="r", allow_pickle=False)
            target, source = _overlap(patch["first"], voxels.shape, self.lesions.shape)
            for value, label in patch["values"].items():
                mask = voxels == int(value)
                np.copyto(self.lesions[target], label, where=mask[source])
                if patch["edited"] is None:
                    present, written = fingerprint(mask, np.array(patch["to_ras"])), patch["written"].get(str(label))
                    corrected |= present is not None and not (written and same(json.loads(written), present))
            corrected |= bool(patch["edited"])
        return corrected

    def _draw(self, request: dict[str, Any], folder: Path) -> bool:
        """Write the surfaces of the latest mask; false when a newer request waits."""
        from ChestCTMRML.lesion_surfaces import Grid, LesionShapes
        from ChestCTMRML.surface_files import write_surface

        if self._shapes is None:
            grid = Grid(self.frame.volume.spacing_mm, np.array(request["ijk_to_local_ras"]))
            self._shapes = LesionShapes(self.frame.volume.hu, self.lungs, grid)
            self._write_fixed(self._shapes)
        surfaces = self._shapes.surfaces(self.lesions, lambda: not self._requests.empty())
        if surfaces is None:
            return False
        write_surface(surfaces.whole, folder / SURFACES_FILE)
        write_surface(surfaces.classes, folder / CLASSES_FILE)
        return True

    def _write_fixed(self, shapes: LesionShapes) -> None:
        from COVIDMTLLib.intensity_map.map import project

        plane = project(self.frame.volume)
        np.savez(
            FIXED_FILE,
            depth_mm=shapes.depth_mm,
            to_ras=shapes.to_ras,
            shares=plane.shares.astype(np.float32),
            range_hu=(plane.settings.low_hu, plane.settings.high_hu),
        )


def _overlap(
    first: list[int], size: tuple[int, ...], whole: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where a patch lies in the whole, and which part of it does; empty slices where none does."""
    target, source = [], []
    for start, length, limit in zip(first, size, whole, strict=True):
        low, high = max(start, 0), min(start + length, limit)
        target.append(slice(low, max(low, high)))
        source.append(slice(low - start, max(low, high) - start))
    return tuple(target), tuple(source)


def _read(requests: SimpleQueue[str], parent: int) -> None:
    rest = b""
    with open(REQUESTS_FILE, "rb") as stream:
        while process_exists(parent):
            *lines, rest = (rest + stream.read()).split(b"\n")
            for line in lines:
                requests.put(line.decode("utf-8"))
            time.sleep(LOOK_INTERVAL_S)
    requests.put(END)


def _say(values: dict[str, Any]) -> None:
    print(json.dumps(values), flush=True)  # noqa: T201  # the protocol


if __name__ == "__main__":
    main()
