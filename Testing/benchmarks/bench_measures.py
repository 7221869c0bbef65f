"""Measures after an edit: the process that follows edits against a whole ``covidmtl measure``, in one run.

Both measure the same masks of a 255 x 512 x 512 scan (a phantom's, enlarged; or a scan and masks that are given); the
numbers must be equal. Printed are the seconds from the edit to its numbers and to its surfaces, the longest single step
in the program that asks, and the ratio to the whole command.

    python Testing/benchmarks/bench_measures.py [SCAN LUNGS LESIONS] [--edits 3]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import slicer

from ChestCTJobs.measure_service import Measured, MeasureService
from ChestCTLib.grid import resample_to_shape
from ChestCTLib.io import read_labels, read_volume, write_image, write_labels
from ChestCTLib.labels import AIRWAY, LESION_LABELS, LUNG_LABELS
from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTLib.volume import CTVolume
from ChestCTMRML.segmentations import add_segmentation, set_labels
from ChestCTMRML.volumes import add_volume

SHAPE = (255, 512, 512)
SPACING_MM = (1.25, 0.7, 0.7)
LIMIT_S = 300.0


class Asker:
    """Keeps what the measuring process answers."""

    def __init__(self, volume: Any, lungs: Any) -> None:
        self.measured: Measured | None = None
        self.longest_s = 0.0
        self.service = MeasureService(volume, lungs, self.take, self.fail)

    def take(self, measured: Measured) -> None:
        self.measured = measured

    def fail(self, failure: Any) -> None:
        raise SystemExit(f"{failure}\n{failure.details}")

    def wait(self, drawn: bool) -> None:
        """Poll as a GUI's timer does, until numbers or surfaces are there."""
        deadline = time.perf_counter() + LIMIT_S
        while self.measured is None or (drawn and self.measured.drawn is None):
            started = time.perf_counter()
            self.service.poll()
            self.longest_s = max(self.longest_s, time.perf_counter() - started)
            if time.perf_counter() > deadline:
                raise SystemExit("no answer")
            time.sleep(0.005)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, metavar="SCAN LUNGS LESIONS")
    parser.add_argument("--edits", type=int, default=3)
    options = parser.parse_args()
    volume, lungs, lesions = _given(*options.paths) if options.paths else _enlarged_phantom()
    scene = slicer.vtkMRMLScene()
    node = add_volume(scene, volume, "scan")
    lungs_node, lesions_node = (add_segmentation(scene, node, name) for name in ("lungs", "lesions"))
    set_labels(lungs_node, lungs, node, LUNG_LABELS)
    set_labels(lesions_node, lesions, node, LESION_LABELS)

    asker = Asker(node, lungs_node)
    started = time.perf_counter()
    asker.service.request(lesions_node, 10.0, "the mask lesions.nrrd")
    asker.wait(drawn=False)
    print(f"{volume.shape} voxels; start to the first numbers: {time.perf_counter() - started:.2f} s")
    asker.wait(drawn=True)
    draw, numbers, surfaces, busy = np.random.default_rng(0), [], [], []
    process = psutil.Process(asker.service.pid)
    asker.longest_s = 0.0
    for _ in range(options.edits):
        centre = np.argwhere(lungs > 0)[draw.integers(np.count_nonzero(lungs))]
        box = tuple(slice(max(0, c - 8), c + 8) for c in centre)
        lesions[box] = np.where(lungs[box] > 0, draw.integers(0, 3), lesions[box])  # the brush paints or erases a cube
        set_labels(lesions_node, lesions, node, LESION_LABELS, overwrite_edited=True)
        asker.measured = None
        started, before = time.perf_counter(), process.cpu_times()
        asker.service.request(lesions_node, 10.0, "the mask lesions.nrrd")
        asker.wait(drawn=False)
        after = process.cpu_times()
        busy.append(after.user + after.system - before.user - before.system)
        numbers.append(time.perf_counter() - started)
        asker.wait(drawn=True)
        surfaces.append(time.perf_counter() - started)
    assert asker.measured is not None
    quick = {measure.key: measure.value for measure in asker.measured.section.measures}
    asker.service.close()
    whole_s, whole = _command(volume, lungs, lesions)
    differing = sorted(key for key, value in quick.items() if whole[key] != value)
    print(f"after an edit: numbers in {np.mean(numbers):.2f} s (longest {max(numbers):.2f}; ", end="")
    print(f"processor time {np.mean(busy):.2f} s), surfaces in ", end="")
    print(f"{np.mean(surfaces):.2f} s; longest step in the asking program {asker.longest_s:.3f} s")
    print(f"covidmtl measure: {whole_s:.2f} s; ratio {np.mean(numbers) / whole_s:.4f}")
    print(f"{len(quick)} measures, differing: {differing or 'none'}")


def _command(volume: CTVolume, lungs: Any, lesions: Any) -> tuple[float, dict[str, Any]]:
    import json

    with tempfile.TemporaryDirectory() as folder:
        scan, *masks = (Path(folder) / name for name in ("ct.nrrd", "lungs.nrrd", "lesions.nrrd"))
        write_image(volume.hu, volume, scan)
        write_labels(lungs, volume, masks[0], LUNG_LABELS)
        write_labels(lesions, volume, masks[1], LESION_LABELS)
        command = [sys.executable, "-m", "COVIDMTLApp", "--progress", "json", "measure", str(scan)]
        started = time.perf_counter()
        done = subprocess.run(
            [*command, "--lungs", str(masks[0]), "--lesions", str(masks[1])],
            capture_output=True, encoding="utf-8", check=True,
        )  # fmt: skip
        seconds = time.perf_counter() - started
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    result = next(line["result"] for line in lines if "result" in line)
    return seconds, {key: measure["value"] for key, measure in result["measures"].items()}


def _given(scan: Path, lungs: Path, lesions: Path) -> tuple[CTVolume, Any, Any]:
    volume = read_volume(scan)
    lung_mask = read_labels(lungs, volume, (*LUNG_LABELS, AIRWAY))
    lung_mask[lung_mask == AIRWAY.value] = 0
    return volume, lung_mask, read_labels(lesions, volume, LESION_LABELS)


def _enlarged_phantom() -> tuple[CTVolume, Any, Any]:
    made = make_phantom(PhantomSettings(seed=0, spacing_mm=(3.0, 2.0, 2.0)))
    arrays = [resample_to_shape(array, SHAPE, order=0) for array in (made.volume.hu, made.lungs, made.lesions)]
    z, y, x = SPACING_MM
    return CTVolume(arrays[0], np.diag([x, y, z, 1.0])), arrays[1], arrays[2]


if __name__ == "__main__":
    main()
