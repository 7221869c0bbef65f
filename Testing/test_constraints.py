"""The pinned versions can be installed on every Python the project runs on, Debian 12's 3.11.2 among them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
PYTHONS = ("3.10.0", "3.11.0", "3.11.2", "3.11.15")


@pytest.mark.parametrize("python", PYTHONS)
def test_no_pinned_version_refuses_a_python_that_its_line_names(python: str) -> None:
    environment = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    refused = []
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        pinned = Requirement(line) if line and not line.startswith("#") else None
        if pinned is None or (pinned.marker is not None and not pinned.marker.evaluate(environment)):
            continue
        needed = _needed_python(pinned)
        if needed is not None and not needed.contains(python):
            refused.append(f"{pinned.name} needs Python {needed}")
    assert refused == []


def _needed_python(pinned: Requirement) -> SpecifierSet | None:
    """What the installed package says it needs; None where another version or none is installed."""
    try:
        known = metadata(pinned.name)
    except PackageNotFoundError:
        return None
    if not pinned.specifier.contains(known["Version"]):
        return None
    return SpecifierSet(known["Requires-Python"] or "")
