"""Moved to :mod:`ChestCTJobs.lesion_results`, which the browser viewer uses too."""

from ChestCTJobs.lesion_results import *  # noqa: F403
