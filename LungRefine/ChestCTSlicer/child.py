"""Moved to :mod:`ChestCTJobs.child`, which the browser viewer uses too."""

from ChestCTJobs.child import *  # noqa: F403
