"""A Qt timer that drives a job while the application's event loop runs."""

from __future__ import annotations

from collections.abc import Callable

import qt

from ChestCTJobs.job import Job

TICK_MS = 30  # often enough for a smooth bar, seldom enough to cost nothing


class JobRunner:
    """Runs one job at a time in the background of the GUI.

    Args:
        on_progress: Called with the share done in [0, 1] and the current step.
        on_ended: Called once with the ended job.
    """

    def __init__(self, on_progress: Callable[[float, str], None], on_ended: Callable[[Job], None]) -> None:
        self._on_progress = on_progress
        self._on_ended = on_ended
        self._job: Job | None = None
        self._timer = qt.QTimer()
        self._timer.interval = TICK_MS
        self._timer.timeout.connect(self._tick)

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None

    @property
    def job(self) -> Job | None:
        """The job under way."""
        return self._job

    def start(self, job: Job) -> None:
        """Start a job; the caller has checked that none is under way."""
        assert self._job is None
        self._job = job
        job.start()
        self._timer.start()
        self._on_progress(job.fraction, job.step)

    def cancel(self) -> None:
        """Ask the job to end; :func:`on_ended` is called within a second."""
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """End the job at once and say nothing, as when the module or the application closes."""
        self._timer.stop()
        job, self._job = self._job, None
        if job is not None:
            job.close()

    def _tick(self) -> None:
        job = self._job
        if job is None:
            return
        more = job.poll()
        if job is not self._job:  # a step of the job closed the scene, and the scene's observer closed the job
            return
        self._on_progress(job.fraction, job.step)
        if not more:
            self._timer.stop()
            self._job = None
            self._on_ended(job)
