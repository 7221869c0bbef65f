"""Progress and cancel, as every long function of the engine takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ChestCTLib.errors import CancelledError

Progress: TypeAlias = Callable[[float, str], None]
"""Called with the share of the work done, in [0, 1], and what is being done now."""

CancelCheck: TypeAlias = Callable[[], bool]
"""Returns True once the user has asked to stop."""


def no_progress(fraction: float, step: str) -> None:
    """Progress that nobody watches."""


def never_cancelled() -> bool:
    """Cancel check of work that nobody can stop."""
    return False


def raise_if_cancelled(cancelled: CancelCheck) -> None:
    """Raise :class:`CancelledError` when the user has asked to stop."""
    if cancelled():
        raise CancelledError()


def part(progress: Progress, start: float, stop: float) -> Progress:
    """Progress of one part of the work.

    Args:
        progress: Where the whole work reports to.
        start: Share of the whole work done when the part begins, in [0, 1].
        stop: Share done when the part ends.

    Returns:
        A progress callable for the part, whose own 0..1 maps to ``start..stop``.
    """

    def report(fraction: float, step: str) -> None:
        progress(start + (stop - start) * min(max(fraction, 0.0), 1.0), step)

    return report
