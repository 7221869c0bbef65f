"""Moved to :mod:`ChestCTJobs.hand_over`, which the browser viewer uses too."""

from ChestCTJobs.hand_over import *  # noqa: F403
