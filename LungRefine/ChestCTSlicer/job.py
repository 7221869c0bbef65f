"""Moved to :mod:`ChestCTJobs.job`, which the browser viewer uses too."""

from ChestCTJobs.job import *  # noqa: F403
