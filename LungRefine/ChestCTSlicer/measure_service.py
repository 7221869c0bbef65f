"""Moved to :mod:`ChestCTJobs.measure_service`, which the browser viewer uses too."""

from ChestCTJobs.measure_service import *  # noqa: F403
