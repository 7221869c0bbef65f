"""Moved to :mod:`ChestCTJobs.measure_worker`, which the browser viewer uses too."""

from ChestCTJobs.measure_worker import *  # noqa: F403
