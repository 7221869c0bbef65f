"""Inside the child process: run ``covidmtl`` commands, end with the program that asked for them, prepare the results.

Started by :class:`ChestCTJobs.job.Job` as ``python -m ChestCTJobs.child REQUEST.json``; the request names the
process that waits for the results. When that process is gone (Slicer was closed or killed), the whole group of this
process ends and the private folder goes with it. Imports neither Qt nor Slicer's application.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

COMMAND_LINE = "COVIDMTLApp"  # the program itself, run as ``python -m`` runs it: it is no library of this layer
LAUNCHER = "pythonslicer"
WATCH_INTERVAL_S = 0.5  # how soon an orphaned run ends


@dataclass(frozen=True)
class Prepared:
    """A label file that the program wants as quickly readable arrays and surfaces.

    Attributes:
        labels: Name of the label file that the command writes.
        values: Labels to make surfaces of.
        name: Stem of the prepared files: ``NAME.npy`` and ``NAME-VALUE.vtp``.
        like: File whose grid the labels are brought to, nearest neighbour; "" where they lie on the right one.
    """

    labels: str
    values: tuple[int, ...]
    name: str
    like: str = ""


@dataclass(frozen=True)
class PreparedMap:
    """A smooth map of real numbers that the program wants as a quickly readable array, no finer than it needs.

    Attributes:
        file: Name of the file that the command writes.
        name: Stem of the prepared files: ``NAME.npy``, and ``NAME.json`` with the sampling step of each axis.
        spacing_mm: Every n-th voxel is kept as long as the spacing stays below.
    """

    file: str
    name: str
    spacing_mm: float


@dataclass(frozen=True)
class Request:
    """What a child is to do.

    Attributes:
        parent: Process id of the program that waits.
        folder: The private folder; all file names are relative to it.
        commands: Arguments of the ``covidmtl`` commands, run one after another.
        volume: The CT file, relative to the folder; gives the grid of the prepared labels.
        prepared: Label files to prepare once all commands are done.
        maps: Files of real numbers to prepare likewise; those that the commands did not write are passed over.
    """

    parent: int
    folder: str
    commands: tuple[tuple[str, ...], ...]
    volume: str = ""
    prepared: tuple[Prepared, ...] = field(default=())
    maps: tuple[PreparedMap, ...] = field(default=())

    def write(self, path: Path) -> None:
        """Write the request as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Request:
        """Read a request that :meth:`write` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        values["commands"] = tuple(tuple(command) for command in values["commands"])
        values["prepared"] = tuple(Prepared(**{**item, "values": tuple(item["values"])}) for item in values["prepared"])
        values["maps"] = tuple(PreparedMap(**item) for item in values["maps"])
        return cls(**values)


def main() -> None:
    """Run a request."""
    request = Request.read(Path(sys.argv[1]))
    os.chdir(request.folder)
    threading.Thread(target=_end_with_parent, args=(request,), daemon=True).start()
    start_workers_without_launcher()
    for number, command in enumerate(request.commands):
        print(json.dumps({"command": number, "of": len(request.commands)}), flush=True)  # noqa: T201  # the protocol
        _run_command(command)
    for item in request.prepared:
        _prepare(request, item)
    for chosen in request.maps:
        if Path(chosen.file).is_file():
            _prepare_map(chosen)


def process_exists(pid: int) -> bool:
    """Whether a process of this id runs."""
    if os.name == "nt":
        import ctypes

        still_active, query = 259, 0x1000  # STILL_ACTIVE, PROCESS_QUERY_LIMITED_INFORMATION
        kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
        handle = kernel.OpenProcess(query, False, pid)
        if not handle:
            return False
        code = ctypes.c_ulong()
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return code.value == still_active
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def start_workers_without_launcher() -> None:
    """Let ``multiprocessing`` start Python itself.

    In Slicer ``sys.executable`` is the launcher ``PythonSlicer``, which hands the pipes of worker processes to nobody.
    """
    if Path(sys.executable).stem.lower() != LAUNCHER:
        return
    import multiprocessing

    import psutil

    multiprocessing.set_executable(psutil.Process().exe())


def _run_command(arguments: tuple[str, ...]) -> None:
    sys.argv = ["covidmtl", *arguments]
    try:
        runpy.run_module(COMMAND_LINE, run_name="__main__")
    except SystemExit as end:
        if end.code not in (None, 0):
            raise


def _prepare(request: Request, item: Prepared) -> None:
    """Write labels uncompressed and with surfaces, so that the program needs milliseconds to load them."""
    import numpy as np
    import SimpleITK as sitk

    from ChestCTMRML.geometry import LPS_FROM_RAS
    from ChestCTMRML.surface_files import write_surface
    from ChestCTMRML.surfaces import surface

    image = sitk.ReadImage(item.labels)
    if item.like:
        image = sitk.Resample(image, sitk.ReadImage(item.like), sitk.Transform(), sitk.sitkNearestNeighbor)
    labels = sitk.GetArrayFromImage(image).astype(np.uint8)
    np.save(f"{item.name}.npy", labels)
    to_lps = np.eye(4)
    to_lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) @ np.diag(image.GetSpacing())
    to_lps[:3, 3] = image.GetOrigin()
    x, y, z = image.GetSpacing()
    for value in item.values:
        write_surface(surface(labels == value, (z, y, x), LPS_FROM_RAS @ to_lps), Path(f"{item.name}-{value}.vtp"))


def _prepare_map(item: PreparedMap) -> None:
    import numpy as np
    import SimpleITK as sitk

    image = sitk.ReadImage(item.file)
    step = [max(1, int(item.spacing_mm / size)) for size in reversed(image.GetSpacing())]
    array = sitk.GetArrayViewFromImage(image)[:: step[0], :: step[1], :: step[2]]
    np.save(f"{item.name}.npy", np.ascontiguousarray(array, dtype=np.float32))
    Path(f"{item.name}.json").write_text(json.dumps(step), encoding="utf-8")


def _end_with_parent(request: Request) -> None:
    while process_exists(request.parent):
        time.sleep(WATCH_INTERVAL_S)
    shutil.rmtree(request.folder, ignore_errors=True)
    if os.name == "nt":
        os.system(f"taskkill /T /F /PID {os.getpid()} >NUL 2>&1")
    else:
        os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
