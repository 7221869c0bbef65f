"""Compute the 375 features with pyradiomics, the parts side by side in worker processes."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from ChestCTLib.errors import InputError, MissingDependencyError
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.radiomics import parts
from COVIDMTLLib.radiomics.lung_image import lung_image
from COVIDMTLLib.radiomics.table import FeatureTable

BYTES_PER_VOXEL = 70  # peak of one worker: a few float64 copies of the image while it is filtered; measured 60
WORKER_BASE_BYTES = 300_000_000  # numpy, scipy, SimpleITK and pyradiomics loaded once a worker
MEMORY_SHARE = 0.7  # of what is free; the rest is left to Slicer and the system
POLL_S = 0.2  # how long a cancel may go unnoticed


@dataclass(frozen=True)
class ExtractionSettings:
    """How the features are computed; never what they are.

    Attributes:
        workers: Worker processes; ``None`` takes one a core, fewer where memory is short. 0 computes in this process.
        parts: Which parts; the features of the others stay undefined. All unless a caller needs some features only.
    """

    workers: int | None = None
    parts: tuple[parts.Part, ...] = parts.PARTS

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 0:
            raise InputError(f"The number of workers is {self.workers}.", "Give 0 or more.")


def extract_features(
    volume: CTVolume,
    lungs: npt.NDArray[Any],
    settings: ExtractionSettings | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> FeatureTable:
    """The cohort's 375 features of one scan.

    Args:
        volume: The scan, any orientation and spacing; it is brought to 1 mm.
        lungs: Mask ``[z, y, x]`` on the scan's grid; everything above 0 is lung, lesions included.
        settings: How many processes may work.
        progress: Told the share done and the part that finished.
        cancelled: Asked a few times a second; the workers are ended at once.

    Returns:
        The features in the cohort's order.

    Raises:
        InputError: The mask does not fit the scan or is too small.
        MissingDependencyError: pyradiomics is not installed.
        CancelledError: The user cancelled.
        MemoryError: A worker was ended by the system.
    """
    require_pyradiomics()
    raise_if_cancelled(cancelled)
    progress(0.0, "Resampling the lungs to 1 mm")
    image = lung_image(volume, lungs)
    settings = settings or ExtractionSettings()
    wanted = settings.parts
    workers = _worker_count(image.size, len(wanted)) if settings.workers is None else settings.workers
    report = part(progress, 0.05, 1.0)
    if workers == 0:
        values = _serial(image, wanted, report, cancelled)
    else:
        values = _parallel(image, wanted, workers, report, cancelled)
    return FeatureTable.from_mapping(values, lung_ml=float(np.count_nonzero(lungs)) * volume.voxel_ml)


def require_pyradiomics() -> None:
    """Check that pyradiomics is there.

    Raises:
        MissingDependencyError: It is not installed.
    """
    if find_spec("radiomics") is None:
        raise MissingDependencyError(
            "The 375 lung features need pyradiomics, which is not installed.",
            "In Slicer, install the extension “Radiomics” and restart; elsewhere: "
            "pip install --no-build-isolation pyradiomics==3.0.1",
        )


def _worker_count(voxels: int, jobs: int) -> int:
    """One worker a core, as far as memory allows, and at least one."""
    available = psutil.virtual_memory().available * MEMORY_SHARE
    fitting = int(available // (WORKER_BASE_BYTES + BYTES_PER_VOXEL * voxels))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, fitting, jobs))


def _serial(
    image: npt.NDArray[np.uint16], wanted: tuple[parts.Part, ...], progress: Progress, cancelled: CancelCheck
) -> dict[str, float]:
    found: dict[parts.Part, dict[str, float]] = {}
    for one in wanted:
        raise_if_cancelled(cancelled)
        found[one] = parts.compute(one, image)
        progress(len(found) / len(wanted), one.title)
    return parts.merge(found)


def _parallel(
    image: npt.NDArray[np.uint16],
    wanted: tuple[parts.Part, ...],
    workers: int,
    progress: Progress,
    cancelled: CancelCheck,
) -> dict[str, float]:
    found: dict[parts.Part, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="covidmtl-features-") as folder:
        path = Path(folder) / "lungs.npy"  # workers map it instead of each getting a copy through a pipe
        np.save(path, image)
        with _workers(workers) as submit:
            waiting: dict[Future[dict[str, float]], parts.Part] = {submit(one, path): one for one in wanted}
            while waiting:
                raise_if_cancelled(cancelled)
                done, _ = wait(waiting, timeout=POLL_S, return_when=FIRST_COMPLETED)
                for future in done:
                    one = waiting.pop(future)
                    found[one] = future.result()
                    progress(len(found) / len(wanted), one.title)
    return parts.merge(found)


@contextmanager
def _workers(count: int) -> Iterator[Callable[[parts.Part, Path], Future[dict[str, float]]]]:
    """Worker processes that are gone when the block ends, however it ends."""
    # spawn: forking a process that runs Qt, torch or OpenMP threads can hang
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield lambda one, path: pool.submit(parts.compute_from_file, one, path)
        pool.shutdown()
    except BrokenProcessPool as error:
        raise MemoryError("A feature process was ended by the system.") from error
    finally:
        # after a cancel or an error a worker may be in the middle of a long C call: it only listens to a signal
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        pool.shutdown(cancel_futures=True)
