"""Follow-up: two time points of one patient compared from their masks."""

from COVIDMTLLib.follow_up.compare import FollowUp, FollowUpSettings, compare
from COVIDMTLLib.follow_up.time_point import TimePoint, read_time_point

__all__ = ["FollowUp", "FollowUpSettings", "TimePoint", "compare", "read_time_point"]
