"""Inside the measuring process: lungs and CT stay in memory, every new lesion mask is measured against them.

Started by :class:`ChestCTSlicer.measure_service.MeasureService` as ``python -m ChestCTSlicer.measure_worker FOLDER``.
Reads one request a line from its standard input and ends with it, so it never outlives the program that asked. Imports
neither Qt nor Slicer's application.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ChestCTLib.volume import CTVolume

CT_FILE, LUNGS_FILE = "ct.nrrd", "lungs.nrrd"
PLANE_FILE, DEPTH_FILE = "plane.npy", "depth.npy"
REPORT_FILE, EXTRAS_FILE, DISTANCES_FILE = "report.json", "extras.json", "distances.npy"
DENSITY_FILE, MARKED_FILE = "density.vtp", "marked.vtp"
LabelArray = npt.NDArray[np.uint8]


def main() -> None:
    """Answer requests until the standard input ends."""
    os.chdir(sys.argv[1])
    try:
        measurer = Measurer()
        _say({"ready": True})
        for line in sys.stdin:
            request = json.loads(line)
            measurer.measure(request)
            _say({"measured": request["number"]})
    except Exception as error:  # the program shows it; a traceback goes to the log with it
        problem, remedy = getattr(error, "problem", f"{type(error).__name__}: {error}"), getattr(error, "remedy", "")
        _say({"error": problem, "remedy": remedy})
        raise


class Measurer:
    """CT and lungs of one case, and what never changes with the lesions."""

    def __init__(self) -> None:
        from ChestCTLib.io import read_labels, read_volume
        from ChestCTLib.labels import LUNG_LABELS
        from COVIDMTLLib.intensity_map.map import project

        self.volume: CTVolume = read_volume(Path(CT_FILE))
        self.lungs: LabelArray = read_labels(Path(LUNGS_FILE), self.volume, LUNG_LABELS)
        projected = project(self.volume)
        np.save(PLANE_FILE, projected.shares.astype(np.float32))
        limits = {"low_hu": projected.settings.low_hu, "high_hu": projected.settings.high_hu}
        Path("plane.json").write_text(json.dumps(limits), encoding="utf-8")

    def measure(self, request: dict[str, Any]) -> None:
        """Measure one lesion mask and write the results into the request's folder."""
        from ChestCTLib.case_report import CaseReport
        from ChestCTMRML.case_overlays import HISTOGRAM_EDGES_HU, tissue_shares
        from LesionSegLib.lesion_section import lesion_section
        from LesionSegLib.measures import MeasureSettings, measure_lesions

        folder = Path(request["folder"])
        lesions: LabelArray = np.load(folder / "lesions.npy", allow_pickle=False)
        settings = MeasureSettings(peripheral_mm=request["peripheral_mm"])
        found = measure_lesions(self.volume, self.lungs, lesions, settings)
        section = lesion_section(
            self.volume, self.lungs, lesions, found, request["source"], request["corrected"], with_pictures=False
        )
        (folder / REPORT_FILE).write_text(CaseReport("case", (section,)).to_json(), encoding="utf-8")
        extras = {
            "finding": found.finding,
            "curve_mm": found.curve_mm,
            "curve_percent": found.curve_percent,
            "centres_ras_mm": [
                [-row.centre_lps_mm[0], -row.centre_lps_mm[1], row.centre_lps_mm[2]] for row in found.lesions
            ],
            "edges_hu": HISTOGRAM_EDGES_HU.tolist(),
            "shares": tissue_shares(self.volume.hu, self.lungs, lesions),
        }
        (folder / EXTRAS_FILE).write_text(json.dumps(extras), encoding="utf-8")
        np.save(folder / DISTANCES_FILE, self._distances(lesions))
        self._shapes(folder, lesions, np.array(request["ijk_to_local_ras"]))

    def _distances(self, lesions: LabelArray) -> npt.NDArray[np.float64]:
        """Depth of every lesion voxel, sorted: what the ratio at any thickness follows from."""
        from ChestCTLib.grid import canonical_axes
        from LesionSegLib.measures.periphery import border_distance_mm

        order, flips, affine = canonical_axes(self.volume.ijk_to_lps, self.volume.shape)
        turn = tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)
        lungs, marked = (np.transpose(mask > 0, order)[turn] for mask in (self.lungs, lesions))
        x, y, _ = np.linalg.norm(affine[:3, :3], axis=0)
        return np.sort(border_distance_mm(lungs, marked & lungs, (float(y), float(x))))

    def _shapes(self, folder: Path, lesions: LabelArray, to_ras: npt.NDArray[np.float64]) -> None:
        from ChestCTMRML.lesion_surfaces import Grid, density_surfaces, shell_data
        from ChestCTMRML.surface_files import write_surface

        grid = Grid(self.volume.spacing_mm, to_ras)
        write_surface(density_surfaces(self.volume.hu, lesions, grid), folder / DENSITY_FILE)
        shell = shell_data(self.lungs, lesions, grid)
        write_surface(shell.lesions, folder / MARKED_FILE)
        np.savez(folder / "shell.npz", depth_mm=shell.depth_mm, to_ras=shell.to_ras)


def _say(values: dict[str, Any]) -> None:
    print(json.dumps(values), flush=True)  # noqa: T201  # the protocol


if __name__ == "__main__":
    main()
