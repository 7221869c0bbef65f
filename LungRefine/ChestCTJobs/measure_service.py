"""Measures that follow every edit: one process keeps CT and lungs in memory and measures mask after mask.

Free of Qt: whoever owns the event loop calls :meth:`MeasureService.poll` every few milliseconds; each call does one
short step. Edits that come while a mask is measured wait; only the last of them is measured next.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTJobs import measure_worker
from ChestCTJobs.hand_over import write_array, write_volume
from ChestCTJobs.job import (
    FOLDER_PREFIX,
    LAST_LINES,
    Failure,
    child_environment,
    interpreter,
    own_group,
    signal_group,
)
from ChestCTLib.case_report import CaseReport, Section, report_from_json
from ChestCTLib.errors import ChestCTError
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTMRML.geometry import ijk_to_local_ras, ijk_to_lps
from ChestCTMRML.intensity_plane import PlaneData
from ChestCTMRML.peripheral_shell import ShellData
from ChestCTMRML.segment_patches import segment_patches
from ChestCTMRML.segmentations import labels_in_steps
from ChestCTMRML.surface_files import read_surface

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawn:
    """What is drawn of one lesion mask; it takes longer than the numbers.

    Attributes:
        density: Lesion surfaces with their mean densities.
        classes: Surfaces of their classes.
        shell: What a peripheral shell of any thickness is cut from.
        plane: The intensity map.
    """

    density: Any
    classes: Any
    shell: ShellData
    plane: PlaneData


@dataclass(frozen=True)
class Measured:
    """What was measured of one lesion mask.

    Attributes:
        section: Every measure and table, as the command line reports them.
        finding: "no lesion found", or how many lesions there are.
        corrected: Whether the mask was edited by hand.
        curve_mm: Thicknesses of the peripheral lesion ratio's curve.
        curve_percent: Ratio at each; empty without lesions.
        steps_mm: Thicknesses at which the ratio rises.
        steps_percent: Ratio from each of them on; empty without lesions.
        centres_ras: World RAS centres of the lesions, in the order of their table.
        edges_hu: Edges of the tissue histogram.
        shares: Share of lung without lesion, ground glass and consolidation in each bin, %.
        drawn: Surfaces and map; None while they are still being made.
    """

    section: Section
    finding: str
    corrected: bool
    curve_mm: list[float]
    curve_percent: list[float]
    steps_mm: npt.NDArray[np.float64]
    steps_percent: npt.NDArray[np.float64]
    centres_ras: npt.NDArray[np.float64]
    edges_hu: list[float]
    shares: list[list[float]]
    drawn: Drawn | None = None

    def ratio_percent(self, thickness_mm: float) -> float | None:
        """Peripheral lesion ratio at any thickness, %; None without lesions."""
        if not self.steps_mm.size:
            return None
        reached = int(np.searchsorted(self.steps_mm, thickness_mm, side="right"))
        return float(self.steps_percent[reached - 1]) if reached else 0.0


@dataclass(frozen=True)
class _Request:
    lesions: Any
    peripheral_mm: float
    source: str


class MeasureService:
    """Measures the lesion masks of one case.

    Args:
        volume_node: The CT.
        lungs_node: Its lungs; what was read of them stays until a new service is made.
        on_measured: Called twice with every result that is still the latest: with the numbers as soon as they are
            there, and again with what is drawn.
        on_failed: Called once, when the process cannot go on.
    """

    def __init__(
        self,
        volume_node: Any,
        lungs_node: Any,
        on_measured: Callable[[Measured], None],
        on_failed: Callable[[Failure], None],
    ) -> None:
        self.volume_node, self.lungs_node = volume_node, lungs_node
        self._on_measured, self._on_failed = on_measured, on_failed
        self._folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._steps: Iterator[None] | None = self._prepare()
        self._wanted: _Request | None = None
        self._number = 0
        self._ready = self._measuring = self._drawing = False
        self._measured: Measured | None = None
        self._fixed: dict[str, npt.NDArray[Any]] | None = None
        self._read = 0
        self._rest = b""
        self._error: Failure | None = None

    @property
    def busy(self) -> bool:
        """Whether a result is awaited."""
        return self._wanted is not None or self._measuring or self._drawing or self._steps is not None

    @property
    def outdated(self) -> bool:
        """Whether the numbers told last are not those of the latest request, whose own are still awaited."""
        return self._wanted is not None or self._measuring

    @property
    def pid(self) -> int | None:
        """Process id of the measuring process while it runs."""
        return self._process.pid if self._process is not None else None

    def request(self, lesions_node: Any, peripheral_mm: float, source: str) -> None:
        """Ask for measures of a mask as it is when its turn comes; an earlier request that still waits is dropped.

        Args:
            lesions_node: The segmentation with ground glass and consolidation.
            peripheral_mm: Thickness of the periphery, above 0.
            source: What made the mask, for the report.
        """
        self._wanted = _Request(lesions_node, peripheral_mm, source)

    def poll(self) -> None:
        """Do one short step."""
        try:
            if self._steps is not None:
                if next(self._steps, self) is self:
                    self._steps = None
            elif self._wanted is not None and self._ready and not self._measuring:
                request, self._wanted, self._measuring = self._wanted, None, True
                self._steps = self._send(request)
            if self._process is not None:
                self._listen(self._process)
        except ChestCTError as error:
            self._fail(Failure(error.problem, error.remedy))

    def close(self) -> None:
        """End the process and remove its folder."""
        self._steps = self._wanted = None
        self._measuring = self._drawing = False
        process, self._process = self._process, None
        if process is not None:
            signal_group(process, hard=True)  # it holds nothing that would be lost, and the GUI must not wait for it
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self) -> Iterator[None]:
        yield from write_volume(self.volume_node, self._folder / measure_worker.CT_FILE)
        lungs = yield from labels_in_steps(self.lungs_node, self.volume_node, LUNG_LABELS)
        yield from write_array(lungs, ijk_to_lps(self.volume_node), self._folder / measure_worker.LUNGS_FILE)
        (self._folder / measure_worker.REQUESTS_FILE).touch()
        command = [interpreter(), "-m", "ChestCTJobs.measure_worker", str(self._folder), str(os.getpid())]
        with (self._folder / "stdout.txt").open("wb") as out, (self._folder / "stderr.txt").open("wb") as err:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=child_environment(self._folder),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                **own_group(),
            )
        yield

    def _send(self, request: _Request) -> Iterator[None]:
        self._number += 1
        folder = self._folder / f"mask-{self._number}"
        folder.mkdir()
        patches = yield from segment_patches(request.lesions, self.volume_node, LESION_LABELS)
        described = []
        for index, patch in enumerate(patches):
            np.save(folder / f"{index}.npy", patch.voxels)
            described.append(
                {
                    "file": f"{index}.npy",
                    "first": patch.first,
                    "to_ras": patch.to_ras.tolist(),
                    "values": dict(patch.values),
                    "written": dict(patch.written),
                    "edited": patch.edited,
                }
            )
            yield
        self._ask("measure", patches=described, peripheral_mm=request.peripheral_mm, source=request.source)
        yield

    def _ask(self, task: str, **values: Any) -> None:
        request = {"task": task, "number": self._number, "folder": f"mask-{self._number}", **values}
        with (self._folder / measure_worker.REQUESTS_FILE).open("ab") as stream:
            stream.write(json.dumps(request).encode("utf-8") + b"\n")

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        with (self._folder / "stdout.txt").open("rb") as stream:
            stream.seek(self._read)
            new = stream.read()
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            self._take(json.loads(line))
        if process.poll() is not None:
            problem = f"The measuring process ended ({process.returncode})."
            self._fail(self._error or Failure(problem, "Press Apply again.", self._last_lines()))

    def _take(self, values: dict[str, Any]) -> None:
        if "ready" in values:
            self._ready = True
        elif "error" in values:
            self._error = Failure(values["error"], values["remedy"], self._last_lines())
        elif "measured" in values:
            self._steps = self._load(int(values["measured"]))
        elif "drawn" in values or "skipped" in values:
            self._drawing = False
            number = int(values.get("drawn", 0))
            if number == self._number and self._wanted is None and not self._measuring:
                self._steps = self._load_drawn(number)

    def _load(self, number: int) -> Iterator[None]:
        if self._wanted is None:  # else a later edit is on its way, and this result is out of date
            self._measured = _read_result(self._folder / f"mask-{number}")
            yield
            self._measuring = False
            self._on_measured(self._measured)
            self._drawing = True
            self._ask("draw", ijk_to_local_ras=ijk_to_local_ras(self.volume_node).tolist())
        self._measuring = False
        for older in range(1, number):
            shutil.rmtree(self._folder / f"mask-{older}", ignore_errors=True)
        yield

    def _load_drawn(self, number: int) -> Iterator[None]:
        folder = self._folder / f"mask-{number}"
        surfaces = read_surface(folder / measure_worker.SURFACES_FILE)
        yield
        classes = read_surface(folder / measure_worker.CLASSES_FILE)
        yield
        if self._fixed is None:
            with np.load(self._folder / measure_worker.FIXED_FILE, allow_pickle=False) as fixed:
                self._fixed = dict(fixed)
            yield
        low, high = (int(value) for value in self._fixed["range_hu"])
        shell = ShellData(self._fixed["depth_mm"], self._fixed["to_ras"], surfaces)
        drawn = Drawn(surfaces, classes, shell, PlaneData(self._fixed["shares"], low, high))
        assert self._measured is not None
        if self._wanted is None:
            self._on_measured(replace(self._measured, drawn=drawn))
        yield

    def _last_lines(self) -> str:
        text = (self._folder / "stderr.txt").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-LAST_LINES:])

    def _fail(self, failure: Failure) -> None:
        self._error = failure
        logger.error("%s %s\n%s", failure.problem, failure.remedy, failure.details)
        self.close()
        self._on_failed(failure)


def _read_result(folder: Path) -> Measured:
    report: CaseReport = report_from_json((folder / measure_worker.REPORT_FILE).read_text(encoding="utf-8"))
    extras = json.loads((folder / measure_worker.EXTRAS_FILE).read_text(encoding="utf-8"))
    return Measured(
        section=report.sections[0],
        finding=extras["finding"],
        corrected=extras["corrected"],
        curve_mm=extras["curve_mm"],
        curve_percent=extras["curve_percent"],
        steps_mm=np.array(extras["steps_mm"], dtype=float),
        steps_percent=np.array(extras["steps_percent"], dtype=float),
        centres_ras=np.array(extras["centres_ras_mm"], dtype=float).reshape(-1, 3),
        edges_hu=extras["edges_hu"],
        shares=extras["shares"],
    )
