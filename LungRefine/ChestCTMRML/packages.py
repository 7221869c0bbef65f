"""Whether scenes and views can be made outside Slicer; imports nothing of what it looks for."""

from __future__ import annotations

from importlib.util import find_spec

from ChestCTLib.errors import MissingDependencyError

VIEW_PACKAGES = ("slicer", "trame_slicer")


def require_view_packages() -> None:
    """Check that scenes and views can be made without Slicer.

    Raises:
        MissingDependencyError: ``slicer-core`` or ``trame-slicer`` is not installed.
    """
    missing = [name for name in VIEW_PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"Not installed: {', '.join(missing)}.",
            "Install the viewer's packages: pip install slicer-core trame-slicer",
        )
